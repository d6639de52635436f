"""Inspect `FileBasedCache`."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import re
import shutil
import struct
import tempfile
import zlib
from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.core.files import locks
from django.utils.translation import gettext as _

from django_cachex.conf import limits
from django_cachex.inspectors.base import file_id
from django_cachex.inspectors.django import (
    PickledInspector,
    candidates_of,
    expiry_after,
    milliseconds_until,
    search,
    without_expiry,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Copy,
    Edit,
    ExtendTtl,
    Outcome,
    Rename,
    Result,
    SetTtl,
    SetValue,
)
from django_cachex.inspectors.info import Fact, FlushPlan, Section, Status, Text, Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.query import BEGINNING, Query, Window
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, Description, Entry, Listing
from django_cachex.inspectors.values import Codec, fingerprint

EXPIRY: Final = re.compile(
    rb"(?:\x80[\x02-\x05])?"  # PROTO
    rb"(?:\x95.{8})?"  # FRAME
    rb"(?:G(?P<moment>.{8})|N)"  # BINFLOAT or NONE
    rb"\.",  # STOP
    re.DOTALL,
)
"""The pickle of a float or of None, of any protocol but 0: at most 21 bytes."""

PIECE: Final = 1024 * 1024
"""Bytes of a file that are read at once to be passed on."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the value."""

    raw: bytes
    ttl: int | None
    """Milliseconds, `NEVER`, `GONE`, or None where it is no expiry."""


def read_header(file: BinaryIO) -> Header:
    """Return the header of a file and go to the value; an empty file has expired."""
    beginning = file.read(21)
    found = EXPIRY.match(beginning)
    file.seek(found.end() if found else 0)
    if found is None:
        return Header(b"", None if beginning else TTL_MISSING)
    moment = found["moment"]
    expiry = struct.unpack(">d", moment)[0] if moment else None
    return Header(found[0], milliseconds_until(expiry))


def new_header(ttl: int, protocol: int) -> bytes:
    """Return the header of a file whose TTL starts now."""
    return pickle.dumps(expiry_after(ttl), protocol)


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's value piece by piece; nothing where there is no live one."""
    try:
        with path.open("rb") as file:
            if read_header(file).ttl != TTL_MISSING:
                while piece := file.read(PIECE):
                    yield piece
    except FileNotFoundError:
        return


def value_size(file: BinaryIO, header: Header) -> int:
    """Return the bytes that follow the header."""
    return os.fstat(file.fileno()).st_size - len(header.raw)


def without_rest(body: bytes, limit: int) -> bytes:
    """Return a compressed value without what a longer one has left after it.

    The backend's `touch` writes over a file and does not cut what is longer.
    """
    decompressor = zlib.decompressobj()
    try:
        decompressor.decompress(body, limit)
    except zlib.error:
        return body
    return body.removesuffix(decompressor.unused_data)


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open a file under the lock that the backend's `touch` takes; raise FileNotFoundError."""
    with path.open("r+b") as file:
        locks.lock(file, locks.LOCK_EX)
        try:
            yield file
        finally:
            locks.unlock(file)


@contextmanager
def written(folder: Path, header: bytes, body: BinaryIO) -> Iterator[Path]:
    """Write a file under another name, to be moved to its own; it is removed if it is not."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(header)
            shutil.copyfileobj(body, file)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def create(path: Path, header: bytes, body: bytes) -> bool:
    """Create a file; return False, and leave it alone, if it exists."""
    with written(path.parent, header, io.BytesIO(body)) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


def replace(path: Path, header: bytes, body: bytes) -> None:
    """Create a file or take the place of the one that is there."""
    with written(path.parent, header, io.BytesIO(body)) as temporary:
        temporary.replace(path)


def overwrite(path: Path, seen: BinaryIO, header: bytes, body: BinaryIO) -> bool:
    """Take the place of an open file; return False if another has done so since it was opened.

    The backend's `set` takes no lock: only one that comes between this look and the move that
    follows it is missed.
    """
    with written(path.parent, header, body) as temporary:
        try:
            is_same = os.path.samestat(path.stat(), os.fstat(seen.fileno()))
        except FileNotFoundError:
            return False
        if is_same:
            temporary.replace(path)
        return is_same


HASH: Final = re.compile("[0-9a-f]{32}")

MOST_COUNTED: Final = 10_000
"""Files that are counted and measured where the numbers are only by the way."""


SEEN: Final = 8
"""Files that a page token names, those that were looked at last: some may go."""

BETWEEN: Final = "."


def read_seen(token: str) -> list[str]:
    """Return the hashes in a page token; raise ValueError for no token."""
    hashes = token.split(BETWEEN) if token else []
    if not all(map(HASH.fullmatch, hashes)):
        raise ValueError(token)
    return hashes


def write_seen(hashes: Iterable[str]) -> str:
    """Return the page token that names hashes."""
    return BETWEEN.join(hashes)


@dataclass(frozen=True)
class Folder:
    """Where the files are and what their names end with."""

    path: Path
    suffix: str

    def file(self, stored: bytes) -> Path:
        """Return where a key's file is; raise FileNotFoundError for what is no hash."""
        name = printable(stored)
        if not HASH.fullmatch(name):
            raise FileNotFoundError(name)
        return self.path / f"{name}{self.suffix}"

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the cache's files, in no order; none where the folder has gone."""
        try:
            entries = os.scandir(self.path)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                is_named = entry.name.endswith(self.suffix) and HASH.fullmatch(self.hash(entry))
                if is_named and entry.is_file():
                    yield entry

    def hash(self, entry: os.DirEntry[str]) -> str:
        return entry.name.removesuffix(self.suffix)

    def hashes_after(self, seen: Collection[str]) -> Iterator[str]:
        """Yield the hashes that follow those seen last, in the order of the folder.

        Folders keep the order of what stays in them. Where all of those have gone, it begins anew.
        """
        hashes = map(self.hash, self.entries())
        if seen and any(name in seen for name in hashes):
            yield from (name for name in hashes if name not in seen)
        else:
            yield from map(self.hash, self.entries())

    def count_some(self) -> int | None:
        """Return how many files there are, or None for very many."""
        found = sum(1 for _entry in islice(self.entries(), MOST_COUNTED + 1))
        return found if found <= MOST_COUNTED else None

    def count(self) -> int:
        """Return how many files there are."""
        return sum(1 for _entry in self.entries())

    def measure(self) -> list[int] | None:
        """Return the sizes of the files in bytes, or None for very many."""
        entries = list(islice(self.entries(), MOST_COUNTED + 1))
        return [size(entry) for entry in entries] if len(entries) <= MOST_COUNTED else None


def size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


def keyspace(sizes: Sequence[int] | None, most_entries: int, folder: Fact) -> Section:
    """Return how many files there are and what they take, unless they are very many."""
    if sizes is None:
        note = _("There are more than %(files)s files, too many to count.")
        return Section(_("Keyspace"), (folder,), note=note % {"files": f"{MOST_COUNTED:,}"})
    entries = Fact(_("Entries"), len(sizes), Unit.ENTRIES, of=most_entries)
    facts = (Fact(_("Size of files"), sum(sizes), Unit.BYTES), folder)
    return Section(_("Keyspace"), facts, headline=entries)


def unchangeable(header: Header) -> Outcome:
    """Return why a file without an expiry in the future is not changed."""
    if header.ttl == TTL_MISSING:
        return Outcome(Result.GONE)
    reason = _("The expiry of this file can't be read, so the file can only be deleted.")
    return Outcome(Result.REFUSED, reason)


class FileBasedInspector(PickledInspector):
    """A folder of files named by the MD5 of the keys: these hashes are the stored keys here."""

    names_are_known = False

    @cached_property
    def codec(self) -> Codec:
        return Codec("pickle", "pickle", self.pickled, compression="zlib")

    @property
    def folder(self) -> Folder:
        return Folder(Path(self.cache._dir), self.cache.cache_suffix)

    @property
    def location(self) -> str:
        return str(self.cache._dir)

    @property
    def store(self) -> Hashable:
        return ("filebased", os.path.realpath(self.cache._dir), self.cache.cache_suffix)

    def store_ids(self) -> frozenset[str]:
        return frozenset((f"{file_id(self.cache._dir)} *{self.cache.cache_suffix}",))

    def notes(self) -> Sequence[Text]:
        return (
            _(
                "Files are named by a hash that can't be turned back into the key. To find a "
                "key, enter its full name. Entries with other prefixes and versions are "
                "listed too."
            ),
        )

    def status(self) -> Status:
        sizes = self.folder.measure()
        return Status(keys=None if sizes is None else len(sizes))

    # Keys.

    def locate(self, key: str) -> bytes:
        return md5(self.naming.stored(key), usedforsecurity=False).hexdigest().encode()

    def name(self, stored: bytes) -> str:
        return printable(stored)

    def owns(self, stored: bytes) -> bool:
        """Every file of the folder is listed: whose alias it is, nobody can tell."""
        return HASH.fullmatch(printable(stored)) is not None

    def scan(self, query: Query, token: str, want: int, deadline: float) -> Listing:
        """List in the order of the folder, and stop in the middle of it."""
        match = query.pattern
        exact = self.locate(match.text).decode() if match.is_exact_candidate else ""
        seen = deque(read_seen(token), SEEN)

        def names() -> Iterator[str]:
            for name in self.folder.hashes_after(frozenset(seen)):
                yield name
                seen.append(name)  # By then it was looked at.

        def means(name: str) -> bool | None:
            is_meant = name == exact or match.matches(name)
            return is_meant and self.is_listed(name, query)

        candidates = candidates_of(names(), str, means, query)
        found = search(candidates, want, deadline, self.folder.count_some())
        return dataclasses.replace(found, token=write_seen(seen)) if found.token else found

    def is_listed(self, name: str, query: Query) -> bool | None:
        stored = name.encode()
        found = self.description(stored, {"ttl", *query.columns(self.figures)})
        return query.passes(found) if found.exists else False

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[Description]:
        return [self.description(stored, columns) for stored in keys]

    def description(self, stored: bytes, columns: Collection[str]) -> Description:
        """Describe one key by the beginning of its file."""
        try:
            with self.folder.file(stored).open("rb") as file:
                header = read_header(file)
                size = value_size(file, header)
        except FileNotFoundError:
            return Description(stored, ttl=TTL_MISSING)
        except PermissionError:  # Another user's: listed, and not read.
            return Description(stored)
        if header.ttl == TTL_MISSING:
            return Description(stored, ttl=TTL_MISSING)
        return Description(
            stored,
            ttl=header.ttl if "ttl" in columns else None,
            size=size if "size" in columns else None,
        )

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        limit = limits()
        try:
            with self.folder.file(stored).open("rb") as file:
                header = read_header(file)
                size = value_size(file, header)
                is_large = size > limit.decode_bytes
                body = file.read(window.bytes_shown(limit) if is_large else -1)
        except FileNotFoundError:
            return None
        if header.ttl == TTL_MISSING:
            return None
        description = Description(stored, ttl=header.ttl, size=size)
        if is_large:
            return self.entry(description, body, size, window)
        return self.entry(description, without_rest(body, limit.decode_bytes), window=window)

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        try:
            return super().apply(stored, edit)
        except FileNotFoundError as missing:
            if isinstance(edit, AddValue):
                return Outcome(Result.REFUSED, str(missing))
            return Outcome(Result.GONE)

    def header(self, ttl: int) -> bytes:
        """Return the header of a file whose TTL starts now."""
        return new_header(ttl, self.cache.pickle_protocol)

    def packed(self, value: Any) -> bytes:
        """Return a value as it follows the header."""
        return zlib.compress(self.pickled(value))

    def add(self, stored: bytes, edit: AddValue) -> Outcome:
        path, body = self.folder.file(stored), self.packed(edit.value)
        if not edit.replace and self.description(stored, ()).exists:
            return Outcome(Result.EXISTS)
        # What `set` does first: the folder may have gone, or be full.
        self.cache._createdir()
        self.cache._cull()
        header = self.header(edit.ttl)
        if edit.replace:
            replace(path, header, body)
            return Outcome(Result.DONE)
        if not self.description(stored, ()).exists:
            path.unlink(missing_ok=True)
        return Outcome(Result.DONE if create(path, header, body) else Result.EXISTS)

    def set_value(self, stored: bytes, edit: SetValue) -> Outcome:
        path, body = self.folder.file(stored), self.packed(edit.value)
        most = limits().decode_bytes
        with locked(path) as file:
            header = read_header(file)
            old = without_rest(file.read(most + 1), most)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unchangeable(header)
            if fingerprint(old) != edit.expected:
                return Outcome(Result.CHANGED)
            raw = header.raw if edit.ttl is KEEP else self.header(edit.ttl)
            done = overwrite(path, file, raw, io.BytesIO(body))
        return Outcome(Result.DONE if done else Result.CHANGED)

    def set_ttl(self, stored: bytes, edit: SetTtl) -> Outcome:
        path = self.folder.file(stored)
        with locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unchangeable(header)
            done = overwrite(path, file, self.header(edit.ttl), file)
        return Outcome(Result.DONE if done else Result.CHANGED)

    def extend_ttl(self, stored: bytes, edit: ExtendTtl) -> Outcome:
        path = self.folder.file(stored)
        with locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unchangeable(header)
            if header.ttl == TTL_NONE:
                return without_expiry()
            done = overwrite(path, file, self.header(header.ttl + edit.by), file)
        return Outcome(Result.DONE if done else Result.CHANGED)

    def rename_here(self, stored: bytes, edit: Rename) -> Outcome:
        return self.put(stored, edit, removes=True)

    def copy_here(self, stored: bytes, edit: Copy) -> Outcome:
        return self.put(stored, edit, removes=False)

    def put(self, stored: bytes, edit: Rename | Copy, removes: bool) -> Outcome:
        """Make a file of another key of the bytes of one."""
        path, to = self.folder.file(stored), self.folder.file(edit.to)
        with locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unchangeable(header)
            if not edit.overwrite and self.description(edit.to, ()).exists:
                return Outcome(Result.EXISTS)
            body = file.read()
            if edit.overwrite:
                replace(to, header.raw, body)
            else:
                if not self.description(edit.to, ()).exists:
                    to.unlink(missing_ok=True)
                if not create(to, header.raw, body):
                    return Outcome(Result.EXISTS)
            if removes:
                path.unlink(missing_ok=True)
        return Outcome(Result.DONE)

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        yield from pieces(self.folder.file(stored))

    def delete(self, keys: Sequence[bytes]) -> int:
        live = [stored for stored in dict.fromkeys(keys) if self.description(stored, ()).exists]
        return sum(self.remove(stored) for stored in live)

    def remove(self, stored: bytes) -> bool:
        """Delete a file; return False if somebody was faster."""
        try:
            self.folder.file(stored).unlink()
        except FileNotFoundError:
            return False
        return True

    def flush_plan(self) -> FlushPlan:
        pattern = f"*{self.cache.cache_suffix}"
        scope = _(
            "All files %(pattern)s in the folder %(folder)s: the entries of all aliases that "
            "use it, whatever their prefix."
        )
        return FlushPlan(
            act=_("the removal of %(files)s") % {"files": f"{self.location}/{pattern}"},
            scope=scope % {"pattern": pattern, "folder": self.location},
            entries=self.folder.count(),
        )

    def flush(self) -> int:
        entries = self.folder.count()
        self.cache.clear()
        return entries

    # Information.

    def info(self) -> Sequence[Section]:
        folder = Fact(_("Folder"), self.location, Unit.CODE)
        return (keyspace(self.folder.measure(), self.cache._max_entries, folder), self.culling())

"""Inspector of `FileBasedCache`."""

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
    DjangoBackendInspector,
    expiry_after,
    iter_candidates,
    no_expiry_result,
    scan_candidates,
    ttl_until,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Copy,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExtendTTL,
    Rename,
    SetValue,
)
from django_cachex.inspectors.info import FlushPreview, InfoField, InfoSection, Status, Text, Unit
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo, KeyValue, ScanPage
from django_cachex.inspectors.values import ValueFormat, fingerprint

EXPIRY_PICKLE: Final = re.compile(
    rb"(?:\x80[\x02-\x05])?"  # PROTO
    rb"(?:\x95.{8})?"  # FRAME
    rb"(?:G(?P<moment>.{8})|N)"  # BINFLOAT or NONE
    rb"\.",  # STOP
    re.DOTALL,
)
"""Matches the pickle of a float or of None, in protocols 1 to 5. At most 21 bytes long."""

FILE_CHUNK_SIZE: Final = 1024 * 1024
"""Number of bytes of a file to read at once."""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """The header of a file: the pickled expiry time."""

    raw: bytes
    ttl: int | None
    """Milliseconds, `TTL_NONE`, `TTL_MISSING`, or None if the header is invalid."""


def read_header(file: BinaryIO) -> FileHeader:
    """Read the header of a file and seek to the value. An empty file counts as expired."""
    start = file.read(21)
    match = EXPIRY_PICKLE.match(start)
    file.seek(match.end() if match else 0)
    if match is None:
        return FileHeader(b"", None if start else TTL_MISSING)
    packed = match["moment"]
    expiry = struct.unpack(">d", packed)[0] if packed else None
    return FileHeader(match[0], ttl_until(expiry))


def make_header(ttl: int, protocol: int) -> bytes:
    """Return the header for a TTL that starts now."""
    return pickle.dumps(expiry_after(ttl), protocol)


def iter_value_chunks(path: Path) -> Iterator[bytes]:
    """Yield the value of a file in chunks, or nothing if it is missing or expired."""
    try:
        with path.open("rb") as file:
            if read_header(file).ttl != TTL_MISSING:
                while piece := file.read(FILE_CHUNK_SIZE):
                    yield piece
    except FileNotFoundError:
        return


def value_size(file: BinaryIO, header: FileHeader) -> int:
    """Return the size of the value in bytes."""
    return os.fstat(file.fileno()).st_size - len(header.raw)


def trim_trailing(body: bytes, limit: int) -> bytes:
    """Remove what a longer value has left after a compressed value.

    The backend's `touch` overwrites the file without truncating it.
    """
    decompressor = zlib.decompressobj()
    try:
        decompressor.decompress(body, limit)
    except zlib.error:
        return body
    return body.removesuffix(decompressor.unused_data)


@contextmanager
def open_locked(path: Path) -> Iterator[BinaryIO]:
    """Open a file and lock it like the backend's `touch`. Raises FileNotFoundError."""
    with path.open("r+b") as file:
        locks.lock(file, locks.LOCK_EX)
        try:
            yield file
        finally:
            locks.unlock(file)


@contextmanager
def write_temporary(folder: Path, header: bytes, body: BinaryIO) -> Iterator[Path]:
    """Write a temporary file to rename. It is removed afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(header)
            shutil.copyfileobj(body, file)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def create_file(path: Path, header: bytes, body: bytes) -> bool:
    """Create a file. Returns False if it exists already."""
    with write_temporary(path.parent, header, io.BytesIO(body)) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


def replace_file(path: Path, header: bytes, body: bytes) -> None:
    """Create or replace a file."""
    with write_temporary(path.parent, header, io.BytesIO(body)) as temporary:
        temporary.replace(path)


def replace_if_same(path: Path, seen: BinaryIO, header: bytes, body: BinaryIO) -> bool:
    """Replace an open file. Returns False if the path is a different file now.

    The backend's `set` doesn't lock the file, so a `set` between the check and the rename is
    overwritten.
    """
    with write_temporary(path.parent, header, body) as temporary:
        try:
            is_same = os.path.samestat(path.stat(), os.fstat(seen.fileno()))
        except FileNotFoundError:
            return False
        if is_same:
            temporary.replace(path)
        return is_same


KEY_HASH: Final = re.compile("[0-9a-f]{32}")

MAX_COUNTED_FILES: Final = 10_000
"""Maximum number of files to count and measure for information."""


MAX_TOKEN_HASHES: Final = 8
"""Number of last examined files in a page token. There are several because files may be deleted."""

HASH_SEPARATOR: Final = "."


def parse_hash_token(token: str) -> list[str]:
    """Return the hashes in a page token. Raises ValueError for invalid tokens."""
    hashes = token.split(HASH_SEPARATOR) if token else []
    if not all(map(KEY_HASH.fullmatch, hashes)):
        raise ValueError(token)
    return hashes


def make_hash_token(hashes: Iterable[str]) -> str:
    """Return a page token with these hashes."""
    return HASH_SEPARATOR.join(hashes)


@dataclass(frozen=True)
class CacheFolder:
    """The directory of a cache and the suffix of its files."""

    path: Path
    suffix: str

    def file(self, stored: bytes) -> Path:
        """Return the path of a key's file. Raises FileNotFoundError if the key isn't a hash."""
        name = display_text(stored)
        if not KEY_HASH.fullmatch(name):
            raise FileNotFoundError(name)
        return self.path / f"{name}{self.suffix}"

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files of the cache in any order, or nothing if the directory doesn't exist."""
        try:
            entries = os.scandir(self.path)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                is_named = entry.name.endswith(self.suffix) and KEY_HASH.fullmatch(self.hash(entry))
                if is_named and entry.is_file():
                    yield entry

    def hash(self, entry: os.DirEntry[str]) -> str:
        return entry.name.removesuffix(self.suffix)

    def hashes_after(self, seen: Collection[str]) -> Iterator[str]:
        """Yield the hashes that follow those seen last, in directory order.

        The order of the remaining files in a directory is stable. If all of the seen files were
        deleted, iteration starts again.
        """
        hashes = map(self.hash, self.entries())
        if seen and any(name in seen for name in hashes):
            yield from (name for name in hashes if name not in seen)
        else:
            yield from map(self.hash, self.entries())

    def count_up_to_limit(self) -> int | None:
        """Return the number of files, or None for more than `MAX_COUNTED_FILES` files."""
        count = sum(1 for _entry in islice(self.entries(), MAX_COUNTED_FILES + 1))
        return count if count <= MAX_COUNTED_FILES else None

    def count(self) -> int:
        """Return the number of files."""
        return sum(1 for _entry in self.entries())

    def measure(self) -> list[int] | None:
        """Return the sizes of the files in bytes, or None for more than `MAX_COUNTED_FILES`."""
        entries = list(islice(self.entries(), MAX_COUNTED_FILES + 1))
        return (
            [file_size(entry) for entry in entries] if len(entries) <= MAX_COUNTED_FILES else None
        )


def file_size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


def keyspace_section(
    sizes: Sequence[int] | None, most_entries: int, folder: InfoField
) -> InfoSection:
    """Return the number and size of the files, unless there are too many."""
    if sizes is None:
        note = _("There are more than %(files)s files, too many to count.")
        return InfoSection(
            _("Keyspace"), (folder,), note=note % {"files": f"{MAX_COUNTED_FILES:,}"}
        )
    entries = InfoField(_("Entries"), len(sizes), Unit.ENTRIES, maximum=most_entries)
    facts = (InfoField(_("Size of files"), sum(sizes), Unit.BYTES), folder)
    return InfoSection(_("Keyspace"), facts, headline=entries)


def unknown_expiry_result(header: FileHeader) -> EditResult:
    """Return why a file that is expired or has an invalid header isn't changed."""
    if header.ttl == TTL_MISSING:
        return EditResult(EditStatus.GONE)
    reason = _("The expiry time of this file can't be read, so the file can only be deleted.")
    return EditResult(EditStatus.REFUSED, reason)


class FileBasedInspector(DjangoBackendInspector):
    """A directory of files. The stored keys are the hexadecimal MD5 hashes in the file names."""

    has_key_names = False

    @cached_property
    def value_format(self) -> ValueFormat:
        return ValueFormat("pickle", "pickle", self.pickle_value, compression="zlib")

    @property
    def folder(self) -> CacheFolder:
        return CacheFolder(Path(self.cache._dir), self.cache.cache_suffix)

    @property
    def location(self) -> str:
        return str(self.cache._dir)

    @property
    def configured_store_id(self) -> Hashable:
        return ("filebased", os.path.realpath(self.cache._dir), self.cache.cache_suffix)

    def fetch_store_ids(self) -> frozenset[str]:
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

    def make_key(self, key: str) -> bytes:
        return md5(self.naming.make_key(key), usedforsecurity=False).hexdigest().encode()

    def display_key(self, stored: bytes) -> str:
        return display_text(stored)

    def owns(self, stored: bytes) -> bool:
        """Return whether the key is a hash. All files are listed, as their alias is unknown."""
        return KEY_HASH.fullmatch(display_text(stored)) is not None

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """List the keys in directory order, which allows stopping anywhere."""
        match = query.pattern
        exact = self.make_key(match.text).decode() if match.may_be_exact_key else ""
        seen = deque(parse_hash_token(token), MAX_TOKEN_HASHES)

        def names() -> Iterator[str]:
            for name in self.folder.hashes_after(frozenset(seen)):
                yield name
                seen.append(name)  # The search has examined it when it asks for the next.

        def is_match(name: str) -> bool | None:
            has_name = name == exact or match.matches(name)
            return has_name and self.matches_filters(name, query)

        candidates = iter_candidates(names(), str, is_match, query)
        page = scan_candidates(candidates, limit, deadline, self.folder.count_up_to_limit())
        return dataclasses.replace(page, token=make_hash_token(seen)) if page.token else page

    def matches_filters(self, name: str, query: Query) -> bool | None:
        stored = name.encode()
        info = self.key_info(stored, {"ttl", *query.required_columns(self.optional_columns)})
        return query.matches(info) if info.exists else False

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        return [self.key_info(stored, columns) for stored in keys]

    def key_info(self, stored: bytes, columns: Collection[str]) -> KeyInfo:
        """Return information about a key from the header of its file."""
        try:
            with self.folder.file(stored).open("rb") as file:
                header = read_header(file)
                size = value_size(file, header)
        except FileNotFoundError:
            return KeyInfo(stored, ttl=TTL_MISSING)
        except PermissionError:  # A file of another user is listed, but not read.
            return KeyInfo(stored)
        if header.ttl == TTL_MISSING:
            return KeyInfo(stored, ttl=TTL_MISSING)
        return KeyInfo(
            stored,
            ttl=header.ttl if "ttl" in columns else None,
            size=size if "size" in columns else None,
        )

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        allowed = limits()
        try:
            with self.folder.file(stored).open("rb") as file:
                header = read_header(file)
                size = value_size(file, header)
                is_large = size > allowed.decode_bytes
                body = file.read(page.max_bytes(allowed) if is_large else -1)
        except FileNotFoundError:
            return None
        if header.ttl == TTL_MISSING:
            return None
        info = KeyInfo(stored, ttl=header.ttl, size=size)
        if is_large:
            return self.make_key_value(info, body, size, page)
        return self.make_key_value(info, trim_trailing(body, allowed.decode_bytes), page=page)

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        try:
            return super().apply(stored, edit)
        except FileNotFoundError as missing:
            if isinstance(edit, AddValue):
                return EditResult(EditStatus.REFUSED, str(missing))
            return EditResult(EditStatus.GONE)

    def header(self, ttl: int) -> bytes:
        """Return the header for a TTL that starts now."""
        return make_header(ttl, self.cache.pickle_protocol)

    def compress_value(self, value: Any) -> bytes:
        """Return a value as it is stored after the header."""
        return zlib.compress(self.pickle_value(value))

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        path, body = self.folder.file(stored), self.compress_value(edit.value)
        if not edit.replace and self.key_info(stored, ()).exists:
            return EditResult(EditStatus.EXISTS)
        # As in the backend's `set`: the directory may be missing or full.
        self.cache._createdir()
        self.cache._cull()
        header = self.header(edit.ttl)
        if edit.replace:
            replace_file(path, header, body)
            return EditResult(EditStatus.DONE)
        if not self.key_info(stored, ()).exists:
            path.unlink(missing_ok=True)
        return EditResult(EditStatus.DONE if create_file(path, header, body) else EditStatus.EXISTS)

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        path, body = self.folder.file(stored), self.compress_value(edit.value)
        limit = limits().decode_bytes
        with open_locked(path) as file:
            header = read_header(file)
            old = trim_trailing(file.read(limit + 1), limit)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unknown_expiry_result(header)
            if fingerprint(old) != edit.expected:
                return EditResult(EditStatus.CHANGED)
            raw = header.raw if edit.ttl is KEEP else self.header(edit.ttl)
            replaced = replace_if_same(path, file, raw, io.BytesIO(body))
        return EditResult(EditStatus.DONE if replaced else EditStatus.CHANGED)

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        path = self.folder.file(stored)
        with open_locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unknown_expiry_result(header)
            replaced = replace_if_same(path, file, self.header(edit.ttl), file)
        return EditResult(EditStatus.DONE if replaced else EditStatus.CHANGED)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        path = self.folder.file(stored)
        with open_locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unknown_expiry_result(header)
            if header.ttl == TTL_NONE:
                return no_expiry_result()
            replaced = replace_if_same(path, file, self.header(header.ttl + edit.by), file)
        return EditResult(EditStatus.DONE if replaced else EditStatus.CHANGED)

    def rename_here(self, stored: bytes, edit: Rename) -> EditResult:
        return self.put(stored, edit, removes=True)

    def copy_here(self, stored: bytes, edit: Copy) -> EditResult:
        return self.put(stored, edit, removes=False)

    def put(self, stored: bytes, edit: Rename | Copy, removes: bool) -> EditResult:
        """Copy or move the bytes of a file to another key."""
        path, to = self.folder.file(stored), self.folder.file(edit.to)
        with open_locked(path) as file:
            header = read_header(file)
            if header.ttl is None or header.ttl == TTL_MISSING:
                return unknown_expiry_result(header)
            if not edit.overwrite and self.key_info(edit.to, ()).exists:
                return EditResult(EditStatus.EXISTS)
            body = file.read()
            if edit.overwrite:
                replace_file(to, header.raw, body)
            else:
                if not self.key_info(edit.to, ()).exists:
                    to.unlink(missing_ok=True)
                if not create_file(to, header.raw, body):
                    return EditResult(EditStatus.EXISTS)
            if removes:
                path.unlink(missing_ok=True)
        return EditResult(EditStatus.DONE)

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        yield from iter_value_chunks(self.folder.file(stored))

    def delete(self, keys: Sequence[bytes]) -> int:
        live = [stored for stored in dict.fromkeys(keys) if self.key_info(stored, ()).exists]
        return sum(self.remove(stored) for stored in live)

    def remove(self, stored: bytes) -> bool:
        """Delete a file. Returns False if it was deleted in the meantime."""
        try:
            self.folder.file(stored).unlink()
        except FileNotFoundError:
            return False
        return True

    def preview_flush(self) -> FlushPreview:
        pattern = f"*{self.cache.cache_suffix}"
        scope = _(
            "All files %(pattern)s in the folder %(folder)s: the entries of all caches that "
            "use it, whatever their prefix."
        )
        return FlushPreview(
            command=_("the removal of %(files)s") % {"files": f"{self.location}/{pattern}"},
            scope=scope % {"pattern": pattern, "folder": self.location},
            entries=self.folder.count(),
        )

    def flush(self) -> int:
        entries = self.folder.count()
        self.cache.clear()
        return entries

    # Information.

    def info(self) -> Sequence[InfoSection]:
        folder = InfoField(_("Folder"), self.location, Unit.CODE)
        return (
            keyspace_section(self.folder.measure(), self.cache._max_entries, folder),
            self.eviction_info(),
        )

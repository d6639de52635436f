"""The files of a file-based cache."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from django.core.files import locks
from django.utils.translation import gettext as _

from django_cachex.inspectors.django import expiry_after, milliseconds_until
from django_cachex.inspectors.info import Fact, Section, Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.types import TTL_MISSING

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
        note = _("There are more than %(files)s files; they were not counted.")
        return Section(_("Keyspace"), (folder,), note=note % {"files": f"{MOST_COUNTED:,}"})
    entries = Fact(_("Entries"), len(sizes), Unit.ENTRIES, of=most_entries)
    facts = (Fact(_("Size of files"), sum(sizes), Unit.BYTES), folder)
    return Section(_("Keyspace"), facts, headline=entries)

"""One file of a `FileBasedCache`: a pickled expiry, then a compressed pickle.

The expiry is told by its bytes, so that nothing is unpickled. Changes are written as the backend's
`set` writes: beside the file, then in its place.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from django.core.files import locks

from django_cachex.inspectors.entries import GONE
from django_cachex.inspectors.pickled import expiry_after, milliseconds_until

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
        return Header(b"", None if beginning else GONE)
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
            if read_header(file).ttl != GONE:
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

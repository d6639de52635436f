"""Inspector of `FileBasedCache`."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import re
import shutil
import stat
import struct
import tempfile
import zlib
from collections import deque
from collections.abc import Collection, Hashable, Iterator, Sequence
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
    no_expiry_result,
    scan_rows,
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
from django_cachex.inspectors.health import Capacity, StoreFacts
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

KEY_HASH: Final = re.compile("[0-9a-f]{32}")

MAX_COUNTED_FILES: Final = 10_000
"""Maximum number of files to count and measure for information."""

MAX_TOKEN_HASHES: Final = 8
"""Number of last examined files in a page token. There are several because files may be deleted."""

HASH_SEPARATOR: Final = "."


@dataclass(frozen=True, slots=True)
class FileHeader:
    """The header of a file: the pickled expiry time."""

    raw: bytes
    ttl: int | None
    """Milliseconds, `TTL_NONE`, `TTL_MISSING`, or None if the header is invalid."""

    def value_size(self, file: BinaryIO) -> int:
        """Return the size of the value in bytes."""
        return os.fstat(file.fileno()).st_size - len(self.raw)


class UnknownExpiry(Exception):
    """The header of a file is invalid."""


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
def open_live(path: Path) -> Iterator[tuple[BinaryIO, bytes, int]]:
    """Open a file and lock it like the backend's `touch`. Yields the file, its header and TTL.

    Raises:
        FileNotFoundError: the file is missing or expired.
        UnknownExpiry: the expiry time can't be read.
    """
    with path.open("r+b") as file:
        locks.lock(file, locks.LOCK_EX)
        try:
            header = read_header(file)
            if header.ttl is None:
                raise UnknownExpiry
            if header.ttl == TTL_MISSING:
                raise FileNotFoundError(path)
            yield file, header.raw, header.ttl
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


def replace_if_same(path: Path, seen: BinaryIO, header: bytes, body: BinaryIO) -> EditResult:
    """Replace an open file, unless the path is a different file now.

    The backend's `set` doesn't lock the file, so a `set` between the check and the rename is
    overwritten.
    """
    with write_temporary(path.parent, header, body) as temporary:
        try:
            is_same = os.path.samestat(path.stat(), os.fstat(seen.fileno()))
        except FileNotFoundError:
            is_same = False
        if is_same:
            temporary.replace(path)
    return EditResult(EditStatus.DONE if is_same else EditStatus.CHANGED)


def file_size(entry: os.DirEntry[str]) -> int:
    """Return the size of a file in bytes, or 0 if it was deleted in the meantime."""
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


class FileBasedInspector(DjangoBackendInspector):
    """A directory of files. The stored keys are the hexadecimal MD5 hashes in the file names."""

    has_key_names = False

    @cached_property
    def value_format(self) -> ValueFormat:
        return ValueFormat("pickle", "pickle", self.pickle_value, compression="zlib")

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
        return Status(keys=self.count_files())

    # Files.

    def path(self, stored: bytes) -> Path:
        """Return the path of a key's file. Raises FileNotFoundError if the key isn't a hash."""
        if not self.owns(stored):
            raise FileNotFoundError(display_text(stored))
        return Path(self.cache._dir, f"{stored.decode()}{self.cache.cache_suffix}")

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the files of the cache in any order, or nothing if the directory doesn't exist."""
        try:
            entries = os.scandir(self.cache._dir)
        except FileNotFoundError:
            return
        suffix = self.cache.cache_suffix
        with entries:
            for entry in entries:
                name = entry.name
                is_named = name.endswith(suffix) and KEY_HASH.fullmatch(name.removesuffix(suffix))
                if is_named and entry.is_file():
                    yield entry

    def hashes(self) -> Iterator[str]:
        """Yield the hashes in the names of the files."""
        return (entry.name.removesuffix(self.cache.cache_suffix) for entry in self.entries())

    def hashes_after(self, seen: Collection[str]) -> Iterator[str]:
        """Yield the hashes that follow those seen last, in directory order.

        The order of the remaining files in a directory is stable. If all of the seen files were
        deleted, iteration starts again.
        """
        hashes = self.hashes()
        if seen and any(name in seen for name in hashes):
            yield from (name for name in hashes if name not in seen)
        else:
            yield from self.hashes()

    def count_files(self) -> int | None:
        """Return the number of files, or None for more than `MAX_COUNTED_FILES` files."""
        count = sum(1 for _entry in islice(self.entries(), MAX_COUNTED_FILES + 1))
        return count if count <= MAX_COUNTED_FILES else None

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
        hashes = token.split(HASH_SEPARATOR) if token else []
        if not all(map(KEY_HASH.fullmatch, hashes)):
            raise ValueError(token)
        seen = deque(hashes, MAX_TOKEN_HASHES)

        def names() -> Iterator[str]:
            for name in self.hashes_after(frozenset(seen)):
                yield name
                seen.append(name)  # The search has examined it when it asks for the next.

        def is_match(name: str) -> bool | None:
            has_name = name == exact or match.matches(name)
            return has_name and self.matches_filters(name, query)

        total = self.count_files()
        page = scan_rows(names(), str, is_match, query, limit=limit, deadline=deadline, total=total)
        token = HASH_SEPARATOR.join(seen) if page.token else ""
        return dataclasses.replace(page, token=token)

    def matches_filters(self, name: str, query: Query) -> bool | None:
        info = self.key_info(name.encode(), {"ttl", *query.required_columns(self.optional_columns)})
        return query.matches(info) if info.exists else False

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        return [self.key_info(stored, columns) for stored in keys]

    def key_info(self, stored: bytes, columns: Collection[str] = ()) -> KeyInfo:
        """Return information about a key from the header of its file."""
        try:
            with self.path(stored).open("rb") as file:
                header = read_header(file)
                size = header.value_size(file)
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
            with self.path(stored).open("rb") as file:
                header = read_header(file)
                size = header.value_size(file)
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
        except UnknownExpiry:
            return EditResult.refusal(
                _("The expiry time of this file can't be read, so the file can only be deleted.")
            )
        except FileNotFoundError as missing:
            if isinstance(edit, AddValue):
                return EditResult.refusal(str(missing))
            return EditResult(EditStatus.GONE)

    def make_header(self, ttl: int) -> bytes:
        """Return the header for a TTL that starts now."""
        return pickle.dumps(expiry_after(ttl), self.cache.pickle_protocol)

    def compress_value(self, value: Any) -> bytes:
        """Return a value as it is stored after the header."""
        return zlib.compress(self.pickle_value(value))

    def store(self, stored: bytes, header: bytes, body: bytes, overwrite: bool) -> EditResult:
        """Create the file of a key, or replace it if it has expired or may be overwritten."""
        path = self.path(stored)
        if not overwrite:
            if self.key_info(stored).exists:
                return EditResult(EditStatus.EXISTS)
            path.unlink(missing_ok=True)
        with write_temporary(path.parent, header, io.BytesIO(body)) as temporary:
            try:
                (os.replace if overwrite else os.link)(temporary, path)
            except FileExistsError:
                return EditResult(EditStatus.EXISTS)
        return EditResult(EditStatus.DONE)

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        body = self.compress_value(edit.value)
        if not edit.replace and self.key_info(stored).exists:
            return EditResult(EditStatus.EXISTS)
        self.path(stored)  # Raises FileNotFoundError before anything is culled.
        # As in the backend's `set`: the directory may be missing or full.
        self.cache._createdir()
        self.cache._cull()
        return self.store(stored, self.make_header(edit.ttl), body, edit.replace)

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        path, body = self.path(stored), self.compress_value(edit.value)
        limit = limits().decode_bytes
        with open_live(path) as (file, header, _ttl):
            if fingerprint(trim_trailing(file.read(limit + 1), limit)) != edit.expected:
                return EditResult(EditStatus.CHANGED)
            raw = header if edit.ttl is KEEP else self.make_header(edit.ttl)
            return replace_if_same(path, file, raw, io.BytesIO(body))

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        path = self.path(stored)
        with open_live(path) as (file, _header, _ttl):
            return replace_if_same(path, file, self.make_header(edit.ttl), file)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        path = self.path(stored)
        with open_live(path) as (file, _header, ttl):
            if ttl == TTL_NONE:
                return no_expiry_result()
            return replace_if_same(path, file, self.make_header(ttl + edit.by), file)

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        path = self.path(stored)
        with open_live(path) as (file, header, _ttl):
            result = self.store(edit.to, header, file.read(), edit.overwrite)
            if isinstance(edit, Rename) and result.is_done:
                path.unlink(missing_ok=True)
        return result

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        try:
            with self.path(stored).open("rb") as file:
                if read_header(file).ttl != TTL_MISSING:
                    while chunk := file.read(FILE_CHUNK_SIZE):
                        yield chunk
        except FileNotFoundError:
            return

    def delete(self, keys: Sequence[bytes]) -> int:
        return sum(self.remove(stored) for stored in dict.fromkeys(keys))

    def remove(self, stored: bytes) -> bool:
        """Delete the file of a key. Returns whether it existed and hadn't expired."""
        if not self.key_info(stored).exists:
            return False
        try:
            self.path(stored).unlink()
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
            entries=sum(1 for _entry in self.entries()),
        )

    def flush(self) -> int:
        entries = sum(1 for _entry in self.entries())
        self.cache.clear()
        return entries

    # Information.

    def info(self) -> Sequence[InfoSection]:
        folder = InfoField(_("Folder"), self.location, Unit.CODE)
        entries = list(islice(self.entries(), MAX_COUNTED_FILES + 1))
        if len(entries) > MAX_COUNTED_FILES:
            note = _("There are more than %(files)s files, too many to count.")
            note %= {"files": f"{MAX_COUNTED_FILES:,}"}
            return (InfoSection(_("Keyspace"), (folder,), note=note), self.eviction_info())
        size = InfoField(_("Size of files"), sum(map(file_size, entries)), Unit.BYTES)
        count = InfoField(_("Entries"), len(entries), Unit.ENTRIES, maximum=self.cache._max_entries)
        return (
            InfoSection(_("Keyspace"), (size, folder), headline=count),
            self.eviction_info(),
        )

    health_facts = frozenset({"capacity", "folder_mode"})

    def fetch_facts(self) -> StoreFacts:
        try:
            mode = stat.S_IMODE(os.stat(self.cache._dir).st_mode)
        except FileNotFoundError:  # It is created with the first entry.
            mode = None
        count = self.count_files()
        counted = MAX_COUNTED_FILES if count is None else count
        return StoreFacts(capacity=Capacity(counted, self.cache._max_entries), folder_mode=mode)

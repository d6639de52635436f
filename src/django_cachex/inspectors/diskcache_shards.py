"""Read and change a shard of diskcache: a SQLite database and a folder of files.

The table `Cache` has the keys, and the values unless they are large. See
https://grantjenks.com/docs/diskcache/
"""

from __future__ import annotations

import io
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from diskcache import Timeout
from diskcache.core import DBNAME
from django.utils.translation import gettext as _

from django_cachex.conf import limits
from django_cachex.exceptions import CachexError
from django_cachex.inspectors.django import ttl_until
from django_cachex.inspectors.keys import display_text, encode_text
from django_cachex.inspectors.types import KeyInfo

OTHER_KEY: Final = "\udcff"
"""The start of the text for a key that isn't text. No text in SQLite has a lone surrogate."""

MAX_KEY_BYTES: Final = 64 * 1024
"""The maximum size of a key of a `JSONDisk`, after decompression."""

CHUNK_SIZE: Final = 1024 * 1024
"""Number of bytes of a value to read at once for a download."""

ROW_COLUMNS: Final = (
    "rowid, key, raw, expire_time, access_time, access_count, tag, size, mode, filename, "
    "typeof(value), CASE WHEN typeof(value) IN ('integer', 'real') THEN value END"
)
"""The columns of `CacheRow`. SQLite reads none of the values but numbers for them."""

IS_UNEXPIRED: Final = "(expire_time IS NULL OR expire_time > ?)"


class CacheLocked(CachexError):
    """A shard can't be changed at the moment."""

    def __str__(self) -> str:
        return str(
            _(
                "This cache can't be changed at the moment: another process is writing to it, or "
                "its files are read-only."
            )
        )


class CacheRow(NamedTuple):
    """A row without its value."""

    rowid: int
    key: str | int | float | bytes
    raw: int
    """Whether the key is stored as it is, and not as a pickle."""

    expire_time: float | None
    access_time: float
    access_count: int
    tag: str | int | float | bytes | None
    size: int
    """The size of the file, or 0 if the value is in the row."""

    mode: int
    filename: str | None
    value_type: str
    """The SQLite type of the value in the row."""

    number: int | float | None
    """The value, if it is a number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, and the read-only connection and the folder that its value can be read from."""

    row: CacheRow
    connection: sqlite3.Connection
    folder: str

    @property
    def size(self) -> int:
        """The size of the value in bytes."""
        if self.row.filename is not None:
            return self.row.size
        if self.row.value_type in ("text", "blob"):
            with self.open_blob() as blob:
                return len(blob)
        return len(self.number_text)

    @property
    def number_text(self) -> bytes:
        return b"" if self.row.number is None else repr(self.row.number).encode()

    @property
    def path(self) -> Path:
        """The path of the file. Raises FileNotFoundError if it isn't in the folder."""
        folder = Path(self.folder)
        path = folder / (self.row.filename or "")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise FileNotFoundError(self.row.filename)
        return path

    def open_blob(self) -> sqlite3.Blob:
        """Open the value in the row. SQLite's functions would load all of it."""
        return self.connection.blobopen("Cache", "value", self.row.rowid, readonly=True)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Yield the value as a file of bytes. Raises FileNotFoundError if the file is missing."""
        if self.row.filename is not None:
            with self.path.open("rb") as file:
                yield file
        elif self.row.value_type in ("text", "blob"):
            with self.open_blob() as blob:
                yield blob
        else:
            yield io.BytesIO(self.number_text)

    def info(self, stored: bytes, columns: Collection[str]) -> KeyInfo:
        row = self.row
        values: Mapping[str, Callable[[], Any]] = {
            "ttl": lambda: ttl_until(row.expire_time),
            "size": lambda: self.size,
            "tag": lambda: None if row.tag is None else format_plain(row.tag),
            "hits": lambda: row.access_count,
            "idle": lambda: max(0, int((time.time() - row.access_time) * 1000)),
        }
        return KeyInfo(stored, **{name: read() for name, read in values.items() if name in columns})


def format_plain(value: str | int | float | bytes) -> str:
    """Return a key or a tag on one line."""
    return display_text(encode_text(value)) if isinstance(value, str) else repr(value)


def to_text(key: str | int | float | bytes, raw: int) -> str:
    """Return a key of the table as text, which is different for each key."""
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return f"{OTHER_KEY}{'bytes' if raw else 'pickle'}:{key.hex()}"
    return f"{OTHER_KEY}{type(key).__name__}:{key!r}"


def to_other_key(text: str) -> tuple[int | float | bytes, bool] | None:
    """Return the columns `key` and `raw` for a text of `to_text`, or None if it is invalid."""
    kind, _colon, given = text.removeprefix(OTHER_KEY).partition(":")
    parsers: Mapping[str, Any] = {
        "bytes": bytes.fromhex,
        "pickle": bytes.fromhex,
        "int": int,
        "float": float,
    }
    try:
        return parsers[kind](given), kind != "pickle"
    except (KeyError, ValueError):
        return None


@contextmanager
def connect(folder: str) -> Iterator[sqlite3.Connection]:
    """Yield a read-only connection that sees a shard as it is now.

    It doesn't wait for those who write, unless `sqlite_journal_mode` was changed.
    """
    address = f"{Path(folder, DBNAME).absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, limits().timeout, isolation_level=None, uri=True)
    with closing(connection):
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.execute("BEGIN")
        yield connection


@contextmanager
def lock(*shards: Any) -> Iterator[None]:
    """Lock shards against other writers, in a transaction each. The last one is committed first.

    Raises CacheLocked.
    """
    deadline = time.monotonic() + limits().timeout
    with ExitStack() as stack:
        for shard in shards:
            while True:
                try:
                    stack.enter_context(shard.transact())
                    break
                except Timeout as locked:  # After the `timeout` of the shard, 10 ms by default.
                    if time.monotonic() > deadline:
                        raise CacheLocked from locked
        yield


def clear_shard(shard: Any) -> int:
    """Delete all entries of a shard, 100 in each transaction. Raises CacheLocked."""
    deleted, deadline = 0, time.monotonic() + limits().timeout
    while True:
        try:
            return deleted + int(shard.clear())
        except Timeout as locked:
            (count,) = locked.args
            if count == 0 and time.monotonic() > deadline:
                raise CacheLocked from locked
            deleted += count


def read_settings(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the table `Settings`: what the shard was created with, and its counts."""
    return dict(connection.execute("SELECT key, value FROM Settings").fetchall())


def find_row(connection: sqlite3.Connection, key: Any, raw: Any) -> CacheRow | None:
    """Return the row of a key that hasn't expired."""
    statement = f"SELECT {ROW_COLUMNS} FROM Cache WHERE key = ? AND raw = ? AND {IS_UNEXPIRED}"
    try:
        row = connection.execute(statement, (key, raw, time.time())).fetchone()
    except OverflowError:  # A larger integer than SQLite's.
        return None
    return None if row is None else CacheRow(*row)


def remaining(row: CacheRow) -> float | None:
    """Return the TTL of a row in seconds, or None if it never expires."""
    return None if row.expire_time is None else row.expire_time - time.time()


def decode_json_key(key: bytes) -> str | None:
    """Return a key of a `JSONDisk`, or None if it isn't text."""
    try:
        decoded = json.loads(zlib.decompressobj().decompress(key, MAX_KEY_BYTES))
    except (zlib.error, ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, str) else None


def store_copy(entry: Entry, shard: Any, key: str) -> None:
    """Store an entry under another key, as the shard's `set` stores one.

    Raises FileNotFoundError if the file of the value is missing.
    """
    row, filename, value = entry.row, None, None
    if row.filename is not None:
        filename, path = shard.disk.filename()
        with entry.open() as file:
            shard.disk._write(path, iter(lambda: file.read(CHUNK_SIZE), b""), "xb")
    else:
        statement = "SELECT value FROM Cache WHERE rowid = ?"
        ((value,),) = entry.connection.execute(statement, (row.rowid,))
    columns = (row.expire_time, row.tag, row.size, row.mode, filename, value)
    db_key, raw = shard.disk.put(key)
    now = time.time()
    with shard._transact(filename=filename) as (sql, cleanup):
        statement = "SELECT rowid, filename FROM Cache WHERE key = ? AND raw = ?"
        replaced = sql(statement, (db_key, raw)).fetchall()
        for rowid, old_filename in replaced:
            cleanup(old_filename)
            shard._row_update(rowid, now, columns)
        if not replaced:
            shard._row_insert(db_key, raw, now, columns)


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """The figures of a shard. Sizes are in bytes."""

    entries: int
    database_size: int
    file_size: int
    hits: int
    misses: int
    counts_hits: bool

    @property
    def volume(self) -> int:
        """What the shard's size limit applies to."""
        return self.database_size + self.file_size


def read_shard_info(folder: str) -> ShardInfo:
    with connect(folder) as connection:
        ((pages,),) = connection.execute("PRAGMA page_count")
        ((page_size,),) = connection.execute("PRAGMA page_size")
        settings = read_settings(connection)
    return ShardInfo(
        entries=int(settings["count"]),
        database_size=pages * page_size,
        file_size=int(settings["size"]),
        hits=int(settings["hits"]),
        misses=int(settings["misses"]),
        counts_hits=bool(settings["statistics"]),
    )

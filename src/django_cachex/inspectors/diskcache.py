"""Inspector of `DjangoCache`, the backend of the package diskcache."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from diskcache import Disk, JSONDisk
from diskcache.core import MODE_BINARY, MODE_PICKLE, MODE_TEXT
from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors.base import file_id
from django_cachex.inspectors.diskcache_shards import (
    CHUNK_SIZE,
    OTHER_KEY,
    ROW_COLUMNS,
    CacheLocked,
    CacheRow,
    Entry,
    ShardInfo,
    clear_shard,
    connect,
    decode_json_key,
    find_row,
    lock,
    read_settings,
    read_shard_info,
    remaining,
    store_copy,
    to_other_key,
    to_text,
)
from django_cachex.inspectors.django import (
    COLLECTIONS_HINT,
    DjangoBackendInspector,
    KeyGone,
    no_expiry_result,
    scan_rows,
    timeout_for,
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
from django_cachex.inspectors.keys import try_decode_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query
from django_cachex.inspectors.types import (
    TTL_MISSING,
    KeyInfo,
    KeyValue,
    ScanPage,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint
from django_cachex.inspectors.values.decode import describe_object

MAX_COUNTED_ROWS: Final = 100_000
"""The maximum number of entries of which the expired ones are counted."""

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

POSITION: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a listing continues: after a row of a shard."""

    shard: int = 0
    rowid: int = 0

    @classmethod
    def parse(cls, token: str) -> Position:
        """Parse a token; raise ValueError if it is invalid."""
        match = POSITION.fullmatch(token or "0.0")
        if match is None:
            raise ValueError(token)
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.shard}.{self.rowid}"


class DiskcacheInspector(DjangoBackendInspector):
    """Lists and reads rows by read-only connections, and changes them by the backend's methods.

    Keys that aren't text can be listed and read, but not changed: `DjangoCache` doesn't write any.
    """

    filters = frozenset({"expires_within", "expires_after", "larger_than"})

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        policy = self.cache._cache.eviction_policy
        self.optional_columns = ("tag",)
        # The other policies don't record these.
        if policy == "least-recently-used":
            self.optional_columns += ("idle",)
            self.filters |= {"idle_for"}
        elif policy == "least-frequently-used":
            self.optional_columns += ("hits",)
        if type(self.disk) not in (Disk, JSONDisk):
            reason = _("Only the Disk class of this cache, %(disk)s, can read what it stores.")
            for ability in ("can_list", "can_get", "can_edit", "can_incr"):
                self.disable(ability, reason % {"disk": type(self.disk).__qualname__})

    # The store.

    @property
    def disk(self) -> Any:
        return self.cache._cache.disk

    @property
    def shards(self) -> Sequence[Any]:
        return self.cache._cache._shards  # type: ignore[no-any-return]  # It has no types.

    @property
    def folders(self) -> list[str]:
        return [shard.directory for shard in self.shards]

    @property
    def location(self) -> str:
        return str(self.cache.directory)

    @property
    def configured_store_id(self) -> Hashable:
        return ("diskcache", str(Path(self.location).resolve()))

    def fetch_store_ids(self) -> frozenset[str]:
        return frozenset((f"diskcache {file_id(self.location)}",))

    @property
    def upgrade_hint(self) -> Text:
        return COLLECTIONS_HINT

    @cached_property
    def value_format(self) -> ValueFormat:
        if isinstance(self.disk, JSONDisk):
            return ValueFormat("json", "json", self.compress_json, compression="zlib")
        return ValueFormat("pickle", "pickle", self.pickle_value)

    def pickle_value(self, value: Any) -> bytes:
        return pickle.dumps(value, self.disk.pickle_protocol)

    def compress_json(self, value: Any) -> bytes:
        """Return a value as a `JSONDisk` stores it."""
        return zlib.compress(json.dumps(value).encode(), self.disk.compress_level)

    def status(self) -> Status:
        started = time.perf_counter()
        return Status(keys=self.count(), latency=time.perf_counter() - started)

    def count(self) -> int:
        """Return the number of entries, including expired ones. Each shard keeps its own count."""
        total = 0
        for folder in self.folders:
            with connect(folder) as connection:
                total += int(read_settings(connection)["count"])
        return total

    def row_key(self, row: CacheRow) -> str:
        """Return the key of a row as text."""
        if isinstance(self.disk, JSONDisk) and isinstance(row.key, bytes):
            key = decode_json_key(row.key)
            return to_text(row.key, row.raw) if key is None else key
        return to_text(row.key, row.raw)

    def locate(self, stored: bytes) -> tuple[str, Any]:
        """Return a key as the backend's methods take it, and its shard.

        Raises:
            KeyGone: the backend can't have stored such a key.
        """
        key = try_decode_text(stored)
        if key is None or LONE_SURROGATE.search(key):
            raise KeyGone
        index = self.cache._cache._hash(key) % len(self.shards)
        return key, self.shards[index]

    def candidates(self, stored: bytes) -> tuple[Any, list[str]]:
        """Return the columns `key` and `raw` for a stored key, and the folders it may be in."""
        text = try_decode_text(stored) or ""
        if text.startswith(OTHER_KEY):
            return to_other_key(text), self.folders
        key, shard = self.locate(stored)
        return self.disk.put(key), [shard.directory]

    @contextmanager
    def entry(self, stored: bytes) -> Iterator[Entry]:
        """Yield the entry of a key that hasn't expired. Raises KeyGone if there is none."""
        columns, folders = self.candidates(stored)
        for folder in folders if columns else ():
            with connect(folder) as connection:
                row = find_row(connection, *columns)
                if row is not None:
                    yield Entry(row, connection, folder)
                    return
        raise KeyGone

    # Keys.

    def display_key(self, stored: bytes) -> str:
        return self.display_other_key(stored) or super().display_key(stored)

    def display_stored_key(self, stored: bytes) -> str:
        return self.display_other_key(stored) or super().display_stored_key(stored)

    def display_other_key(self, stored: bytes) -> str:
        """Return a key that isn't text with its type, or an empty string for text."""
        text = try_decode_text(stored) or ""
        parsed = to_other_key(text) if text.startswith(OTHER_KEY) else None
        if parsed is None:
            return ""
        key, raw = parsed
        if raw or not isinstance(key, bytes):
            return f"({type(key).__name__}) {key!r}"
        content = decode(key, value_format=ValueFormat("pickle", "pickle", pickle.dumps))
        return f"(pickle) {one_line(content.formatted.text)}"

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """List the keys by shard, in the order in which they were first stored."""
        position = start = Position.parse(token)
        is_match = self.key_filter(query)
        columns = query.required_columns(self.optional_columns)

        def entries() -> Iterator[tuple[str, Entry]]:
            nonlocal position
            for shard, entry in self.entries_after(start):
                yield self.row_key(entry.row), entry
                position = Position(shard, entry.row.rowid)  # The search has examined it.

        def matches(candidate: tuple[str, Entry]) -> bool | None:
            key, entry = candidate
            if ttl_until(entry.row.expire_time) == TTL_MISSING or not is_match(key):
                return False
            return not columns or query.matches(entry.info(b"", columns))

        page = scan_rows(
            entries(),
            lambda candidate: candidate[0],
            matches,
            query,
            limit=limit,
            deadline=deadline,
            total=self.count(),
        )
        return dataclasses.replace(page, token=str(position) if page.token else "")

    def entries_after(self, start: Position) -> Iterator[tuple[int, Entry]]:
        """Yield the number of the shard and the entry for each row after a position."""
        statement = f"SELECT {ROW_COLUMNS} FROM Cache WHERE rowid > ? ORDER BY rowid"
        for number, folder in enumerate(self.folders[start.shard :], start.shard):
            rowid = start.rowid if number == start.shard else 0
            with connect(folder) as connection:
                for row in connection.execute(statement, (rowid,)):
                    yield number, Entry(CacheRow(*row), connection, folder)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        found: dict[bytes, KeyInfo] = {}
        for folder, sought in self.keys_by_folder(keys).items():
            with connect(folder) as connection:
                for stored, key in sought.items():
                    row = find_row(connection, *key)
                    if row is not None:
                        found[stored] = Entry(row, connection, folder).info(stored, columns)
        return [found.get(stored, KeyInfo(stored, ttl=TTL_MISSING)) for stored in keys]

    def keys_by_folder(self, keys: Sequence[bytes]) -> dict[str, dict[bytes, Any]]:
        """Return the keys that may be in each folder, with their columns `key` and `raw`."""
        by_folder: dict[str, dict[bytes, Any]] = defaultdict(dict)
        for stored in keys:
            with suppress(KeyGone):
                columns, folders = self.candidates(stored)
                for folder in folders if columns else ():
                    by_folder[folder][stored] = columns
        return by_folder

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        """Return the value. A key whose file is missing counts as missing, as in `get`."""
        allowed = limits()
        try:
            with self.entry(stored) as entry:
                info = entry.info(stored, {"ttl", "size", *self.optional_columns})
                size = info.size or 0
                is_large = size > allowed.decode_bytes
                with entry.open() as file:
                    raw = file.read(page.max_bytes(allowed) if is_large else size)
        except (KeyGone, FileNotFoundError):
            return None
        if is_large:
            return self.make_key_value(info, raw, size, page)
        content = self.decode_value(entry.row, raw)
        content = dataclasses.replace(
            content, raw=raw, stored_size=len(raw), preview_size=page.max_bytes(allowed)
        )
        return KeyValue(info, content, expected=self.fingerprint(entry.row, raw))

    def is_serialized(self, row: CacheRow) -> bool:
        """Return whether the stored bytes are in the `value_format`."""
        return row.mode == MODE_PICKLE or isinstance(self.disk, JSONDisk)

    def decode_value(self, row: CacheRow, raw: bytes) -> Content:
        """Return the content of a value, given all of its bytes."""
        if self.is_serialized(row):
            return decode(raw, value_format=self.value_format, limit=limits().decode_bytes)
        if row.value_type == "text" or row.mode == MODE_TEXT:
            return describe_object(raw.decode("utf-8", "surrogateescape"))
        if row.value_type == "blob" or row.mode == MODE_BINARY:
            return describe_object(raw)
        return describe_object(row.number)  # None for NaN, as for `get`.

    def fingerprint(self, row: CacheRow, raw: bytes) -> str:
        """Return the fingerprint of a value. It is different for 1, "1" and b"1"."""
        is_text = row.value_type == "text" or row.mode == MODE_TEXT
        if is_text or self.is_serialized(row):
            return fingerprint(raw)
        return fingerprint(f"{row.value_type} {row.mode} ".encode() + raw)

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        try:
            return super().apply(stored, edit)
        except CacheLocked as locked:
            return EditResult.refusal(str(locked))
        except FileNotFoundError:  # Of the value.
            return EditResult(EditStatus.GONE)

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        if reason := self.refusal_of_key(stored):
            return EditResult.refusal(reason)
        key, shard = self.locate(stored)
        timeout = timeout_for(edit.ttl)
        with lock(shard):
            store = shard.set if edit.replace else shard.add
            is_stored = store(key, edit.value, timeout)
        return EditResult(EditStatus.DONE if is_stored else EditStatus.EXISTS)

    def refusal_of_key(self, stored: bytes) -> Text:
        """Return why a key can't be stored, or an empty string."""
        try:
            key, _shard = self.locate(stored)
        except KeyGone:
            return _("This cache can't store this key, because it isn't valid text.")
        return self.key_error(key)

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        """Compare and set in one transaction, and keep the tag."""
        key, shard = self.locate(stored)
        with lock(shard):
            current = self.read(stored)
            if current is None:
                return EditResult(EditStatus.GONE)
            if not current.expected or current.expected != edit.expected:
                return EditResult(EditStatus.CHANGED)
            with self.entry(stored) as entry:
                row = entry.row
            timeout = remaining(row) if edit.ttl is KEEP else timeout_for(edit.ttl)
            shard.set(key, edit.value, timeout, tag=row.tag)
        return EditResult(EditStatus.DONE)

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        key, shard = self.locate(stored)
        timeout = timeout_for(edit.ttl)
        with lock(shard):
            is_done = shard.touch(key, timeout)
        return EditResult(EditStatus.DONE if is_done else EditStatus.GONE)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        key, shard = self.locate(stored)
        with lock(shard):
            with self.entry(stored) as entry:
                timeout = remaining(entry.row)
            if timeout is None:
                return no_expiry_result()
            shard.touch(key, timeout + edit.by / 1000)
        return EditResult(EditStatus.DONE)

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        """Copy the stored bytes with their tag, in a transaction in each of the two shards.

        If the computer fails between the two, the key exists under both names.
        """
        if reason := self.refusal_of_key(edit.to):
            return EditResult.refusal(reason)
        (key, source), (to, target) = self.locate(stored), self.locate(edit.to)
        with lock(source, target):
            with self.entry(stored) as entry:
                if not edit.overwrite and self.describe([edit.to])[0].exists:
                    return EditResult(EditStatus.EXISTS)
                store_copy(entry, target, to)
            if isinstance(edit, Rename):
                source.delete(key)
        return EditResult(EditStatus.DONE)

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        with (
            suppress(KeyGone, FileNotFoundError),
            self.entry(stored) as entry,
            entry.open() as file,
        ):
            while chunk := file.read(CHUNK_SIZE):
                yield chunk

    def delete(self, keys: Sequence[bytes]) -> int:
        by_shard: dict[Any, list[str]] = defaultdict(list)
        for stored in dict.fromkeys(keys):
            with suppress(KeyGone):
                key, shard = self.locate(stored)
                by_shard[shard].append(key)
        deleted = 0
        for shard, names in by_shard.items():
            with lock(shard):
                deleted += sum(map(shard.delete, names))
        return deleted

    def preview_flush(self) -> FlushPreview:
        scope = _(
            "All entries in the folder %(folder)s: the keys of all caches that use it, whatever "
            "their prefix."
        )
        return FlushPreview(
            command=_("DjangoCache.clear() in %(folder)s") % {"folder": self.location},
            scope=scope % {"folder": self.location},
            entries=self.count(),
        )

    def flush(self) -> int:
        return sum(map(clear_shard, self.shards))

    # Information.

    def info(self) -> Sequence[InfoSection]:
        shards = [read_shard_info(folder) for folder in self.folders]
        entries = sum(shard.entries for shard in shards)
        counts: tuple[InfoField, ...] = ()
        if entries <= MAX_COUNTED_ROWS:
            never, expired = self.count_expiries()
            counts = (
                InfoField(_("Never expire"), never, Unit.ENTRIES),
                InfoField(_("Expired, not yet removed"), expired, Unit.ENTRIES),
            )
        keyspace = InfoSection(
            _("Keyspace"), counts, headline=InfoField(_("Entries"), entries, Unit.ENTRIES)
        )
        return (
            keyspace,
            self.storage_info(shards),
            statistics_info(shards),
            self.eviction_info(),
            shards_info(shards),
        )

    def count_expiries(self) -> tuple[int, int]:
        """Return the number of entries that never expire, and of those that have expired."""
        never = expired = 0
        statement = (
            "SELECT (SELECT COUNT(*) FROM Cache WHERE expire_time IS NULL), "
            "(SELECT COUNT(*) FROM Cache WHERE expire_time <= ?)"
        )
        for folder in self.folders:
            with connect(folder) as connection:
                ((some, others),) = connection.execute(statement, (time.time(),))
            never, expired = never + some, expired + others
        return never, expired

    def storage_info(self, shards: Sequence[ShardInfo]) -> InfoSection:
        volume = sum(shard.volume for shard in shards)
        limit = int(sum(shard.size_limit for shard in self.shards))
        return InfoSection(
            _("Storage"),
            (
                InfoField(_("Databases"), sum(one.database_size for one in shards), Unit.BYTES),
                InfoField(_("Value files"), sum(one.file_size for one in shards), Unit.BYTES),
            ),
            headline=InfoField(_("Used"), volume, Unit.BYTES, maximum=limit),
        )

    def eviction_info(self) -> InfoSection:
        fanout = self.cache._cache
        fields = (
            InfoField(_("Policy"), fanout.eviction_policy, Unit.CODE),
            InfoField(_("Removed on each write"), fanout.cull_limit, Unit.ENTRIES),
        )
        return InfoSection(_("Eviction"), fields)


def statistics_info(shards: Sequence[ShardInfo]) -> InfoSection:
    """Return the hits and misses, which are only counted on request."""
    hits, misses = sum(shard.hits for shard in shards), sum(shard.misses for shard in shards)
    fields = (
        InfoField(_("Hits"), hits, Unit.NUMBER),
        InfoField(_("Misses"), misses, Unit.NUMBER),
    )
    gets = hits + misses
    rate = InfoField(_("Hit rate"), 100 * hits / max(1, gets), Unit.PERCENT)
    note: Text = ""
    if not all(shard.counts_hits for shard in shards):
        note = _("Hits aren't counted. To count them, set OPTIONS['statistics'] to True.")
    return InfoSection(_("Statistics"), fields, rate if gets else None, note=note)


def shards_info(shards: Sequence[ShardInfo]) -> InfoSection:
    columns = (_("Shard"), _("Entries"), _("Size"))
    rows = [
        (
            InfoField(columns[0], number, Unit.NUMBER),
            InfoField(columns[1], shard.entries, Unit.NUMBER),
            InfoField(columns[2], shard.volume, Unit.BYTES),
        )
        for number, shard in enumerate(shards)
    ]
    return InfoSection(_("Shards"), columns=columns, rows=rows)

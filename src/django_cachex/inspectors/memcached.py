"""Inspector of Django's memcached backends."""

from __future__ import annotations

import math
import re
import time
import weakref
import zlib
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.memcached import PyMemcacheCache
from django.utils.translation import gettext_lazy as _

from django_cachex.conf import limits
from django_cachex.inspectors.base import file_id, resolve_addresses
from django_cachex.inspectors.django import (
    COLLECTIONS_HINT,
    DjangoBackendInspector,
    KeyGone,
    no_expiry_result,
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
from django_cachex.inspectors.keys import decode_text
from django_cachex.inspectors.masking import find_secrets, mask
from django_cachex.inspectors.memcached_protocol import (
    NEVER,
    Item,
    ListingRefused,
    MemcachedConnection,
    MemcachedError,
    StoredValue,
    parse_address,
    parse_dump_key,
    parse_dump_line,
)
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query
from django_cachex.inspectors.types import (
    TTL_MISSING,
    TTL_NONE,
    KeyInfo,
    KeyValue,
    ReadState,
    ScanPage,
    SmallValue,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint
from django_cachex.inspectors.values.decode import describe_object, describe_too_large

T = TypeVar("T")

# The flags of pymemcache and pylibmc, which follow python-memcached.
PICKLE_FLAG, INTEGER_FLAG, LONG_FLAG, ZLIB_FLAG, TEXT_FLAG = 1, 2, 4, 8, 16

ITEMS_PER_CLOCK_CHECK: Final = 1000
MAX_ITEMS_PER_REQUEST: Final = 50_000
"""The maximum number of items that one request examines, whatever its deadline."""

MAX_SKIPPED_ITEMS: Final = 250_000
"""The maximum number of items to walk through before those that a request examines.

This takes a server about a second.
"""

MIN_PROGRESS: Final = 1 / 4
"""How many items are examined for each one that is skipped, whatever the deadline."""

REPLACE_RESULTS: Final[Mapping[bytes, EditStatus]] = {
    b"HD": EditStatus.DONE,
    b"EX": EditStatus.CHANGED,
    b"NF": EditStatus.GONE,
}

TOO_LARGE: Final = _("The value is too large for this server.")

INTEGER = re.compile(rb"-?[0-9]{1,100}")

CLIENT_FIELDS: Final[Mapping[str, Text]] = {
    "curr_connections": _("Connections"),
    "max_connections": _("Maximum connections"),
    "rejected_connections": _("Rejected connections"),
}
STATISTICS_FIELDS: Final[Mapping[str, Text]] = {
    "get_hits": _("Hits"),
    "get_misses": _("Misses"),
    "cmd_set": _("Sets"),
    "delete_hits": _("Deletions"),
    "total_connections": _("Total connections"),
}
KEYSPACE_FIELDS: Final[Mapping[str, Text]] = {
    "total_items": _("Stored since the start"),
    "evictions": _("Evicted items"),
    "reclaimed": _("Reclaimed expired items"),
}

POSITION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,9})\.((?:[0-9a-f]{2})*)")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a listing continues: after an item of a slab class of a server."""

    server: int = 0
    slab_class: int = 0
    skip: int = 0
    """The number of items up to this one. Fewer are skipped if some of them were deleted."""

    after: bytes = b""

    @classmethod
    def parse(cls, token: str) -> Position:
        """Parse a token; raise ValueError if it is invalid."""
        if not token:
            return cls()
        match = POSITION.fullmatch(token)
        if match is None:
            raise ValueError(token)
        server, slab_class, skip, after = match.groups()
        return cls(int(server), int(slab_class), int(skip), bytes.fromhex(after))

    def __str__(self) -> str:
        return f"{self.server}.{self.slab_class}.{self.skip}.{self.after.hex()}"


class MemcachedInspector(DjangoBackendInspector):
    """Lists items with `lru_crawler metadump`, and reads them without executing anything.

    It uses its own connections with the admin's timeouts. New keys are stored by the backend's own
    client, which knows which of several servers a key belongs to.
    """

    may_block = True
    can_download = False
    filters = frozenset(
        {"expires_within", "expires_after", "larger_than", "idle_for", "value_contains"}
    )
    optional_columns = ("memory", "idle")
    has_random_order = True
    max_keys_unasked = MAX_ITEMS_PER_REQUEST

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, make_private_cache(cache, params), params)
        weakref.finalize(self, self.cache.close)
        if "username" in self.options:
            reason = _("Keys can't be listed over connections that need a user name.")
            self.disable("can_list", reason)
        if len(self.servers) > 1:
            reason = _("The new key may belong to another server of this cache.")
            self.disable("can_rename", reason)
            self.disable("can_copy", reason)

    # Identity.

    @property
    def options(self) -> Mapping[str, Any]:
        return self.params.get("OPTIONS") or {}

    @property
    def servers(self) -> Sequence[str]:
        return [str(server).strip() for server in self.cache._servers]

    @property
    def location(self) -> str:
        return mask(", ".join(self.servers), find_secrets(self.params))

    @property
    def configured_store_id(self) -> Hashable:
        return ("memcached", *sorted(self.servers))

    def fetch_store_ids(self) -> frozenset[str]:
        return frozenset(one for server in self.servers for one in server_ids(server))

    @property
    def upgrade_hint(self) -> Text:
        return COLLECTIONS_HINT

    @contextmanager
    def connect(self, server: str) -> Iterator[MemcachedConnection]:
        context = self.options.get("tls_context")
        with MemcachedConnection(server, limits().timeout, context) as connection:
            yield connection

    def notes(self) -> Sequence[Text]:
        if not self.can_list:
            return ()
        return (
            _(
                "memcached has no index of its keys. To list them, the server walks through "
                "its items, which slows it down a little while this page loads: it needs "
                "about half a second for 100,000 items."
            ),
        )

    def status(self) -> Status:
        keys = memory = 0
        started = time.perf_counter()
        for server in self.servers:
            with self.connect(server) as connection:
                fields = connection.statistics()
            keys += int(fields["curr_items"])
            memory += int(fields["bytes"])
        latency = time.perf_counter() - started
        return Status(keys=keys, memory=memory, latency=latency / max(1, len(self.servers)))

    # Keys.

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """Return some keys, as documented for `Inspector.scan`.

        A server lists the items of a slab class from the start each time, in the order of their
        last use. So items that are used meanwhile may be missed, or be found twice.
        """
        position = Position.parse(token)
        search = ItemSearch(self, query, limit, deadline)
        for number, server in enumerate(self.servers):
            start = position if number == position.server else Position(number)
            try:
                search.run(server, start, is_passed=number < position.server)
            except OSError as error:
                search.add_failure(server, error)
        return search.page()

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        found: dict[bytes, KeyInfo] = {}
        for server in self.servers:
            missing = [key for key in dict.fromkeys(keys) if key not in found]
            if missing:
                with self.connect(server) as connection:
                    items = connection.describe(missing)
                found |= {item.key: key_info(item, columns) for item in items if item is not None}
        return [found.get(key, KeyInfo(key, ttl=TTL_MISSING)) for key in keys]

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        [info] = self.describe([stored])
        if not info.exists:
            return None
        allowed = limits()
        if (info.size or 0) > allowed.decode_bytes:
            return KeyValue(info, describe_too_large(info.size or 0, allowed.decode_bytes))
        try:
            with self.find(stored) as (_connection, value):
                content = decode_item(value, self.value_format, page.max_bytes(allowed))
                info = replace(info, size=len(value.data))
                return KeyValue(info, content, expected=fingerprint(value.data))
        except KeyGone:
            return None

    def read_small(self, keys: Sequence[bytes], max_bytes: int) -> Iterator[SmallValue]:
        infos = self.describe(keys, ("size",))
        small = [info.key for info in infos if info.exists and (info.size or 0) <= max_bytes]
        values: dict[bytes, StoredValue | None] = {}
        for server in self.servers:
            missing = [key for key in small if values.get(key) is None]
            if missing:
                with self.connect(server) as connection:
                    values |= connection.get_each(missing)
        for info in infos:
            value = values.get(info.key)
            if info.key in values and value is not None:
                content = decode_item(value, self.value_format, max_bytes)
                yield SmallValue.of(info.key, [content])
            else:
                is_gone = info.key in values or not info.exists
                yield SmallValue(info.key, ReadState.GONE if is_gone else ReadState.TOO_LARGE)

    @contextmanager
    def find(self, stored: bytes) -> Iterator[tuple[MemcachedConnection, StoredValue]]:
        """Yield an item's value and a connection to the server that has it. Raises KeyGone."""
        for server in self.servers:
            with self.connect(server) as connection:
                value = connection.get(stored)
                if value is not None:
                    yield connection, value
                    return
        raise KeyGone

    # Changes.

    def serialize(self, key: str, value: Any) -> tuple[bytes, int]:
        """Return the stored bytes and the flags for a value, as the backend's client stores it."""
        serde = self.cache._options.get("serde")
        data, flags = serde.serialize(key, value) if serde else self.cache._cache.serialize(value)
        return data.encode() if isinstance(data, str) else data, flags

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        try:
            return super().apply(stored, edit)
        except MemcachedError as error:
            return EditResult.refusal(str(error))

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        key = decode_text(stored)
        if reason := self.key_error(key):
            return EditResult.refusal(reason)
        data, _flags = self.serialize(key, edit.value)
        with self.connect(self.servers[0]) as connection:
            if not connection.accepts_size(len(data)):
                return EditResult.refusal(TOO_LARGE)
        store = self.cache._cache.set if edit.replace else self.cache._cache.add
        timeout = self.cache.get_backend_timeout(
            None if edit.ttl == TTL_NONE else ttl_seconds(edit.ttl)
        )
        if store(key, edit.value, timeout):
            return EditResult(EditStatus.DONE)
        [info] = self.describe([stored])
        if info.exists and not edit.replace:
            return EditResult(EditStatus.EXISTS)
        return EditResult.refusal(_("The server didn't store the value, and gave no reason."))

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        data, flags = self.serialize(decode_text(stored), edit.value)
        with self.find(stored) as (connection, value):
            if fingerprint(value.data) != edit.expected:
                return EditResult(EditStatus.CHANGED)
            if not connection.accepts_size(len(data)):
                return EditResult.refusal(TOO_LARGE)
            ttl = value.ttl if edit.ttl is KEEP else ttl_seconds(edit.ttl)
            status = connection.replace(stored, data, flags, ttl, value.cas)
            return EditResult(REPLACE_RESULTS.get(status, EditStatus.REFUSED))

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        with self.find(stored) as (connection, _value):
            is_done = connection.touch(stored, ttl_seconds(edit.ttl))
            return EditResult(EditStatus.DONE if is_done else EditStatus.GONE)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        with self.find(stored) as (connection, value):
            if value.ttl == NEVER:
                return no_expiry_result()
            is_done = connection.touch(stored, value.ttl + ttl_seconds(edit.by))
            return EditResult(EditStatus.DONE if is_done else EditStatus.GONE)

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        if reason := self.key_error(decode_text(edit.to)):
            return EditResult.refusal(reason)
        with self.find(stored) as (connection, value):
            mode = "set" if edit.overwrite else "add"
            status = connection.store(edit.to, value.data, value.flags, value.ttl, mode)
            if status != b"HD":
                return EditResult(EditStatus.EXISTS)
            if isinstance(edit, Rename):
                connection.delete([stored])
            return EditResult(EditStatus.DONE)

    def delete(self, keys: Sequence[bytes]) -> int:
        deleted = 0
        for server in self.servers:
            with self.connect(server) as connection:
                deleted += connection.delete(list(dict.fromkeys(keys)))
        return deleted

    # Information.

    def info(self) -> Sequence[InfoSection]:
        sections: list[InfoSection] = []
        for server in self.servers:
            with self.connect(server) as connection:
                fields = connection.statistics()
                counts, slabs = connection.item_counts(), connection.statistics("slabs")
            sections += server_sections(server, fields, counts, slabs)
        return sections

    def preview_flush(self) -> FlushPreview:
        return FlushPreview(
            command=_("flush_all on %(servers)s") % {"servers": self.location},
            scope=_("All items of these servers are deleted, including those of other programs."),
            entries=self.status().keys,  # Items that have expired count until they are reused.
        )

    def flush(self) -> None:
        self.cache.clear()


class ItemSearch:
    """A search for keys on all servers during one request."""

    def __init__(
        self, inspector: MemcachedInspector, query: Query, limit: int, deadline: float
    ) -> None:
        self._inspector, self._query = inspector, query
        self._limit, self._deadline = limit, deadline
        self._range = inspector.key_range(query.scope)
        self._keys: dict[bytes, None] = {}
        self._examined = self._total = 0
        self._token = ""
        self._failed: list[str] = []
        self._error: OSError | None = None

    def run(self, server: str, start: Position, *, is_passed: bool) -> None:
        """Search a server from a position on; only count its items if it was searched before."""
        with self._inspector.connect(server) as connection:
            counts = connection.item_counts()
        self._total += sum(counts.values())
        for slab_class in counts:
            if is_passed or self._token or slab_class < start.slab_class:
                continue
            is_continued = slab_class == start.slab_class
            self._search_class(
                server, start if is_continued else Position(start.server, slab_class)
            )

    def add_failure(self, server: str, error: OSError) -> None:
        self._failed.append(server)
        self._error = error

    def page(self) -> ScanPage:
        """Return the result. Raises the error if no server responded."""
        if self._error is not None and len(self._failed) == len(self._inspector.servers):
            raise self._error
        return ScanPage(
            [*self._keys], self._token, self._examined, self._total, failed_nodes=self._failed
        )

    def _search_class(self, server: str, start: Position) -> None:
        if start.skip > MAX_SKIPPED_ITEMS:
            reason = _(
                "The search can't continue: memcached always lists a slab class from its "
                "first item, and one request may walk through only so many items. To open a "
                "key that is missing here, search for its exact name."
            )
            raise ListingRefused(reason)
        # A new connection: that of a listing which is not read to its end can only be closed.
        with self._inspector.connect(server) as connection:
            is_skipping = start.skip > 0
            for number, line in enumerate(connection.iter_dump(start.slab_class), 1):
                if is_skipping:
                    is_skipping = number < start.skip and parse_dump_key(line) != start.after
                    continue
                key = parse_dump_key(line)
                self._examine(key, line)
                if len(self._keys) >= self._limit or self._is_late(number, start.skip):
                    self._token = str(replace(start, skip=number, after=key))
                    return

    def _examine(self, key: bytes, line: bytes) -> None:
        query = self._query
        if query.is_excluded(key):
            return
        self._examined += 1
        if self._range.matches(key, query.pattern):
            item = parse_dump_line(line, time.time())
            if item is not None and query.matches(key_info(item)):
                self._keys[key] = None

    def _is_late(self, number: int, skipped: int) -> bool:
        """Return whether to stop at an item. More are examined if many had to be skipped.

        Otherwise, the skipped ones would leave no time to get on.
        """
        if self._examined >= MAX_ITEMS_PER_REQUEST:
            return True
        if number % ITEMS_PER_CLOCK_CHECK or number - skipped < skipped * MIN_PROGRESS:
            return False
        return time.monotonic() > self._deadline


ALL_COLUMNS: Final = frozenset({"ttl", "size", "memory", "idle"})


def key_info(item: Item, columns: Collection[str] = ALL_COLUMNS) -> KeyInfo:
    return KeyInfo(
        item.key,
        ttl=TTL_NONE if item.ttl == NEVER else item.ttl * 1000,
        size=item.value_size if "size" in columns else None,
        memory=item.size if "memory" in columns else None,
        idle=item.idle * 1000 if "idle" in columns else None,
    )


def decode_item(value: StoredValue, value_format: ValueFormat, preview_size: int) -> Content:
    """Return the content of a value as its flags describe it, without executing anything."""
    limit = limits().decode_bytes
    data, flags = value.data, value.flags
    if flags & ZLIB_FLAG:
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(data, limit + 1)
        except zlib.error:
            flags = 0
        if len(data) > limit:
            return describe_too_large(len(data), limit)
    if flags & PICKLE_FLAG:
        content = decode(data, value_format=value_format, limit=limit)
    elif flags & (INTEGER_FLAG | LONG_FLAG) and INTEGER.fullmatch(data):
        content = describe_object(int(data))
    elif flags & TEXT_FLAG:
        content = describe_object(data.decode("utf-8", "surrogateescape"))
    else:
        content = describe_object(data)
    size = len(value.data)
    return replace(content, raw=value.data, stored_size=size, preview_size=preview_size)


def ttl_seconds(ttl: int) -> int:
    """Return a TTL in whole seconds, rounded up, or `NEVER`."""
    return NEVER if ttl == TTL_NONE else max(1, math.ceil(ttl / 1000))


def server_ids(server: str) -> frozenset[str]:
    """Return the addresses of a server in `LOCATION`: a host with an optional port, or a socket."""
    path = server.removeprefix("unix:")
    if path.startswith("/"):
        return frozenset((file_id(path),))
    return resolve_addresses(*parse_address(server)) or frozenset((server,))


def make_private_cache(cache: BaseCache, params: Mapping[str, Any]) -> BaseCache:
    """Return another cache object of an alias that no other thread uses.

    By default, pymemcache never times out, so timeouts are added. pylibmc has timeouts with other
    names and units, so the settings are kept.
    """
    new_params = dict(params)
    if isinstance(cache, PyMemcacheCache):
        timeouts = {"timeout": limits().timeout, "connect_timeout": limits().timeout}
        new_params["OPTIONS"] = {**params.get("OPTIONS", {}), **timeouts}
    cache_class: Any = type(cache)
    private_cache: BaseCache = cache_class(new_params.pop("LOCATION", ""), new_params)
    return private_cache


def server_sections(
    server: str,
    fields: Mapping[str, str],
    counts: Mapping[int, int],
    slabs: Mapping[str, str],
) -> list[InfoSection]:
    """Return the sections about one server, from its `stats`, `stats items` and `stats slabs`.

    See https://docs.memcached.org/protocols/basic/#general-purpose-statistics
    """

    def number(name: str) -> int:
        return int(fields.get(name, 0))

    def listed(names: Mapping[str, Text], unit: Unit = Unit.NUMBER) -> tuple[InfoField, ...]:
        present = [(name, label) for name, label in names.items() if name in fields]
        return tuple(InfoField(label, number(name), unit) for name, label in present)

    gets = number("get_hits") + number("get_misses")
    hit_rate = InfoField(_("Hit rate"), 100 * number("get_hits") / max(1, gets), Unit.PERCENT)
    about = (
        InfoField(_("Address"), server, Unit.CODE),
        InfoField(_("Version"), fields.get("version", ""), Unit.CODE),
        InfoField(_("Uptime"), number("uptime"), Unit.SECONDS),
    )
    memory = InfoField(_("Used"), number("bytes"), Unit.BYTES, maximum=number("limit_maxbytes"))
    items = InfoField(_("Items"), number("curr_items"), Unit.ENTRIES)
    columns = (_("Slab class"), _("Chunk size"), _("Items"))
    rows = [
        (
            InfoField(columns[0], slab_class, Unit.NUMBER),
            InfoField(columns[1], int(slabs.get(f"{slab_class}:chunk_size", 0)), Unit.BYTES),
            InfoField(columns[2], count, Unit.NUMBER),
        )
        for slab_class, count in counts.items()
    ]
    return [
        InfoSection(_("Server"), about),
        InfoSection(_("Memory"), headline=memory),
        InfoSection(_("Clients"), listed(CLIENT_FIELDS)),
        InfoSection(_("Statistics"), listed(STATISTICS_FIELDS), hit_rate if gets else None),
        InfoSection(_("Keyspace"), listed(KEYSPACE_FIELDS), items),
        *([InfoSection(_("Slabs"), columns=columns, rows=rows)] if rows else []),
    ]

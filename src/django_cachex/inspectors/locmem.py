"""Inspector of `LocMemCache`."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice

from django.utils.translation import gettext as _

from django_cachex.inspectors.django import (
    DjangoBackendInspector,
    KeyGone,
    expiry_after,
    no_expiry_result,
    parse_page_token,
    scan_rows,
    timeout_for,
    ttl_until,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Copy,
    EditResult,
    EditStatus,
    Expire,
    ExtendTTL,
    Rename,
    SetValue,
)
from django_cachex.inspectors.health import Capacity, StoreFacts
from django_cachex.inspectors.info import FlushPreview, InfoField, InfoSection, Status, Text, Unit
from django_cachex.inspectors.keys import decode_text, encode_text, try_decode_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo, KeyValue, ScanPage
from django_cachex.inspectors.values import fingerprint


class LocMemInspector(DjangoBackendInspector):
    """The cache in the memory of the process that handles the request."""

    @property
    def location(self) -> str:
        return str(self.params.get("LOCATION", ""))

    @property
    def configured_store_id(self) -> Hashable:
        return ("locmem", self.location)

    def notes(self) -> Sequence[Text]:
        return (
            _(
                "Each process has its own copy of this cache. You see the copy of process "
                "%(process)d, which answered this request."
            )
            % {"process": os.getpid()},
        )

    def status(self) -> Status:
        return Status(keys=len(self.cache._cache))

    # Keys.

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        prefix = decode_text(self.key_range(query.scope).prefix)
        with self.cache._lock:
            # Iterating over an OrderedDict is slower than over the dict it is based on.
            keys = list(dict.keys(self.cache._cache))
        keys = sorted(key for key in keys if key.startswith(prefix))
        after = parse_page_token(token, lambda start: islice(keys, bisect_left(keys, start), None))
        start = bisect_right(keys, after) if token else 0
        is_match, columns = self.key_filter(query), query.required_columns(self.optional_columns)
        return scan_rows(
            islice(keys, start, None),
            str,
            lambda key: is_match(key) and self.matches_filters(key, query, columns),
            query,
            limit=limit,
            deadline=deadline,
            total=len(keys),
        )

    def matches_filters(self, key: str, query: Query, columns: Collection[str]) -> bool | None:
        """Return whether a key has not expired and passes the filters."""
        if not columns:
            return not self.cache._has_expired(key)
        with self.cache._lock:
            info = self.key_info(encode_text(key), columns)
        return info.exists and query.matches(info)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        with self.cache._lock:
            return [self.key_info(stored, columns) for stored in keys]

    def key_info(self, stored: bytes, columns: Collection[str]) -> KeyInfo:
        """Return information about a key. The caller must hold the lock."""
        key = try_decode_text(stored)
        if key is None or self.cache._has_expired(key):
            return KeyInfo(stored, ttl=TTL_MISSING)
        expiry, raw = self.cache._expire_info[key], self.cache._cache[key]
        return KeyInfo(
            stored,
            ttl=ttl_until(expiry) if "ttl" in columns else None,
            size=len(raw) if "size" in columns else None,
        )

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        with self.cache._lock:
            info = self.key_info(stored, ("ttl", "size"))
            raw = self.cache._cache[decode_text(stored)] if info.exists else b""
        return self.make_key_value(info, raw, page=page) if info.exists else None

    # Changes.

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        key, raw = decode_text(stored), self.pickle_value(edit.value)
        reason = self.key_error(key)
        if reason:
            return EditResult(EditStatus.REFUSED, reason)
        with self.cache._lock:
            if not edit.replace and not self.cache._has_expired(key):
                return EditResult(EditStatus.EXISTS)
            # As in the backend's `set` and `add`: culls entries first.
            self.cache._set(key, raw, timeout_for(edit.ttl))
        return EditResult(EditStatus.DONE)

    @contextmanager
    def live_key(self, stored: bytes) -> Iterator[str]:
        """Lock the store and yield a key as text. Raises KeyGone if there is no such key."""
        key = try_decode_text(stored)
        with self.cache._lock:
            if key is None or self.cache._has_expired(key):
                raise KeyGone
            yield key

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        raw = self.pickle_value(edit.value)
        with self.live_key(stored) as key:
            if fingerprint(self.cache._cache[key]) != edit.expected:
                return EditResult(EditStatus.CHANGED)
            self.cache._cache[key] = raw
            if edit.ttl is not KEEP:
                self.cache._expire_info[key] = expiry_after(edit.ttl)
        return EditResult(EditStatus.DONE)

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        with self.live_key(stored) as key:
            self.cache._expire_info[key] = expiry_after(edit.ttl)
        return EditResult(EditStatus.DONE)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        with self.live_key(stored) as key:
            expiry = self.cache._expire_info[key]
            if ttl_until(expiry) == TTL_NONE:
                return no_expiry_result()
            self.cache._expire_info[key] = expiry + edit.by / 1000
        return EditResult(EditStatus.DONE)

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        to = decode_text(edit.to)
        reason = self.key_error(to)
        if reason:
            return EditResult.refusal(reason)
        with self.live_key(stored) as key:
            if not edit.overwrite and not self.cache._has_expired(to):
                return EditResult(EditStatus.EXISTS)
            raw, expiry = self.cache._cache[key], self.cache._expire_info[key]
            if isinstance(edit, Rename):
                self.cache._delete(key)
            self.cache._set(to, raw, None)
            self.cache._expire_info[to] = expiry
        return EditResult(EditStatus.DONE)

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        raw = b""
        with suppress(KeyGone), self.live_key(stored) as key:
            raw = self.cache._cache[key]
        yield raw

    def delete(self, keys: Sequence[bytes]) -> int:
        with self.cache._lock:
            live = [
                key
                for key in map(try_decode_text, dict.fromkeys(keys))
                if key is not None and not self.cache._has_expired(key)
            ]
            for key in live:
                self.cache._delete(key)
        return len(live)

    def preview_flush(self) -> FlushPreview:
        scope = _(
            'All entries of the store "%(store)s" in process %(process)d, including those of '
            "other caches with this LOCATION. Other processes keep their entries."
        )
        return FlushPreview(
            command="LocMemCache.clear()",
            scope=scope % {"store": self.location, "process": os.getpid()},
            entries=len(self.cache._cache),
        )

    def flush(self) -> int:
        entries = len(self.cache._cache)
        self.cache.clear()
        return entries

    # Information.

    def info(self) -> Sequence[InfoSection]:
        with self.cache._lock:
            values = list(dict.values(self.cache._cache))
            expiries = list(self.cache._expire_info.values())
        ttls = [ttl_until(expiry) for expiry in expiries]
        entries = InfoField(
            _("Entries"), len(values), Unit.ENTRIES, maximum=self.cache._max_entries
        )
        fields = (
            InfoField(_("Never expire"), ttls.count(TTL_NONE), Unit.ENTRIES),
            InfoField(_("Expired, not yet removed"), ttls.count(TTL_MISSING), Unit.ENTRIES),
            InfoField(_("Size of values"), sum(map(len, values)), Unit.BYTES),
            InfoField(_("Process"), str(os.getpid()), Unit.CODE),
        )
        return (InfoSection(_("Keyspace"), fields, headline=entries), self.eviction_info())

    is_per_process = True
    health_facts = frozenset({"capacity"})

    def fetch_facts(self) -> StoreFacts:
        with self.cache._lock:
            ttls = list(map(ttl_until, self.cache._expire_info.values()))
        return StoreFacts(
            capacity=Capacity(len(ttls), self.cache._max_entries, ttls.count(TTL_MISSING))
        )

"""Caches in the memory of one process (`LocMemCache`)."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Hashable, Iterator, Sequence
from functools import partial
from itertools import islice

from django.utils.translation import gettext as _

from django_cachex.inspectors.django import (
    PickledInspector,
    candidates_of,
    expiry_after,
    key_at,
    milliseconds_until,
    search,
    timeout,
    without_expiry,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Copy,
    ExtendTtl,
    Outcome,
    Rename,
    Result,
    SetTtl,
    SetValue,
)
from django_cachex.inspectors.info import Fact, FlushPlan, Section, Status, Text, Unit
from django_cachex.inspectors.keys import decode_text, encode_text, text_of
from django_cachex.inspectors.query import BEGINNING, Query, Window
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, Description, Entry, Listing
from django_cachex.inspectors.values import fingerprint


def keys_from(ordered: list[str], beginning: str) -> Iterator[str]:
    """Return the keys that come in order from a text on."""
    return islice(ordered, bisect_left(ordered, beginning), None)


class LocMemInspector(PickledInspector):
    """The store of the process that answers, under its lock, in its order of last use."""

    @property
    def name_of_store(self) -> str:
        return str(self.params.get("LOCATION", ""))

    @property
    def location(self) -> str:
        return self.name_of_store

    @property
    def store(self) -> Hashable:
        return ("locmem", self.name_of_store)

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

    def snapshot(self) -> list[str]:
        """Return all keys of the store, this alias's and others'."""
        with self.cache._lock:
            # An ordered dict walks its order in Python's time, the dict beneath it in C's.
            return list(dict.keys(self.cache._cache))

    def scan(self, query: Query, token: str, want: int, deadline: float) -> Listing:
        before = decode_text(self.reach(query.scope).before)
        own = sorted(key for key in self.snapshot() if key.startswith(before))
        start = bisect_right(own, key_at(token, partial(keys_from, own))) if token else 0
        means, columns = self.meaning(query), query.columns(self.figures)
        candidates = candidates_of(
            islice(own, start, None),
            str,
            lambda key: means(key) and self.passes(key, query, columns),
            query,
        )
        return search(candidates, want, deadline, len(own))

    def passes(self, key: str, query: Query, columns: Collection[str]) -> bool | None:
        """Return whether a key has not expired and passes the filters."""
        if not columns:
            return not self.cache._has_expired(key)
        with self.cache._lock:
            found = self.description(encode_text(key), columns)
        return found.exists and query.passes(found)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[Description]:
        with self.cache._lock:
            return [self.description(stored, columns) for stored in keys]

    def description(self, stored: bytes, columns: Collection[str]) -> Description:
        """Describe one key; the lock must be held."""
        key = text_of(stored)
        if key is None or self.cache._has_expired(key):
            return Description(stored, ttl=TTL_MISSING)
        expiry, raw = self.cache._expire_info[key], self.cache._cache[key]
        return Description(
            stored,
            ttl=milliseconds_until(expiry) if "ttl" in columns else None,
            size=len(raw) if "size" in columns else None,
        )

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        with self.cache._lock:
            description = self.description(stored, ("ttl", "size"))
            raw = self.cache._cache[decode_text(stored)] if description.exists else b""
        return self.entry(description, raw, window=window) if description.exists else None

    # Changes.

    def add(self, stored: bytes, edit: AddValue) -> Outcome:
        key, raw = decode_text(stored), self.pickled(edit.value)
        reason = self.refusal(key)
        if reason:
            return Outcome(Result.REFUSED, reason)
        with self.cache._lock:
            if not edit.replace and not self.cache._has_expired(key):
                return Outcome(Result.EXISTS)
            # What `set` and `add` do under the lock: it makes room first.
            self.cache._set(key, raw, timeout(edit.ttl))
        return Outcome(Result.DONE)

    def set_value(self, stored: bytes, edit: SetValue) -> Outcome:
        key, raw = text_of(stored), self.pickled(edit.value)
        with self.cache._lock:
            if key is None or self.cache._has_expired(key):
                return Outcome(Result.GONE)
            if fingerprint(self.cache._cache[key]) != edit.expected:
                return Outcome(Result.CHANGED)
            self.cache._cache[key] = raw
            if edit.ttl is not KEEP:
                self.cache._expire_info[key] = expiry_after(edit.ttl)
        return Outcome(Result.DONE)

    def set_ttl(self, stored: bytes, edit: SetTtl) -> Outcome:
        key = text_of(stored)
        with self.cache._lock:
            if key is None or self.cache._has_expired(key):
                return Outcome(Result.GONE)
            self.cache._expire_info[key] = expiry_after(edit.ttl)
        return Outcome(Result.DONE)

    def extend_ttl(self, stored: bytes, edit: ExtendTtl) -> Outcome:
        key = text_of(stored)
        with self.cache._lock:
            if key is None or self.cache._has_expired(key):
                return Outcome(Result.GONE)
            expiry = self.cache._expire_info[key]
            if milliseconds_until(expiry) == TTL_NONE:
                return without_expiry()
            self.cache._expire_info[key] = expiry + edit.by / 1000
        return Outcome(Result.DONE)

    def rename_here(self, stored: bytes, edit: Rename) -> Outcome:
        return self.put(stored, edit, removes=True)

    def copy_here(self, stored: bytes, edit: Copy) -> Outcome:
        return self.put(stored, edit, removes=False)

    def put(self, stored: bytes, edit: Rename | Copy, removes: bool) -> Outcome:
        """Store what a key holds under another, until the same moment."""
        key, to = text_of(stored), decode_text(edit.to)
        reason = self.refusal(to)
        if reason:
            return Outcome.refused(reason)
        with self.cache._lock:
            if key is None or self.cache._has_expired(key):
                return Outcome(Result.GONE)
            if not edit.overwrite and not self.cache._has_expired(to):
                return Outcome(Result.EXISTS)
            raw, expiry = self.cache._cache[key], self.cache._expire_info[key]
            if removes:
                self.cache._delete(key)
            self.cache._set(to, raw, None)
            self.cache._expire_info[to] = expiry
        return Outcome(Result.DONE)

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        key = text_of(stored)
        with self.cache._lock:
            gone = key is None or self.cache._has_expired(key)
            raw = b"" if gone else self.cache._cache[key]
        yield raw

    def delete(self, keys: Sequence[bytes]) -> int:
        with self.cache._lock:
            live = [
                key
                for key in map(text_of, dict.fromkeys(keys))
                if key is not None and not self.cache._has_expired(key)
            ]
            for key in live:
                self.cache._delete(key)
        return len(live)

    def flush_plan(self) -> FlushPlan:
        scope = _(
            "All entries of the store “%(store)s” in process %(process)d, including those of "
            "other aliases with this LOCATION. Other processes keep their entries."
        )
        return FlushPlan(
            act="LocMemCache.clear()",
            scope=scope % {"store": self.name_of_store, "process": os.getpid()},
            entries=len(self.cache._cache),
        )

    def flush(self) -> int:
        entries = len(self.cache._cache)
        self.cache.clear()
        return entries

    # Information.

    def info(self) -> Sequence[Section]:
        with self.cache._lock:
            values = list(dict.values(self.cache._cache))
            expiries = list(self.cache._expire_info.values())
        ttls = [milliseconds_until(expiry) for expiry in expiries]
        entries = Fact(_("Entries"), len(values), Unit.ENTRIES, of=self.cache._max_entries)
        facts = (
            Fact(_("Never expire"), ttls.count(TTL_NONE), Unit.ENTRIES),
            Fact(_("Expired, not yet removed"), ttls.count(TTL_MISSING), Unit.ENTRIES),
            Fact(_("Size of values"), sum(map(len, values)), Unit.BYTES),
            Fact(_("Process"), str(os.getpid()), Unit.CODE),
        )
        return (Section(_("Keyspace"), facts, headline=entries), self.culling())

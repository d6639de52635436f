"""LocMemCache: one process's memory."""

from __future__ import annotations

import os
import pickle
import threading
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache.backends.base import InvalidCacheKey
from django.core.cache.backends.locmem import LocMemCache

from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import AddValue, EditStatus, ExpireAt, SetValue
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.contract import (
    HOSTILE_KEYS,
    FlushContract,
    Inspect,
    ListingContract,
    later,
    listed,
)
from tests.inspectors.values_contract import PickledContract


class TestLocMem(ListingContract, PickledContract, FlushContract):
    compares_large = True
    hostile_keys = (*HOSTILE_KEYS, "lone \ud800 surrogate", "nul \0 byte")

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }

    def test_a_moment_that_passes_meanwhile_is_not_taken_for_never(
        self, inspector: Any, monkeypatch: Any
    ) -> None:
        inspector.cache.set("key", "value")
        now = int(time.time())
        clock = iter([now, now + 0.002])  # Read again, the TTL would be -1: TTL_NONE.
        monkeypatch.setattr(edits, "time", SimpleNamespace(time=lambda: next(clock)))
        inspector.apply(inspector.make_key("key"), ExpireAt(now * 1000 + 1))
        assert inspector.cache._expire_info[":1:key"] is not None

    def test_looking_does_not_count_as_use(self, inspector: Any) -> None:
        cache = inspector.cache
        for name in ("a", "b", "c"):
            cache.set(name, name)
        order = list(cache._cache)
        listed(inspector)
        inspector.describe([inspector.make_key("a")])
        inspector.read(inspector.make_key("a"))
        assert list(cache._cache) == order

    def test_sizes_are_those_of_the_pickles(self, inspector: Any) -> None:
        inspector.cache.set("key", [1, 2, 3])
        (description,) = inspector.describe([inspector.make_key("key")])
        assert description.size == len(pickle.dumps([1, 2, 3], pickle.HIGHEST_PROTOCOL))

    def test_a_ttl_is_kept_to_the_last_bit(self, inspector: Any) -> None:
        inspector.cache.set("key", "old", timeout=1000)
        stored = inspector.make_key("key")
        before = dict(inspector.cache._expire_info)
        entry = inspector.read(stored)
        assert inspector.apply(stored, SetValue("new", entry.expected)).is_done
        assert dict(inspector.cache._expire_info) == before

    def test_a_key_that_the_cache_refuses_is_refused_with_its_reason(
        self, inspect: Inspect
    ) -> None:
        inspector = inspect(BACKEND=f"{__name__}.StrictCache")
        outcome = inspector.apply(inspector.make_key("with space"), AddValue(1, TTL_NONE))
        assert outcome.status == EditStatus.REFUSED
        assert outcome.reason == "No spaces, please: :1:with space"
        assert listed(inspector) == set()

    def test_editors_at_once_never_overwrite_each_other_unseen(self, inspector: Any) -> None:
        inspector.cache.set("key", 0)
        stored = inspector.make_key("key")
        results: list[EditStatus] = []
        start = threading.Barrier(4)

        def edit(editor: int) -> None:
            start.wait()
            for _attempt in range(50):
                entry = inspector.read(stored)
                value = SetValue(entry.content.value + 1, entry.expected)
                results.append(inspector.apply(stored, value).status)

        threads = [threading.Thread(target=edit, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(results) <= {EditStatus.DONE, EditStatus.CHANGED}
        assert inspector.cache.get("key") == results.count(EditStatus.DONE)

    def test_listing_while_others_write(self, inspector: Any) -> None:
        stop = threading.Event()

        def write() -> None:
            n = 0
            while not stop.is_set():
                inspector.cache.set(f"key:{n % 500}", n)
                inspector.cache.delete(f"key:{(n * 7) % 500}")
                n += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _round in range(30):
                keys = inspector.scan(Query(), "", 500, later()).keys
                assert len(inspector.describe(keys)) == len(keys)
        finally:
            stop.set()
            writer.join()

    def test_pages_say_which_process_answered(self, inspector: Any) -> None:
        (note,) = inspector.notes()
        assert f"process {os.getpid()}" in str(note)
        assert str(os.getpid()) in str(inspector.preview_flush().scope)

    def test_the_store_is_told_in_figures(self, inspector: Any) -> None:
        inspector.cache.set("never", "value", timeout=None)
        inspector.cache.set("later", "value", timeout=100)
        inspector.cache.set("expired", "value", timeout=-1)
        keyspace, culling = inspector.info()
        assert (keyspace.headline.value, keyspace.headline.maximum) == (3, 300)
        values = {str(fact.label): fact.value for fact in keyspace.fields}
        size = len(pickle.dumps("value", pickle.HIGHEST_PROTOCOL))
        assert values["Never expire"] == 1
        assert values["Expired, not yet removed"] == 1
        assert values["Size of values"] == 3 * size
        assert [fact.value for fact in culling.fields] == [300, "1/3"]


class StrictCache(LocMemCache):
    """A third party's: it refuses keys of its own accord."""

    def validate_key(self, key: str) -> None:
        if " " in key:
            raise InvalidCacheKey(f"No spaces, please: {key}")

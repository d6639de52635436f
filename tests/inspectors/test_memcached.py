"""Django's memcached backends: items are listed and read by the text protocol."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pymemcache
import pytest
from django.core.cache import caches

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import AddValue, EditStatus, SetValue
from django_cachex.inspectors.memcached import MAX_ITEMS_PER_REQUEST
from django_cachex.inspectors.memcached_protocol import ListingRefused
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.inspectors.contract import (
    ABILITIES,
    ELEMENTS,
    HOSTILE_KEYS,
    FlushContract,
    ListingContract,
    later,
    listed,
    pages,
)
from tests.inspectors.values_contract import TtlContract

BACKENDS = [
    "django.core.cache.backends.memcached.PyMemcacheCache",
    "django.core.cache.backends.memcached.PyLibMCCache",
]
PYMEMCACHE = BACKENDS[0]


class TestPyMemcache(ListingContract, TtlContract, FlushContract):
    backend = "django.core.cache.backends.memcached.PyMemcacheCache"
    abilities = ABILITIES - ELEMENTS - {"can_get_unsafely", "can_type", "can_download"}
    counts_flushed = False
    # memcached accepts no spaces and no control characters, nor keys of more than 250 bytes.
    hostile_keys = tuple(key for key in HOSTILE_KEYS if key and not re.search(r"[\x00-\x20]", key))

    @pytest.fixture
    def params(self, memcached_process: servers.Server) -> dict[str, Any]:
        with closing(pymemcache.Client((memcached_process.host, memcached_process.port))) as client:
            client.flush_all(noreply=False)
        return {"BACKEND": self.backend, "LOCATION": memcached_process.address}

    @pytest.mark.parametrize("key", ["with space", "line\nbreak", "x" * 300])
    def test_a_key_that_memcached_cannot_hold_is_refused_in_words(
        self, inspector: Inspector, key: str
    ) -> None:
        stored = inspector.make_key(key)
        outcome = inspector.apply(stored, AddValue(1, TTL_NONE))
        assert outcome.status == EditStatus.REFUSED
        assert "memcached" in str(outcome.reason)
        assert inspector.delete([stored]) == 0
        assert inspector.read(stored) is None

    def test_a_timeout_under_a_second_does_not_delete(self, inspector: Inspector) -> None:
        outcome = inspector.apply(inspector.make_key("key"), AddValue("value", 400))
        assert outcome.is_done

    def test_a_value_too_large_is_refused_in_words(self, inspector: Inspector) -> None:
        value, stored = os.urandom(2_000_000).hex(), inspector.make_key("key")
        outcome = inspector.apply(stored, AddValue(value, TTL_NONE, replace=True))
        assert outcome.status == EditStatus.REFUSED
        assert "large" in str(outcome.reason).lower()
        assert inspector.read(stored) is None
        inspector.cache.set("key", "small")
        key_value = inspector.read(stored)
        assert key_value is not None
        outcome = inspector.apply(stored, SetValue(value, key_value.expected))
        assert outcome.status == EditStatus.REFUSED
        assert "large" in str(outcome.reason).lower()
        assert inspector.cache.get("key") == "small"


class TestPyLibMC(TestPyMemcache):
    backend = "django.core.cache.backends.memcached.PyLibMCCache"

    def as_read(self, value: Any) -> Any:
        return int(value) if isinstance(value, bool) else value  # As pylibmc reads it.


Configure = Callable[..., Inspector]


@pytest.fixture
def configure(settings: Any) -> Configure:
    """Configure an alias on some servers; return its inspector."""

    def configure(*places: servers.Server, backend: str = PYMEMCACHE, **options: Any) -> Inspector:
        location = [place.address for place in places]
        settings.CACHES = {
            "default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}
        }
        return inspector_for("default")

    return configure


@pytest.fixture
def server() -> Iterator[servers.Server]:
    with servers.memcached() as server:
        yield server


def test_the_applications_connection_is_left_alone(
    configure: Configure, server: servers.Server
) -> None:
    inspector = configure(server)
    assert inspector.cache is not caches["default"]
    assert inspector.cache.make_key("a") == caches["default"].make_key("a")


@pytest.mark.parametrize("value", ["text é", 7, -7, True, 1.5, None, [1, {"a": "b"}], b"\xff\x00"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_are_read_by_their_flags(
    configure: Configure, server: servers.Server, backend: str, value: Any
) -> None:
    inspector = configure(server, backend=backend)
    inspector.cache.set("key", value, 60)
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    read = inspector.cache.get("key")
    assert key_value.content.value == read
    assert type(key_value.content.value) is type(read)
    assert key_value.info.size == len(key_value.content.raw)


def test_compressed_values_are_opened_up_to_the_limit(
    configure: Configure, server: servers.Server, settings: Any
) -> None:
    inspector = configure(server, backend=BACKENDS[1])
    inspector.cache._cache.set(":1:key", "x" * 5000, min_compress_len=10)
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.value == "x" * 5000
    settings.CACHEX_ADMIN = {"DECODE_BYTES": 1000}
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.kind == "large"


def test_keys_of_several_servers_are_one_listing(configure: Configure) -> None:
    # Otherwise, servers move items to another queue in the second after they were stored.
    still = ("-o", "no_lru_maintainer")
    with servers.memcached(*still) as one, servers.memcached(*still) as other:
        inspector = configure(one, other)
        for number in range(40):
            inspector.cache.set(f"key:{number}", number, 60)
        names = {b":1:key:%d" % number for number in range(40)}
        assert {key for page in pages(inspector, want=7) for key in page.keys} == names
        assert sum(len(page.keys) for page in pages(inspector, want=7)) == 40
        assert inspector.status().keys == 40
        assert [info.ttl is not None for info in inspector.describe(sorted(names))] == [True] * 40
        key_value = inspector.read(b":1:key:7")
        assert key_value is not None
        result = inspector.apply(b":1:key:7", SetValue("new", key_value.expected))
        assert result.status == EditStatus.DONE
        assert inspector.cache.get("key:7") == "new"
        assert not inspector.can_rename
        assert inspector.delete(sorted(names)) == 40


def test_a_server_that_is_down_leaves_the_others_listed(configure: Configure) -> None:
    with servers.memcached() as one:
        with servers.memcached() as other:
            pass
        inspector = configure(one, other, ignore_exc=True)
        with closing(pymemcache.Client((one.host, one.port), default_noreply=False)) as client:
            client.set(":1:key", "value")
        [page] = pages(inspector)
        assert page.keys == [b":1:key"]
        assert page.failed_nodes == [other.address]


@pytest.mark.parametrize("option", ["no_lru_crawler", "modern"])
def test_a_server_that_refuses_to_list_says_so(configure: Configure, option: str) -> None:
    refusing = ["-o", "no_lru_crawler"] if option == "no_lru_crawler" else ["-X"]
    with servers.memcached(*refusing) as server:
        inspector = configure(server)
        inspector.cache.set("key", "value", 60)
        with pytest.raises(ListingRefused, match="exact name"):
            listed(inspector)
        key_value = inspector.read(b":1:key")
        assert key_value is not None
        assert key_value.content is not None
        assert key_value.content.value == "value"


def test_no_more_items_are_examined_than_fit_a_request(
    configure: Configure, server: servers.Server
) -> None:
    inspector = configure(server)
    with closing(pymemcache.Client((server.host, server.port))) as client:
        for start in range(0, 60_000, 1000):
            client.set_many({f":1:key:{start + number}": "x" for number in range(1000)})
        client.get("last")  # It answers after all of them were stored.
    page = inspector.scan(Query(Pattern("nothing")), "", 100, later(60))
    assert 0 < page.examined <= MAX_ITEMS_PER_REQUEST < 60_000
    assert page.token
    assert page.total == 60_000


def test_a_search_gets_on_after_many_items_and_ends_before_too_many(
    configure: Configure, server: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = configure(server)
    with closing(pymemcache.Client((server.host, server.port))) as client:
        client.set_many({f":1:key:{number}": "x" for number in range(20_000)})
        client.get("last")  # It answers after all of them were stored.
    found = pages(inspector, Query(Pattern("nothing")), deadline=time.monotonic() - 1)
    assert sum(page.examined for page in found) >= 20_000  # Items move meanwhile.
    assert len(found) < 20  # Not one for each 1,000 items.
    monkeypatch.setattr("django_cachex.inspectors.memcached.MAX_SKIPPED_ITEMS", 5000)
    with pytest.raises(ListingRefused, match="exact name"):
        pages(inspector, Query(Pattern("nothing")), deadline=time.monotonic() - 1)


def test_connections_with_a_user_name_are_not_listed(
    configure: Configure, server: servers.Server
) -> None:
    inspector = configure(server, backend=BACKENDS[1], username="shop", binary=True)
    assert not inspector.can_list
    assert str(inspector.unsupported_reason("can_list")).endswith(".")


def test_a_silent_server_is_not_waited_for(settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.2}
    with servers.silent() as port:
        settings.CACHES = {"default": {"BACKEND": PYMEMCACHE, "LOCATION": f"127.0.0.1:{port}"}}
        inspector = inspector_for("default")
        started = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            inspector.flush()
        assert time.monotonic() - started < 5  # Without a limit it would never end.

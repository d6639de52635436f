"""Which server is asked: the replica here is a server of its own, so that one can tell."""

from __future__ import annotations

import asyncio

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import WrongTypeError
from tests.cache.conftest import MakeCache, url
from tests.servers import Server, free_port


@pytest.fixture
def cache(make_cache: MakeCache, valkey_server: Server) -> ServerCache:
    """A cache that writes to one database and reads from another that never follows."""
    return make_cache([url(valkey_server, 1), url(valkey_server, 2)])


@pytest.fixture
def replica(make_cache: MakeCache, valkey_server: Server) -> ServerCache:
    return make_cache(url(valkey_server, 2))


@pytest.fixture
def primary(make_cache: MakeCache, valkey_server: Server) -> ServerCache:
    return make_cache(url(valkey_server, 1))


def test_reads_go_to_the_replica(cache: ServerCache, replica: ServerCache) -> None:
    replica.set("key", "there", 50)
    assert cache.get("key") == "there"
    assert cache.get_many(["key"]) == {"key": "there"}
    assert cache.has_key("key") is True
    assert cache.ttl("key") == 50
    assert asyncio.run(cache.aget("key")) == "there"


def test_writes_go_to_the_primary(
    cache: ServerCache, primary: ServerCache, replica: ServerCache
) -> None:
    cache.set("set", 1)
    cache.set_many({"many": 1})
    assert cache.add("add", 1) is True
    assert cache.incr("set") == 2
    assert cache.touch("set", None) is True
    assert cache.incr_version("many") == 2
    assert cache.delete("add") is True
    assert primary.get("set") == 2
    assert primary.ttl("set") is None
    assert primary.keys(version=2) == ["many"]
    assert replica.keys() == []


def test_add_without_a_future_asks_the_primary(cache: ServerCache, primary: ServerCache) -> None:
    primary.set("key", 1)
    assert cache.add("key", 2, timeout=0) is False


def test_what_was_just_written_is_read_where_it_was_written(
    cache: ServerCache, primary: ServerCache
) -> None:
    primary.set("key", "theirs")
    assert cache.get_or_set("key", "mine") == "theirs"
    assert asyncio.run(cache.aget_or_set("key", "mine")) == "theirs"


def test_scans_stay_on_the_primary(
    cache: ServerCache, primary: ServerCache, replica: ServerCache
) -> None:
    primary.set("here", 1)
    replica.set("there", 1)
    assert cache.keys() == ["here"]
    cache.clear()
    assert primary.keys() == []
    assert replica.keys() == ["there"]


def test_pipelines_and_collections_of_requests_ask_the_primary(
    cache: ServerCache, primary: ServerCache
) -> None:
    primary.set("key", 1)
    assert cache.pipeline().get("key").execute() == [1]
    assert cache.client.collect([cache.client._get(b":1:key")]) == [b"1"]


def test_the_primary_alone_reads_what_it_wrote(cache: ServerCache, primary: ServerCache) -> None:
    primary.set("key", 1)
    assert cache.client.get(b":1:key") is None
    assert cache.client.primary.get(b":1:key") == b"1"


def test_what_no_replica_answers_the_primary_does(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    gone = f"redis://127.0.0.1:{free_port()}"
    for options in ({}, {"ignore_exceptions": True}):
        cache = make_cache([url(valkey_server, 1), gone], OPTIONS=options)
        cache.set("key", 1)
        for _ in range(5):
            assert cache.get("key") == 1
            assert asyncio.run(cache.aget_many(["key"])) == {"key": 1}
        with pytest.raises(WrongTypeError):  # Which is an answer.
            cache.lrange("key", 0, 1)

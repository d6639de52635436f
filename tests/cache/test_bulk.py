from __future__ import annotations

import pickle

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import AccessDenied, Command
from django_cachex.commands.cache_api import CHUNK_BYTES, CHUNK_KEYS, MAX_KEYS_PER_COMMAND
from django_cachex.commands.command import parse_none
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.cache.relay import Relay, relay
from tests.servers import Server, valkey


@pytest.fixture
def between(valkey_server: Server) -> Relay:
    with relay(valkey_server.port) as between:
        yield between


@pytest.fixture
def counted(make_cache: MakeCache, between: Relay) -> ServerCache:
    """A cache behind a relay, its connection made."""
    cache = make_cache(f"redis://127.0.0.1:{between.port}")
    cache.has_key("first")
    return cache


def test_each_request_of_many_keys_is_one_round_trip(counted: ServerCache, between: Relay) -> None:
    data = {f"key{number}": number for number in range(100)}
    for ask, answer in (
        (lambda: counted.set_many(data, 60), []),
        (lambda: counted.get_many(data), data),
        (lambda: counted.delete_many(data), None),
        (lambda: counted.get_many(data), {}),
    ):
        before = between.turns
        assert ask() == answer
        assert between.turns == before + 1


def test_nothing_is_sent_for_nothing(make_cache: MakeCache, between: Relay) -> None:
    cache = make_cache(f"redis://127.0.0.1:{between.port}")
    assert cache.get_many([]) == {}
    assert cache.get_many(iter(())) == {}
    assert cache.set_many({}) == []
    assert cache.delete_many([]) is None
    assert cache.delete_many(key for key in ()) is None
    assert cache.client.collect([]) == []
    assert cache.pipeline().execute() == []
    assert between.connections == 0


def test_generators_and_duplicates(cache: ServerCache) -> None:
    cache.set_many({"a": 1, "b": 2, "c": 3})
    assert cache.get_many(key for key in ("a", "a", "b", "x")) == {"a": 1, "b": 2}
    cache.delete_many(key for key in ("a", "a", "b"))
    assert cache.keys() == ["c"]


def test_results_are_keyed_by_what_the_caller_gave(cache: ServerCache) -> None:
    cache.set_many({1: "int", (2,): "tuple", None: "none"})
    assert cache.get_many([1, (2,), None]) == {1: "int", (2,): "tuple", None: "none"}


def test_every_key_gets_its_expiry_with_its_value(cache: ServerCache) -> None:
    cache.set_many({"a": 1, "b": 2}, 0.5)
    for key in "a", "b":
        left = cache.pttl(key)
        assert left is not None
        assert 0 < left <= 500


def test_many_keys_go_in_several_writes(cache: ServerCache) -> None:
    data = {f"key{number}": number for number in range(2 * CHUNK_KEYS + 1)}
    assert cache.set_many(data) == []
    assert cache.get_many(data) == data
    assert len(cache.keys()) == len(data)


def test_large_values_go_in_several_writes(cache: ServerCache) -> None:
    data = {f"key{number}": bytes(CHUNK_BYTES // 2 + 1) for number in range(5)}
    assert cache.set_many(data) == []
    assert cache.get_many(data) == data


def test_keys_that_may_not_be_written_raise(driver: str) -> None:
    with valkey() as server:
        admin = BACKENDS[driver](url(server), {}).client
        words = ("ACL", "SETUSER", "one", "on", ">secret", "~:1:mine*", "+@all")
        admin.run(Command(words, parse_none))
        cache = BACKENDS[driver](f"redis://one:secret@{server.address}", {})
        with pytest.raises(AccessDenied):
            cache.set_many({"mine": 1, "other's": 2, "mine-too": 3})
        assert cache.get("mine") == 1


def test_one_bad_value_stops_all(cache: ServerCache) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cache.set_many({"good": 1, "bad": lambda: None})
    assert cache.keys() == []


def test_very_many_keys_are_asked_for_bit_by_bit(counted: ServerCache, between: Relay) -> None:
    """A long command keeps the server from its others."""
    data = {"first": 1, "last": 2}
    counted.set_many({**data, "kept": 3})
    keys = ["first", *map(str, range(2 * MAX_KEYS_PER_COMMAND)), "last"]
    for ask, answer in (
        (lambda: counted.get_many(keys), data),
        (lambda: counted.delete_many(keys), None),
        (lambda: counted.get_many(keys), {}),
    ):
        before = between.turns
        assert ask() == answer
        assert between.turns >= before + 3
    assert counted.keys() == ["kept"]


@pytest.mark.slow
def test_more_keys_than_redis_takes_in_one_command(redis_62_process: Server) -> None:
    cache = BACKENDS["redis"](url(redis_62_process), {"KEY_PREFIX": "million"})
    cache.set("last", 2)
    keys = [*map(str, range(2**20)), "last"]
    assert cache.get_many(keys) == {"last": 2}
    cache.delete_many(keys)
    assert cache.get("last") is None

"""What Django's contract leaves to a backend, and what its own suite does not ask."""

from __future__ import annotations

import enum
import pickle
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache

from django_cachex.cache import ValkeyCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import Command, WrongTypeError
from tests.cache.conftest import MakeCache, url
from tests.cache.relay import relay
from tests.servers import Server, wait_until


class Colour(enum.IntEnum):
    RED = 1


class Meters(int):
    pass


VALUES = [
    None,
    True,
    False,
    0,
    -7,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**63) - 1,
    10**5000,
    "42",
    "",
    "ünïcödé\n\r\n",
    b"42",
    b"",
    b"\x80\x00",
    b" 12 ",
    1.5,
    float("inf"),
    Decimal("1.10"),
    Colour.RED,
    Meters(3),
    (1, 2),
    {"a": [1, {2}]},
    bytearray(b"x"),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_comes_back_as_what_it_was(cache: ServerCache, value: Any) -> None:
    cache.set("key", value)
    found = cache.get("key", "missing")
    assert found == value
    assert type(found) is type(value)
    assert cache.get_many(["key"]) == {"key": value}
    assert cache.add("other", value) is True
    assert cache.get("other") == value


def test_a_stored_none_is_not_a_missing_key(cache: ServerCache) -> None:
    cache.set("none", None)
    assert cache.get("none", "default") is None
    assert cache.has_key("none") is True
    assert "none" in cache
    assert cache.get_many(["none", "missing"]) == {"none": None}
    assert cache.get_or_set("none", "default") is None
    assert cache.incr_version("none") == 2
    assert cache.get("none", "default", version=2) is None


@pytest.mark.parametrize("value", [0, -5, 42, "text", None, [1, 2], 2**70, True, b"7"])
def test_django_reads_what_we_write_and_we_what_it_writes(
    cache: ServerCache, valkey_server: Server, value: Any
) -> None:
    django = DjangoRedisCache(url(valkey_server), {})
    cache.set("ours", value)
    django.set("django's", value)
    assert django.get("ours") == value
    assert cache.get("django's") == value
    assert type(cache.get("django's")) is type(value)
    django._cache.get_client().connection_pool.disconnect()


def test_integers_are_stored_as_decimal_text(cache: ServerCache) -> None:
    cache.set("key", -42)
    assert cache.client.get(b":1:key") == b"-42"


@pytest.mark.parametrize("stored", [b" 12 ", b"1_0", b"+5", b"0x10", b"", b"-", b"\x8012"])
def test_what_only_resembles_an_integer_is_not_read_as_one(
    cache: ServerCache, stored: bytes
) -> None:
    cache.client.set(b":1:key", stored)
    with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, KeyError)):
        cache.get("key")


class Unpicklable:
    def __reduce__(self) -> str:
        raise pickle.PicklingError("never")


@pytest.mark.parametrize("value", [Unpicklable(), lambda: None], ids=["raises", "function"])
def test_a_value_that_cannot_be_pickled_raises_unwrapped_and_stores_nothing(
    cache: ServerCache, value: Any
) -> None:
    for store in (
        lambda: cache.set("key", value),
        lambda: cache.set("key", value, timeout=0),
        lambda: cache.add("key", value),
        lambda: cache.set_many({"good": 1, "key": value}),
        lambda: cache.get_or_set("key", value if isinstance(value, Unpicklable) else [value]),
    ):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            store()
    assert cache.keys() == []


def test_return_values_are_strict(cache: ServerCache) -> None:
    assert cache.set("key", 1) is None
    assert cache.add("key", 2) is False
    assert cache.touch("key") is True
    assert cache.touch("missing") is False
    assert cache.delete("key") is True
    assert cache.delete("key") is False
    assert cache.has_key("key") is False
    assert cache.delete_many(["key"]) is None
    assert cache.set_many({"key": 1}) == []
    assert cache.clear() is None


# Timeouts


def test_without_a_timeout_the_default_applies(make_cache: MakeCache) -> None:
    cache = make_cache()
    cache.set("key", 1)
    assert cache.ttl("key") == 300
    cache = make_cache(TIMEOUT=60)
    cache.set("key", 1)
    assert cache.ttl("key") == 60
    cache = make_cache(TIMEOUT=None)
    cache.set("key", 1)
    assert cache.ttl("key") is None


@pytest.mark.parametrize("timeout", [0, -1, -0.5, timedelta(seconds=-3)])
def test_a_timeout_that_is_not_positive_removes(cache: ServerCache, timeout: Any) -> None:
    cache.set_many({"set": 1, "many": 1, "touched": 1})
    cache.set("set", 2, timeout)
    assert cache.set_many({"many": 2, "more": 2}, timeout) == []
    assert cache.touch("touched", timeout) is True
    assert cache.touch("touched", timeout) is False
    assert cache.keys() == []


def test_add_without_a_future_stores_nothing_and_leaves_what_is_there(cache: ServerCache) -> None:
    assert cache.add("key", 1, timeout=0) is True
    assert cache.has_key("key") is False
    cache.set("key", "old")
    assert cache.add("key", "new", timeout=-1) is False
    assert cache.get("key") == "old"


def test_none_never_expires(cache: ServerCache) -> None:
    cache.set("set", 1, None)
    cache.add("added", 1, None)
    cache.set_many({"many": 1}, None)
    assert [cache.ttl(key) for key in ("set", "added", "many")] == [None, None, None]


def test_touch_with_none_is_true_for_a_key_that_already_lasts(cache: ServerCache) -> None:
    cache.set("key", 1, 100)
    assert cache.touch("key", None) is True
    assert cache.touch("key", None) is True
    assert cache.ttl("key") is None
    assert cache.touch("missing", None) is False


def test_half_a_second_is_half_a_second(cache: ServerCache) -> None:
    cache.set("key", 1, 0.5)
    left = cache.pttl("key")
    assert left is not None
    assert 0 < left <= 500
    wait_until(lambda: not cache.has_key("key"), "the expiry", 2)


def test_the_shortest_timeout_is_a_millisecond_not_an_error(cache: ServerCache) -> None:
    cache.set("key", 1, 0.0001)
    cache.set_many({"many": 1}, 1e-9)
    assert cache.add("added", 1, 0.0004) is True
    wait_until(lambda: not cache.keys(), "the expiry", 2)


def test_years_and_timedeltas(cache: ServerCache) -> None:
    cache.set("years", 1, 2**40)
    assert cache.ttl("years") == 2**40
    cache.set("delta", 1, timedelta(hours=1))
    assert cache.ttl("delta") == 3600


def test_a_timeout_of_the_wrong_kind_is_refused_before_anything_is_sent(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        with pytest.raises(TypeError):
            cache.set("key", 1, "10")
        with pytest.raises(TypeError):
            cache.touch("key", "10")
        with pytest.raises(ValueError, match="seconds"):
            cache.add("key", 1, 2**63)
        assert between.connections == 0


# Keys


@pytest.mark.parametrize("key", ["", 0, None, ("a", 1), "ключ", "a" * 10_000, "a:b*c?[d]\\e"])
@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_any_key_goes_through_the_key_function(cache: ServerCache, key: Any) -> None:
    cache.set(key, "value")
    assert cache.get(key) == "value"
    assert cache.get_many([key]) == {key: "value"}
    assert cache.client.exists(f":1:{key}".encode()) == 1
    assert cache.delete(key) is True


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
def test_line_ends_in_a_key_are_data_not_protocol(cache: ServerCache) -> None:
    cache.set("a\r\nFLUSHDB\r\n", 1)
    cache.set("b\n", 2)
    assert sorted(cache.keys()) == ["a\r\nFLUSHDB\r\n", "b\n"]


def test_a_lone_surrogate_is_refused_before_anything_is_sent(cache: ServerCache) -> None:
    with pytest.raises(UnicodeEncodeError):
        cache.set("\ud800", 1)
    assert cache.client.dbsize() == 0


def test_version_zero_is_a_version(cache: ServerCache) -> None:
    cache.set("key", 0, version=0)
    assert cache.get("key") is None
    assert cache.get("key", version=0) == 0
    assert cache.incr_version("key", version=0) == 1
    assert cache.get("key") == 0


ALL_METHODS = [
    lambda cache, key: cache.add(key, 1),
    lambda cache, key: cache.get(key),
    lambda cache, key: cache.set(key, 1),
    lambda cache, key: cache.incr(key),
    lambda cache, key: cache.decr(key),
    lambda cache, key: cache.touch(key),
    lambda cache, key: cache.touch(key, None),
    lambda cache, key: cache.delete(key),
    lambda cache, key: cache.has_key(key),
    lambda cache, key: cache.get_many([key, "b"]),
    lambda cache, key: cache.set_many({key: 1, "b": 2}),
    lambda cache, key: cache.delete_many([key, "b"]),
    lambda cache, key: cache.get_or_set(key, 1),
    lambda cache, key: cache.incr_version(key),
    lambda cache, key: cache.ttl(key),
    lambda cache, key: cache.pipeline().get(key),
]


class Strict(ValkeyCache):
    def validate_key(self, key: Any) -> None:
        raise RuntimeError("refused")


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_subclass_refuses_keys_before_anything_is_sent(
    valkey_server: Server, method: Any
) -> None:
    with relay(valkey_server.port) as between:
        cache = Strict(f"redis://127.0.0.1:{between.port}", {})
        with pytest.raises(RuntimeError, match="refused"):
            method(cache, "key")
        assert between.connections == 0


class Tenant(ValkeyCache):
    def make_key(self, key: Any, version: int | None = None) -> str:
        return f"tenant-{super().make_key(key, version)}"


def test_a_subclass_makes_its_own_keys(valkey_server: Server) -> None:
    cache = Tenant(url(valkey_server), {"KEY_PREFIX": "p"})
    cache.set("key", 1)
    assert cache.client.get(b"tenant-p:1:key") == b"1"
    assert cache.keys() == ["key"]
    cache.clear()
    assert cache.client.dbsize() == 0


# get_or_set and versions


def test_the_default_is_called_once_and_only_for_a_missing_key(cache: ServerCache) -> None:
    calls: list[int] = []

    def default() -> int:
        calls.append(1)
        return 42

    assert cache.get_or_set("key", default) == 42
    assert cache.get_or_set("key", default) == 42
    assert calls == [1]


def test_get_or_set_returns_the_default_that_did_not_last(cache: ServerCache) -> None:
    assert cache.get_or_set("key", "default", timeout=0) == "default"
    assert cache.has_key("key") is False


def test_incr_version_keeps_the_expiry_to_the_millisecond(cache: ServerCache) -> None:
    cache.set("key", [1], 50)
    assert cache.incr_version("key", 3) == 4
    left = cache.pttl("key", version=4)
    assert left is not None
    assert 45_000 < left <= 50_000
    assert cache.has_key("key") is False


def test_incr_version_of_a_missing_key_names_it(cache: ServerCache) -> None:
    with pytest.raises(ValueError, match="'missing'"):
        cache.incr_version("missing")


def test_a_key_of_another_type_is_a_type_error(cache: ServerCache) -> None:
    cache.client.run(Command(("RPUSH", b":1:list", b"x"), int))
    with pytest.raises(WrongTypeError):
        cache.get("list")
    with pytest.raises(TypeError):
        cache.incr("list")

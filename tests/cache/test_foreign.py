"""What callers of django-redis and django-valkey write works, or is refused with what to write."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import CacheHandler

from django_cachex.cache.backends import ServerCache
from tests.cache.conftest import MakeCache, url
from tests.servers import Server


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("get_lock", "cache.lock(key, timeout=30)"),
        ("aget_lock", "cache.alock(key, timeout=30)"),
        ("mget", "cache.get_many(keys)"),
        ("mset", "cache.set_many(data)"),
        ("make_pattern", "cache.iter_keys(pattern)"),
        ("zrevrange", "cache.zrange(key, start, end, desc=True)"),
        ("zrangebyscore", "cache.zrange(key, min, max, byscore=True)"),
        ("zrevrangebyscore", "cache.zrange(key, max, min, byscore=True, desc=True)"),
        ("zrangebylex", "cache.zrange(key, min, max, bylex=True)"),
        ("zrevrangebylex", "cache.zrange(key, max, min, bylex=True, desc=True)"),
        ("rpoplpush", 'cache.lmove(src, dst, "RIGHT", "LEFT")'),
        ("brpoplpush", 'cache.blmove(src, dst, timeout, "RIGHT", "LEFT")'),
    ],
)
def test_methods_that_are_called_otherwise_say_how(
    cache: ServerCache, name: str, advice: str
) -> None:
    assert hasattr(cache, name) is False
    with pytest.raises(AttributeError, match=name) as refused:
        getattr(cache, name)
    assert f"Use {advice}" in str(refused.value)


def test_the_drivers_client_is_refused_with_what_to_write(cache: ServerCache) -> None:
    for use in (
        lambda: cache.client.get_client(write=True),
        lambda: cache.get("key", client=object()),  # type: ignore[call-arg]  # what is tested
        lambda: cache.set("key", 1, client=object()),  # type: ignore[call-arg]  # what is tested
        lambda: asyncio.run(cache.aget("key", client=object())),  # type: ignore[call-arg]
        lambda: asyncio.run(cache.aset("key", 1, client=object())),  # type: ignore[call-arg]
    ):
        with pytest.raises((AttributeError, TypeError), match=r"cache\.pipeline\(\)"):
            use()
    assert cache.has_key("key") is False


def test_a_counter_that_begins_by_itself_is_refused(cache: ServerCache) -> None:
    for count in (cache.incr, lambda *args, **given: asyncio.run(cache.aincr(*args, **given))):
        with pytest.raises(TypeError, match=r"Use cache\.add\(key, 0, timeout\)"):
            count("key", ignore_key_check=True)  # type: ignore[arg-type]  # what is tested
    assert cache.has_key("key") is False


def test_an_argument_that_nobody_knows_is_refused(cache: ServerCache) -> None:
    with pytest.raises(TypeError, match="verison"):
        cache.get("key", verison=2)  # type: ignore[call-arg]  # what is tested
    with pytest.raises(TypeError, match="verison"):
        cache.set("key", 1, verison=2)  # type: ignore[call-arg]  # what is tested


def test_what_has_the_same_name_works(cache: ServerCache) -> None:
    assert cache.set("key", 1, nx=True) is True
    assert cache.set("key", 1, timeout=60, nx=True) is False
    assert cache.expire_at("key", 2**33) is True
    assert cache.pexpire_at("key", 2**43) is True
    assert cache.persist("key") is True
    assert cache.ttl("key") is None
    assert list(cache.iter_keys("k*", itersize=10)) == cache.keys("k*") == ["key"]
    with cache.lock("lock", timeout=5):
        assert cache.ttl("lock") == 5
    assert cache.delete_pattern("*", itersize=100) == 1


def test_positions_that_mean_something_else_there_are_refused(cache: ServerCache) -> None:
    for call in (lambda: cache.lock("key", 2), lambda: list(cache.iter_keys("*", 1000))):  # type: ignore[misc]
        with pytest.raises(TypeError):
            call()


# What they stored.


@pytest.fixture(params=["django_redis.cache.RedisCache", "django_valkey.cache.ValkeyCache"])
def theirs(request: pytest.FixtureRequest, valkey_server: Server) -> Iterator[Any]:
    """A cache of theirs, on the server and with the prefix of `ours`."""
    scheme = "redis" if "redis" in request.param else "valkey"
    settings = {"BACKEND": request.param, "LOCATION": url(valkey_server, 0, scheme)}
    settings["KEY_PREFIX"] = "shop"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Of django-valkey's own hashes.
        cache: Any = CacheHandler({"default": settings})["default"]
        yield cache
        cache.client.do_close_clients() if scheme == "redis" else cache.client.disconnect()


@pytest.fixture
def ours(make_cache: MakeCache) -> ServerCache:
    # Elements are found by their bytes: theirs are pickled with another protocol than Django's.
    serializer = ("pickle", {"protocol": pickle.DEFAULT_PROTOCOL})
    return make_cache(KEY_PREFIX="shop", OPTIONS={"serializer": serializer})


VALUES = [1, -7, "text", None, True, 1.5, (1, "two")]


def test_entries_are_read_on_both_sides(theirs: Any, ours: ServerCache) -> None:
    entries = {f"key-{number}": value for number, value in enumerate(VALUES)}
    theirs.set_many(entries, 50)
    assert ours.get_many(entries) == entries
    assert 49 <= (ours.ttl("key-0") or 0) <= 50
    ours.set_many({f"{key}-ours": value for key, value in entries.items()})
    assert [theirs.get(f"{key}-ours") for key in entries] == VALUES
    theirs.set("n", 5)
    assert (ours.incr("n"), theirs.incr("n"), ours.incr("n", -3)) == (6, 7, 4)


def test_sets_are_read_on_both_sides(theirs: Any, ours: ServerCache) -> None:
    theirs.sadd("set", *VALUES)
    assert ours.smembers("set") == set(VALUES)
    ours.sadd("set", "more")
    assert theirs.sismember("set", "more")
    assert theirs.smembers("set") == {*VALUES, "more"}


def test_a_lock_holds_on_both_sides(theirs: Any, ours: ServerCache) -> None:
    with theirs.lock("lock", timeout=30):
        assert ours.lock("lock").acquire(blocking=False) is False
    with ours.lock("lock", timeout=30):
        assert theirs.lock("lock").acquire(blocking=False) is False


def test_hashes_and_sorted_sets_of_django_redis_are_read(theirs: Any, ours: ServerCache) -> None:
    if not hasattr(theirs, "zadd"):
        # django-valkey puts the prefix before the fields instead of before the key.
        theirs.hset("hash", "field", [1])
        assert ours.hgetall("hash") == {}
        assert ours.client.hkeys(b"hash") == [b"shop:1:field"]
        return
    theirs.hset("hash", mapping={"a": [1], "b": "text"})
    assert ours.hgetall("hash") == {"a": [1], "b": "text"}
    ours.hset("hash", "c", 7)
    assert theirs.hkeys("hash") == ["a", "b", "c"]
    theirs.zadd("board", {"Ana": 3.5, ("b", 1): 1})
    assert ours.zrange("board", 0, -1, withscores=True) == [(("b", 1), 1.0), ("Ana", 3.5)]
    ours.zadd("board", {"Cy": 9})
    assert theirs.zscore("board", "Cy") == 9.0

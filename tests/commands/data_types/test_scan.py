"""Walking through collections of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import valkey

from django_cachex.cache import Pipeline
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import WrongTypeError
from tests.commands.data_types.conftest import cache_on
from tests.commands.data_types.surfaces import run
from tests.servers import Server

MANY = 1_000
WALKS = ["hscan_iter", "sscan_iter", "zscan_iter"]


@pytest.fixture
def cache(valkey_server: Server) -> ServerCache:
    cache = cache_on(valkey_server, "valkey")
    cache.hset("hash", mapping={f"field-{number}": [number] for number in range(MANY)}, version=2)
    cache.sadd("set", *range(MANY), version=2)
    cache.zadd("zset", {number: number / 2 for number in range(MANY)}, version=2)
    return cache


FOUND: dict[str, tuple[str, Any]] = {
    "hscan_iter": ("hash", {(f"field-{number}", number) for number in range(MANY)}),
    "sscan_iter": ("set", set(range(MANY))),
    "zscan_iter": ("zset", {(number, number / 2) for number in range(MANY)}),
}


async def listed(found: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in found]


def walk(cache: ServerCache, name: str, *args: Any, **kwargs: Any) -> list[Any]:
    """Return what is found, which is the same blocking and awaited."""
    found = list(getattr(cache, name)(*args, **kwargs))
    assert run(listed(getattr(cache, f"a{name}")(*args, **kwargs))) == found
    if name == "hscan_iter":
        return [(field, *value) for field, value in found]
    return found


@pytest.mark.parametrize("name", WALKS)
def test_everything_is_found(cache: ServerCache, name: str) -> None:
    key, wanted = FOUND[name]
    assert set(walk(cache, name, key, version=2)) == wanted
    assert walk(cache, name, key) == []


@pytest.mark.parametrize("name", WALKS)
def test_a_pattern_picks(cache: ServerCache, name: str) -> None:
    key, _wanted = FOUND[name]
    found = walk(cache, name, key, match="*321", count=2000, version=2)
    expected = {"hash": ("field-321", 321), "set": 321, "zset": (321, 160.5)}
    assert set(found) == {expected[key]}


@pytest.mark.parametrize("name", WALKS)
def test_only_one_batch_is_held_at_a_time(
    cache: ServerCache, valkey_server: Server, name: str
) -> None:
    key, _wanted = FOUND[name]
    command = f"cmdstat_{name.partition('_')[0]}"
    with valkey.Valkey(port=valkey_server.port) as client:
        client.config_resetstat()
        found = getattr(cache, name)(key, count=100, version=2)
        assert command not in client.info("commandstats")
        next(found)
        assert client.info("commandstats")[command]["calls"] == 1
        for _ in range(500):
            next(found)
        assert 2 <= client.info("commandstats")[command]["calls"] <= 6


@pytest.mark.parametrize("name", WALKS)
def test_another_type_is_refused(cache: ServerCache, name: str) -> None:
    cache.set("a", 1)
    with pytest.raises(WrongTypeError):
        list(getattr(cache, name)("a"))


def test_a_client_walks_over_raw_bytes(cache: ServerCache) -> None:
    cache.client.hset(b"raw", "x", b"\xff")
    assert list(cache.client.hscan_iter(b"raw")) == [(b"x", b"\xff")]


@pytest.mark.parametrize("name", WALKS)
def test_a_pipeline_has_no_walks(name: str) -> None:
    assert not hasattr(Pipeline, name)

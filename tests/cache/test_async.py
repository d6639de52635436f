"""The asynchronous half of Django's contract, on a running loop."""

from __future__ import annotations

import inspect

import pytest
from django.core.cache.backends.base import BaseCache
from django.utils.asyncio import async_unsafe

from django_cachex.cache.backends import ServerCache
from tests.cache.conftest import MakeCache
from tests.cache.relay import relay
from tests.servers import Server


def test_no_twin_is_left_to_the_base_class() -> None:
    twins = {name for name, one in vars(BaseCache).items() if inspect.iscoroutinefunction(one)}
    inherited = [one for one in twins if getattr(ServerCache, one) is getattr(BaseCache, one)]
    assert inherited == []


def test_parameters_have_djangos_names_and_order() -> None:
    names = [name for name, one in vars(BaseCache).items() if name[0] != "_" and callable(one)]
    assert [name for name in names if not with_djangos_parameters(name)] == []


def with_djangos_parameters(name: str) -> bool:
    """Return whether a method has those of Django's first, and only optional ones besides."""
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (ServerCache, BaseCache))
    own = list(ours.parameters.values())[len(theirs.parameters) :]
    return list(ours.parameters)[: len(theirs.parameters)] == list(theirs.parameters) and all(
        one.kind is one.VAR_KEYWORD
        or (one.kind is one.KEYWORD_ONLY and one.default is not one.empty)
        for one in own
    )


async def test_every_twin_that_django_does_not_have_does_what_its_name_says(
    cache: ServerCache,
) -> None:
    await cache.aset("a", 1, 50)
    assert await cache.attl("a") == 50
    assert await cache.aget_many([]) == {}
    assert [key async for key in cache.aiter_keys()] == ["a"]
    assert await cache.akeys("x*") == []
    assert await cache.adelete_pattern("a*") == 1
    await cache.aflush_db()
    with pytest.raises(ValueError, match="'missing'"):
        await cache.aincr("missing")
    with pytest.raises(ValueError, match="'missing'"):
        await cache.aincr_version("missing")


async def test_a_default_may_be_a_value_a_function_or_a_coroutine_function(
    cache: ServerCache,
) -> None:
    calls: list[str] = []

    def function() -> str:
        calls.append("function")
        return "function"

    async def coroutine() -> str:
        calls.append("coroutine")
        return "coroutine"

    for _ in range(2):
        assert await cache.aget_or_set("value", None) is None
        assert await cache.aget_or_set("function", function) == "function"
        assert await cache.aget_or_set("coroutine", coroutine) == "coroutine"
    assert await cache.aget("coroutine") == "coroutine"
    assert calls == ["function", "coroutine"]


async def test_many_keys_are_one_round_trip(make_cache: MakeCache, valkey_server: Server) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        await cache.aset("first", 1)
        before = between.turns
        await cache.aset_many(dict.fromkeys("abcdef", 1))
        await cache.aget_many("abcdef")
        await cache.adelete_many("abcdef")
        assert between.turns == before + 3


class AsksTheDatabase:
    """What Django lets nobody pickle on an event loop, as it does a queryset."""

    @async_unsafe("asked on an event loop")
    def __reduce__(self) -> tuple[type, tuple[()]]:
        return dict, ()


async def test_what_asks_the_database_is_pickled_in_a_thread(cache: ServerCache) -> None:
    assert await cache.aset("a", AsksTheDatabase()) is None
    assert await cache.aget("a") == {}
    assert await cache.arpush("list", AsksTheDatabase(), 1) == 2
    assert await cache.alrange("list", 0, -1) == [{}, 1]
    assert await cache.ahset("hash", mapping={"x": AsksTheDatabase()}) == 1


async def test_a_default_may_be_awaited(cache: ServerCache) -> None:
    async def made() -> int:
        return 7

    assert await cache.aget_or_set("function", made) == 7
    assert await cache.aget_or_set("coroutine", made()) == 7
    assert await cache.aget_many(["function", "coroutine"]) == {"function": 7, "coroutine": 7}
    # Python would warn of one that nobody awaits, and warnings are errors here.
    assert await cache.aget_or_set("coroutine", made()) == 7

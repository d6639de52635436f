"""The asynchronous half of Django's contract, on a running loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest
from django.core.cache.backends.base import BaseCache
from django.utils.asyncio import async_unsafe

from django_cachex.cache.backends import ServerCache
from tests.cache.conftest import MakeCache
from tests.cache.relay import relay
from tests.servers import Server

TWINS = [name for name in vars(BaseCache) if inspect.iscoroutinefunction(getattr(BaseCache, name))]


@pytest.mark.parametrize("name", TWINS)
def test_no_twin_is_left_to_the_base_class(name: str) -> None:
    assert getattr(ServerCache, name) is not getattr(BaseCache, name)
    assert with_djangos_parameters(name)


@pytest.mark.parametrize("name", [name for name in vars(BaseCache) if not name.startswith("_")])
def test_parameters_have_djangos_names_and_order(name: str) -> None:
    if callable(getattr(BaseCache, name)):
        assert with_djangos_parameters(name)


def with_djangos_parameters(name: str) -> bool:
    """Return whether a method has those of Django's first, and only optional ones besides."""
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (ServerCache, BaseCache))
    own = list(ours.parameters.values())[len(theirs.parameters) :]
    return list(ours.parameters)[: len(theirs.parameters)] == list(theirs.parameters) and all(
        one.kind is one.VAR_KEYWORD
        or (one.kind is one.KEYWORD_ONLY and one.default is not one.empty)
        for one in own
    )


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]  # any awaitable


def test_every_twin_does_what_its_name_says(cache: ServerCache) -> None:
    async def scenario() -> None:
        assert await cache.aset("a", 1) is None
        assert await cache.aadd("a", 2) is False
        assert await cache.aget("a") == 1
        assert await cache.aget("missing", "default") == "default"
        assert await cache.aincr("a", 5) == 6
        assert await cache.adecr("a", 2) == 4
        assert await cache.atouch("a", 50) is True
        assert await cache.attl("a") == 50
        assert await cache.atouch("a", None) is True
        assert await cache.attl("a") is None
        assert await cache.ahas_key("a") is True
        assert await cache.aset_many({"b": 2, "c": 3}) == []
        assert await cache.aget_many(["b", "c", "x"]) == {"b": 2, "c": 3}
        assert await cache.aget_many([]) == {}
        assert await cache.adelete("b") is True
        assert await cache.adelete_many(["c"]) is None
        assert await cache.aincr_version("a") == 2
        assert await cache.adecr_version("a", version=2) == 1
        assert [key async for key in cache.aiter_keys()] == ["a"]
        assert await cache.akeys("x*") == []
        assert await cache.adelete_pattern("a*") == 1
        await cache.aset("a", 1)
        assert await cache.aclear() is None
        assert await cache.akeys() == []
        await cache.aflush_db()
        with pytest.raises(ValueError, match="'missing'"):
            await cache.aincr("missing")
        with pytest.raises(ValueError, match="'missing'"):
            await cache.aincr_version("missing")

    run(scenario)


def test_a_default_may_be_a_value_a_function_or_a_coroutine_function(cache: ServerCache) -> None:
    calls: list[str] = []

    def function() -> str:
        calls.append("function")
        return "function"

    async def coroutine() -> str:
        calls.append("coroutine")
        return "coroutine"

    async def scenario() -> None:
        for _ in range(2):
            assert await cache.aget_or_set("value", None) is None
            assert await cache.aget_or_set("function", function) == "function"
            assert await cache.aget_or_set("coroutine", coroutine) == "coroutine"
        assert await cache.aget("coroutine") == "coroutine"
        assert calls == ["function", "coroutine"]

    run(scenario)


def test_many_keys_are_one_round_trip(make_cache: MakeCache, valkey_server: Server) -> None:
    async def scenario() -> None:
        with relay(valkey_server.port) as between:
            cache = make_cache(f"redis://127.0.0.1:{between.port}")
            await cache.aset("first", 1)
            before = between.turns
            await cache.aset_many(dict.fromkeys("abcdef", 1))
            await cache.aget_many("abcdef")
            await cache.adelete_many("abcdef")
            assert between.turns == before + 3

    run(scenario)


class AsksTheDatabase:
    """What Django lets nobody pickle on an event loop, as it does a queryset."""

    @async_unsafe("asked on an event loop")
    def __reduce__(self) -> tuple[type, tuple[()]]:
        return dict, ()


def test_what_asks_the_database_is_pickled_in_a_thread(cache: ServerCache) -> None:
    async def scenario() -> None:
        assert await cache.aset("a", AsksTheDatabase()) is None
        assert await cache.aget("a") == {}
        assert await cache.arpush("list", AsksTheDatabase(), 1) == 2
        assert await cache.alrange("list", 0, -1) == [{}, 1]
        assert await cache.ahset("hash", mapping={"x": AsksTheDatabase()}) == 1

    run(scenario)


def test_a_default_may_be_awaited(cache: ServerCache) -> None:
    async def made() -> int:
        return 7

    async def scenario() -> None:
        assert await cache.aget_or_set("function", made) == 7
        assert await cache.aget_or_set("coroutine", made()) == 7
        assert await cache.aget_many(["function", "coroutine"]) == {"function": 7, "coroutine": 7}
        # Python would warn of one that nobody awaits, and warnings are errors here.
        assert await cache.aget_or_set("coroutine", made()) == 7

    run(scenario)

"""What can be watched of a cache: figures, and a hook around every exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from django_cachex.cache import tracing
from django_cachex.commands import Command, ServerUnavailable
from tests.cache.conftest import BACKENDS, MakeCache
from tests.cache.relay import relay
from tests.servers import Server, free_port


def test_lookups_are_counted_for_all_instances_of_a_configuration(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_PREFIX="counted")
    before = cache.statistics
    hits, misses, calls = before.hits, before.misses, before.calls
    cache.set("a", 1)
    cache.get("a")
    cache.get("b")
    make_cache(KEY_PREFIX="counted").get_many(["a", "b", "c"])
    asyncio.run(cache.aget("a"))
    assert (before.hits - hits, before.misses - misses) == (3, 3)
    assert before.calls - calls == 5
    assert before.seconds > 0
    assert before.hit_rate == before.hits / (before.hits + before.misses)
    assert make_cache(KEY_PREFIX="other").statistics is not before


def test_errors_are_counted_ignored_or_not(driver: str) -> None:
    location = f"redis://127.0.0.1:{free_port()}"
    cache = BACKENDS[driver](location, {})
    with pytest.raises(ServerUnavailable):
        cache.get("key")
    assert cache.statistics.errors == 1
    open_cache = BACKENDS[driver](location, {"OPTIONS": {"ignore_exceptions": True}})
    open_cache.get("key")
    open_cache.clear()
    assert open_cache.statistics.errors == 2


def test_a_hook_sees_every_exchange(make_cache: MakeCache) -> None:
    seen: list[tuple[list[Any], str]] = []

    @contextmanager
    def note(requests: Sequence[Command[Any]], address: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            seen.append((["failed", type(error).__name__], address))
            raise
        seen.append(([request.args[0] for request in requests], address))

    cache = make_cache()
    address = cache.client.server.address
    tracing.install(note)
    try:
        cache.get("a")
        cache.set_many({"a": 1, "b": 2})
        asyncio.run(cache.aget("a"))
        asyncio.run(cache.aset_many({"a": 1, "b": 2}))
        cache.pipeline().get("a").get("b").execute()
    finally:
        tracing.remove(note)
    cache.get("a")
    names = [name for name, _address in seen]
    assert names == [["GET"], ["SET", "SET"], ["GET"], ["SET", "SET"], ["GET", "GET"]]
    assert {where for _name, where in seen} == {address}
    with pytest.raises(ValueError, match="not in list"):
        tracing.remove(note)


def test_a_hook_sees_our_errors_whatever_was_sent(driver: str, valkey_server: Server) -> None:
    seen: list[type[BaseException]] = []

    @contextmanager
    def note(requests: Sequence[Command[Any]], address: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            seen.append(type(error))
            raise

    with relay(valkey_server.port) as between:
        cache = BACKENDS[driver](f"redis://127.0.0.1:{between.port}", {})
        cache.set("key", 1)
        between.hang_up_after(1)
        tracing.install(note)
        try:
            with pytest.raises(ServerUnavailable):
                cache.pipeline().get("key").get("key").execute()
            assert cache.get("key") == 1
            between.hang_up_after(1)
            with pytest.raises(ServerUnavailable):
                cache.add("key", 1)
        finally:
            tracing.remove(note)
    assert seen == [ServerUnavailable, ServerUnavailable]

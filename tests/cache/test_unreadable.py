"""Values that cannot be read any more: the error names the key, or they are taken for misses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from django_cachex.cache import base, ignore_exceptions
from django_cachex.cache.backends import ServerCache
from tests.cache.conftest import MakeCache

# A pickle of an instance of a class that has moved.
MOVED = b"\x80\x04\x8c\x09old_place\x8c\x01C\x93)\x81."


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        base,
        "unreadable_log",
        ignore_exceptions.RateLimitedLogger(ignore_exceptions.unreadable_log._message),
    )


def stored(cache: ServerCache) -> ServerCache:
    cache.set_many({"a": 1, "c": 3})
    cache.client.set(b":1:b", MOVED)
    cache.client.hset(b":1:hash", "field", MOVED)
    return cache


def notes(call: Callable[[], Any]) -> str:
    with pytest.raises(ModuleNotFoundError, match="old_place") as error:
        call()
    return "\n".join(error.value.__notes__)


READS: dict[str, Callable[[Any], Any]] = {
    "get": lambda c: c.get("b"),
    "get_many": lambda c: c.get_many(["a", "b", "c"]),
    "get_or_set": lambda c: c.get_or_set("b", 7),
    "protected get_or_set": lambda c: c.get_or_set("b", lambda: 7, stampede_protection=True),
    "getex": lambda c: c.getex("b", ex=5),
    "getdel": lambda c: c.getdel("b"),
    "set for the old": lambda c: c.set("b", 1, get=True),
    "pipeline": lambda c: c.pipeline().get("a").get("b").get("c").execute(),
    "transaction": lambda c: c.pipeline(transaction=True).get("a").get("b").execute(),
    "aget": lambda c: asyncio.run(c.aget("b")),
    "aget_many": lambda c: asyncio.run(c.aget_many(["a", "b", "c"])),
    "aget_or_set": lambda c: asyncio.run(c.aget_or_set("b", 7)),
}


@pytest.mark.parametrize("read", READS)
def test_the_error_names_the_key(make_cache: MakeCache, read: str) -> None:
    for options in {}, {"ignore_exceptions": True}:
        cache = stored(make_cache(OPTIONS=options))
        assert "b':1:b'" in notes(lambda cache=cache: READS[read](cache))


@pytest.mark.parametrize("read", [lambda c: c.hget("hash", "field"), lambda c: c.hgetall("hash")])
def test_so_does_that_of_an_element(make_cache: MakeCache, read: Callable[[Any], Any]) -> None:
    for options in {}, {"ignore_unreadable_values": True}:  # Which is about whole values.
        cache = stored(make_cache(OPTIONS=options))
        assert "b':1:hash'" in notes(lambda cache=cache: read(cache))


def test_each_error_has_one_note(make_cache: MakeCache) -> None:
    cache = stored(make_cache())
    for read in READS.values():
        cache.client.set(b":1:b", MOVED)
        assert notes(lambda read=read: read(cache)).count("\n") == 0


# What it returns, and how many other values it finds.
MISSES: dict[str, tuple[Callable[[Any], Any], Any, int]] = {
    "get": (lambda c: c.get("b", 5), 5, 0),
    "get_many": (lambda c: c.get_many(["a", "b", "c"]), {"a": 1, "c": 3}, 2),
    "getex": (lambda c: c.getex("b", 5, ex=5), 5, 0),
    "getdel": (lambda c: c.getdel("b", 5), 5, 0),
    "pipeline": (lambda c: c.pipeline().get("a").get("b", 5).execute(), [1, 5], 1),
    "aget": (lambda c: asyncio.run(c.aget("b", 5)), 5, 0),
    "aget_many": (lambda c: asyncio.run(c.aget_many(["b", "c"])), {"c": 3}, 1),
}


@pytest.mark.parametrize("read", MISSES)
def test_an_option_takes_them_for_misses(
    make_cache: MakeCache, read: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "django_cachex.cache")
    cache = stored(make_cache(OPTIONS={"ignore_unreadable_values": True}))
    before = replace(cache.statistics)
    ask, expected, found = MISSES[read]
    assert ask(cache) == expected
    [said] = caplog.messages
    assert said.startswith("1 values can't be read")
    assert "b':1:b', ModuleNotFoundError" in said
    now = cache.statistics
    assert now.unreadable == before.unreadable + 1
    assert (now.misses, now.hits) == (before.misses + 1, before.hits + found)


FILLS: dict[str, Callable[[Any], Any]] = {
    "get_or_set": lambda c: c.get_or_set("b", lambda: 7, 60),
    "protected": lambda c: c.get_or_set("b", lambda: 7, 60, stampede_protection=True),
    "aget_or_set": lambda c: asyncio.run(c.aget_or_set("b", lambda: 7, 60)),
    "aprotected": lambda c: asyncio.run(
        c.aget_or_set("b", lambda: 7, 60, stampede_protection=True)
    ),
}


@pytest.mark.parametrize("fill", FILLS)
def test_get_or_set_stores_another_in_its_place(make_cache: MakeCache, fill: str) -> None:
    cache = stored(make_cache(OPTIONS={"ignore_unreadable_values": True}))
    assert FILLS[fill](cache) == 7
    assert cache.get("b") == 7
    assert 50 < (cache.ttl("b") or 0) <= 60
    cache.set("b", "what can be read")
    assert FILLS[fill](cache) == "what can be read"

"""Failing open: without its server, a cache behaves as one in which no key is."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.cache import SessionStore

from django_cachex.cache import ignore_exceptions
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import CachexError, CommandError, ServerUnavailable, WrongTypeError
from tests.cache.conftest import BACKENDS, MakeCache
from tests.servers import Server, free_port

ALL = {"ignore_exceptions": "all"}


@pytest.fixture
def lost(driver: str) -> ServerCache:
    """A cache that ignores that nobody listens."""
    options = {"ignore_exceptions": True}
    return BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {"OPTIONS": options})


CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "get": (lambda c: c.get("key"), None),
    "get default": (lambda c: c.get("key", 5), 5),
    "set": (lambda c: c.set("key", 1), None),
    "add": (lambda c: c.add("key", 1), False),
    "add for no time": (lambda c: c.add("key", 1, 0), False),
    "touch": (lambda c: c.touch("key"), False),
    "touch for ever": (lambda c: c.touch("key", None), False),
    "delete": (lambda c: c.delete("key"), False),
    "has_key": (lambda c: c.has_key("key"), False),
    "get_many": (lambda c: c.get_many(["a", "b"]), {}),
    "set_many": (lambda c: c.set_many({"a": 1, "b": 2}), ["a", "b"]),
    "set_many for no time": (lambda c: c.set_many({"a": 1}, 0), ["a"]),
    "delete_many": (lambda c: c.delete_many(["a"]), None),
    "get_or_set": (lambda c: c.get_or_set("key", lambda: 7), 7),
    "clear": (lambda c: c.clear(), None),
    "keys": (lambda c: c.keys(), []),
    "delete_pattern": (lambda c: c.delete_pattern("*"), 0),
    "ttl": (lambda c: c.ttl("key"), -2),
    "expiretime": (lambda c: c.expiretime("key"), -2),
    "expireat": (lambda c: c.expireat("key", 2**33), False),
    "set if there": (lambda c: c.set("key", 1, xx=True), False),
    "set for the old": (lambda c: c.set("other", 1, get=True), None),
    "getdel": (lambda c: c.getdel("key", 5), 5),
    "getex": (lambda c: c.getex("key", ex=5), None),
    "object_idletime": (lambda c: c.object_idletime("key"), None),
    "slowlog_get": (lambda c: c.slowlog_get(0), []),
    "slowlog_len": (lambda c: c.slowlog_reset() or c.slowlog_len(), 0),
    "type": (lambda c: c.type("key"), "none"),
    "getrange": (lambda c: c.getrange("key", 0, -1), b""),
    "dbsize": (lambda c: c.dbsize(), 0),
    "info": (lambda c: c.info(), {}),
    "pipeline": (lambda c: c.pipeline().get("a").delete("a").execute(), [None, False]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_lost_server_answers_as_an_empty_one(
    lost: ServerCache, make_cache: MakeCache, call: str
) -> None:
    ask, expected = CALLS[call]
    assert ask(lost) == expected
    if not call.startswith(("set", "add", "get_or_set", "info")):
        assert ask(make_cache()) == expected  # So answers one that is there, and empty.


ASYNC_CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "aget": (lambda c: c.aget("key", 5), 5),
    "aset": (lambda c: c.aset("key", 1), None),
    "aadd": (lambda c: c.aadd("key", 1), False),
    "aget_many": (lambda c: c.aget_many(["a"]), {}),
    "aset_many": (lambda c: c.aset_many({"a": 1}), ["a"]),
    "aget_or_set": (lambda c: c.aget_or_set("key", 7), 7),
    "aclear": (lambda c: c.aclear(), None),
    "akeys": (lambda c: c.akeys(), []),
}


def test_so_does_it_on_an_event_loop(lost: ServerCache) -> None:
    found = {name: asyncio.run(ask(lost)) for name, (ask, _expected) in ASYNC_CALLS.items()}
    assert found == {name: expected for name, (_ask, expected) in ASYNC_CALLS.items()}


def test_counters_raise_rather_than_lie(lost: ServerCache) -> None:
    for count in (lost.incr, lost.decr, lost.incr_version, lost.decr_version):
        with pytest.raises(ServerUnavailable):
            count("key")
    with pytest.raises(ServerUnavailable):
        asyncio.run(lost.aincr("key"))
    for queued in (lost.pipeline().incr("key"), lost.pipeline(transaction=True).decr("key")):
        with pytest.raises(ServerUnavailable, match="the counter is unknown"):
            queued.execute()


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda c: c.hincrby("key", "field"), ServerUnavailable),
        (lambda c: c.pipeline(transaction=True).get("a").hincrby("a", "b").execute(), CachexError),
        (lambda c: c.rename("a", "b"), CommandError),
    ],
)
def test_what_stands_for_an_answer_is_raised_anew_each_time(
    lost: ServerCache, ask: Callable[[Any], Any], kind: type[Exception]
) -> None:
    """One error for all would keep what was happening, and notes of every time before."""
    errors = []
    for _ in range(2):
        with pytest.raises(kind) as raised:
            ask(lost)
        errors.append(raised.value)
    first, second = errors
    assert first is not second
    assert getattr(first, "__notes__", []) == getattr(second, "__notes__", [])


def test_counters_may_be_told_to_miss_too(driver: str) -> None:
    options = {"ignore_exceptions": True, "ignore_counter_exceptions": True}
    cache = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {"OPTIONS": options})
    for count in (cache.incr, cache.incr_version):
        with pytest.raises(ValueError, match="not found"):
            count("key")


def test_errors_of_use_are_never_ignored(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS={"ignore_exceptions": True})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cache.set("key", lambda: None)
    cache.set("key", "text")
    with pytest.raises(WrongTypeError):
        cache.incr("key")
    cache.client.set(b":1:broken", b"\x80broken")
    with pytest.raises(Exception, match=r"pickle|truncated|unsupported"):
        cache.get("broken")


def test_without_the_option_errors_are_raised(driver: str) -> None:
    cache = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {})
    with pytest.raises(ServerUnavailable):
        cache.get("key")


def test_what_is_ignored_is_said_once_a_minute(
    lost: ServerCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(
        ignore_exceptions,
        "_ignored_errors_log",
        ignore_exceptions.RateLimitedLogger(ignore_exceptions._ignored_errors_log._message),
    )
    monkeypatch.setattr(ignore_exceptions.time, "monotonic", lambda: now)
    caplog.set_level(logging.WARNING, "django_cachex.cache")
    for _ in range(10):
        lost.get("key")
    now += 61
    lost.get("key")
    first, second = caplog.messages
    assert first.startswith("1 errors ignored")
    assert second.startswith("10 errors ignored")


def test_a_session_without_its_server_does_not_hang(lost: ServerCache) -> None:
    session = SessionStore()
    session._cache = lost
    session["name"] = "value"
    # Django tries ten thousand keys: each must fail at once.
    with pytest.raises(RuntimeError, match="Unable to create a new session key"):
        session.create()


def test_all_errors_of_the_server_may_be_ignored(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    admin = make_cache()
    admin.execute_command("ACL", "SETUSER", "counter", "on", ">pw", "~*", "+incrby", "+exists")
    location = f"redis://counter:pw@{valkey_server.address}/0"
    stranger = make_cache(f"redis://nobody:pw@{valkey_server.address}", OPTIONS=ALL)
    denied = make_cache(location, OPTIONS=ALL)
    admin.set("number", 5)
    try:
        # Counters still try what the user may do in place of a script.
        assert denied.incr("number") == 6
        for cache in (stranger, denied):
            assert cache.get("number", "default") == "default"
            assert cache.set_many({"a": 1, "b": 2}) == ["a", "b"]
            assert cache.get_or_set("key", lambda: 7, stampede_protection=True) == 7
            assert cache.pipeline().get("a").delete("a").execute() == [None, False]
            assert cache.incr_version("number") is None
            assert cache.clear() is None
            assert cache.lock("lock")._executor is cache._strict_executor
        assert stranger.incr("number") is None
        assert asyncio.run(stranger.aget("number", 1)) == 1
        assert asyncio.run(stranger.aincr("number")) is None
    finally:
        admin.execute_command("ACL", "DELUSER", "counter")
    assert admin.get("number") == 6
    assert stranger.statistics.errors > 0


def test_errors_of_use_are_not_errors_of_the_server(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS=ALL)
    cache.set("text", "Ana")
    cache.rpush("list", 1)
    cache.execute_command("SCRIPT", "FLUSH")
    for ask in (lambda: cache.incr("text"), lambda: cache.get("list")):
        with pytest.raises(WrongTypeError):
            ask()
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cache.set("key", lambda: None)

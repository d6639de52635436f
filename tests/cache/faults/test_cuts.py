"""Replies that arrive late, in pieces, or not to their end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from django_cachex.commands import ServerTimeout, ServerUnavailable
from tests.cache.conftest import EACH_DRIVER
from tests.cache.faults.callers import Caller
from tests.cache.faults.conftest import PARSED, PLAIN, TLS, MakeCaller, Route, along
from tests.cache.faults.endpoints import Endpoint
from tests.cache.relay import Relay, relay

VALUES: dict[str, Any] = {"a": 1, "b": "text", "c": b"\r\n$3\r\n", "d": None, "e": "x" * 50}


@pytest.fixture
def between(endpoint: Endpoint) -> Iterator[Relay]:
    with relay(endpoint.port) as running:
        yield running


@pytest.fixture
def relayed(make_caller: MakeCaller, route: Route, endpoint: Endpoint, between: Relay) -> Caller:
    """A caller behind the relay."""
    caller = make_caller(route.surface, endpoint.url(between.port), **endpoint.options)
    caller.call("set_many", VALUES)
    return caller


def reply_length(caller: Caller, between: Relay) -> int:
    """Return of how many bytes the reply to `get_many` consists on its way."""
    between.hang_up_after(1_000_000)
    caller.call("get_many", [*VALUES, "none"])
    return 1_000_000 - min(link.left or 0 for link in between.links)


def places(length: int, route: Route) -> range:
    """Return after how many bytes to cut: every place, but for TLS, whose greetings are long."""
    return range(1, length, 23 if route.tls else 1)


@EACH_DRIVER
@along([*PARSED, *TLS])
@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_reply_cut_anywhere_is_read_anew(
    relayed: Caller, route: Route, between: Relay, resets: bool
) -> None:
    between.resets = resets
    for count in places(reply_length(relayed, between), route):
        relayed.call("set", "number", count)  # On a connection that answered before.
        between.hang_up_after(count)
        assert relayed.call("get_many", [*VALUES, "none"]) == VALUES
        assert relayed.call("get", "number") == count


@EACH_DRIVER
@along([*PARSED, *TLS])
def test_a_reply_cut_anywhere_to_what_must_not_be_repeated_is_said(
    relayed: Caller, route: Route, between: Relay
) -> None:
    relayed.call("incr", "a")
    between.hang_up_after(1_000_000)
    relayed.call("incr", "a")
    length = 1_000_000 - min(link.left or 0 for link in between.links)
    before = relayed.call("get", "a")
    for number, count in enumerate(places(length, route), start=1):
        between.hang_up_after(count)
        with pytest.raises(ServerUnavailable, match="was lost"):
            relayed.call("incr", "a")
        assert relayed.call("get", "a") == before + number, "each ran once"


def test_a_connection_that_always_breaks_is_given_up(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    """A repeated call is repeated on a new connection, and then no more."""
    with relay(endpoint.port) as between:
        caller = make_caller(route.surface, endpoint.url(between.port), **endpoint.options)
        caller.call("set", "key", "x" * 10_000)
        between.lifetime = lambda: 8_000
        between.hang_up_after(100)
        for _ in range(3):
            with pytest.raises(ServerUnavailable):
                caller.call("get", "key")
        assert between.connections <= 4
        between.lifetime = lambda: None
        assert caller.call("get", "key") == "x" * 10_000


@EACH_DRIVER
@along([*PARSED, *TLS])
def test_replies_in_single_bytes(relayed: Caller, between: Relay) -> None:
    between.piece = 1
    assert relayed.call("get_many", [*VALUES, "none"]) == VALUES
    assert relayed.call("set_many", {"a": 2, "f": [1, 2]}) == []
    assert relayed.call("incr", "a") == 3
    assert relayed.call("get", "none", "default") == "default"


@EACH_DRIVER
@along([*PARSED, *TLS])
@pytest.mark.parametrize("every", [7, 64])
def test_large_values_in_pieces(relayed: Caller, between: Relay, every: int) -> None:
    between.piece = every
    value = bytes(range(256)) * 40
    relayed.call("set", "large", value)
    assert relayed.call("get", "large") == value
    assert relayed.call("get_many", ["large", "a"]) == {"large": value, "a": 1}


def test_a_late_reply_reaches_only_who_asked(relayed: Caller, between: Relay) -> None:
    between.flowing.clear()
    timer = threading.Timer(0.1, between.flowing.set)
    timer.start()
    assert relayed.call("get", "b") == "text"
    timer.join()
    assert relayed.call("get", "e") == VALUES["e"]


def test_a_reply_that_is_too_late_reaches_nobody(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint, between: Relay
) -> None:
    location = endpoint.url(between.port)
    caller = make_caller(route.surface, location, **endpoint.options, socket_timeout=0.4)
    caller.call("set_many", VALUES)
    caller.call("incr", "a", 0)  # The server knows the script from now on.
    for name, arguments in [("get", ("b",)), ("incr", ("a",)), ("get_many", (["b", "e"],))]:
        between.flowing.clear()
        with pytest.raises(ServerTimeout):
            caller.call(name, *arguments)
        between.flowing.set()
        assert caller.call("get", "e") == VALUES["e"]
        assert caller.call("get_many", ["c"]) == {"c": VALUES["c"]}
    assert caller.call("get", "a") == 2


@along([PLAIN[1], TLS[1]])
async def test_tasks_of_a_loop_are_all_told_and_none_is_answered_wrongly(
    relayed: Caller, between: Relay
) -> None:
    """Whoever shares the connection that breaks is told; who may ask again does so."""
    cache = relayed.cache
    cache.set_many({f"n{number}": number for number in range(50)})

    assert await cache.aget("n0") == 0
    for count in (1, 30, 100, 333):
        between.hang_up_after(count)
        gets = [cache.aget(f"n{number}") for number in range(50)]
        adds = [cache.aadd(f"n{number}", "wrong") for number in range(50)]
        found = await asyncio.gather(*gets, *adds, return_exceptions=True)
        assert found[:50] == list(range(50))
        for reply in found[50:]:
            assert reply is False or isinstance(reply, ServerUnavailable)

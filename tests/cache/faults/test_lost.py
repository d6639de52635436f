"""Servers and connections that die between the calls of a cache and during them."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import Operation, parse_raw
from tests.cache.faults.callers import HANG, WHO, Caller, server_of
from tests.cache.faults.conftest import PLAIN, TLS, MakeCaller, Route, along, name_of, once
from tests.cache.faults.endpoints import Endpoint, Phoenix
from tests.cache.relay import relay


def refill(server: Phoenix) -> None:
    with server.endpoint.control() as control:
        control.mset({":1:text": b"\x80\x05\x8c\x03old\x94.", ":1:number": 5})


# Each finds the text "old" and the number 5.
CALLS: list[tuple[str, tuple[Any, ...], Any]] = [
    ("get", ("text",), "old"),
    ("set", ("text", "new"), None),
    ("add", ("text", "new"), False),
    ("add", ("other", "new"), True),
    ("incr", ("number", 2), 7),
    ("delete", ("text",), True),
    ("touch", ("text", 50), True),
    ("touch", ("text", None), True),
    ("has_key", ("text",), True),
    ("get_many", (["text", "none"],), {"text": "old"}),
    ("set_many", ({"text": 1, "other": 2},), []),
    ("delete_many", (["text"],), None),
    ("incr_version", ("text",), 2),
]


def test_a_restart_between_two_calls_is_not_noticed(
    make_caller: MakeCaller, route: Route, mortal: Phoenix
) -> None:
    caller = make_caller(route.surface, mortal.endpoint.url(), **mortal.endpoint.options)
    refill(mortal)
    assert caller.call("get", "number") == 5
    for name, arguments, expected in (CALLS[0], CALLS[4]):
        mortal.restart()
        refill(mortal)
        caller.settle()
        assert caller.call(name, *arguments) == expected, name


def test_a_killed_connection_is_not_noticed(caller: Caller, endpoint: Endpoint) -> None:
    check_calls_on_killed_connections(caller, endpoint, settles=False)


@along([PLAIN[1], TLS[1]])
def test_nor_is_one_of_which_the_loop_has_heard(caller: Caller, endpoint: Endpoint) -> None:
    check_calls_on_killed_connections(caller, endpoint, settles=True)


def check_calls_on_killed_connections(caller: Caller, endpoint: Endpoint, *, settles: bool) -> None:
    for name, arguments, expected in CALLS:
        caller.cache.set_many({"text": "old", "number": 5})
        caller.cache.delete_many(["other", "none"])
        caller.cache.delete("text", version=2)
        caller.call("get", "text")
        assert endpoint.kill_connections(name_of(caller)) >= 1
        if settles:
            caller.settle()
        assert caller.call(name, *arguments) == expected, name


@along([PLAIN[0], TLS[0]])  # An event loop shares one connection.
def test_all_idle_connections_are_given_up_when_one_is_found_dead(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    """A call costs one attempt on an old connection, not one for each that lies there."""
    caller = make_caller(route.surface, endpoint.url(), **endpoint.options)
    lines = server_of(caller.cache)._pool
    leased = [lines.acquire() for _ in range(5)]
    for line in leased:
        lines.release(line)
    assert endpoint.kill_connections(name_of(caller)) == 5
    assert caller.call("get", "key") is None
    assert len(endpoint.connections(name_of(caller))) == 1


@pytest.mark.parametrize(("name", "arguments"), [CALLS[0][:2], CALLS[4][:2]])
def test_a_server_that_dies_during_a_call_is_said_and_the_next_call_is_fine(
    make_caller: MakeCaller,
    route: Route,
    mortal: Phoenix,
    name: str,
    arguments: tuple[object, ...],
) -> None:
    with relay(mortal.endpoint.port) as between:
        location = mortal.endpoint.url(between.port)
        caller = make_caller(route.surface, location, **mortal.endpoint.options)
        refill(mortal)
        caller.call("get", "text")
        mortal.freeze()
        turns = between.turns
        with (
            pytest.raises(ServerUnavailable),
            once(lambda: between.turns > turns, mortal.kill),
        ):
            caller.call(name, *arguments)
        mortal.start()
        refill(mortal)
        assert caller.call("get", "text") == "old"
        assert caller.call("incr", "number") == 6


def test_a_connection_killed_during_a_call_is_said_or_replaced(
    caller: Caller, endpoint: Endpoint
) -> None:
    caller.call("set", "key", "value")
    with (
        pytest.raises(ServerUnavailable),
        once(
            lambda: endpoint.blocked(name_of(caller)),
            lambda: endpoint.kill_connections(name_of(caller)),
        ),
    ):
        caller.run(HANG)
    assert caller.call("get", "key") == "value"
    assert caller.call("add", "key", 1) is False


def test_a_connection_that_dies_between_the_steps_of_an_operation(
    caller: Caller, endpoint: Endpoint
) -> None:
    def steps() -> Operation[None]:
        yield [Command(("WATCH", b"key"), parse_raw)]
        assert endpoint.kill_connections(name_of(caller)) >= 1
        yield [Command(("GET", b"key"), parse_raw)]

    caller.call("get", "key")
    with pytest.raises(ServerUnavailable, match="was lost"):
        caller.run(steps())
    assert caller.call("get", "key") is None


def test_the_new_connection_is_kept(caller: Caller, endpoint: Endpoint) -> None:
    first = caller.run(WHO)
    endpoint.kill_connections(name_of(caller))
    caller.settle()
    second = caller.run(WHO)
    assert second != first
    assert caller.run(WHO) == second
    assert len(endpoint.connections(name_of(caller))) == 1


def test_what_reads_before_it_writes_is_not_sent_again(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    """Sent again, it would read what it wrote itself, if it had run before the connection broke."""
    read = Command(("GET", b":1:text"), parse_raw, readonly=True)
    write = Command(("SET", b":1:text", b"new"), parse_raw, idempotent=True)

    def both() -> Operation[Any]:
        return (yield [read, write])

    with relay(endpoint.port) as between:
        caller = make_caller(route.surface, endpoint.url(between.port), **endpoint.options)
        with endpoint.control() as control:
            control.set(":1:text", "old")
        assert caller.run(read) == b"old"
        between.hang_up_after(1)
        with pytest.raises(ServerUnavailable):
            caller.run(both())
        assert caller.run(read) == b"new"

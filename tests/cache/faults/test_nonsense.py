"""Servers that babble, announce what never comes, or break the protocol."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from django_cachex.commands import ServerTimeout, ServerUnavailable
from tests.cache.conftest import EACH_DRIVER
from tests.cache.faults.callers import Caller
from tests.cache.faults.conftest import PARSED, MakeCaller, Route, along
from tests.cache.faults.talker import talker

pytestmark = [EACH_DRIVER, along(PARSED)]  # Nonsense is the same behind TLS.

CALLS = [
    ("get", ("key",)),
    ("delete", ("key",)),
    ("incr", ("key",)),
    ("get_many", (["key"],)),
    ("set_many", ({"key": 1},)),
]


def connect(make_caller: MakeCaller, route: Route, port: int, **options: object) -> Caller:
    return make_caller(route.surface, f"redis://127.0.0.1:{port}", **options)


NONSENSE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no-number": b":abc\r\n",
    "empty-number": b":\r\n",
    "no-length": b"$x\r\n",
    "no-count": b"*x\r\n",
    "negative-length": b"$-7\r\n",
    "negative-count": b"*-7\r\n",
    "empty-line": b"\r\n",
    "binary": b"\x00\xff\xfe\r\n\r\n",
    "fraction": b":1.5\r\n",
    "blank-in-length": b"$ 1\r\nx\r\n",
    "underscore": b"$1_0\r\n0123456789\r\n",
    "nested-too-deep": b"*1\r\n" * 5_000 + b":1\r\n",
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_unavailable_and_closes_the_connection(
    make_caller: MakeCaller,
    route: Route,
    nonsense: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sane: list[bool] = []
    with talker(lambda words: b"$2\r\n42\r\n" if sane else nonsense) as server:
        caller = connect(make_caller, route, server.port, socket_timeout=1)
        for number, (name, arguments) in enumerate(CALLS, start=1):
            with pytest.raises(ServerUnavailable):
                caller.call(name, *arguments)
            assert server.connections == number
        sane.append(True)
        assert caller.call("get", "key") == 42
    # In development mode the loop also warns of slow steps.
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("announced", [b"*1000000000\r\n:1\r\n", b"$1000000000\r\nabc"])
def test_what_is_announced_and_never_comes(
    make_caller: MakeCaller, route: Route, announced: bytes
) -> None:
    if route.codec == "C":  # They set aside 8 GB for 10^9 elements, and take seconds to free it.
        announced = announced.replace(b"*1000000000", b"*1000000")
    sane: list[bool] = []
    with talker(lambda words: b"$2\r\n42\r\n" if sane else announced) as server:
        caller = connect(make_caller, route, server.port, socket_timeout=0.1)
        with pytest.raises(ServerTimeout):
            caller.call("get", "key")
        sane.append(True)
        assert caller.call("get", "key") == 42


def test_half_a_line_and_the_end(make_caller: MakeCaller, route: Route) -> None:
    def answer(words: list[bytes]) -> bytes | None:
        server.say(b"$2\r\n4")
        return None

    with talker(answer) as server:
        caller = connect(make_caller, route, server.port)
        for name, arguments in CALLS:
            with pytest.raises(ServerUnavailable, match="was lost"):
                caller.call(name, *arguments)


@pytest.mark.parametrize(("name", "arguments"), [("get", ("key",)), ("delete", ("key",))])
def test_a_reply_too_many_in_the_same_breath_is_nobodys(
    make_caller: MakeCaller, route: Route, name: str, arguments: tuple[object, ...]
) -> None:
    replies = iter([b"$2\r\n42\r\n$5\r\nwrong\r\n"])
    with talker(lambda words: next(replies, b"$1\r\n7\r\n")) as server:
        caller = connect(make_caller, route, server.port)
        answers(caller, "get", "key")
        caller.settle()
        assert answers(caller, name, *arguments) in (7, True, None)
        assert answers(caller, "get", "key") == 7


@pytest.mark.parametrize(("name", "arguments"), [("get", ("key",)), ("incr", ("key",))])
def test_a_reply_that_nobody_asked_for_is_nobodys(
    make_caller: MakeCaller,
    route: Route,
    name: str,
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads look at a connection that has been idle for a while, or before what must not fail.

    What comes unasked in the second before an idempotent call is taken for its reply.
    """
    monkeypatch.setattr("django_cachex.cache.connection.sync.HEALTH_CHECK_INTERVAL", -1.0)
    with talker(lambda words: b"$1\r\n7\r\n") as server:
        caller = connect(make_caller, route, server.port)
        assert caller.call("get", "key") == 7
        server.say(b"$2\r\n99\r\n")
        caller.settle()
        assert answers(caller, name, *arguments) in (7, None)
        assert answers(caller, "get", "key") == 7


def answers(caller: Caller, name: str, *arguments: object) -> object:
    """Return the reply; None where the connection was found to be unusable."""
    try:
        return caller.call(name, *arguments)
    except ServerUnavailable:
        return None


def test_a_server_that_hangs_up_after_the_handshake(make_caller: MakeCaller, route: Route) -> None:
    """The end of the connection may arrive before anybody listens for it."""

    def handshake(words: list[bytes]) -> bytes | None:
        if words[:2] == [b"SELECT", b"1"]:
            server.say(b"+OK\r\n")
            return None
        return b"+OK\r\n"

    with talker(lambda words: b"$1\r\n7\r\n", handshake=handshake) as server:
        location = f"redis://127.0.0.1:{server.port}/1"
        caller = make_caller(route.surface, location, socket_timeout=1)
        for name, arguments in CALLS:
            with pytest.raises(ServerUnavailable) as caught:
                caller.call(name, *arguments)
            assert not isinstance(caught.value, ServerTimeout), "it hung up: nothing to wait for"


async def test_tasks_that_wait_on_a_babbling_connection_are_told(
    make_caller: MakeCaller, route: Route
) -> None:
    if route.surface != "awaited":
        pytest.skip("Threads do not share a connection.")
    with talker(lambda words: b"?\r\n") as server:
        caller = connect(make_caller, route, server.port)

        calls = (caller.cache.aget(f"k{number}") for number in range(20))
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one).__mro__[-4].__name__ for one in found} == {"CachexError"}
    gc.collect()

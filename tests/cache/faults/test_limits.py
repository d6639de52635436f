"""How many connections there are: a limit that makes callers wait, and none left behind."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from django_cachex.commands import Command, ServerTimeout, ServerUnavailable
from django_cachex.commands.command import parse_raw
from tests.cache.faults.callers import WHO
from tests.cache.faults.conftest import PLAIN, MakeCaller, Route, along, name_of
from tests.cache.faults.endpoints import Endpoint
from tests.cache.faults.talker import talker
from tests.servers import Server, free_port, wait_until

HOLD = Command(("BLPOP", b"gate", 5), parse_raw)


@pytest.fixture
def plain(valkey_server: Server) -> Endpoint:
    return Endpoint(valkey_server, valkey_server.port)


def blocking_pool(driver: str, patience: float) -> dict[str, Any]:
    return {"pool_class": f"{driver}.connection.BlockingConnectionPool", "timeout": patience}


def test_more_threads_than_connections_wait(
    make_caller: MakeCaller, plain: Endpoint, driver: str
) -> None:
    """Everybody gets a turn: nobody waits while others have many."""
    options = blocking_pool(driver, 0.5)
    caller = make_caller("blocking", plain.url(), max_connections=3, **options)
    turns = [0] * 12
    end = time.monotonic() + 1.2

    def work(number: int) -> None:
        while time.monotonic() < end:
            caller.cache.set(f"key{number}", turns[number])
            assert caller.cache.get(f"key{number}") == turns[number]
            turns[number] += 1

    with ThreadPoolExecutor(len(turns)) as threads:
        list(threads.map(work, range(len(turns))))
    assert min(turns) > 0
    assert len(plain.connections(name_of(caller))) <= 3


def test_a_limit_that_stays_exhausted_is_a_timeout(
    make_caller: MakeCaller, plain: Endpoint, driver: str
) -> None:
    caller = make_caller("blocking", plain.url(), max_connections=2, **blocking_pool(driver, 0.3))
    holders = [threading.Thread(target=caller.run, args=(HOLD,)) for _ in range(2)]
    for holder in holders:
        holder.start()
    with plain.control() as control:
        wait_until(lambda: control.info("clients")["blocked_clients"] == 2, "both to hold")
        for name, arguments in [("get", ("key",)), ("incr", ("key",))]:
            begin = time.monotonic()
            with pytest.raises(ServerTimeout, match="2 connections"):
                caller.call(name, *arguments)
            assert time.monotonic() - begin >= 0.3
        control.lpush("gate", 1, 2)
    for holder in holders:
        holder.join()
    assert caller.call("get", "key") is None
    assert len(plain.connections(name_of(caller))) == 2


def test_who_waits_gets_the_place_of_a_connection_that_broke(
    make_caller: MakeCaller, plain: Endpoint, driver: str
) -> None:
    caller = make_caller("blocking", plain.url(), max_connections=1, **blocking_pool(driver, 5))
    with ThreadPoolExecutor(2) as threads:
        holder = threads.submit(caller.run, HOLD)
        with plain.control() as control:
            wait_until(lambda: control.info("clients")["blocked_clients"] == 1, "it to hold")
        waiter = threads.submit(caller.call, "get", "key", "default")
        begin = time.monotonic()
        plain.kill_connections(name_of(caller))
        assert isinstance(holder.exception(), ServerUnavailable)
        assert waiter.result() == "default"
        assert time.monotonic() - begin < 2


def test_a_server_that_cannot_be_reached_leaves_no_place_taken(
    make_caller: MakeCaller, driver: str
) -> None:
    caller = make_caller(
        "blocking",
        f"redis://127.0.0.1:{free_port()}",
        max_connections=1,
        **blocking_pool(driver, 0.2),
    )
    for _ in range(100):
        with pytest.raises(ServerUnavailable) as caught:
            caller.call("get", "key")
        assert not isinstance(caught.value, ServerTimeout)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    "rounds", [25, pytest.param(250, marks=pytest.mark.slow)], ids=["hundred", "thousand"]
)
@along(PLAIN)  # So many greetings of TLS take too long.
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors as Linux does")
def test_failing_calls_leave_nothing_behind(
    make_caller: MakeCaller, route: Route, rounds: int
) -> None:
    good = [False]
    replies = [None, b"$5\r\nab", b"?\r\n", b"-LOADING wait\r\n"]

    def answer(words: list[bytes]) -> bytes | None:
        return b"$1\r\n7\r\n" if good[0] else replies[server.commands % len(replies)]

    with talker(answer, handshake=lambda words: b"+OK\r\n") as server:
        port = server.port
        caller = make_caller(
            route.surface, f"redis://127.0.0.1:{port}", socket_timeout=0.001, max_connections=2
        )
        before = descriptors()
        for _ in range(rounds):
            for name in ("get", "delete", "touch", "incr"):
                with pytest.raises(ServerUnavailable):
                    caller.call(name, "key")
        caller.settle()
        wait_until(lambda: descriptors() <= before + 4, "the descriptors to be closed", 1)
        good[0] = True
        wait_until(lambda: calm(caller), "a good answer", 1)


def calm(caller: Any) -> bool:
    try:
        return bool(caller.call("get", "key") == 7)
    except ServerTimeout:
        return False


def test_the_count_is_normal_again_after_failures(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    caller = make_caller(route.surface, endpoint.url(), **endpoint.options)
    name = name_of(caller)
    for _ in range(10):
        caller.call("set", "key", 1)
        endpoint.kill_connections(name)
        caller.settle()
        assert caller.call("incr", "key") == 2
    wait_until(lambda: len(endpoint.connections(name)) == 1, "old connections to go", 1)


@along(PLAIN[1:])
async def test_a_thousand_tasks_share_a_handful_of_connections(
    make_caller: MakeCaller, endpoint: Endpoint, route: Route
) -> None:
    caller = make_caller(route.surface, endpoint.url())
    cache = caller.cache

    ids = await asyncio.gather(*(cache.client.arun(WHO) for _ in range(1000)))
    assert len(set(ids)) <= 4
    gets = (cache.aget(f"key{number}", number) for number in range(1000))
    assert await asyncio.gather(*gets) == list(range(1000))

"""Commands that wait: longer than the connection's timeout, and in nobody's way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import valkey

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.connection import sync
from django_cachex.cache.connection.event_loops import MAX_IDLE
from django_cachex.commands import Command, ReadOnlyError, ServerTimeout, ServerUnavailable
from django_cachex.commands.command import parse_raw
from tests import servers
from tests.cache.conftest import BACKENDS, MakeCache
from tests.servers import Server, wait_until

TIMEOUT = 0.25
"""The connections' own, in seconds."""

LONGER = 0.4

HANG = Command(("BLPOP", b"nothing", 30), parse_raw)
"""What waits, and does not say so: it has the connection's timeout."""


OPTIONS = {"socket_timeout": TIMEOUT, "max_connections": 2, "breaker": False}


@pytest.fixture
def cache(make_cache: MakeCache) -> ServerCache:
    return make_cache(OPTIONS=OPTIONS)


@pytest.fixture(params=["kernel", pytest.param("Python", marks=pytest.mark.slow)])
def clocked(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, make_cache: MakeCache
) -> ServerCache:
    """A cache; the kernel watches over the time of its connections, or Python, as with TLS."""
    monkeypatch.setattr(sync, "HAS_KERNEL_TIMEOUTS", request.param == "kernel")
    return make_cache(OPTIONS={**OPTIONS, "client_name": request.param})


@pytest.fixture
def server(valkey_server: Server) -> Iterator[valkey.Valkey]:
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


def waits(server: valkey.Valkey) -> bool:
    return bool(server.info("clients")["blocked_clients"])


def meanwhile(server: valkey.Valkey, wait: Callable[[], Any], act: Callable[[], Any]) -> Any:
    """Return what `wait` returns in a thread; `act` once it has waited for longer than TIMEOUT."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait)
        wait_until(lambda: waits(server), "somebody who waits")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1.5 * TIMEOUT, "time")
        act()
        return waiting.result(10)


def test_a_wait_in_vain_lasts_longer_than_the_timeout(clocked: ServerCache) -> None:
    for wait in (
        lambda: clocked.blpop("a", LONGER),
        lambda: clocked.pipeline().blpop("a", LONGER).execute()[0],
    ):
        began = time.monotonic()
        assert wait() is None
        assert time.monotonic() - began >= LONGER


def test_a_wait_for_ever_ends_when_something_comes(
    clocked: ServerCache, server: valkey.Valkey
) -> None:
    push = lambda: clocked.rpush("a", [1])  # noqa: E731  # short
    assert meanwhile(server, lambda: clocked.blpop("a"), push) == ("a", [1])
    found = meanwhile(
        server, lambda: clocked.bzpopmin(["a", "b"]), lambda: clocked.zadd("b", {2: 3})
    )
    assert found == ("b", 2, 3.0)
    found = meanwhile(
        server, lambda: clocked.xread({"s": 0}, block=0), lambda: clocked.xadd("s", {"x": 1}, "1-1")
    )
    assert found == {"s": [("1-1", {"x": 1})]}


def test_the_connection_has_its_own_timeout_again_afterwards(clocked: ServerCache) -> None:
    assert clocked.blpop("a", LONGER) is None
    began = time.monotonic()
    with pytest.raises(ServerTimeout):
        clocked.client.run(HANG)
    assert time.monotonic() - began < 5


def test_others_work_while_one_waits(cache: ServerCache, server: valkey.Valkey) -> None:
    cache.set("x", 1)
    stop = threading.Event()

    def work_and_push() -> None:
        assert cache.get("x") == 1
        cache.rpush("a", "come")
        stop.set()

    assert meanwhile(server, lambda: cache.brpop("a", 20), work_and_push) == ("a", "come")
    assert stop.is_set()


async def test_on_an_event_loop_a_wait_lasts_longer_than_the_timeout(cache: ServerCache) -> None:
    began = time.monotonic()
    assert await cache.ablpop("a", LONGER) is None
    assert await cache.pipeline().blpop("a", LONGER).aexecute() == [None]
    assert time.monotonic() - began >= 2 * LONGER
    assert await cache.ablpop("a", 0.01) is None
    with pytest.raises(ServerTimeout):
        await cache.client.arun(HANG)


async def test_on_an_event_loop_others_work_while_many_wait(cache: ServerCache) -> None:
    waiting = [asyncio.create_task(cache.ablpop("a")) for _ in range(3)]
    until = time.monotonic() + 2 * TIMEOUT
    while time.monotonic() < until:  # Time passes with work of others.
        assert await cache.aget("x", 5) == 5
    await cache.arpush("a", 1, 2, 3)
    found = await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert sorted(found) == [("a", 1), ("a", 2), ("a", 3)]


async def test_on_an_event_loop_few_connections_stay_after_many_waited(
    cache: ServerCache, server: valkey.Valkey
) -> None:
    before = len(server.client_list())
    await asyncio.gather(*(cache.ablpop("a", 0.05) for _ in range(20)))
    wait_until(lambda: len(server.client_list()) <= before + MAX_IDLE + 1, "what is left to close")
    assert await cache.ablpop("a", 0.01) is None


def test_on_an_event_loop_a_connection_that_waited_is_looked_at(driver: str) -> None:
    async def main(port: int, cache: ServerCache) -> None:
        with servers.valkey(port=port):
            assert await cache.ablpop("a", 0.01) is None
        with servers.valkey(port=port):  # The loop has not heard of that.
            assert await cache.ablpop("a", 0.01) is None

    port = servers.free_port()
    asyncio.run(main(port, BACKENDS[driver](f"redis://127.0.0.1:{port}", {})))


async def test_what_comes_after_a_wait_was_cancelled_is_for_others(
    cache: ServerCache, server: valkey.Valkey
) -> None:
    async def until(wanted: bool) -> None:
        deadline = time.monotonic() + 10
        while waits(server) is not wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    waiting = asyncio.create_task(cache.ablpop("a"))
    await until(True)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(False)
    assert await cache.arpush("a", 1) == 1
    assert await cache.ablpop("a", 5) == ("a", 1)


def test_a_wait_is_a_call_and_no_slow_one(cache: ServerCache) -> None:
    calls, seconds = cache.statistics.calls, cache.statistics.seconds
    cache.blpop("a", LONGER)
    asyncio.run(cache.ablpop("a", LONGER))
    assert cache.statistics.calls == calls + 2
    assert cache.statistics.seconds - seconds < LONGER


def test_each_element_is_taken_once(make_cache: MakeCache) -> None:
    """By threads and by tasks; those who find nothing in time ask again."""
    cache, count = make_cache(), 400

    def taken() -> list[int]:
        found = []
        while (one := cache.blpop("queue", 5)) and one[1] is not None:
            found.append(one[1])
            cache.rpush("taken", one[1])
        return found

    async def ataken() -> list[int]:
        found = []
        while (one := await cache.ablpop("queue", 5)) and one[1] is not None:
            found.append(one[1])
            await cache.arpush("taken", one[1])
        return found

    async def all_taken() -> list[list[int]]:
        return await asyncio.gather(*(ataken() for _ in range(4)))

    with ThreadPoolExecutor() as pool:
        threads = [pool.submit(taken) for _ in range(3)]
        tasks = pool.submit(lambda: asyncio.run(all_taken()))
        for number in range(count):
            cache.rpush("queue", number)
        wait_until(lambda: cache.llen("taken") == count, "all of them")
        cache.rpush("queue", *[None] * 7)
        found = [number for one in threads for number in one.result(20)]
        found += [number for one in tasks.result(20) for number in one]
    assert sorted(found) == list(range(count))


@pytest.mark.parametrize("awaited", [False, True])
def test_a_primary_that_becomes_a_replica_ends_the_wait(driver: str, awaited: bool) -> None:
    """It goes on once, as the address may lead to the new primary by now; here it does not."""
    with servers.valkey() as primary, valkey.Valkey(port=primary.port) as server:
        cache = BACKENDS[driver](f"redis://{primary.address}", {})
        wait = (lambda: asyncio.run(cache.ablpop("a"))) if awaited else (lambda: cache.blpop("a"))
        with pytest.raises(ReadOnlyError, match="read only replica"):
            meanwhile(server, wait, lambda: server.replicaof("127.0.0.1", servers.free_port()))


def test_a_wait_without_its_server_is_no_miss(driver: str) -> None:
    """Whoever waits in a loop would go round without a pause."""
    location = f"redis://127.0.0.1:{servers.free_port()}"
    cache = BACKENDS[driver](location, {"OPTIONS": {"ignore_exceptions": True}})
    assert cache.lpop("a") is None
    for wait in (
        lambda: cache.blpop("a", 5),
        lambda: asyncio.run(cache.axread({"a": "$"}, block=5)),
        lambda: cache.pipeline().bzpopmin("a").execute(),
    ):
        with pytest.raises(ServerUnavailable):
            wait()

"""How soon all is well again after what answers nothing: one timeout, and one attempt."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import valkey

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import ReadOnlyError, ServerTimeout, ServerUnavailable
from django_cachex.commands.args import BlockingCommand
from django_cachex.commands.command import parse_raw
from tests.cache.faults.callers import Caller, server_of
from tests.cache.faults.conftest import PLAIN, TLS, MakeCaller, Route, along, name_of
from tests.cache.faults.endpoints import Endpoint, Phoenix
from tests.cache.faults.talker import talker
from tests.cache.relay import Relay, relay
from tests.servers import Server, wait_until
from tests.servers import valkey as running

TIMEOUT = 0.5
MOMENT = 2.0
"""Seconds beside a timeout in which all must be well: the longest pause, and a slow machine."""

POOLED = 6

HOLD = BlockingCommand(("BLPOP", b"nothing", 30), parse_raw, 30)


def fill_the_pool(caller: Caller, endpoint: Endpoint) -> None:
    """Have as many connections lie idle as were once in use at the same time."""
    cache, name = caller.cache, name_of(caller)

    def free() -> None:
        wait_until(lambda: endpoint.blocked(name) == POOLED, "all to wait")
        with endpoint.control() as control:
            control.rpush("nothing", *range(POOLED))

    async def together() -> None:
        await asyncio.gather(
            *(cache.client.arun(HOLD) for _ in range(POOLED)), asyncio.to_thread(free)
        )
        await cache.aget("key")

    if hasattr(caller, "_runner"):
        caller._runner.run(together())
        return
    with ThreadPoolExecutor(POOLED) as threads:
        holding = [threads.submit(caller.run, HOLD) for _ in range(POOLED)]
        free()
        for held in holding:
            held.result()


def recovery(call: Callable[[], Any], seconds: float = 15) -> tuple[float, int]:
    """Call until a call succeeds; return after how many seconds, and how many timeouts it took."""
    begin, timeouts = time.monotonic(), 0
    while True:
        began = time.monotonic()
        try:
            call()
            return time.monotonic() - begin, timeouts
        except ServerUnavailable:
            timeouts += time.monotonic() - began > TIMEOUT / 2
            if time.monotonic() - begin > seconds:
                raise
            time.sleep(0.02)


@pytest.mark.parametrize("breaker", [True, False], ids=["breaker", "no-breaker"])
def test_idle_connections_that_a_network_forgot_cost_one_timeout(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint, breaker: bool
) -> None:
    """However many there are: all are given up with the first, and the next call connects."""
    with relay(endpoint.port) as between:
        caller = make_caller(
            route.surface,
            endpoint.url(between.port),
            **endpoint.options,
            socket_timeout=TIMEOUT,
            breaker=breaker,
        )
        fill_the_pool(caller, endpoint)
        between.silence()
        took, timeouts = recovery(partial(caller.call, "get", "key"))
        assert timeouts == 1
        assert took < TIMEOUT + MOMENT
        assert caller.call("incr", "key", 1) if caller.call("add", "key", 1) else True
        for _ in range(POOLED):
            caller.call("set", "key", 1)


@along(PLAIN)
async def test_threads_and_loops_learn_from_each_other(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    with relay(endpoint.port) as between:
        caller = make_caller(route.surface, endpoint.url(between.port), socket_timeout=TIMEOUT)
        cache, awaited = caller.cache, route.surface == "awaited"

        await cache.aset("key", 1)
        cache.set("key", 1)
        between.silence()
        with pytest.raises(ServerTimeout):
            await cache.aget("key") if awaited else cache.get("key")
        await asyncio.sleep(0)
        assert (cache.get("key") if awaited else await cache.aget("key")) == 1


@along(PLAIN)
def test_a_server_that_was_stopped_for_long_is_found_at_once(
    make_caller: MakeCaller, route: Route, mortal: Phoenix
) -> None:
    """Pauses do not grow with the time that it was away."""
    options = {**mortal.endpoint.options, "socket_timeout": TIMEOUT, "breaker": True}
    caller = make_caller(route.surface, mortal.endpoint.url(), **options)
    fill_the_pool(caller, mortal.endpoint)
    mortal.freeze()
    end = time.monotonic() + 4.8
    while time.monotonic() < end:
        with pytest.raises(ServerUnavailable):
            caller.call("get", "key")
        time.sleep(0.02)
    mortal.thaw()
    took, _timeouts = recovery(partial(caller.call, "get", "key"))
    assert took < TIMEOUT + MOMENT


@along(PLAIN[:1])
def test_while_a_server_is_left_alone_one_call_tries(
    make_caller: MakeCaller, mortal: Phoenix, route: Route
) -> None:
    """The pause begins when the attempt ends: no second call loses a timeout meanwhile."""
    caller = make_caller(
        route.surface, mortal.endpoint.url(), socket_timeout=TIMEOUT * 4, breaker=True
    )
    caller.call("get", "key")
    mortal.freeze()
    lost = []
    end = time.monotonic() + TIMEOUT * 14

    def work(_number: int) -> None:
        while time.monotonic() < end:
            begin = time.monotonic()
            with pytest.raises(ServerUnavailable):
                caller.call("get", "key")
            if time.monotonic() - begin > TIMEOUT:
                lost.append(begin)
            time.sleep(0.02)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    # Eight that were under way, or connected, when it was stopped; then one after the other. Were
    # all to try, they would lose about thirty. On a slow machine others seem to wait, too.
    assert len(lost) < 8 * 2


@pytest.fixture(scope="module")
def lasting_pair() -> Iterator[tuple[Server, Server]]:
    with running() as old, running() as new:
        yield old, new


@pytest.fixture
def pair(lasting_pair: tuple[Server, Server]) -> tuple[Server, Server]:
    """Two servers that take writes and have the same count."""
    for server in lasting_pair:
        with valkey.Valkey(port=server.port) as raw:
            raw.replicaof("NO", "ONE")
            raw.flushall()
            raw.set(":1:count", 1)
    return lasting_pair


@along(PLAIN)
def test_a_name_that_leads_to_a_new_primary(
    make_caller: MakeCaller, route: Route, pair: tuple[Server, Server]
) -> None:
    """What the old one, a replica by now, refused is sent once more: nobody is told."""
    old, new = pair
    with relay(old.port) as between:
        endpoint = Endpoint(old, old.port)
        caller = make_caller(route.surface, endpoint.url(between.port))
        fill_the_pool(caller, endpoint)
        demote(old, new, between)
        for number in range(POOLED):
            caller.call("set", f"key{number}", number)
            caller.call("incr", "count")
            caller.call("set_many", {"a": number, "b": number})
            assert caller.call("delete", "a") is True
        assert caller.call("get", "count") == 1 + POOLED
        pipe = caller.cache.pipeline(transaction=True).set("c", 1).incr("c")
        assert pipe.execute() == [None, 2]


@along(PLAIN)
@pytest.mark.parametrize("name", ["set", "incr", "set_many", "transaction"])
def test_the_first_thing_that_is_refused_is_sent_again(
    make_caller: MakeCaller, route: Route, name: str, pair: tuple[Server, Server]
) -> None:
    old, new = pair
    with relay(old.port) as between:
        caller = make_caller(route.surface, f"redis://127.0.0.1:{between.port}/0")
        cache = caller.cache
        caller.call("incr", "count", 0)
        demote(old, new, between)
        calls: dict[str, Callable[[], Any]] = {
            "set": lambda: caller.call("set", "key", 1),
            "incr": lambda: caller.call("incr", "count"),
            "set_many": lambda: caller.call("set_many", {"a": 1, "b": 2}),
            "transaction": lambda: cache.pipeline(transaction=True).incr("count").execute(),
        }
        calls[name]()
        with valkey.Valkey(port=new.port) as raw:
            assert raw.get(":1:count") == (b"2" if name in ("incr", "transaction") else b"1")


@along(PLAIN)
def test_a_replica_that_stays_one_is_said(
    make_caller: MakeCaller, route: Route, pair: tuple[Server, Server]
) -> None:
    replica, primary = pair
    with valkey.Valkey(port=replica.port) as raw:
        raw.replicaof("127.0.0.1", primary.port)
    caller = make_caller(route.surface, f"redis://127.0.0.1:{replica.port}/0")
    for _ in range(3):
        for name, arguments in [("set", ("key", 1)), ("set_many", ({"a": 1, "b": 2},))]:
            with pytest.raises(ReadOnlyError):
                caller.call(name, *arguments)


def demote(old: Server, new: Server, between: Relay) -> None:
    """Make `new` the primary, to which the name leads now; connections to `old` live on."""
    with valkey.Valkey(port=new.port) as raw:
        raw.replicaof("NO", "ONE")
    with valkey.Valkey(port=old.port) as raw:
        raw.replicaof("127.0.0.1", new.port)
    between.target = new.port


# What is large.

BIG = 20_000_000

RATE = 8e6
"""Bytes in a second: what the kernel takes in one go is through within a timeout."""


@pytest.fixture
def strict() -> Iterator[Endpoint]:
    """A server that hangs up on whoever sends a value of more than a megabyte, or waits for one of
    two."""
    with running("--proto-max-bulk-len", "1mb") as server:
        with valkey.Valkey(port=server.port) as raw:
            raw.config_set("client-output-buffer-limit", "normal 1500000 0 0")
            raw.eval("redis.call('SET', KEYS[1], string.rep('x', 2000000))", 1, ":1:huge")
        yield Endpoint(server, server.port)


@along(PLAIN)
def test_a_hang_up_on_what_is_too_large_says_nothing_of_the_server(
    make_caller: MakeCaller, route: Route, strict: Endpoint
) -> None:
    caller = make_caller(route.surface, strict.url(), breaker=True)
    caller.call("set", "small", 1)
    for _ in range(4):
        with pytest.raises(Exception, match=r"was lost|Protocol error"):
            caller.call("set", "big", "x" * BIG)
        with pytest.raises(ServerUnavailable, match="was lost"):
            caller.call("get", "huge")
        with pytest.raises(ServerUnavailable, match="was lost"):
            caller.call("get_many", ["huge", "small"])
    assert caller.call("get", "small") == 1


@pytest.mark.parametrize(
    "large",
    [
        lambda cache: cache.aset("big", "x" * 2_000_000),
        lambda cache: cache.aset_many({"big": "x" * 2_000_000, "small": 1}),
        lambda cache: cache.aget("huge"),
        lambda cache: cache.aget_many(["huge", "other"]),
    ],
    ids=["set", "set_many", "get", "get_many"],
)
async def test_what_is_too_large_breaks_nobody_elses_reads(
    make_caller: MakeCaller, strict: Endpoint, driver: str, large: Callable[[ServerCache], Any]
) -> None:
    cache = make_caller("awaited", strict.url(), breaker=True).cache

    async def get(number: int) -> Any:
        await asyncio.sleep(number / 2000)
        return await cache.aget("small")

    await cache.aset("small", 1)
    for _ in range(4):
        first, *found = await asyncio.gather(
            large(cache), *map(get, range(100)), return_exceptions=True
        )
        assert isinstance(first, Exception)
        assert found == [1] * 100


@contextmanager
def slowly(endpoint: Endpoint, rate: float) -> Iterator[Relay]:
    """Run a relay over which so many bytes flow in a second, each way."""
    with relay(endpoint.port) as between:
        between.rate = rate
        yield between


@pytest.fixture(scope="module")
def value() -> bytes:
    return os.urandom(20_000_000)


@along([*PLAIN, TLS[0]])  # On an event loop TLS is the transport's.
@pytest.mark.parametrize("way", ["read", "written"])
def test_a_large_value_takes_longer_than_a_timeout(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint, way: str, value: bytes
) -> None:
    """The clock begins anew with each piece, for threads and for loops."""
    caller = make_caller(route.surface, endpoint.url(), **endpoint.options)
    caller.call("set", "big", value)
    with slowly(endpoint, RATE) as between:
        slow = make_caller(
            route.surface,
            endpoint.url(between.port),
            **endpoint.options,
            socket_timeout=TIMEOUT * 4,
        )
        begin = time.monotonic()
        if way == "read":
            assert slow.call("get", "big") == value
        else:
            slow.call("set", "big", value[::-1])
            assert caller.call("get", "big") == value[::-1]
        assert time.monotonic() - begin > TIMEOUT * 4


@along(PLAIN[1:])
@pytest.mark.parametrize("way", ["read", "written"])
async def test_small_ones_do_not_wait_for_a_large_one(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint, way: str, value: bytes
) -> None:
    caller = make_caller("blocking", endpoint.url(), **endpoint.options)
    caller.call("set_many", {"big": value, "small": 1})
    with slowly(endpoint, RATE) as between:
        cache = make_caller(
            "awaited", endpoint.url(between.port), **endpoint.options, socket_timeout=TIMEOUT * 4
        ).cache

        begin = time.monotonic()
        large = asyncio.create_task(
            cache.aget("big") if way == "read" else cache.aset("big", value)
        )
        await asyncio.sleep(0.05)
        small = [asyncio.create_task(cache.aget("small")) for _ in range(5)]
        assert await asyncio.gather(*small) == [1] * 5
        first = time.monotonic() - begin
        for _ in range(5):
            assert await cache.aget("small") == 1
            assert await cache.aincr("small", 0) == 1
            assert await cache.aget_many(["small"]) == {"small": 1}
        assert not large.done()
        assert await large == (value if way == "read" else None)
        assert first < (time.monotonic() - begin) / 2


async def test_nobody_times_out_before_their_own_time(
    make_caller: MakeCaller, driver: str, valkey_server: Server
) -> None:
    endpoint = Endpoint(valkey_server, valkey_server.port)
    with relay(endpoint.port) as between:
        cache = make_caller("awaited", endpoint.url(between.port), socket_timeout=TIMEOUT).cache

        async def ask(after: float) -> float:
            await asyncio.sleep(after)
            begin = time.monotonic()
            with pytest.raises(ServerTimeout):
                await cache.aadd("key", 1)
            return time.monotonic() - begin

        await cache.aget("key")
        between.flowing.clear()
        waits = await asyncio.gather(*(ask(TIMEOUT * n / 5) for n in range(5)))
        assert min(waits) > TIMEOUT * 0.95
        between.flowing.set()


async def test_a_late_answer_still_reaches_who_has_time(
    make_caller: MakeCaller, driver: str, valkey_server: Server
) -> None:
    """Of two who wait on one connection the first gives up; what then comes is the second's."""
    endpoint = Endpoint(valkey_server, valkey_server.port)
    with relay(endpoint.port) as between:
        cache = make_caller("awaited", endpoint.url(between.port), socket_timeout=TIMEOUT).cache

        await cache.aset_many({"a": 1, "b": 2})
        between.flowing.clear()
        first = asyncio.create_task(cache.aincr("a"))
        await asyncio.sleep(TIMEOUT * 0.7)
        second = asyncio.create_task(cache.aincr("b"))
        with pytest.raises(ServerTimeout):
            await first
        between.flowing.set()
        assert await second == 3
        assert await cache.aget("a") == 2


def test_idle_connections_are_kept_alive(caller: Caller, route: Route) -> None:
    caller.call("get", "key")
    if route.surface == "blocking":
        line = server_of(caller.cache)._pool.acquire()
        found: Any = line._sock
    else:
        [way] = server_of(caller.cache)._event_loops._servers.values()
        assert way._shared is not None
        found = way._shared._transport.get_extra_info("socket")
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


@along(PLAIN)
def test_a_server_that_hangs_up_on_every_command_is_there(
    make_caller: MakeCaller, route: Route
) -> None:
    """It costs no time to ask it: no breaker need open."""
    with talker(lambda words: None) as server:
        caller = make_caller(route.surface, f"redis://127.0.0.1:{server.port}/0", breaker=True)
        for _ in range(8):
            for name, arguments in [("get", ("key",)), ("incr", ("key",))]:
                with pytest.raises(ServerUnavailable, match="was lost"):
                    caller.call(name, *arguments)
        server.answer = lambda words: b"$1\r\n7\r\n"
        assert caller.call("get", "key") == 7

"""Leases: what may happen in the middle of an exchange, and where connections live."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from django_cachex.cache import Client
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.connection.server import Server as ConfiguredServer
from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import parse_none, parse_raw
from tests.cache.conftest import BACKENDS, EACH_DRIVER, url
from tests.servers import Server, wait_until

# Holds the connection without an answer for as long as no test lasts.
HANG = Command(("BLPOP", b"nothing", 30), parse_raw)


@contextmanager
def interruption(error: BaseException, seconds: float = 0.1) -> Iterator[None]:
    """Raise `error` in the main thread after `seconds`, as Ctrl-C would."""

    def interrupt(*_: Any) -> None:
        raise error

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def connection_id(client: Client) -> int:
    return int(client.run(Command(("CLIENT", "ID"), parse_raw)))


def others(client: Client) -> int:
    """Return how many connections the server has besides that of `client`."""
    listed = client.run(Command(("CLIENT", "LIST"), parse_raw))
    return len(listed.splitlines()) - 1


@pytest.mark.parametrize("error", [SystemExit(), RuntimeError("timeout")])
def test_an_interrupted_exchange_leaves_no_reply_to_the_next(
    cache: ServerCache, error: BaseException
) -> None:
    cache.set("key", "value")
    before = connection_id(cache.client)
    with pytest.raises(type(error)), interruption(error):
        cache.client.run(HANG)
    assert cache.get("key") == "value"
    assert connection_id(cache.client) != before


def test_a_refusal_keeps_the_connection(cache: ServerCache) -> None:
    before = connection_id(cache.client)
    for words in ("NOSUCH",), ("GET",), ("LLEN", b"a", b"b"):
        with pytest.raises(CommandError):
            cache.client.run(Command(words, parse_raw))
    with pytest.raises(ValueError, match="missing"):
        cache.incr("missing")
    assert connection_id(cache.client) == before


def test_a_reply_that_cannot_be_read_keeps_the_connection_clean(cache: ServerCache) -> None:
    cache.client.set(b":1:a", b"\x80garbage")
    before = connection_id(cache.client)
    with pytest.raises(Exception, match=r"pickle|unsupported|truncated"):
        cache.get_many(["a", "b"])
    assert cache.get("b") is None
    assert connection_id(cache.client) == before


def test_steps_that_end_while_watching_close_the_connection(cache: ServerCache) -> None:
    def watch() -> Operation[None]:
        yield [Command(("WATCH", b"key"), parse_none)]
        raise LookupError

    before = connection_id(cache.client)
    with pytest.raises(LookupError):
        cache.client.run(watch())
    assert connection_id(cache.client) != before


def test_steps_that_end_in_a_transaction_close_the_connection(cache: ServerCache) -> None:
    def begin() -> Operation[None]:
        yield [Command(("MULTI",), parse_none)]

    cache.client.run(begin())
    assert cache.get("key") is None
    asyncio.run(cache.client.arun(begin()))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**5000], ids=range(3))
def test_an_integer_past_64_bits_never_reaches_the_packer(cache: ServerCache, number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        cache.client.run(Command(("SET", b"key", number), parse_raw))
    assert cache.client.lrange(b"missing", 0, 2**63 - 1) == []


def test_closing_keeps_the_connection(cache: ServerCache) -> None:
    before = connection_id(cache.client)
    cache.close(signal="request_finished")
    asyncio.run(cache.aclose(signal="request_finished"))
    assert connection_id(cache.client) == before


@EACH_DRIVER
def test_nothing_is_connected_before_it_is_used(driver: str) -> None:
    BACKENDS[driver]("redis://192.0.2.1:1", {})
    Client.from_settings(driver, "redis://192.0.2.1:1")


# Event loops


@EACH_DRIVER
def test_each_loop_has_its_own_connections_and_takes_them_along(cache: ServerCache) -> None:
    cache.set("key", 1)
    before = others(cache.client)
    for _ in range(5):
        assert asyncio.run(cache.aget("key")) == 1
        assert async_to_sync(cache.aget)("key") == 1
    gc.collect()  # Connections left behind would warn, and warnings are errors.
    wait_until(lambda: others(cache.client) == before, "the loops' connections to go", 5)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ended_badly_is_forgotten(cache: ServerCache) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(cache.aset("key", 1))
    loop.close()  # Without shutdown_asyncgens().
    assert asyncio.run(cache.aget("key")) == 1
    assert len(cache.client.server._event_loops) == 0
    gc.collect()


def test_loops_in_threads_beside_each_other(cache: ServerCache) -> None:
    cache.set("key", 1)

    def work(_number: int) -> list[Any]:
        return [asyncio.run(cache.aget("key")) for _ in range(5)]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [[1] * 5] * 4


@EACH_DRIVER
def test_the_address_shows_the_database_and_no_credential(driver: str) -> None:
    server = ConfiguredServer.for_url(driver, "redis://user:hush@example.org:6380/3?client_name=x")
    assert server.address == "example.org:6380/3"
    server = ConfiguredServer.for_url(driver, "unix://user:hush@/run/valkey.sock?db=2")
    assert server.address == "/run/valkey.sock?db=2"
    server = ConfiguredServer.for_url(driver, "redis://example.org", {"db": 5, "password": "hush"})
    assert server.address == "example.org:6379/5"
    assert "hush" not in repr(server) + repr(server.configuration) + repr(Client(server))


async def test_a_retired_stream_answers_those_who_were_there_and_closes(cache: ServerCache) -> None:
    await cache.aset("key", 1)
    way = cache.client.server._event_loops.for_running_loop()  # type: ignore[attr-defined]  # one server's
    stream = way._shared
    waiting = [asyncio.create_task(cache.aget("key")) for _ in range(3)]
    while not stream._outgoing:
        await asyncio.sleep(0)
    stream.drain()  # As a READONLY for another task does: nothing of theirs is sent yet.
    assert await asyncio.wait_for(asyncio.gather(*waiting), 2) == [1, 1, 1]
    assert stream._transport.is_closing()
    assert await cache.aget("key") == 1
    assert way._shared is not stream


def test_caches_that_differ_in_values_share_their_connections(
    driver: str, valkey_server: Server
) -> None:
    def server_of(**options: Any) -> object:
        return BACKENDS[driver](url(valkey_server), {"OPTIONS": options}).client.server

    plain = server_of()
    assert server_of() is plain
    assert server_of(serializer="json", compressor="zlib", stampede_protection=True) is plain
    assert server_of(ignore_exceptions=True) is plain
    assert server_of(socket_timeout=3) is not plain
    assert server_of(breaker=False) is not plain
    assert server_of(db=0, health_check_interval=30) is not plain

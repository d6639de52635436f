"""Leases: what may happen in the middle of an exchange, and where connections live."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from django_cachex.cache import Client
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.connection.server import Server as ConfiguredServer
from django_cachex.commands import Command, CommandError, Operation, ServerUnavailable
from django_cachex.commands.command import parse_none, parse_raw
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.cache.relay import relay
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


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), RuntimeError("timeout")])
def test_an_interrupted_exchange_leaves_no_reply_to_the_next(
    cache: ServerCache, error: BaseException
) -> None:
    cache.set("key", "value")
    before = connection_id(cache.client)
    with pytest.raises(type(error)), interruption(error):
        cache.client.run(HANG)
    assert cache.get("key") == "value"
    assert connection_id(cache.client) != before


def test_a_cancelled_task_leaves_no_reply_to_the_next(cache: ServerCache) -> None:
    async def main() -> None:
        await cache.aset("key", "value")
        before = await cache.client.arun(Command(("CLIENT", "ID"), parse_raw))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.client.arun(HANG), 0.1)
        assert await cache.aget("key") == "value"
        # Blocking commands have connections of their own: the shared one was not disturbed.
        assert await cache.client.arun(Command(("CLIENT", "ID"), parse_raw)) == before

    asyncio.run(main())


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


def test_a_lost_connection_is_said_and_made_again(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        cache.set("key", 1)
        between.cut()
        assert cache.get("key") == 1  # An idle connection is looked at before it is used.
        timer = threading.Timer(0.1, between.cut)
        timer.start()
        with pytest.raises(ServerUnavailable):
            cache.client.run(HANG)
        timer.join()
        assert cache.get("key") == 1


def test_threads_share_a_pool_without_mixing_replies(cache: ServerCache) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(100):
            cache.set(f"key{number}", (number, turn))
            found = cache.get(f"key{number}")
            if found != (number, turn):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_tasks_share_a_pool_without_mixing_replies(cache: ServerCache) -> None:
    async def work(number: int) -> bool:
        await cache.aset(f"key{number}", number)
        return all([await cache.aget(f"key{number}") == number for _ in range(20)])

    async def main() -> list[bool]:
        return await asyncio.gather(*(work(number) for number in range(20)))

    assert all(asyncio.run(main()))


def test_instances_are_made_per_thread_but_connections_are_not(make_cache: MakeCache) -> None:
    assert make_cache().client.server is make_cache().client.server
    assert connection_id(make_cache().client) == connection_id(make_cache().client)
    assert make_cache(OPTIONS={"db": 0, "health_check_interval": 30}).client.server is not (
        make_cache().client.server
    )


def test_closing_keeps_the_connection(cache: ServerCache) -> None:
    before = connection_id(cache.client)
    cache.close(signal="request_finished")
    asyncio.run(cache.aclose(signal="request_finished"))
    assert connection_id(cache.client) == before


def test_nothing_is_connected_before_it_is_used(driver: str) -> None:
    BACKENDS[driver]("redis://192.0.2.1:1", {})
    Client.from_settings(driver, "redis://192.0.2.1:1")


# Event loops


def test_each_loop_has_its_own_connections_and_takes_them_along(cache: ServerCache) -> None:
    cache.set("key", 1)
    before = others(cache.client)
    for _ in range(5):
        assert asyncio.run(cache.aget("key")) == 1
        assert async_to_sync(cache.aget)("key") == 1
    gc.collect()  # Connections left behind would warn, and warnings are errors.
    wait_until(lambda: others(cache.client) == before, "the loops' connections to go", 5)


def test_tasks_of_one_loop_share_its_connections(cache: ServerCache) -> None:
    async def ask() -> int:
        return int(await cache.client.arun(Command(("CLIENT", "ID"), parse_raw)))

    async def main() -> set[int]:
        return {await ask() for _ in range(5)}

    assert len(asyncio.run(main())) == 1


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
    found: list[Any] = []
    cache.set("key", 1)

    def work() -> None:
        found.extend(asyncio.run(cache.aget("key")) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 20


# Processes

FORK = """
import asyncio, os, sys
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
from django_cachex.commands import Command

WHO = Command(("CLIENT", "ID"), int)
cache = {"valkey": ValkeyCache, "redis": RedisCache}[sys.argv[1]](sys.argv[2], {})
cache.set("key", "parent")


async def parent():
    mine, looped = cache.client.run(WHO), await cache.client.arun(WHO)
    child = os.fork()
    if child == 0:
        assert cache.client.run(WHO) not in (mine, looped)
        assert cache.get("key") == "parent"
        cache.set("key", "child")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.client.run(WHO) == mine
    assert await cache.client.arun(WHO) == looped
    assert cache.get("key") == await cache.aget("key") == "child"


asyncio.run(parent())
with cache.client.server._pool._serve_lock:  # As another thread may at that moment.
    child = os.fork()
    if child == 0:
        assert asyncio.run(cache.aget("key")) == "child"
        os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_child_process_uses_connections_of_its_own(driver: str, valkey_server: Server) -> None:
    command = [sys.executable, "-W", "error", "-c", FORK, driver, url(valkey_server)]
    assert spoken(command) == (0, "")


def spoken(command: list[str]) -> tuple[int, str]:
    """Run a command; return its status, and what it wrote to standard error.

    Without the development mode, in which asyncio has a word about what a slow machine does.
    """
    environment = {**os.environ, "PYTHONDEVMODE": ""}
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=environment
    )
    return ended.returncode, ended.stderr


EXIT = """
import asyncio, sys
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
cache = {"valkey": ValkeyCache, "redis": RedisCache}[sys.argv[1]](sys.argv[2], {})
cache.set("key", 1)
asyncio.run(cache.aset("key", 2))
"""


def test_an_interpreter_ends_without_a_word(driver: str, valkey_server: Server) -> None:
    command = [sys.executable, "-W", "error", "-c", EXIT, driver, url(valkey_server)]
    assert spoken(command) == (0, "")


def test_the_address_shows_the_database_and_no_credential(driver: str) -> None:
    server = ConfiguredServer.for_url(driver, "redis://user:hush@example.org:6380/3?client_name=x")
    assert server.address == "example.org:6380/3"
    server = ConfiguredServer.for_url(driver, "unix://user:hush@/run/valkey.sock?db=2")
    assert server.address == "/run/valkey.sock?db=2"
    server = ConfiguredServer.for_url(driver, "redis://example.org", {"db": 5, "password": "hush"})
    assert server.address == "example.org:6379/5"
    assert "hush" not in repr(server) + repr(server.configuration) + repr(Client(server))


def test_a_retired_stream_answers_those_who_were_there_and_closes(cache: ServerCache) -> None:
    async def main() -> None:
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

    asyncio.run(main())


def test_caches_that_differ_in_values_share_their_connections(
    driver: str, valkey_server: Server
) -> None:
    def server_of(**options: Any) -> object:
        return BACKENDS[driver](url(valkey_server), {"OPTIONS": options}).client.server

    plain = server_of()
    assert server_of(serializer="json", compressor="zlib", stampede_protection=True) is plain
    assert server_of(ignore_exceptions=True) is plain
    assert server_of(socket_timeout=3) is not plain
    assert server_of(breaker=False) is not plain

"""What raises in the middle of an exchange: Ctrl-C, a signal's handler, a cancelled task."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from django_cachex import cache as package
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.configuration import configure
from django_cachex.cache.connection.protocol import pack_command
from django_cachex.commands import ServerTimeout
from tests.cache.conftest import EACH_DRIVER
from tests.cache.faults.callers import HANG, WHO, Blocking, server_of
from tests.cache.faults.conftest import PARSED, PLAIN, TLS, MakeCaller, Route, along, name_of
from tests.cache.faults.endpoints import Endpoint
from tests.cache.relay import relay
from tests.servers import Server, wait_until

OURS = str(Path(package.__file__).parent / "connection")
RUNNING = frozenset({"server.py", "sync.py", "protocol.py"})


@contextmanager
def interrupted_at(number: int) -> Iterator[list[int]]:
    """Raise KeyboardInterrupt at the place `number` where Python would run a signal's handler.

    That is where one of our functions begins and where it has called one in C. Yield a list that
    holds how many such places there were.
    """
    count = [0]

    def look(frame: FrameType, event: str, _argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event in ("call", "c_return") and str(path.parent) == OURS and path.name in RUNNING:
            count[0] += 1
            if count[0] == number:
                raise KeyboardInterrupt

    previous = sys.getprofile()
    sys.setprofile(look)
    try:
        yield count
    finally:
        sys.setprofile(previous)


def single_line(
    make_caller: MakeCaller, endpoint: Endpoint, driver: str, patience: float = 0.1
) -> ServerCache:
    """Return a cache with one connection: one place lost, and the next call is a timeout."""
    pool = f"{driver}.connection.BlockingConnectionPool"
    caller = make_caller(
        "blocking", endpoint.url(), max_connections=1, pool_class=pool, timeout=patience
    )
    return caller.cache


def patient_get(cache: ServerCache) -> Any:
    """Return what is stored; an interrupted frame may hold its connection until it is collected."""
    try:
        return cache.get("text")
    except ServerTimeout:
        gc.collect()
    try:
        return cache.get("text")
    except ServerTimeout as error:
        return error


CALLS: dict[str, Callable[[ServerCache], Any]] = {
    "get": lambda cache: cache.get("text"),
    "incr": lambda cache: cache.incr("number"),
    "set_many": lambda cache: cache.set_many({"other": 1, "more": 2}),
}


@EACH_DRIVER
@along([PLAIN[0], PARSED[2]])
@pytest.mark.parametrize(
    ("name", "fresh"),
    [("get", True), *((name, False) for name in CALLS)],
    ids=["fresh", *CALLS],
)
def test_interrupted_anywhere(
    make_caller: MakeCaller, driver: str, endpoint: Endpoint, name: str, fresh: bool
) -> None:
    """The next call has its own reply, and the only place for a connection is not lost."""
    cache, call = single_line(make_caller, endpoint, driver), CALLS[name]
    cache.set_many({"text": "value", "number": 0})
    with interrupted_at(-1) as count:
        if fresh:
            server_of(cache)._pool.disconnect_idle()
        call(cache)
    assert count[0] >= 15  # So many places does the shortest of the calls have, at least.
    for number in range(1, count[0] + 1, 1 + count[0] // 90):  # Not every one of the longest way.
        if fresh:
            server_of(cache)._pool.disconnect_idle()
        try:
            with interrupted_at(number):
                call(cache)
        except KeyboardInterrupt:
            pass
        assert patient_get(cache) == "value", f"a place is lost at {number}"
        assert cache.get_many(["text", "none"]) == {"text": "value"}
    assert cache.incr("number") >= 1


@contextmanager
def alarm_after(seconds: float) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


# In a process of its own, because what goes wrong here may be the end of the interpreter.
SIGNALS = """
import json, random, signal, sys
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache

driver, url, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
cache = {"valkey": ValkeyCache, "redis": RedisCache}[driver](url, {"OPTIONS": options})
chance = random.Random(20_261)
interrupted = 0


def ring(*_):
    raise KeyboardInterrupt


# What is raised where a driver's connection is collected is lost: then the next ring counts.
sys.unraisablehook = lambda unraisable: None
signal.signal(signal.SIGALRM, ring)
for number in range(80):
    cache.set_many({"text": f"value{number}", "number": number})
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.004), 0.2)
        while True:
            assert cache.get("text") == f"value{number}"
            assert cache.get_many(["number"])["number"] >= number
            cache.incr("number")
            cache.set("other", 12345, timeout=1000)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        interrupted += 1
    assert cache.get("text") == f"value{number}"
assert interrupted == 80
"""


@EACH_DRIVER
@along([PLAIN[0], TLS[0]])
def test_signals_at_random_moments(driver: str, route: Route, endpoint: Endpoint) -> None:
    command = [sys.executable, "-c", SIGNALS, driver, endpoint.url()]
    command.append(json.dumps({**endpoint.options, "max_connections": 2}))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


# What is packed again and again while a signal's handler raises.
PACKED = {
    "a command": """
from django_cachex.cache.connection.protocol import get_codec, pack_commands
from django_cachex.commands import Command
from django_cachex.commands.command import parse_raw

codec = get_codec(sys.argv[1])
command = Command(("SET", b"key", 12345, "PX", 300_000), parse_raw)


def pack():
    pack_commands([command] * 50, codec.pack)
""",
    # What the drivers send when they connect has integers, too: the database, a password.
    "the greeting": """
from django_cachex.cache.configuration import configure

configuration = configure(sys.argv[1], "redis://127.0.0.1:1/5", {"password": 12345}, {})
connection = configuration.connection()


def pack():
    connection.pack_command("SELECT", connection.db)
    connection.pack_command("AUTH", connection.password)
""",
}

INTERRUPTED = """
interrupted = []


def ring(*_):
    interrupted.append(True)
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, ring)
while len(interrupted) < 300:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        while True:
            pack()
    except KeyboardInterrupt:
        pass
"""


@EACH_DRIVER
@pytest.mark.parametrize("packed", PACKED)
def test_a_signal_while_something_is_packed(driver: str, packed: str) -> None:
    """The packers in C do not look whether an integer could be written: handlers run there."""
    program = "import signal, sys\n" + PACKED[packed] + INTERRUPTED
    command = [sys.executable, "-c", program, driver]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


@EACH_DRIVER
def test_the_greeting_is_what_the_driver_would_send(driver: str) -> None:
    connection: Any = configure(driver, "redis://127.0.0.1:1/5", {}, {}).connection()
    assert connection.db == 5
    for words in [("SELECT", 5), ("CLIENT SETNAME", "é"), ("AUTH", b"\xff", 12345), ("PING",)]:
        ours = b"".join(connection.pack_command(*words))
        name, *others = words
        plain = tuple(str(one) if isinstance(one, int) else one for one in others)
        assert ours == pack_command((*str(name).split(), *plain))


@along(PLAIN[:1])
def test_interrupted_while_waiting_for_a_connection(
    make_caller: MakeCaller, driver: str, endpoint: Endpoint
) -> None:
    """Whoever went away is handed nothing, and those who come later are not kept waiting."""
    cache = single_line(make_caller, endpoint, driver, patience=1)
    for _ in range(3):
        holder = threading.Thread(target=cache.client.run, args=(HANG,))
        holder.start()
        name = name_of(Blocking(cache))
        wait_until(partial(endpoint.blocked, name), "it to hold")
        with pytest.raises(KeyboardInterrupt), alarm_after(0.05):
            cache.get("text")
        with endpoint.control() as control:
            control.rpush("nothing", 1)
        holder.join()
        assert cache.get("text", "default") == "default"
        endpoint.kill_connections(name)
        assert cache.add("text", 1) is True
        cache.delete("text")


# Event loops


@pytest.fixture
def plain(valkey_server: Server) -> Endpoint:
    return Endpoint(valkey_server, valkey_server.port)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_task_cancelled_after_any_number_of_turns(
    make_caller: MakeCaller, plain: Endpoint
) -> None:
    """Its neighbours have their own replies, on the connection that they had before."""
    cache = make_caller("awaited", plain.url(), socket_timeout=2).cache

    await cache.aset_many({f"key{number}": number for number in range(10)})
    before = await cache.client.arun(WHO)
    for count in range(12):
        for victim in (cache.aget("key0"), cache.aincr("key0"), cache.aget_many(["key0"])):
            task = asyncio.create_task(victim)
            neighbours = [asyncio.create_task(cache.aget(f"key{n}")) for n in range(1, 10)]
            await turns(count)
            task.cancel()
            assert await asyncio.gather(*neighbours) == list(range(1, 10))
            await asyncio.gather(task, return_exceptions=True)
    assert await cache.client.arun(WHO) == before


async def test_tasks_cancelled_while_the_reply_is_under_way(
    make_caller: MakeCaller, plain: Endpoint
) -> None:
    with relay(plain.port) as between:
        cache = make_caller("awaited", plain.url(between.port), socket_timeout=2).cache

        await cache.aset_many({f"key{number}": number for number in range(30)})
        chance = random.Random(20_261)
        for _ in range(10):
            between.flowing.clear()
            tasks = [asyncio.create_task(cache.aget(f"key{n}")) for n in range(30)]
            await turns(3)
            doomed = set(chance.sample(range(30), 15))
            for number in doomed:
                tasks[number].cancel()
            between.flowing.set()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            for number, reply in enumerate(found):
                if number in doomed:
                    assert isinstance(reply, asyncio.CancelledError)
                else:
                    assert reply == number
        assert between.connections == 1


@pytest.mark.filterwarnings("error")
def test_a_task_cancelled_while_it_connects(make_caller: MakeCaller, plain: Endpoint) -> None:
    """Alone, and as one of several that wait for the one connection."""
    with relay(plain.port) as between:
        caller = make_caller("awaited", plain.url(between.port), socket_timeout=2)
        cache = caller.cache

        async def main() -> None:
            for count in (1, 3, 6):
                between.flowing.clear()
                tasks = [asyncio.create_task(cache.aget("key", number)) for number in range(3)]
                own = asyncio.create_task(cache.client.arun(HANG))
                await turns(count)
                tasks[0].cancel()
                own.cancel()
                between.flowing.set()
                first, *others = await asyncio.gather(*tasks, return_exceptions=True)
                assert isinstance(first, asyncio.CancelledError)
                assert others == [1, 2]
                await asyncio.gather(own, return_exceptions=True)
                between.cut()

        asyncio.run(main())
        wait_until(lambda: not plain.connections(name_of(caller)), "connections to go", 1)


@pytest.mark.filterwarnings("error")
def test_a_conversation_cancelled_while_it_connects_leaves_nothing(
    make_caller: MakeCaller, plain: Endpoint
) -> None:
    """Wherever in the greeting it is: what drivers wait for with `wait_for` may swallow it."""
    with relay(plain.port) as between:
        caller = make_caller("awaited", plain.url(between.port), socket_timeout=0.3)
        name = name_of(caller)

        async def main() -> None:
            for count in range(1, 16):
                between.flowing.clear()
                task = asyncio.create_task(caller.cache.client.arun(HANG))
                await turns(count)
                task.cancel()
                between.flowing.set()
                found = (await asyncio.gather(task, return_exceptions=True))[0]
                assert isinstance(found, asyncio.CancelledError), f"after {count} turns"
            await asyncio.to_thread(
                wait_until, lambda: not plain.blocked(name), "all that hang to go", 1
            )

        asyncio.run(main())
        wait_until(lambda: not plain.connections(name), "connections to go", 1)


def test_a_loop_that_ends_while_a_task_connects(make_caller: MakeCaller, plain: Endpoint) -> None:
    with relay(plain.port) as between:
        caller = make_caller("awaited", plain.url(between.port), socket_timeout=2)
        between.flowing.clear()

        async def main() -> None:
            task = asyncio.create_task(caller.cache.aget("key"))
            await turns(5)
            assert not task.done()

        asyncio.run(main())
        between.flowing.set()
        assert asyncio.run(caller.cache.aget("key", "default")) == "default"
        wait_until(lambda: not plain.connections(name_of(caller)), "connections to go", 1)


async def test_a_cancelled_conversation_leaves_its_connection(
    make_caller: MakeCaller, plain: Endpoint
) -> None:
    caller = make_caller("awaited", plain.url())

    cache = caller.cache
    await cache.aset("key", 1)
    for _ in range(5):
        task = asyncio.create_task(cache.client.arun(HANG))
        await asyncio.to_thread(wait_until, lambda: plain.blocked(name_of(caller)), "it to hang")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(
            wait_until, lambda: len(plain.connections(name_of(caller))) == 1, "it to go"
        )
    assert await cache.aget("key") == 1

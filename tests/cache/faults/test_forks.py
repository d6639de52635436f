"""Processes that fork with connections open: parent and child each go on with their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.cache.faults.conftest import PLAIN, TLS, Route
from tests.cache.faults.endpoints import Endpoint

PRELUDE = """
import asyncio, json, multiprocessing, os, sys, threading
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
from django_cachex.commands import Command
from django_cachex.commands.command import parse_raw

WHO = Command(("CLIENT", "ID"), int)
PUSH = Command(("RPUSH", b"gate", 1), parse_raw)
driver, url = sys.argv[1:3]
options = json.loads(sys.argv[3]) | {"socket_timeout": 60}
cache = {"valkey": ValkeyCache, "redis": RedisCache}[driver](url, {"OPTIONS": options})


def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def forked(work):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child
"""

MANY_CHILDREN = """
cache.set_many({f"key{n}": n for n in range(50)})
cache.set("count", 0)
mine = cache.client.run(WHO)


def work():
    assert cache.client.run(WHO) != mine
    for _ in range(5):
        assert cache.get_many(f"key{n}" for n in range(50)) == {f"key{n}": n for n in range(50)}
        cache.incr("count")
    assert asyncio.run(cache.aget("key1")) == 1


children = [forked(work) for _ in range(4)]
for _ in range(20):
    assert cache.get("key7") == 7
assert [ended(child) for child in children] == [0] * 4
assert cache.get("count") == 20
with cache.client.server._pool._serve_lock:  # As another thread may at that moment.
    assert ended(forked(lambda: cache.get("count") == 20 or os._exit(3))) == 0


def with_a_child_of_its_own():
    own = cache.client.run(WHO)
    assert ended(forked(lambda: cache.get("count") == 20 or os._exit(3))) == 0
    assert cache.client.run(WHO) == own


assert ended(forked(with_a_child_of_its_own)) == 0
assert cache.client.run(WHO) == mine
"""

IN_MID_EXCHANGE = """
# Another thread waits for its reply while this one forks, again and again.
cache.set("key", "value")
held = threading.Thread(target=cache.client.run, args=(Command(("BLPOP", b"gate", 10), parse_raw),))
held.start()
stop, wrong = threading.Event(), []


def hammer(number):
    while not stop.is_set():
        cache.set(f"own{number}", number)
        if cache.get(f"own{number}") != number:
            wrong.append(number)


threads = [threading.Thread(target=hammer, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()


def work():
    assert cache.get("key") == "value"
    cache.set("child", os.getpid())
    assert cache.get("child") == os.getpid()


for _ in range(10):
    assert ended(forked(work)) == 0
stop.set()
for thread in threads:
    thread.join()
cache.client.run(PUSH)
held.join()
assert wrong == []
"""

WHILE_CONNECTING = """
# Locks that OpenSSL holds while it greets are not there to be released in the child.
cache.set("key", "value")
stop, wrong = threading.Event(), []


def connect():
    while not stop.is_set():
        cache.client.server.close_unused()
        if cache.get("key") != "value":
            wrong.append(1)


def connect_on_a_loop():
    while not stop.is_set():
        if asyncio.run(cache.aget("key")) != "value":
            wrong.append(2)


threads = [threading.Thread(target=target) for target in (connect, connect_on_a_loop)]
for thread in threads:
    thread.start()
for _ in range(20):
    assert ended(forked(lambda: cache.get("key") == "value" or os._exit(3))) == 0
stop.set()
for thread in threads:
    thread.join()
assert wrong == []
"""

RUNNING_LOOP = """
async def main():
    await cache.aset("key", "value")
    mine = await cache.client.arun(WHO)
    waiting = asyncio.create_task(cache.client.arun(Command(("BLPOP", b"gate", 10), parse_raw)))
    replies = [asyncio.create_task(cache.aget("key")) for _ in range(20)]
    await asyncio.sleep(0)

    def work():
        assert cache.get("key") == "value"
        assert asyncio.run(cache.client.arun(WHO)) != mine
        assert asyncio.run(cache.aget("key")) == "value"

    for _ in range(3):
        assert ended(forked(work)) == 0
        assert await asyncio.gather(*replies) == ["value"] * 20
        assert await cache.client.arun(WHO) == mine
    await cache.client.arun(PUSH)
    assert await waiting == [b"gate", b"1"]


asyncio.run(main())
"""

MULTIPROCESSING = """
def read(number):
    cache.set(f"child{number}", number)
    return cache.get("key"), cache.get(f"child{number}"), asyncio.run(cache.aget("key"))


cache.set("key", "value")
mine = cache.client.run(WHO)


async def main():
    await cache.aset("key", "value")
    looped = await cache.client.arun(WHO)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(read, range(6))
        pool.close()
        pool.join()
    assert found == [("value", number, "value") for number in range(6)]
    assert await cache.client.arun(WHO) == looped
    assert await cache.aget("key") == "value"


asyncio.run(main())
assert cache.client.run(WHO) == mine
"""

PROGRAMS = {
    "many-children": MANY_CHILDREN,
    "in-mid-exchange": IN_MID_EXCHANGE,
    "while-connecting": WHILE_CONNECTING,
    "running-loop": RUNNING_LOOP,
    "multiprocessing": MULTIPROCESSING,
}
CASES = [
    *(("valkey", PLAIN[0].values[0], program) for program in PROGRAMS),
    *(("redis", PLAIN[0].values[0], program) for program in ("many-children", "running-loop")),
    *(("valkey", TLS[0].values[0], name) for name in ("in-mid-exchange", "while-connecting")),
]


@pytest.mark.parametrize(("driver", "route", "program"), CASES, indirect=["route"])
def test_fork(driver: str, endpoint: Endpoint, route: Route, program: str) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        PRELUDE + PROGRAMS[program],
        driver,
        endpoint.url(),
    ]
    command.append(json.dumps(dict(endpoint.options)))
    # Development mode would have the event loop speak of each slow step.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDEVMODE"}
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=env
    )
    assert (ended.returncode, ended.stderr) == (0, "")

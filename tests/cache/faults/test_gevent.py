"""Greenlets under gevent's monkey patching: no call may stop the others."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cache.faults.conftest import PLAIN, TLS, Route, along
from tests.cache.faults.endpoints import Endpoint

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent, json, sys, time
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
from django_cachex.commands import Command, ServerTimeout
from django_cachex.commands.command import parse_raw

driver, url, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
kind = {"valkey": ValkeyCache, "redis": RedisCache}[driver]
cache = kind(url, {"OPTIONS": options | {"max_connections": 10, "socket_timeout": 60}})
HOLD = Command(("BLPOP", b"gate", 10), parse_raw)


def work(number):
    for turn in range(10):
        cache.set(f"key{number}", (number, turn))
        assert cache.get(f"key{number}") == (number, turn)
        cache.incr("count")
    return True


cache.set("count", 0)
holder = gevent.spawn(cache.client.run, HOLD)
greenlets = [gevent.spawn(work, number) for number in range(50)]
gevent.joinall(greenlets, timeout=20, raise_error=True)
assert all(greenlet.value for greenlet in greenlets)
assert cache.get("count") == 500
assert not holder.dead
cache.client.run(Command(("RPUSH", b"gate", 1), parse_raw))
assert holder.get(timeout=5) == [b"gate", b"1"]

# A timeout of the socket, while other greenlets go on.
slow = kind(url, {"OPTIONS": options | {"socket_timeout": 0.3, "breaker": False}})
ticks = []
begin = time.monotonic()


def tick():
    while time.monotonic() < begin + 0.3:
        ticks.append(1)
        gevent.sleep(0.01)


ticking = gevent.spawn(tick)
try:
    slow.client.run(HOLD)
except ServerTimeout:
    assert 0.25 < time.monotonic() - begin < 1.5
else:
    raise AssertionError("no timeout")
ticking.join()
assert len(ticks) > 5
assert slow.get("key3") == (3, 9)

# gevent's own timeout, in mid-exchange: the connection is not used again.
with gevent.Timeout(0.1, False):
    cache.client.run(HOLD)
assert cache.get("key4") == (4, 9)
"""


@along([PLAIN[0], TLS[0]])
def test_greenlets(driver: str, endpoint: Endpoint, route: Route) -> None:
    pytest.importorskip("gevent")
    command = [sys.executable, "-c", PROGRAM, driver, endpoint.url()]
    command.append(json.dumps(dict(endpoint.options)))
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")

"""Semaphores: of threads and of tasks, on one server and in a cluster."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cachex.cache import ValkeyClusterCache, tracing
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.semaphores import acquire, get_usage, release
from django_cachex.commands import (
    LockError,
    LockLost,
    LockNotAcquired,
    WrongTypeError,
)
from tests.cache.conftest import BACKENDS, url
from tests.cache.test_locks import LOOP, Awaited, Blocking
from tests.servers import Server, wait_until

OLD = pytest.param("redis 6.2", marks=pytest.mark.slow)


@pytest.fixture(params=["blocking", "awaited", "cluster", "redis server", OLD])
def made(request: pytest.FixtureRequest) -> Iterator[tuple[ServerCache, Callable[..., Any]]]:
    """A cache, and what makes semaphores of it."""
    if request.param == "cluster":
        cache: ServerCache = ValkeyClusterCache(
            url(request.getfixturevalue("cluster_of_valkeys")), {}
        )
        cache.clear()
        yield cache, lambda *args, **options: Blocking(cache.semaphore(*args, **options))
    elif request.param == "awaited":
        cache = request.getfixturevalue("cache")
        with LOOP:
            yield cache, lambda *args, **options: Awaited(cache.asemaphore(*args, **options))
    else:
        fixtures = {"redis server": "redis_process", "redis 6.2": "redis_62_process"}
        server = request.getfixturevalue(fixtures.get(request.param, "valkey_process"))
        cache = BACKENDS["valkey"](url(server), {})
        cache.flush_db()
        yield cache, lambda *args, **options: Blocking(cache.semaphore(*args, **options))


def test_it_has_room_for_its_capacity_and_no_more(made: Any) -> None:
    cache, semaphore = made
    one, two, three = (semaphore("name", 2, blocking=False) for _ in range(3))
    assert one.acquire() is two.acquire() is True
    assert three.acquire() is False
    assert three.acquire(blocking=True, blocking_timeout=0.05) is False
    assert three.in_use() == 2
    one.release()
    assert three.in_use() == 1
    assert three.acquire() is True
    two.release()
    three.release()
    assert one.in_use() == 0
    assert cache.has_key("name") is False


def test_weights_fill_it_up(made: Any) -> None:
    _cache, semaphore = made
    heavy, light, other = (semaphore("name", 10, blocking=False) for _ in range(3))
    assert heavy.acquire(weight=7) is True
    assert other.acquire(weight=4) is False
    assert light.acquire(weight=3) is True
    assert light.in_use() == 10
    heavy.release()
    assert other.acquire(weight=7) is True
    light.release()
    other.release()
    by_default = semaphore("name", 10, weight=6)
    by_default.hold(lambda: None)
    for weight in 0, 11, -1:
        with pytest.raises(ValueError, match=r"capacity \(10\)"):
            other.acquire(weight=weight)
    with pytest.raises(TypeError):
        other.acquire(weight=1.5)


def test_the_lease_of_whoever_crashed_comes_back(made: Any) -> None:
    cache, semaphore = made
    crashed, other = semaphore("name", 1, lease=0.05), semaphore("name", 1, sleep=0)
    crashed.acquire()
    assert 0 < cache.pttl("name") <= 50
    assert other.acquire() is True
    with pytest.raises(LockLost, match="“name”"):
        crashed.extend()
    with pytest.raises(LockLost, match="“name”"):
        crashed.release()
    assert other.in_use() == 1
    assert crashed.acquire(blocking=False) is False


def test_a_lease_can_be_extended(made: Any) -> None:
    cache, semaphore = made
    one = semaphore("name", 1, lease=5)
    one.acquire()
    one.extend(50)
    assert 49 <= cache.ttl("name") <= 50
    one.extend()
    assert 49 <= cache.ttl("name") <= 50  # Of the key; the entry says how long the lease is.
    one.release()
    with pytest.raises(ValueError, match="positive number"):
        semaphore("name", 1, lease=0)


def test_what_is_not_held_cannot_be_given_back(made: Any) -> None:
    _cache, semaphore = made
    one = semaphore("name", 3)
    for impossible in one.release, one.extend:
        with pytest.raises(LockError, match="not held"):
            impossible()
    one.acquire()
    with pytest.raises(LockError, match="Release it first"):
        one.acquire()
    assert one.in_use() == 1


def test_a_block_holds_it_and_tells_what_happened_to_it(made: Any) -> None:
    cache, semaphore = made
    one = semaphore("name", 1)
    one.hold(lambda: None)
    assert one.in_use() == 0
    with pytest.raises(LockLost):
        one.hold(lambda: cache.delete("name"))
    semaphore("name", 1).acquire()
    with pytest.raises(LockNotAcquired, match=r"“name” could not be acquired within 0\.05 s"):
        semaphore("name", 1, blocking_timeout=0.05).hold()


def test_a_key_that_holds_something_else_is_left_alone(made: Any) -> None:
    cache, semaphore = made
    cache.set("name", "text", version=2)
    with pytest.raises(WrongTypeError):
        semaphore("name", 1, version=2).acquire()
    assert cache.get("name", version=2) == "text"
    cache.eval_script("return redis.call('HSET', KEYS[1], 'field', 'value')", ["name"])
    with pytest.raises(WrongTypeError, match="not hold a semaphore"):
        semaphore("name", 1).acquire()
    with pytest.raises(WrongTypeError, match="not hold a semaphore"):
        semaphore("name", 1).in_use()


# The queue.


def share(
    token: bytes, weight: int = 1, capacity: int = 2, lease: int = 60_000
) -> Callable[[int], Any]:
    """Return what tries to acquire a part; its argument is how long to keep a place otherwise."""
    return partial(acquire, b":1:name", token, weight, capacity, lease)


def test_who_comes_first_is_served_first(cache: ServerCache) -> None:
    run = cache.client.run
    assert run(share(b"holder", weight=2)(0)) is True
    for token in b"a", b"b", b"c":
        assert run(share(token)(60_000)) is False
    assert run(get_usage(b":1:name")) == (2, 3)
    cache.client.run(cache._eval_script("return redis.call('HDEL', KEYS[1], 'holder')", ["name"]))
    assert run(share(b"late")(0)) is False  # There is room, and there are others before it.
    assert run(share(b"b")(60_000)) is False
    assert [run(share(token)(60_000)) for token in (b"a", b"b", b"c")] == [
        True,
        True,
        False,
    ]


def test_who_needs_much_is_not_passed_by_who_needs_little(cache: ServerCache) -> None:
    run = cache.client.run
    assert run(share(b"holder")(0)) is True
    assert run(share(b"heavy", weight=2)(60_000)) is False
    assert run(share(b"light")(60_000)) is False  # Though it would fit.


def test_a_place_in_the_queue_lapses(cache: ServerCache) -> None:
    run = cache.client.run
    assert run(share(b"holder")(0)) is True
    assert run(share(b"died", weight=2)(1)) is False
    wait_until(lambda: run(share(b"other")(0)), "the place")


def test_acquiring_again_by_one_token_is_acquiring_once(cache: ServerCache) -> None:
    run = cache.client.run
    assert [run(share(b"one")(0)) for _ in range(3)] == [True, True, True]
    assert run(get_usage(b":1:name")) == (1, 0)


@dataclass
class Model:
    """What a semaphore is: who holds how much, and who waits for it, in order."""

    capacity: int
    held: dict[bytes, int] = field(default_factory=dict)
    queue: list[bytes] = field(default_factory=list)

    def take(self, token: bytes, weight: int, waits: bool) -> bool:
        if token in self.held:
            return True
        before = self.queue[: self.queue.index(token)] if token in self.queue else self.queue
        fits = sum(self.held.values()) + weight <= self.capacity
        if token in self.queue and (not waits or (fits and not before)):
            self.queue.remove(token)
        elif waits and not (fits and not before) and token not in self.queue:
            self.queue.append(token)
        if fits and not before:
            self.held[token] = weight
        return token in self.held

    def release(self, token: bytes) -> bool:
        if token in self.queue:
            self.queue.remove(token)
        return self.held.pop(token, None) is not None


tokens = st.sampled_from([b"a", b"b", b"c", b"d"])
acts = st.one_of(
    st.tuples(st.just("take"), tokens, st.integers(1, 4), st.booleans()),
    st.tuples(st.just("release"), tokens),
)


def follows_the_model(cache: ServerCache, done: list[Any]) -> None:
    cache.client.unlink(b":1:name")
    model, run = Model(4), cache.client.run
    for name, token, *how in done:
        if name == "take":
            weight, waits = how
            patience = 600_000 if waits else 0
            taken = run(share(token, weight, model.capacity)(patience))
            assert taken is model.take(token, weight, waits)
        else:
            assert run(release(b":1:name", token)) is model.release(token)
        assert run(get_usage(b":1:name")) == (sum(model.held.values()), len(model.queue))


SHARED = HealthCheck.function_scoped_fixture


@settings(max_examples=25, deadline=None, suppress_health_check=[SHARED])
@given(done=st.lists(acts, max_size=30))
def test_any_sequence_leaves_what_a_model_has(cache: ServerCache, done: list[Any]) -> None:
    follows_the_model(cache, done)


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=[SHARED])
@given(done=st.lists(acts, max_size=60))
def test_very_many_sequences_leave_what_a_model_has(cache: ServerCache, done: list[Any]) -> None:
    follows_the_model(cache, done)


# Threads, tasks, processes.


class Gauge:
    """How much is held at once, and how much at most."""

    def __init__(self) -> None:
        self.now = self.most = self.times = 0
        self._lock = threading.Lock()

    def move(self, by: int) -> None:
        with self._lock:
            self.now += by
            self.most = max(self.most, self.now)
            self.times += by > 0


def test_threads_never_hold_more_than_the_capacity(cache: ServerCache) -> None:
    gauge, semaphore = Gauge(), cache.semaphore("name", 5, sleep=0.002)

    def work(seed: int) -> None:
        weights = random.Random(seed)
        for _ in range(6):
            weight = weights.randint(1, 4)
            semaphore.acquire(weight=weight)
            gauge.move(weight)
            time.sleep(0.001)
            gauge.move(-weight)
            semaphore.release()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert (gauge.times, gauge.now) == (36, 0)
    assert 1 < gauge.most <= 5
    assert cache.has_key("name") is False


async def test_tasks_never_hold_more_than_the_capacity(cache: ServerCache) -> None:
    gauge, semaphore = Gauge(), cache.asemaphore("name", 4, sleep=0.002)

    async def work() -> None:
        for _ in range(3):
            async with semaphore:
                gauge.move(1)
                await asyncio.sleep(0.001)
                gauge.move(-1)

    await asyncio.gather(*(work() for _ in range(12)))
    assert (gauge.times, gauge.now) == (36, 0)
    assert 1 < gauge.most <= 4


# What goes wrong.

CRASHING = """
import os, signal, sys
from django.conf import settings
settings.configure()
from django_cachex.cache import ValkeyCache
cache = ValkeyCache(sys.argv[1], {})
with cache.lock("lock", timeout=0.3), cache.semaphore("semaphore", 3, weight=3, lease=0.3):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_crashed_process_held_comes_back(valkey_server: Server) -> None:
    cache = BACKENDS["valkey"](url(valkey_server), {})
    crashed = subprocess.run([sys.executable, "-c", CRASHING, url(valkey_server)], check=False)
    assert crashed.returncode == -signal.SIGKILL
    assert cache.lock("lock", sleep=0.01).acquire(blocking_timeout=20) is True
    assert cache.semaphore("semaphore", 3, sleep=0.01).acquire(3, blocking_timeout=20) is True


async def test_cancelling_who_waits_leaves_nothing(cache: ServerCache) -> None:
    holder = cache.asemaphore("name", 1)
    await holder.acquire()
    waiting = asyncio.create_task(cache.asemaphore("name", 1, sleep=0.01).acquire())
    while (await cache._arun(get_usage(b":1:name")))[1] == 0:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await cache._arun(get_usage(b":1:name")) == (1, 0)
    await holder.release()


def test_asking_for_room_is_counted_and_traced_like_all_commands(cache: ServerCache) -> None:
    said: list[str] = []

    @contextmanager
    def traced(requests: Any, address: str) -> Iterator[None]:
        said.extend(str(request.args[0]) for request in requests)
        yield

    tracing.install(traced)
    try:
        before = cache.statistics.calls
        with cache.lock("lock"), cache.semaphore("semaphore", 1):
            pass
        assert cache.statistics.calls == before + 4
    finally:
        tracing.remove(traced)
    assert said[0] == "SET"
    assert set(said[1:]) <= {"EVALSHA", "EVAL"}

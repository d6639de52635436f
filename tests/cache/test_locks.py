"""Locks: of threads and of tasks, on one server and in a cluster."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey

from django_cachex.cache import ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.locks import AsyncLock, Lock
from django_cachex.commands import (
    CachexError,
    LockError,
    LockLost,
    LockNotAcquired,
    ServerUnavailable,
)
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.cache.relay import relay
from tests.servers import Server, free_port, wait_until


class Blocking:
    """A lock whose methods are called; `Awaited` has the same for one whose are awaited."""

    def __init__(self, lock: Lock | AsyncLock) -> None:
        self._lock = lock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)

    def hand_over(self, token: str) -> None:
        self._lock.token = token

    def hold(self, body: Callable[[], None] = lambda: None) -> None:
        with self._lock:  # type: ignore[union-attr]  # It is one of these.
            body()


class Awaited(Blocking):
    def __getattr__(self, name: str) -> Any:
        method = getattr(self._lock, name)
        return lambda *args, **options: LOOP.run(method(*args, **options))

    def hand_over(self, token: str) -> None:
        async def set_token() -> None:
            self._lock.token = token

        LOOP.run(set_token())

    def hold(self, body: Callable[[], None] = lambda: None) -> None:
        async def held() -> None:
            async with self._lock:  # type: ignore[union-attr]  # It is one of these.
                body()

        LOOP.run(held())


class Loop:
    """One task, in which everything of a test is awaited: what is held is held by a task."""

    def __enter__(self) -> Loop:
        self.loop = asyncio.new_event_loop()
        self.wanted: asyncio.Queue[Any] = asyncio.Queue()
        self.serving = self.loop.create_task(self.serve())
        return self

    def __exit__(self, *error: object) -> None:
        self.serving.cancel()
        self.loop.run_until_complete(asyncio.gather(self.serving, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def serve(self) -> None:
        while True:
            awaitable, answer = await self.wanted.get()
            try:
                answer.set_result(await awaitable)
            except Exception as error:
                answer.set_exception(error)

    def run(self, awaitable: Any) -> Any:
        answer = self.loop.create_future()
        self.wanted.put_nowait((awaitable, answer))
        return self.loop.run_until_complete(answer)


LOOP = Loop()


@pytest.fixture(params=["blocking", "awaited", "cluster"])
def made(request: pytest.FixtureRequest) -> Iterator[tuple[ServerCache, Callable[..., Any]]]:
    """A cache, and what makes locks of it."""
    if request.param == "cluster":
        cache: ServerCache = ValkeyClusterCache(
            url(request.getfixturevalue("cluster_of_valkeys")), {}
        )
        cache.clear()
    else:
        cache = request.getfixturevalue("cache")
    if request.param == "awaited":
        with LOOP:
            yield cache, lambda *args, **options: Awaited(cache.alock(*args, **options))
    else:
        yield cache, lambda *args, **options: Blocking(cache.lock(*args, **options))


def test_one_holds_it_and_others_do_not(made: Any) -> None:
    cache, lock = made
    one, other = lock("name", timeout=50), lock("name")
    assert one.locked() is False
    assert one.acquire() is True
    assert (one.locked(), one.owned()) == (other.locked(), not other.owned()) == (True, True)
    assert other.acquire(blocking=False) is False
    assert other.acquire(blocking_timeout=0.05) is False
    assert 0 < cache.pttl("name") <= 50_000
    assert one.release() is None
    assert other.acquire() is True
    assert cache.ttl("name") is None
    other.release()
    assert cache.has_key("name") is False


def test_it_is_named_by_key_and_version(made: Any) -> None:
    cache, lock = made
    assert lock("name", version=2).acquire() is True
    assert lock("name", version=1).acquire(blocking=False) is True
    assert cache.exists("name", version=2) == cache.exists("name", version=1) == 1


def test_a_lock_that_is_not_held_cannot_be_released(made: Any) -> None:
    _cache, lock = made
    lock("name").acquire()
    with pytest.raises(LockError, match="“name”") as refused:
        lock("name").release()
    assert not isinstance(refused.value, LockLost)
    assert isinstance(refused.value, CachexError)


def test_a_lock_that_expired_is_told_on_release(made: Any) -> None:
    cache, lock = made
    one = lock("name", timeout=0.05)
    one.acquire()
    wait_until(lambda: not cache.has_key("name"), "the end of the lock")
    other = lock("name")
    assert other.acquire(blocking=False) is True
    assert one.owned() is False
    with pytest.raises(LockLost, match="“name”"):
        one.release()
    assert other.owned() is True


def test_a_block_tells_of_a_lock_that_was_lost(made: Any) -> None:
    cache, lock = made
    with pytest.raises(LockLost):
        lock("name").hold(lambda: cache.delete("name"))


def test_the_error_of_a_block_comes_before_that_of_a_lost_lock(made: Any) -> None:
    cache, lock = made

    def fail() -> None:
        cache.delete("name")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as error:
        lock("name").hold(fail)
    assert "“name” was lost" in error.value.__notes__[0]


def test_a_block_is_not_entered_without_the_lock(made: Any) -> None:
    cache, lock = made
    lock("name").acquire()
    entered: list[int] = []
    for options, within in (
        ({"blocking_timeout": 0.05}, "within 0.05 s"),
        ({"blocking": False}, "at once"),
    ):
        with pytest.raises(LockNotAcquired, match=within):
            lock("name", **options).hold(lambda: entered.append(1))
    assert entered == []
    assert cache.has_key("name")


def test_it_can_be_held_longer(made: Any) -> None:
    cache, lock = made
    one = lock("name", timeout=10)
    one.acquire()
    assert one.extend(20) is True
    assert 29 <= cache.ttl("name") <= 30
    assert one.extend(5.5, replace_ttl=True) is True
    assert 5000 < cache.pttl("name") <= 5500
    assert one.reacquire() is True
    assert 9 <= cache.ttl("name") <= 10
    cache.delete("name")
    for late in (lambda: one.extend(1), one.reacquire):
        with pytest.raises(LockLost):
            late()
    lasting = lock("lasting")
    lasting.acquire()
    for useless in (lambda: lasting.extend(1), lasting.reacquire):
        with pytest.raises(LockError, match="no timeout"):
            useless()


def test_whoever_knows_the_token_releases_it(made: Any) -> None:
    _cache, lock = made
    one, other = lock("name"), lock("name")
    assert one.acquire(token="mine") is True
    other.hand_over("mine")
    assert other.owned() is True
    other.release()
    assert one.locked() is False


@pytest.mark.parametrize("timeout", [0, -1, 0.0])
def test_a_lock_for_no_time_is_refused(cache: ServerCache, timeout: float) -> None:
    for make in cache.lock, cache.alock:
        with pytest.raises(ValueError, match="must be positive"):
            make("name", timeout=timeout)


# Threads and tasks.


def test_a_thread_cannot_release_what_another_acquired(cache: ServerCache) -> None:
    private, common = cache.lock("private"), cache.lock("common", thread_local=False)
    for lock in private, common:
        taking = threading.Thread(target=lock.acquire)
        taking.start()
        taking.join()
    assert private.owned() is False
    with pytest.raises(LockError):
        private.release()
    assert common.owned() is True
    common.release()


async def test_a_task_cannot_release_what_another_acquired(cache: ServerCache) -> None:
    private, common = cache.alock("private"), cache.alock("common", thread_local=False)
    acquired, end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        await private.acquire()
        await common.acquire()
        acquired.set()
        await end.wait()
        await private.release()

    holding = asyncio.create_task(hold())
    await acquired.wait()
    assert await private.owned() is False
    with pytest.raises(LockError):
        await private.release()
    await common.release()
    end.set()
    await holding


async def test_what_a_task_that_ended_acquired_is_released_by_another(cache: ServerCache) -> None:
    lock, semaphore = cache.alock("lock"), cache.asemaphore("semaphore", 2)
    for _turn in range(2):  # Before Python 3.12, each waits in a task of its own.
        assert await asyncio.wait_for(lock.acquire(), 30) is True
        assert await asyncio.wait_for(semaphore.acquire(), 30) is True
        await asyncio.create_task(semaphore.acquire())  # Somebody else's.
        assert await lock.owned() is True
        await lock.release()
        await semaphore.release()
        await semaphore.release()
        with pytest.raises(LockError):
            await semaphore.release()
    assert await semaphore.in_use() == 0
    assert await lock.locked() is False


async def test_tasks_exclude_each_other_even_by_one_object(cache: ServerCache) -> None:
    await cache.aset("sum", 0)
    lock = cache.alock("name", timeout=30, sleep=0.001)

    async def count() -> None:
        for _ in range(5):
            async with lock:
                await cache.aset("sum", await cache.aget("sum") + 1)

    await asyncio.gather(*(count() for _ in range(8)))
    assert await cache.aget("sum") == 40


COUNTING = """
import sys
from django.conf import settings
settings.configure()
from django_cachex.cache import ValkeyCache
cache = ValkeyCache(sys.argv[1], {})
for _ in range(int(sys.argv[2])):
    with cache.lock("name", timeout=30, sleep=0.001):
        cache.set("sum", cache.get("sum") + 1)
"""


@pytest.mark.parametrize(
    ("processes", "times"), [(3, 25), pytest.param(8, 200, marks=pytest.mark.slow)]
)
def test_processes_exclude_each_other(valkey_server: Server, processes: int, times: int) -> None:
    cache = BACKENDS["valkey"](url(valkey_server), {})
    cache.set("sum", 0, timeout=None)
    command = [sys.executable, "-c", COUNTING, url(valkey_server), str(times)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    assert [process.wait(300) for process in running] == [0] * processes
    assert cache.get("sum") == processes * times


# What goes wrong.


async def test_cancelling_who_is_just_being_given_it_frees_it(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")

        await cache.aget("connect")
        before = between.turns
        taking = asyncio.create_task(cache.alock("name").acquire())
        while between.turns == before:  # The server has been asked.
            await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert await cache.ahas_key("name") is False


def test_without_its_server_a_lock_is_not_had_even_if_failures_are_ignored(driver: str) -> None:
    options = {"ignore_exceptions": True, "ignore_counter_exceptions": True}
    cache = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {"OPTIONS": options})
    with pytest.raises(ServerUnavailable):
        cache.lock("name").acquire()
    with pytest.raises(ServerUnavailable):
        asyncio.run(cache.alock("name").acquire())
    assert cache.statistics.errors >= 2


# Others.


def test_locks_of_the_driver_exclude_ours_and_keep_their_scripts(valkey_server: Server) -> None:
    cache = BACKENDS["valkey"](url(valkey_server), {})
    with valkey.Valkey(port=valkey_server.port) as client:
        theirs = client.lock(":1:name", timeout=30)
        ours = cache.lock("name")
        assert theirs.acquire() is True
        assert ours.acquire(blocking=False) is False
        theirs.release()
        assert ours.acquire(blocking=False) is True
        assert theirs.acquire(blocking=False) is False

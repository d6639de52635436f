"""What type checkers see of locks, scripts and keys; checked by mypy, never run."""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, assert_type

from django_cachex.cache import Pipeline, ValkeyCache
from django_cachex.cache.locks import AsyncLock, Lock
from django_cachex.cache.semaphores import AsyncSemaphore, Semaphore
from django_cachex.commands import Script


def locks(cache: ValkeyCache) -> None:
    lock = assert_type(cache.lock("key", timeout=5), Lock)
    assert_type(lock.acquire(blocking_timeout=0.5), bool)
    semaphore = assert_type(cache.semaphore("key", 5, weight=2), Semaphore)
    assert_type(semaphore.in_use(), int)
    with cache.lock("key") as held:
        assert_type(held, Lock)
    with cache.semaphore("key", 5) as room:
        assert_type(room, Semaphore)


async def awaited(cache: ValkeyCache) -> None:
    assert_type(cache.asemaphore("key", 5), AsyncSemaphore)
    async with cache.alock("key") as held:
        assert_type(held, AsyncLock)
        assert_type(await held.extend(5), bool)
    assert_type(await cache.aexpiretime("key"), int | None)
    assert_type(await cache.aadd("key", 1, timedelta(hours=1)), bool)


def keys(cache: ValkeyCache, pipe: Pipeline, when: datetime) -> None:
    assert_type(cache.expireat("key", when, gt=True), bool)
    assert_type(cache.touch("key", timedelta(hours=1)), bool)
    assert_type(cache.delete("key", version=2), bool)
    assert_type(cache.rename("a", "b", version=1, version_dst=2), bool)
    assert_type(pipe.expireat("key", when).eval_script("return 1").getdel("key"), Pipeline)
    assert_type(pipe.set("key", 1, nx=True), Pipeline)
    _script = assert_type(
        cache.aeval_script(Script("return 1"), ["key"], [1.5], values=[[1]], decode=True),
        Coroutine[Any, Any, Any],
    )


def mistakes(cache: ValkeyCache) -> None:
    cache.lock("key", 5)  # type: ignore[call-arg]  # django-redis has the version here  # pyright: ignore[reportCallIssue]
    cache.get("key", client=None)  # type: ignore[arg-type]  # there is no such argument  # pyright: ignore[reportArgumentType]
    cache.set("key", 1, ny=True)  # type: ignore[call-arg]  # as above  # pyright: ignore[reportCallIssue]
    cache.expire("key", "soon")  # type: ignore[arg-type]  # no time  # pyright: ignore[reportArgumentType]
    cache.eval_script("return 1", ["key"], [object()])  # type: ignore[list-item]  # no word  # pyright: ignore[reportArgumentType]

"""What makes locks and semaphores, on keys as the cache makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django_cachex.cache.base import CacheCommands
from django_cachex.cache.drivers import load
from django_cachex.cache.locks.driver import Client, awaitable_lock, blocking_lock
from django_cachex.cache.locks.holders import Local, Shared, TaskLocal, ThreadLocal
from django_cachex.cache.locks.lock import AsyncLock, Lock
from django_cachex.cache.locks.semaphore import AsyncSemaphore, Semaphore, Terms
from django_cachex.commands.command import Command, Operation
from django_cachex.commands.timeouts import timeout_to_ms

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Insisting:
    """A cache's way to its server on which no failure is ignored."""

    cache: CacheCommands

    @property
    def address(self) -> str:
        return self.cache.client.server.address

    def run(self, command: Command[T] | Operation[T]) -> T:
        return self.cache.insist(command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        return await self.cache.ainsist(command)


class LockingCache(CacheCommands):
    """A cache that gives out locks and semaphores; asking the server begins with acquiring them."""

    def lock(
        self,
        key: Any,
        *,
        timeout: Any = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> Lock:
        """Return a lock for threads of all processes, named by `key`; it is not yet taken.

        Whoever takes it loses it after `timeout` seconds; with None, only a release frees it.
        `acquire` waits for it if `blocking`, for `blocking_timeout` seconds or for ever, and tries
        every `sleep` seconds. With `thread_local`, a thread cannot release what another acquired.
        """
        driver = load(self.driver)
        beneath = blocking_lock(driver)(
            Client(self.insist),
            self.stored_key(key, version),
            lifetime(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        beneath.local = ThreadLocal() if thread_local else Shared()
        return Lock(key, driver, beneath)

    def alock(
        self,
        key: Any,
        *,
        timeout: Any = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> AsyncLock:
        """Return a lock for tasks: see `lock`. What is said of threads there holds for tasks."""
        driver = load(self.driver)
        beneath = awaitable_lock(driver)(
            Client(self.ainsist),
            self.stored_key(key, version),
            lifetime(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        beneath.local = TaskLocal() if thread_local else Shared()
        return AsyncLock(key, driver, beneath)

    def semaphore(
        self,
        key: Any,
        capacity: int,
        *,
        weight: int = 1,
        lease: Any = 60,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> Semaphore:
        """Return a semaphore for threads of all processes, named by `key`.

        Together they hold `capacity` at most; each acquires `weight` of it, in order of arrival.
        Whoever holds some loses it after `lease` seconds, unless it is extended. The others are
        as in `lock`.
        """
        terms = Terms(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: Local = ThreadLocal() if thread_local else Shared()
        return Semaphore(key, self.stored_key(key, version), terms, Insisting(self), local)

    def asemaphore(
        self,
        key: Any,
        capacity: int,
        *,
        weight: int = 1,
        lease: Any = 60,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> AsyncSemaphore:
        """Return a semaphore for tasks: see `semaphore`."""
        terms = Terms(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: Local = TaskLocal() if thread_local else Shared()
        return AsyncSemaphore(key, self.stored_key(key, version), terms, Insisting(self), local)


def lifetime(timeout: Any) -> float | None:
    """Return a lock's timeout in seconds; raise ValueError for one that is not positive."""
    expiry = timeout_to_ms(timeout)
    if expiry == 0:
        raise ValueError("A lock's timeout must be above zero, or None to keep it until released.")
    return None if expiry is None else expiry / 1000

"""The methods of a cache that create locks and semaphores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django_cachex.cache.base import CommandCache
from django_cachex.cache.connection.drivers import load_driver
from django_cachex.cache.locks import (
    AsyncLock,
    Lock,
    LockClient,
    SharedToken,
    TaskToken,
    ThreadToken,
    TokenStorage,
    get_async_lock_class,
    get_sync_lock_class,
)
from django_cachex.cache.semaphores import AsyncSemaphore, Semaphore, SemaphoreOptions
from django_cachex.commands.args import timeout_to_ms
from django_cachex.commands.command import Command, Operation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StrictExecutor:
    """Runs commands of a cache without ignoring any errors.

    With `ignore_exceptions`, a lock would seem to be acquired while the server is not available.
    """

    cache: CommandCache

    def run(self, command: Command[T] | Operation[T]) -> T:
        return self.cache._run_strict(command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        return await self.cache._arun_strict(command)


class LockingCache(CommandCache):
    """A cache with locks and semaphores."""

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
        """Return a lock that all threads of all processes share.

        Args:
            timeout: seconds after which the server releases the lock, even if it is still in use;
                None to hold it until it is released.
            sleep: seconds between two attempts.
            blocking: whether to wait for the lock.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds it for itself, so that no other can
                release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A `Lock`, which isn't held yet. `with` acquires and releases it.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/set/
        """
        driver = load_driver(self._driver)
        lock = get_sync_lock_class(driver)(
            LockClient(self._run_strict),
            self._stored_key(key, version),
            parse_lock_timeout(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        lock.local = ThreadToken() if thread_local else SharedToken()
        return Lock(key, driver, lock)

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
        """Return a lock for tasks of event loops. It also excludes the threads that use `lock`.

        Args:
            timeout: seconds after which the server releases the lock, even if it is still in use;
                None to hold it until it is released.
            sleep: seconds between two attempts.
            blocking: whether to wait for the lock.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds it for itself, so that no other can
                release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An `AsyncLock`, which isn't held yet. `async with` acquires and releases it.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/set/
        """
        driver = load_driver(self._driver)
        lock = get_async_lock_class(driver)(
            LockClient(self._arun_strict),
            self._stored_key(key, version),
            parse_lock_timeout(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        lock.local = TaskToken() if thread_local else SharedToken()
        return AsyncLock(key, driver, lock)

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
        """Return a semaphore that all threads of all processes share.

        Args:
            capacity: how much can be held at the same time.
            weight: how much is acquired, unless `acquire` gets another weight.
            lease: seconds after which the server releases what is held, unless it is extended.
            sleep: seconds between two attempts.
            blocking: whether to wait for the semaphore.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds its part for itself, so that no other
                can release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A `Semaphore`, which isn't held yet. `with` acquires and releases its part.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/eval/
        """
        options = SemaphoreOptions(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: TokenStorage = ThreadToken() if thread_local else SharedToken()
        return Semaphore(key, self._stored_key(key, version), options, StrictExecutor(self), local)

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
        """Return a semaphore for tasks of event loops. Threads can share it by `semaphore`.

        Args:
            capacity: how much can be held at the same time.
            weight: how much is acquired, unless `acquire` gets another weight.
            lease: seconds after which the server releases what is held, unless it is extended.
            sleep: seconds between two attempts.
            blocking: whether to wait for the semaphore.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds its part for itself, so that no other
                can release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An `AsyncSemaphore`, which isn't held yet. `async with` acquires and releases its part.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/eval/
        """
        options = SemaphoreOptions(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: TokenStorage = TaskToken() if thread_local else SharedToken()
        return AsyncSemaphore(
            key, self._stored_key(key, version), options, StrictExecutor(self), local
        )


def parse_lock_timeout(timeout: Any) -> float | None:
    """Return a lock's timeout in seconds; raise ValueError if it is not positive."""
    expiry = timeout_to_ms(timeout)
    if expiry == 0:
        raise ValueError("A lock's timeout must be positive, or None to hold it until released.")
    return None if expiry is None else expiry / 1000

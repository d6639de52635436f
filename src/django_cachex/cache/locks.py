"""Locks and semaphores that all processes share. The locks are based on the driver's."""

from __future__ import annotations

import asyncio
import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Protocol, Self

from django_cachex.cache.connection.drivers import Driver
from django_cachex.commands.args import encode_arg
from django_cachex.commands.cache_api import px_args
from django_cachex.commands.command import Command, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.exceptions import CachexError, LockError, LockLost, LockNotAcquired

SendFunction = Callable[[Any], Any]
"""Runs a command or an operation, and returns its result, or an awaitable of it."""


class LockClient:
    """The methods of a client that the driver's lock uses.

    Locks don't use a client of the driver, so that they need no additional connections, and work
    with Sentinel and clusters as all commands do.
    """

    def __init__(self, send: SendFunction) -> None:
        self.send = send

    def set(self, name: bytes, token: bytes, nx: bool, px: int | None) -> Any:
        return self.send(Command(("SET", name, token, *px_args(px), "NX"), bool))

    def get(self, name: bytes) -> Any:
        return self.send(Command(("GET", name), parse_raw))

    def get_encoder(self) -> LockClient:
        return self

    def encode(self, token: Any) -> bytes | int:
        return encode_arg(token)


class LockScript:
    """A script of the driver's lock, with the interface of the driver's registered scripts."""

    def __init__(self, source: str) -> None:
        self._script = Script(source)

    def __call__(self, keys: Sequence[bytes], args: Sequence[Any], client: LockClient) -> Any:
        return client.send(self._script.operation(keys, args))


def use_own_scripts(kind: Any) -> Any:
    """Return a subclass of the driver's lock class that uses `LockScript`.

    The driver stores the scripts of all locks on the class.
    """

    class LockWithOwnScripts(kind):  # type: ignore[misc]  # The drivers are not all typed.
        lua_release = LockScript(kind.LUA_RELEASE_SCRIPT)
        lua_extend = LockScript(kind.LUA_EXTEND_SCRIPT)
        lua_reacquire = LockScript(kind.LUA_REACQUIRE_SCRIPT)

    return LockWithOwnScripts


# If acquiring a lock is interrupted, it is unknown whether the server has set it. It must be
# released, because it could otherwise stay locked until it expires, or forever.


@functools.cache
def get_sync_lock_class(driver: Driver) -> Any:
    """Return a class of the driver's lock that releases it if acquiring it was interrupted."""

    class SyncLock(use_own_scripts(import_module(f"{driver.name}.lock").Lock)):  # type: ignore[misc]  # as above
        def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    self.do_release(token)
                raise

    return SyncLock


@functools.cache
def get_async_lock_class(driver: Driver) -> Any:
    """Return a class of the driver's asyncio lock. See `get_sync_lock_class`."""

    class AsyncDriverLock(use_own_scripts(import_module(f"{driver.name}.asyncio.lock").Lock)):  # type: ignore[misc]  # as above
        async def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(await super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    await asyncio.shield(asyncio.ensure_future(self.do_release(token)))
                raise

    return AsyncDriverLock


@contextmanager
def map_lock_errors(driver: Driver, key: Any) -> Iterator[None]:
    """Map the exceptions of the driver's lock to the package's."""
    try:
        yield
    except driver.errors.LockNotOwnedError as error:
        raise LockLost(f"The lock “{key}” was lost: it has expired or was deleted.") from error
    except driver.errors.LockError as error:
        raise LockError(f"The lock “{key}”: {error}") from error


class TokenStorage(Protocol):
    """The tokens of the holders of a lock or semaphore, for one object."""

    token: bytes | None
    """The token that the current thread or task may release. Set it to None to remove it."""

    @property
    def acquired(self) -> bytes | None:
        """The token that the current thread or task has acquired."""


class SharedToken:
    """One token for all threads and tasks."""

    token: bytes | None = None

    @property
    def acquired(self) -> bytes | None:
        return self.token


class ThreadToken(threading.local):
    """A token for each thread."""

    token: bytes | None = None

    @property
    def acquired(self) -> bytes | None:
        return self.token


class TaskToken:
    """A token for each task.

    The token of a task that has ended may be released by any other task, because
    `asyncio.wait_for` (before Python 3.12) and `asyncio.gather` acquire in separate tasks.
    """

    def __init__(self) -> None:
        self._tokens: dict[asyncio.Task[Any] | None, bytes] = {}

    @property
    def acquired(self) -> bytes | None:
        return self._tokens.get(asyncio.current_task())

    @property
    def token(self) -> bytes | None:
        return self._tokens.get(self._find_holder())

    @token.setter
    def token(self, token: bytes | None) -> None:
        if token is None:
            self._tokens.pop(self._find_holder(), None)
        else:
            self._tokens[asyncio.current_task()] = token

    def _find_holder(self) -> asyncio.Task[Any] | None:
        """Return the current task if it holds a token, otherwise an ended task that holds one."""
        running = asyncio.current_task()
        if running in self._tokens:
            return running
        return next((task for task in self._tokens if task and task.done()), running)


def iter_pauses(sleep: float, limit: float | None) -> Iterator[float]:
    """Yield pauses of at most `sleep` seconds until `limit` seconds have passed.

    If the clock doesn't advance, as in tests that freeze it, the sum of the pauses is used.
    """
    start, slept = time.monotonic(), 0.0
    while True:
        remaining = math.inf if limit is None else limit - max(time.monotonic() - start, slept)
        if remaining <= 0:
            return
        yield min(sleep, remaining)
        slept += min(sleep, remaining)


class BaseLock:
    """Base class of locks."""

    def __init__(self, key: Any, driver: Driver, lock: Any) -> None:
        self.key = key
        self._driver = driver
        self._lock = lock

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    @property
    def token(self) -> bytes | None:
        """The token of this thread or task; None if it doesn't hold the lock.

        Another process that sets the same token can extend and release the lock.
        """
        token: bytes | None = self._lock.local.token
        return token

    @token.setter
    def token(self, token: bytes | str | None) -> None:
        self._lock.local.token = token.encode() if isinstance(token, str) else token

    def _pauses(self, blocking: bool | None, blocking_timeout: float | None) -> Iterator[float]:
        """Yield the pauses between attempts. None stands for the value of the constructor."""
        lock = self._lock
        limit = lock.blocking_timeout if blocking_timeout is None else blocking_timeout
        waits = lock.blocking if blocking is None else blocking
        return iter_pauses(lock.sleep, limit if waits else 0)

    def _not_acquired_error(self) -> LockNotAcquired:
        waited = self._lock.blocking_timeout if self._lock.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"The lock “{self.key}” could not be acquired {within}.")


class Lock(BaseLock):
    """A lock that all threads of all processes share. See `ServerCache.lock`."""

    def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        """Acquire the lock and return whether this was possible in time.

        Args:
            blocking, blocking_timeout: see `ServerCache.lock`. None stands for the value there.
            token: the value to store; a random one by default.
        """
        with map_lock_errors(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if self._lock.acquire(blocking=False, token=token):
                    return True
                time.sleep(pause)
            return bool(self._lock.acquire(blocking=False, token=token))

    def release(self) -> None:
        """Release the lock.

        Raises:
            LockLost: the lock has expired or was deleted.
            LockError: this thread doesn't hold the lock.
        """
        with map_lock_errors(self._driver, self.key):
            self._lock.release()

    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Extend the lock by `additional_time` seconds, and return True.

        With `replace_ttl`, the lock is held for this time from now on.

        Raises:
            LockLost: the lock has expired or was deleted.
            LockError: this thread doesn't hold the lock, or it has no timeout.
        """
        with map_lock_errors(self._driver, self.key):
            return bool(self._lock.extend(additional_time, replace_ttl))

    def reacquire(self) -> bool:
        """Restart the lock's timeout, and return True. It raises the same errors as `extend`."""
        with map_lock_errors(self._driver, self.key):
            return bool(self._lock.reacquire())

    def locked(self) -> bool:
        """Return whether the lock is held, by any thread or process."""
        return bool(self._lock.locked())

    def owned(self) -> bool:
        """Return whether this thread has acquired the lock with this object, and still holds it."""
        return bool(self._lock.owned())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._not_acquired_error()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncLock(BaseLock):
    """A lock for tasks of event loops. The methods are documented in `Lock`."""

    async def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        with map_lock_errors(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if await self._lock.acquire(blocking=False, token=token):
                    return True
                await asyncio.sleep(pause)
            return bool(await self._lock.acquire(blocking=False, token=token))

    async def release(self) -> None:
        with map_lock_errors(self._driver, self.key):
            await self._lock.release()

    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        with map_lock_errors(self._driver, self.key):
            return bool(await self._lock.extend(additional_time, replace_ttl))

    async def reacquire(self) -> bool:
        with map_lock_errors(self._driver, self.key):
            return bool(await self._lock.reacquire())

    async def locked(self) -> bool:
        return bool(await self._lock.locked())

    async def owned(self) -> bool:
        return bool(await self._lock.owned())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._not_acquired_error()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))

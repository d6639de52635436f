"""Locks that all processes share, on the driver's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Self

from django_cachex.cache.drivers import Driver
from django_cachex.cache.locks.driver import translated
from django_cachex.cache.locks.pauses import pauses
from django_cachex.commands.exceptions import LockLost, LockNotAcquired


class SharedLock:
    """What locks of threads and of tasks have in common."""

    def __init__(self, key: Any, driver: Driver, beneath: Any) -> None:
        self.key = key
        self._driver = driver
        self._beneath = beneath

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    @property
    def token(self) -> bytes | None:
        """What this thread or task holds the lock by; None where it does not.

        Another process that is told the token, and sets it, may extend and release the lock.
        """
        token: bytes | None = self._beneath.local.token
        return token

    @token.setter
    def token(self, token: bytes | str | None) -> None:
        self._beneath.local.token = token.encode() if isinstance(token, str) else token

    def _pauses(self, blocking: bool | None, blocking_timeout: float | None) -> Iterator[float]:
        """Yield the seconds to wait between two tries; what is None is as the lock was made."""
        beneath = self._beneath
        limit = beneath.blocking_timeout if blocking_timeout is None else blocking_timeout
        waits = beneath.blocking if blocking is None else blocking
        return pauses(beneath.sleep, limit if waits else 0)

    def _missed(self) -> LockNotAcquired:
        waited = self._beneath.blocking_timeout if self._beneath.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"The lock “{self.key}” was not to be had {within}.")


class Lock(SharedLock):
    """A lock for threads, of this and of all other processes: see `ServerCache.lock`."""

    def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        """Take the lock; return whether that was possible in time.

        What is None is as the lock was made. Without a `token` of the caller's, a random one is
        stored.
        """
        with translated(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if self._beneath.acquire(blocking=False, token=token):
                    return True
                time.sleep(pause)
            return bool(self._beneath.acquire(blocking=False, token=token))

    def release(self) -> None:
        """Give the lock back; raise `LockLost` where it was lost, `LockError` if it is not held."""
        with translated(self._driver, self.key):
            self._beneath.release()

    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Keep the lock for more seconds, or, with `replace_ttl`, for so many from now on.

        Return True; raise what `release` does, and `LockError` for a lock without a timeout.
        """
        with translated(self._driver, self.key):
            return bool(self._beneath.extend(additional_time, replace_ttl))

    def reacquire(self) -> bool:
        """Let the lock's timeout begin anew: see `extend`."""
        with translated(self._driver, self.key):
            return bool(self._beneath.reacquire())

    def locked(self) -> bool:
        """Return whether anybody holds the lock."""
        return bool(self._beneath.locked())

    def owned(self) -> bool:
        """Return whether this thread holds the lock, by this object."""
        return bool(self._beneath.owned())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._missed()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncLock(SharedLock):
    """A lock for tasks of event loops; what it says is documented at `Lock`."""

    async def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        with translated(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if await self._beneath.acquire(blocking=False, token=token):
                    return True
                await asyncio.sleep(pause)
            return bool(await self._beneath.acquire(blocking=False, token=token))

    async def release(self) -> None:
        with translated(self._driver, self.key):
            await self._beneath.release()

    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        with translated(self._driver, self.key):
            return bool(await self._beneath.extend(additional_time, replace_ttl))

    async def reacquire(self) -> bool:
        with translated(self._driver, self.key):
            return bool(await self._beneath.reacquire())

    async def locked(self) -> bool:
        return bool(await self._beneath.locked())

    async def owned(self) -> bool:
        return bool(await self._beneath.owned())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._missed()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))

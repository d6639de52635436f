"""Semaphores that all processes share."""

from __future__ import annotations

import asyncio
import operator
import uuid
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from django_cachex.cache.locks import TokenStorage, iter_pauses
from django_cachex.cache.operations import (
    Executor,
    MultiServerOperation,
    Pause,
    ServerCall,
    arun_operation,
    run_operation,
)
from django_cachex.commands.args import timeout_to_ms
from django_cachex.commands.command import Operation
from django_cachex.commands.semaphores import SemaphoreRequest, extend, get_usage, release
from django_cachex.exceptions import CachexError, LockError, LockLost, LockNotAcquired

T = TypeVar("T")

MISSED_POLLS = 3
"""The number of polls that a waiting process may miss before it loses its place in the queue."""
MIN_QUEUE_TTL = 1000
"""The minimum time in milliseconds for this, because the server may be slow."""


@dataclass(frozen=True, slots=True)
class SemaphoreOptions:
    """The default options for acquiring a semaphore. Times are in seconds."""

    capacity: int
    weight: int
    lease: float
    sleep: float
    blocking: bool
    blocking_timeout: float | None

    def __post_init__(self) -> None:
        if not 1 <= operator.index(self.weight) <= operator.index(self.capacity):
            raise ValueError(
                f"The weight must be between 1 and the capacity ({self.capacity}), not "
                f"{self.weight}."
            )
        if not timeout_to_ms(self.lease):
            raise ValueError("The lease must be a positive number of seconds.")

    def with_given(self, **given: Any) -> SemaphoreOptions:
        """Return a copy with the values of `given` that are not None."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def queue_ttl(self) -> int:
        """The time in milliseconds that a place in the queue is kept after a poll."""
        return max(MIN_QUEUE_TTL, MISSED_POLLS * (timeout_to_ms(self.sleep) or 0))


class BaseSemaphore:
    """Base class of semaphores, with their operations as generators."""

    def __init__(
        self,
        key: Any,
        stored: bytes,
        options: SemaphoreOptions,
        executor: Executor,
        local: TokenStorage,
    ) -> None:
        self.key = key
        self.options = options
        self._stored = stored
        self._executor = executor
        self._local = local

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} of {self.options.capacity}>"

    def _new_token(self) -> bytes:
        if self._local.acquired is not None:
            raise LockError(f"“{self.key}” is already held by this object. Release it first.")
        return uuid.uuid4().hex.encode()

    def _acquire_steps(self, token: bytes, options: SemaphoreOptions) -> MultiServerOperation[bool]:
        request = SemaphoreRequest(
            self._stored, token, options.weight, options.capacity, timeout_to_ms(options.lease) or 0
        )
        is_acquired = False
        for pause in iter_pauses(
            options.sleep, options.blocking_timeout if options.blocking else 0
        ):
            if is_acquired := (yield from self._execute(request.acquire(options.queue_ttl))):
                break
            yield Pause(pause)
        if is_acquired or (is_acquired := (yield from self._execute(request.acquire(0)))):
            self._local.token = token
        return is_acquired

    def _release_steps(self) -> MultiServerOperation[None]:
        token = self._require_token()
        was_held = yield from self._execute(release(self._stored, token))
        self._local.token = None
        if not was_held:
            raise self._lost_error()

    def _extend_steps(self, lease: float | None) -> MultiServerOperation[None]:
        lease_ms = timeout_to_ms(self.options.with_given(lease=lease).lease) or 0
        if not (yield from self._execute(extend(self._stored, self._require_token(), lease_ms))):
            raise self._lost_error()

    def _abandon_steps(self, token: bytes) -> MultiServerOperation[None]:
        """Release the token after an error, so that others don't have to wait until it expires."""
        with suppress(CachexError):
            yield from self._execute(release(self._stored, token))

    def _usage_steps(self) -> MultiServerOperation[int]:
        held, _waiting = yield from self._execute(get_usage(self._stored))
        return held

    def _execute(self, operation: Operation[T]) -> Generator[list[ServerCall], list[Any], T]:
        [outcome] = yield [ServerCall(self._executor, operation)]
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T

    def _require_token(self) -> bytes:
        if self._local.token is None:
            raise LockError(f"“{self.key}” is not held by this object.")
        return self._local.token

    def _lost_error(self) -> LockLost:
        return LockLost(f"The lease of “{self.key}” was lost: it has expired or was deleted.")

    def _not_acquired_error(self) -> LockNotAcquired:
        waited = self.options.blocking_timeout if self.options.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"The semaphore “{self.key}” could not be acquired {within}.")


class Semaphore(BaseSemaphore):
    """A semaphore that all threads of all processes share. See `ServerCache.semaphore`."""

    def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        """Acquire `weight` of the capacity, and return whether this was possible in time.

        None stands for the value that was given to `ServerCache.semaphore`.

        Raises:
            LockError: this thread has already acquired the semaphore with this object.
        """
        options = self.options.with_given(
            weight=weight, blocking=blocking, blocking_timeout=blocking_timeout
        )
        token = self._new_token()
        try:
            return run_operation(self._acquire_steps(token, options))
        except BaseException:
            run_operation(self._abandon_steps(token))
            raise

    def release(self) -> None:
        """Release the semaphore.

        Raises:
            LockLost: the lease has expired or was deleted.
            LockError: this thread doesn't hold the semaphore.
        """
        run_operation(self._release_steps())

    def extend(self, lease: float | None = None) -> None:
        """Restart the lease, for `lease` seconds if given. It raises the errors of `release`."""
        run_operation(self._extend_steps(lease))

    def in_use(self) -> int:
        """Return how much of the capacity is held, by all threads and processes together."""
        return run_operation(self._usage_steps())

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


class AsyncSemaphore(BaseSemaphore):
    """A semaphore for tasks of event loops. The methods are documented in `Semaphore`."""

    async def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        options = self.options.with_given(
            weight=weight, blocking=blocking, blocking_timeout=blocking_timeout
        )
        token = self._new_token()
        try:
            return await arun_operation(self._acquire_steps(token, options))
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(arun_operation(self._abandon_steps(token))))
            raise

    async def release(self) -> None:
        await arun_operation(self._release_steps())

    async def extend(self, lease: float | None = None) -> None:
        await arun_operation(self._extend_steps(lease))

    async def in_use(self) -> int:
        return await arun_operation(self._usage_steps())

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

"""Semaphores that all processes share: room for so much at once, in order of arrival."""

from __future__ import annotations

import asyncio
import operator
import uuid
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from django_cachex.cache.locks.holders import Local
from django_cachex.cache.locks.pauses import pauses
from django_cachex.cache.topologies import Part, Pause, Plan, Target, acarry_out, carry_out
from django_cachex.commands.command import Operation
from django_cachex.commands.exceptions import CachexError, LockError, LockLost, LockNotAcquired
from django_cachex.commands.semaphores import SemaphoreRequest, extend, get_usage, release
from django_cachex.commands.timeouts import timeout_to_ms

T = TypeVar("T")

POLLS = 3
"""How many polls a place in the queue outlives whoever had it."""
LEAST_PATIENCE = 1000
"""Milliseconds that it lasts at least: a server may be slow to answer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a semaphore is acquired, unless a call says otherwise; times are in seconds."""

    capacity: int
    weight: int
    lease: float
    sleep: float
    blocking: bool
    blocking_timeout: float | None

    def __post_init__(self) -> None:
        if not 1 <= operator.index(self.weight) <= operator.index(self.capacity):
            raise ValueError(
                f"A weight of {self.weight} never fits: it must be from 1 to the capacity, which "
                f"is {self.capacity}."
            )
        if not timeout_to_ms(self.lease):
            raise ValueError("A lease must be a number of seconds above zero.")

    def but(self, **given: Any) -> Terms:
        """Return these terms with those of `given` that are not None in their place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def patience(self) -> int:
        """The milliseconds that a place in the queue lasts after a poll."""
        return max(LEAST_PATIENCE, POLLS * (timeout_to_ms(self.sleep) or 0))


class SharedSemaphore:
    """What semaphores of threads and of tasks have in common: plans of what to ask, and when."""

    def __init__(self, key: Any, stored: bytes, terms: Terms, way: Target, local: Local) -> None:
        self.key = key
        self.terms = terms
        self._stored = stored
        self._way = way
        self._local = local

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} of {self.terms.capacity}>"

    def _new_token(self) -> bytes:
        if self._local.own is not None:
            raise LockError(f"“{self.key}” is held here already: release it first.")
        return uuid.uuid4().hex.encode()

    def _acquiring(self, token: bytes, terms: Terms) -> Plan[bool]:
        share = SemaphoreRequest(
            self._stored, token, terms.weight, terms.capacity, timeout_to_ms(terms.lease) or 0
        )
        taken = False
        for pause in pauses(terms.sleep, terms.blocking_timeout if terms.blocking else 0):
            if taken := (yield from self._asked(share.acquire(terms.patience))):
                break
            yield Pause(pause)
        if taken or (taken := (yield from self._asked(share.acquire(0)))):
            self._local.token = token
        return taken

    def _releasing(self) -> Plan[None]:
        token = self._held()
        was_held = yield from self._asked(release(self._stored, token))
        self._local.token = None
        if not was_held:
            raise self._lost()

    def _extending(self, lease: float | None) -> Plan[None]:
        span = timeout_to_ms(self.terms.but(lease=lease).lease) or 0
        if not (yield from self._asked(extend(self._stored, self._held(), span))):
            raise self._lost()

    def _leaving(self, token: bytes) -> Plan[None]:
        """Take back whatever was asked for; who waits behind it need not wait for it to lapse."""
        with suppress(CachexError):
            yield from self._asked(release(self._stored, token))

    def _looking(self) -> Plan[int]:
        held, _waiting = yield from self._asked(get_usage(self._stored))
        return held

    def _asked(self, operation: Operation[T]) -> Generator[list[Part], list[Any], T]:
        [outcome] = yield [Part(self._way, operation)]
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T

    def _held(self) -> bytes:
        if self._local.token is None:
            raise LockError(f"“{self.key}” is not held here, or not any more.")
        return self._local.token

    def _lost(self) -> LockLost:
        return LockLost(f"The lease of “{self.key}” was lost: it expired, or somebody deleted it.")

    def _missed(self) -> LockNotAcquired:
        waited = self.terms.blocking_timeout if self.terms.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"There was no room in “{self.key}” {within}.")


class Semaphore(SharedSemaphore):
    """A semaphore for threads, of this and of all other processes: see `ServerCache.semaphore`."""

    def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        """Take `weight` of the capacity; return whether that was possible in time.

        What is None is as the semaphore was made. Raise `LockError` where this thread holds some
        by this object already.
        """
        terms = self.terms.but(weight=weight, blocking=blocking, blocking_timeout=blocking_timeout)
        token = self._new_token()
        try:
            return carry_out(self._acquiring(token, terms))
        except BaseException:
            carry_out(self._leaving(token))
            raise

    def release(self) -> None:
        """Give back what is held; raise `LockLost` if it was lost, `LockError` if nothing is."""
        carry_out(self._releasing())

    def extend(self, lease: float | None = None) -> None:
        """Let the lease begin anew, for as many seconds; raise what `release` does."""
        carry_out(self._extending(lease))

    def in_use(self) -> int:
        """Return how much of the capacity is held, by anybody."""
        return carry_out(self._looking())

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


class AsyncSemaphore(SharedSemaphore):
    """A semaphore for tasks of event loops; what it says is documented at `Semaphore`."""

    async def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        terms = self.terms.but(weight=weight, blocking=blocking, blocking_timeout=blocking_timeout)
        token = self._new_token()
        try:
            return await acarry_out(self._acquiring(token, terms))
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(acarry_out(self._leaving(token))))
            raise

    async def release(self) -> None:
        await acarry_out(self._releasing())

    async def extend(self, lease: float | None = None) -> None:
        await acarry_out(self._extending(lease))

    async def in_use(self) -> int:
        return await acarry_out(self._looking())

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

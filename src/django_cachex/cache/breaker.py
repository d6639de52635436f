"""Not asking, for a while, a server that does not answer."""

from __future__ import annotations

import time

from django_cachex.commands.exceptions import CachexError, ServerTimeout, ServerUnavailable

FAILURES = 3
"""In a row, before a server is left alone; of timeouts, which cost so much, one is enough."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds; each attempt that fails doubles the pause."""


class Breaker:
    """Opens after failures: then calls fail at once, but for one attempt after each pause."""

    __slots__ = ("_last", "_pause", "failures", "until")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The server answered: forget what was."""
        self.failures = 0
        self.until = 0.0
        """The clock's time of the next attempt, 0 while every call is one."""
        self._pause = FIRST_PAUSE
        self._last: ServerUnavailable | None = None

    def check(self, address: str) -> None:
        """During a pause, raise what the last attempt did; after it, let this call be the next."""
        now = time.monotonic()
        if now < self.until:
            left = self.until - now
            kind = type(self._last) if self._last else ServerUnavailable
            raise kind(
                f"{address} does not answer: it will be tried again in {left:.1f} s."
            ) from self._last
        self._wait(now)

    def heard(self, error: CachexError) -> None:
        """Take note of an attempt to connect: a server that refuses somebody is there."""
        if isinstance(error, ServerUnavailable):
            self.failed(error)
        else:
            self.reset()

    def failed(self, error: ServerUnavailable) -> None:
        """Count a failure; leave the server alone after too many."""
        self.failures += 1
        self._last = error
        if not self.until and (isinstance(error, ServerTimeout) or self.failures >= FAILURES):
            self._wait(time.monotonic())

    def _wait(self, now: float) -> None:
        self.until = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


class NeverBreaks(Breaker):
    """For who asks on purpose, and wants every call to be an attempt."""

    __slots__ = ()

    def failed(self, error: ServerUnavailable) -> None:
        """Count nothing."""

"""Leave a server alone for a while that does not answer."""

from __future__ import annotations

import time

from django_cachex.exceptions import CachexError, ServerTimeout, ServerUnavailable

FAILURES = 3
"""In a row, before a server is left alone; of timeouts on new connections, which tell the most and
cost the most, one is enough."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 1.0
"""Seconds from the end of an attempt that failed to the next one. A server that is back is found
within the longest, and whoever makes an attempt, one call at a time, loses one timeout."""

ATTEMPT = 5.0
"""Seconds after which another call tries, too, where nobody heard how an attempt ended."""


class Breaker:
    """Opens after failures: then calls fail at once, but for one attempt after each pause.

    Failures are attempts to connect, and timeouts. A server that hangs up on a command was there.
    """

    __slots__ = ("_attempting", "_last", "_pause", "failures", "until")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The server answered: forget what was."""
        self.failures = 0
        self.until = 0.0
        """The clock's time of the next attempt, 0 while every call is one."""
        self._pause = FIRST_PAUSE
        self._attempting = False
        self._last: ServerUnavailable | None = None

    def check(self, address: str) -> None:
        """During a pause, raise what the last attempt did; after it, let this call be the next."""
        now = time.monotonic()
        left = self.until - now
        if 0 < left <= ATTEMPT:  # No pause is longer: then the clock jumped, as in some tests.
            kind = type(self._last) if self._last else ServerUnavailable
            when = (
                "is being tried again"
                if self._attempting
                else f"will be tried again in {left:.1f} s"
            )
            raise kind(f"{address} does not answer: it {when}.") from self._last
        self._attempting = True
        self.until = now + ATTEMPT

    def heard(self, error: CachexError) -> None:
        """Take note of an attempt to connect: a server that refuses somebody is there."""
        if isinstance(error, ServerUnavailable):
            self.failed(error)
        else:
            self.reset()

    def failed(self, error: ServerUnavailable, reused: bool = False) -> None:
        """Count a failure; leave the server alone after too many.

        A connection that was `reused` may be the only thing that is dead: then the next attempt,
        on a new one, may be made at once.
        """
        self.failures += 1
        self._last = error
        enough = self.failures >= FAILURES or (isinstance(error, ServerTimeout) and not reused)
        if self._attempting:
            self._rest()
        elif not self.until and enough:
            if reused:
                self.until = time.monotonic()
            else:
                self._rest()

    def lapsed(self) -> None:
        """A call ended without a word about the server: if it was the attempt, wait for another."""
        if self._attempting:
            self._rest()

    def _rest(self) -> None:
        self._attempting = False
        self.until = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


class NeverBreaks(Breaker):
    """For who asks on purpose, and wants every call to be an attempt."""

    __slots__ = ()

    def failed(self, error: ServerUnavailable, reused: bool = False) -> None:
        """Count nothing."""

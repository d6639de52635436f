"""A circuit breaker: while a server doesn't respond, calls fail at once."""

from __future__ import annotations

import time

from django_cachex.exceptions import CachexError, ServerTimeout, ServerUnavailable

FAILURE_THRESHOLD = 3
"""Consecutive failures that open the circuit breaker. A single timeout on a new connection is
enough, because it costs the most and is the clearest sign."""

MIN_PAUSE, MAX_PAUSE = 0.5, 1.0
"""Seconds from a failed attempt to the next one. The pause doubles up to the maximum, which is the
longest time until a server that has recovered is used again. Only one call at a time makes an
attempt and has to wait for the timeout."""

ATTEMPT_TIMEOUT = 5.0
"""Seconds after which another call makes an attempt if the result of the last one is unknown."""


class CircuitBreaker:
    """Opens after failures. Then calls fail at once, except for one attempt after each pause.

    Timeouts and failures to connect count as failures. A connection that is lost during a command
    doesn't, because the server was there.
    """

    __slots__ = ("_attempting", "_last", "_pause", "failures", "retry_at")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Close the circuit breaker, because the server has responded."""
        self.failures = 0
        self.retry_at = 0.0
        """The time of the next attempt (`time.monotonic`); 0 while the breaker is closed."""
        self._pause = MIN_PAUSE
        self._attempting = False
        self._last: ServerUnavailable | None = None

    def check(self, address: str) -> None:
        """Raise the error of the last attempt during a pause; after it, allow a new attempt."""
        now = time.monotonic()
        remaining = self.retry_at - now
        if (
            0 < remaining <= ATTEMPT_TIMEOUT
        ):  # No pause is longer. Otherwise, a test changed the clock.
            kind = type(self._last) if self._last else ServerUnavailable
            when = (
                "is being tried again"
                if self._attempting
                else f"will be tried again in {remaining:.1f} s"
            )
            raise kind(f"{address} does not answer. It {when}.") from self._last
        self._attempting = True
        self.retry_at = now + ATTEMPT_TIMEOUT

    def record_connect_error(self, error: CachexError) -> None:
        """Record an error while connecting. If the server refused the user, it is available."""
        if isinstance(error, ServerUnavailable):
            self.record_failure(error)
        else:
            self.reset()

    def record_failure(self, error: ServerUnavailable, reused: bool = False) -> None:
        """Count a failure, and open the circuit breaker after too many.

        If the connection was `reused`, perhaps only the connection is dead. Then the next attempt,
        on a new connection, is allowed at once.
        """
        self.failures += 1
        self._last = error
        enough = self.failures >= FAILURE_THRESHOLD or (
            isinstance(error, ServerTimeout) and not reused
        )
        if self._attempting:
            self._start_pause()
        elif not self.retry_at and enough:
            if reused:
                self.retry_at = time.monotonic()
            else:
                self._start_pause()

    def end_attempt(self) -> None:
        """End an attempt whose result says nothing about the server, and wait for the next one."""
        if self._attempting:
            self._start_pause()

    def _start_pause(self) -> None:
        self._attempting = False
        self.retry_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, MAX_PAUSE)


class NullCircuitBreaker(CircuitBreaker):
    """A circuit breaker that never opens, for callers who want every call to be an attempt."""

    __slots__ = ()

    def record_failure(self, error: ServerUnavailable, reused: bool = False) -> None:
        """Ignore the failure."""

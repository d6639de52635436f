"""The option `ignore_exceptions`: treat failures of a server as missing keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

from django_cachex.cache.client import Client
from django_cachex.cache.statistics import Statistics
from django_cachex.commands.command import Batch, Command, Operation, intercept
from django_cachex.commands.counters import SCRIPT_ERRORS
from django_cachex.exceptions import (
    CachexError,
    CommandError,
    CrossSlotError,
    OutOfRangeError,
    ScriptMissing,
    ServerStateError,
    ServerUnavailable,
    WrongTypeError,
)

T = TypeVar("T")

logger = logging.getLogger("django_cachex.cache")

LOG_INTERVAL = 60.0
"""Seconds between two log messages."""

ALL = "all"
"""The value of `ignore_exceptions` with which errors such as wrong credentials are also ignored and
counters return None, as in django-redis and django-valkey."""

NEVER_IGNORED = WrongTypeError, OutOfRangeError, CrossSlotError, ScriptMissing
"""Errors of the call itself. After `ScriptMissing`, the script is sent."""


def is_state_error(error: object) -> bool:
    """Return whether an error is about the state of the server, not about a call or a user."""
    return isinstance(error, ServerUnavailable | ServerStateError)


def is_server_error(error: object) -> bool:
    """Return whether the server returned an error or is unavailable, and the call is correct."""
    is_call_error = isinstance(error, NEVER_IGNORED)
    return isinstance(error, ServerUnavailable | CommandError) and not is_call_error


class RateLimitedLogger:
    """Counts events, and logs their number and the last one once a minute."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._counter = count(1)
        self._logged_total = 0
        self._logged_at = -LOG_INTERVAL

    def add(self, last: object) -> None:
        """Count an event, and log the number of events unless this was done recently."""
        total, now = next(self._counter), time.monotonic()
        # The difference is negative if the clock jumped, as in tests that freeze it.
        if 0 <= now - self._logged_at < LOG_INTERVAL:
            return
        self._logged_at = now
        number, self._logged_total = total - self._logged_total, total
        logger.warning(self._message, number, last)


_ignored_errors_log = RateLimitedLogger(
    "%d errors ignored because of ignore_exceptions; the last: %s"
)
unreadable_log = RateLimitedLogger("%d values can't be read, and count as misses; the last: %s")


class IgnoreExceptionsClient:
    """A client for which failures of the server are misses, and are logged.

    Args:
        is_ignored: whether an exception of the client is such a failure.
    """

    def __init__(
        self,
        client: Client,
        statistics: Statistics,
        is_ignored: Callable[[object], bool] = is_state_error,
    ) -> None:
        self._client = client
        self._statistics = statistics
        self._is_ignored = is_ignored

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `Client.run`; if the server fails, return the result for a missing key."""
        if not isinstance(command, Command):
            return self._client.run(self._ignore_failures(command))
        try:
            return self._client.run(command)
        except CachexError as error:
            self._note(error)
            return command.parse_missing()

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop."""
        if not isinstance(command, Command):
            return await self._client.arun(self._ignore_failures(command))
        try:
            return await self._client.arun(command)
        except CachexError as error:
            self._note(error)
            return command.parse_missing()

    def _note(self, error: CachexError) -> None:
        """Count and log an error, or raise it if it is not ignored."""
        if not self._is_ignored(error):
            raise error
        self._statistics.errors += 1
        _ignored_errors_log.add(error)

    def _ignore_failures(self, operation: Operation[T]) -> Operation[T]:
        """Run an operation. After a failure, continue as if the server had no keys."""
        is_available = True

        def send(commands: Sequence[Command[Any]]) -> Operation[list[Any]]:
            nonlocal is_available
            if is_available:
                try:
                    return self._replace_failures(commands, (yield commands))
                except CachexError as error:
                    self._note(error)
                    is_available = False
            parse_missing = _parse_missing if isinstance(commands, Batch) else Command.parse_missing
            return [parse_missing(command) for command in commands]

        return intercept(operation, send)

    def _replace_failures(self, commands: Sequence[Command[Any]], results: list[Any]) -> list[Any]:
        """Return `results` with misses in place of errors that are ignored."""
        if not isinstance(commands, Batch):
            return results
        kept: list[Any] = []
        failed = False
        for command, result in zip(commands, results, strict=True):
            if self._is_ignored(result):
                self._note(result)
                failed = True
            elif not (failed and _is_aborted(result)):
                kept.append(result)
                continue
            kept.append(_parse_missing(command))
        return kept


class IgnoreCounterExceptionsClient(IgnoreExceptionsClient):
    """A client that returns None for a counter if the server fails."""

    def run(self, command: Command[T] | Operation[T]) -> Any:
        try:
            return self._client.run(command)
        except CachexError as error:
            self._note_counter(command, error)

    async def arun(self, command: Command[T] | Operation[T]) -> Any:
        try:
            return await self._client.arun(command)
        except CachexError as error:
            self._note_counter(command, error)

    def _note_counter(self, command: Command[Any] | Operation[Any], error: CachexError) -> None:
        # After these errors of a script's digest, which is a Command, an Operation is tried.
        if isinstance(command, Command) and isinstance(error, SCRIPT_ERRORS):
            raise error
        self._note(error)


def _is_aborted(result: Any) -> bool:
    """Return whether this is the reply to EXEC after a command that could not be queued."""
    return isinstance(result, CommandError) and str(result).startswith("EXECABORT")


def _parse_missing(command: Command[Any]) -> Any:
    """Return the result for a missing key, which is a `CommandError` for some commands."""
    try:
        return command.parse_missing()
    except CommandError as error:
        return error

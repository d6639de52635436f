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
from django_cachex.exceptions import CommandError, ServerStateError, ServerUnavailable

T = TypeVar("T")

logger = logging.getLogger("django_cachex.cache")

LOG_INTERVAL = 60.0
"""Seconds between two log messages."""

IgnoredError = ServerUnavailable | ServerStateError
"""Only errors about the state of the server are ignored, not those of a call or a user."""
IGNORED_ERRORS = ServerUnavailable, ServerStateError


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
    """A client for which failures of the server are misses, and are logged."""

    def __init__(self, client: Client, statistics: Statistics) -> None:
        self._client = client
        self._statistics = statistics

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `Client.run`; if the server fails, return the result for a missing key."""
        if not isinstance(command, Command):
            return self._client.run(ignore_unavailable(command, self._note))
        try:
            return self._client.run(command)
        except IGNORED_ERRORS as error:
            self._note(error)
            return command.parse_missing()

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop."""
        if not isinstance(command, Command):
            return await self._client.arun(ignore_unavailable(command, self._note))
        try:
            return await self._client.arun(command)
        except IGNORED_ERRORS as error:
            self._note(error)
            return command.parse_missing()

    def _note(self, error: IgnoredError) -> None:
        self._statistics.errors += 1
        _ignored_errors_log.add(error)


def ignore_unavailable(
    operation: Operation[T], on_error: Callable[[IgnoredError], None]
) -> Operation[T]:
    """Run an operation. After a failure, continue as if the server had no keys."""
    is_available = True

    def send(commands: Sequence[Command[Any]]) -> Operation[list[Any]]:
        nonlocal is_available
        if is_available:
            try:
                return _replace_failures(commands, (yield commands), on_error)
            except IGNORED_ERRORS as error:
                is_available = False
                on_error(error)
        parse_missing = _parse_missing if isinstance(commands, Batch) else Command.parse_missing
        return [parse_missing(command) for command in commands]

    return intercept(operation, send)


def _replace_failures(
    commands: Sequence[Command[Any]], results: list[Any], on_error: Callable[[IgnoredError], None]
) -> list[Any]:
    """Return `results` with misses in place of errors about the state of the server."""
    if not isinstance(commands, Batch):
        return results
    kept: list[Any] = []
    failed = False
    for command, result in zip(commands, results, strict=True):
        if isinstance(result, IGNORED_ERRORS):
            on_error(result)
            failed = True
        elif not (failed and _is_aborted(result)):
            kept.append(result)
            continue
        kept.append(_parse_missing(command))
    return kept


def _is_aborted(result: Any) -> bool:
    """Return whether this is the reply to EXEC after a command that could not be queued."""
    return isinstance(result, CommandError) and str(result).startswith("EXECABORT")


def _parse_missing(command: Command[Any]) -> Any:
    """Return the result for a missing key, which is a `CommandError` for some commands."""
    try:
        return command.parse_missing()
    except CommandError as error:
        return error

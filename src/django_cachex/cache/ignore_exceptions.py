"""Treat the failures of a server as missing keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

from django_cachex.cache.client import Client
from django_cachex.cache.statistics import Statistics
from django_cachex.commands.command import Batch, Command, Operation
from django_cachex.exceptions import CommandError, ServerStateError, ServerUnavailable

T = TypeVar("T")

logger = logging.getLogger("django_cachex.cache")

LOG_INTERVAL = 60.0
"""Seconds between two reports."""

IgnoredError = ServerUnavailable | ServerStateError
"""What is ignored: states of the server. What is wrong with a call or its user is raised."""
IGNORED_ERRORS = ServerUnavailable, ServerStateError


class RateLimitedLogger:
    """Says once a minute how often something happened, and the last of it."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._counter = count(1)
        self._logged_total = 0
        self._logged_at = -LOG_INTERVAL

    def add(self, last: object) -> None:
        """Count `last`; log what was counted, unless that was done lately."""
        total, now = next(self._counter), time.monotonic()
        if (
            0 <= now - self._logged_at < LOG_INTERVAL
        ):  # Below zero the clock jumped: tests freeze it.
            return
        self._logged_at = now
        number, self._logged_total = total - self._logged_total, total
        logger.warning(self._message, number, last)


_ignored_errors_log = RateLimitedLogger(
    "%d errors ignored, as ignore_exceptions asks; the last: %s"
)
unreadable_log = RateLimitedLogger("%d values cannot be read, and count as misses; the last: %s")


class IgnoreExceptionsClient:
    """A client's way to its server on which failures become misses, and are reported."""

    def __init__(self, client: Client, statistics: Statistics) -> None:
        self._client = client
        self._statistics = statistics

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Do what `Client.run` does; return what a server without keys answers if it is lost."""
        if not isinstance(command, Command):
            return self._client.run(ignore_unavailable(command, self._note))
        try:
            return self._client.run(command)
        except IGNORED_ERRORS as error:
            self._note(error)
            return command.parse_missing()

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop."""
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
    """Do what `steps` does; after a failure, as though no key were in the server from then on."""
    try:
        commands = next(operation)
        while True:
            try:
                results = yield commands
            except IGNORED_ERRORS as error:  # Some are a `CommandError`, too: see below.
                on_error(error)
                break
            except CommandError as error:
                commands = operation.throw(error)
            else:
                commands = operation.send(_replace_failures(commands, results, on_error))
        while True:
            commands = _send_missing(operation, commands)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def _replace_failures(
    commands: Sequence[Command[Any]], results: list[Any], on_error: Callable[[IgnoredError], None]
) -> list[Any]:
    """Return `results`, a miss in the place of what the server could not do at the moment."""
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
    """Return whether this is what EXEC answers after a command that could not be queued."""
    return isinstance(result, CommandError) and str(result).startswith("EXECABORT")


def _parse_missing(command: Command[Any]) -> Any:
    """Return the result where there is no such key, or the `CommandError` that this is to some."""
    try:
        return command.parse_missing()
    except CommandError as error:
        return error


def _send_missing(
    operation: Operation[Any], commands: Sequence[Command[Any]]
) -> Sequence[Command[Any]]:
    results = [_parse_missing(command) for command in commands]
    if not isinstance(commands, Batch):
        for result in results:
            if isinstance(result, CommandError):
                return operation.throw(result)
    return operation.send(results)

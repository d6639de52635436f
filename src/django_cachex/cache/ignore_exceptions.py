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

EVERY = 60.0
"""Seconds between two reports."""

Failure = ServerUnavailable | ServerStateError
"""What is ignored: states of the server. What is wrong with a call or its user is raised."""
FAILURES = ServerUnavailable, ServerStateError


class Reports:
    """Says once a minute how often something happened, and the last of it."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._counter = count(1)
        self._told = 0
        self._said = -EVERY

    def add(self, last: object) -> None:
        """Count `last`; log what was counted, unless that was done lately."""
        total, now = next(self._counter), time.monotonic()
        if 0 <= now - self._said < EVERY:  # Below zero the clock jumped: tests freeze it.
            return
        self._said = now
        number, self._told = total - self._told, total
        logger.warning(self._message, number, last)


_reports = Reports("%d errors ignored, as ignore_exceptions asks; the last: %s")
unreadable = Reports("%d values cannot be read, and count as misses; the last: %s")


class FailingOpen:
    """A client's way to its server on which failures become misses, and are reported."""

    def __init__(self, client: Client, statistics: Statistics) -> None:
        self._client = client
        self._statistics = statistics

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Do what `Client.run` does; return what a server without keys answers if it is lost."""
        if not isinstance(command, Command):
            return self._client.run(ignoring(command, self._note))
        try:
            return self._client.run(command)
        except FAILURES as error:
            self._note(error)
            return command.parse_missing()

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop."""
        if not isinstance(command, Command):
            return await self._client.arun(ignoring(command, self._note))
        try:
            return await self._client.arun(command)
        except FAILURES as error:
            self._note(error)
            return command.parse_missing()

    def _note(self, error: Failure) -> None:
        self._statistics.errors += 1
        _reports.add(error)


def ignoring(operation: Operation[T], note: Callable[[Failure], None]) -> Operation[T]:
    """Do what `steps` does; after a failure, as though no key were in the server from then on."""
    try:
        commands = next(operation)
        while True:
            try:
                results = yield commands
            except FAILURES as error:  # Some are a `CommandError`, too: see below.
                note(error)
                break
            except CommandError as error:
                commands = operation.throw(error)
            else:
                commands = operation.send(_without_failures(commands, results, note))
        while True:
            commands = _missed(operation, commands)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def _without_failures(
    commands: Sequence[Command[Any]], results: list[Any], note: Callable[[Failure], None]
) -> list[Any]:
    """Return `results`, a miss in the place of what the server could not do at the moment."""
    if not isinstance(commands, Batch):
        return results
    kept: list[Any] = []
    failed = False
    for command, result in zip(commands, results, strict=True):
        if isinstance(result, FAILURES):
            note(result)
            failed = True
        elif not (failed and _is_aborted(result)):
            kept.append(result)
            continue
        kept.append(_miss(command))
    return kept


def _is_aborted(result: Any) -> bool:
    """Return whether this is what EXEC answers after a command that could not be queued."""
    return isinstance(result, CommandError) and str(result).startswith("EXECABORT")


def _miss(command: Command[Any]) -> Any:
    """Return the result where there is no such key, or the `CommandError` that this is to some."""
    try:
        return command.parse_missing()
    except CommandError as error:
        return error


def _missed(operation: Operation[Any], commands: Sequence[Command[Any]]) -> Sequence[Command[Any]]:
    results = [_miss(command) for command in commands]
    if not isinstance(commands, Batch):
        for result in results:
            if isinstance(result, CommandError):
                return operation.throw(result)
    return operation.send(results)

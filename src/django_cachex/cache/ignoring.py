"""Failing open: a server that cannot be reached is a cache in which no key is."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django_cachex.cache.client import Client
from django_cachex.cache.statistics import Statistics
from django_cachex.commands.exceptions import CommandError, ServerUnavailable
from django_cachex.commands.request import Attempts, Request, Steps

T = TypeVar("T")

logger = logging.getLogger("django_cachex.cache")

EVERY = 60.0
"""Seconds between two reports."""


class Reports:
    """Says once a minute how many errors were ignored, and the last of them.

    No lock, which an interrupt could leave held: at worst two threads say it.
    """

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._reported = 0
        self._said = -math.inf

    def add(self, error: ServerUnavailable) -> None:
        """Count `error`; log what was counted, unless that was done lately."""
        total, now = next(self._count), time.monotonic()
        if 0 <= now - self._said < EVERY:
            return
        self._said = now
        count, self._reported = total - self._reported, total
        logger.warning("%d errors ignored, as ignore_exceptions asks; the last: %s", count, error)


_reports = Reports()


class FailingOpen:
    """A client's way to its server on which failures become misses, and are reported."""

    def __init__(self, client: Client, statistics: Statistics) -> None:
        self._client = client
        self._statistics = statistics

    def run(self, command: Request[T] | Steps[T]) -> T:
        """Do what `Client.run` does; return what a server without keys answers if it is lost."""
        if not isinstance(command, Request):
            return self._client.run(ignoring(command, self._note))
        try:
            return self._client.run(command)
        except ServerUnavailable as error:
            self._note(error)
            return command.missed()

    async def arun(self, command: Request[T] | Steps[T]) -> T:
        """Do what `run` does, on the running event loop."""
        if not isinstance(command, Request):
            return await self._client.arun(ignoring(command, self._note))
        try:
            return await self._client.arun(command)
        except ServerUnavailable as error:
            self._note(error)
            return command.missed()

    def _note(self, error: ServerUnavailable) -> None:
        self._statistics.errors += 1
        _reports.add(error)


def ignoring(steps: Steps[T], note: Callable[[ServerUnavailable], None]) -> Steps[T]:
    """Do what `steps` does; when the server is lost, as though no key were in it from then on."""
    try:
        requests = next(steps)
        while True:
            try:
                results = yield requests
            except ServerUnavailable as error:  # Some are a `CommandError`, too: see below.
                note(error)
                break
            except CommandError as error:
                requests = steps.throw(error)
            else:
                requests = steps.send(_without_failures(requests, results, note))
        while True:
            requests = _missed(steps, requests)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def _without_failures(
    requests: Sequence[Request[Any]], results: list[Any], note: Callable[[ServerUnavailable], None]
) -> list[Any]:
    """Return `results`, a miss in the place of what a cluster did not do as nobody has the slot."""
    if not isinstance(requests, Attempts):
        return results
    kept: list[Any] = []
    for request, result in zip(requests, results, strict=True):
        if isinstance(result, ServerUnavailable):
            note(result)
            result = _miss(request)
        kept.append(result)
    return kept


def _miss(request: Request[Any]) -> Any:
    """Return the result where there is no such key, or the `CommandError` that this is to some."""
    try:
        return request.missed()
    except CommandError as error:
        return error


def _missed(steps: Steps[Any], requests: Sequence[Request[Any]]) -> Sequence[Request[Any]]:
    results = [_miss(request) for request in requests]
    if not isinstance(requests, Attempts):
        for result in results:
            if isinstance(result, CommandError):
                return steps.throw(result)
    return steps.send(results)

"""Run calls to caches under one deadline."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import connections

from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.masking import mask_for_settings

T = TypeVar("T")

logger = logging.getLogger("django_cachex.admin")


class DeadlineExceeded(Exception):
    """The deadline passed before the cache answered."""


class NotStarted(DeadlineExceeded):
    """The deadline passed before the call started."""


@dataclass(frozen=True)
class CallResult(Generic[T]):
    """The return value of a call to a cache, or the exception that it raised."""

    value: T | None = None
    error: Exception | None = None


def describe_error(error: Exception, inspector: Inspector) -> str:
    """Return an error without passwords and its traceback, innermost frame first, on one line."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    trace = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{mask_for_settings(f'{type(error).__name__}: {error}', inspector.params)} [{trace}]"


class DeadlineExecutor:
    """Runs calls to caches until a deadline. Calls that may hang run in threads.

    Args:
        seconds: the time until the deadline.
        level: the level at which errors are logged; lower for calls that are repeated often.
    """

    def __init__(self, seconds: float, level: int = logging.WARNING) -> None:
        self.seconds = seconds
        self._level = level
        self._deadline = time.monotonic() + seconds

    def run(self, inspector: Inspector, call: Callable[[], T]) -> CallResult[T]:
        """Return the result of one call."""
        return self.run_all({inspector: call})[inspector]

    def run_inline(self, inspector: Inspector, call: Callable[[], T]) -> CallResult[T]:
        """Return the result of one call, run on this thread.

        Use it for a call that also uses another cache whose connections belong to this thread.
        """
        if time.monotonic() >= self._deadline:
            return CallResult(error=NotStarted())
        return self._run_isolated(inspector, call)

    def run_all(self, calls: Mapping[Inspector, Callable[[], T]]) -> dict[Inspector, CallResult[T]]:
        """Return the results of calls to several caches, run in parallel."""
        # No call starts after the deadline: a change must not happen when nobody waits for it.
        is_on_time = time.monotonic() < self._deadline
        futures = {
            inspector: self._submit(inspector, call) if is_on_time else None
            for inspector, call in calls.items()
            if inspector.may_block
        }
        return {
            inspector: self._wait(futures[inspector])
            if inspector in futures
            else self._run_isolated(inspector, call)
            for inspector, call in calls.items()
        }

    def _wait(self, future: Future[CallResult[T]] | None) -> CallResult[T]:
        if future is None:
            return CallResult(error=NotStarted())
        try:
            return future.result(max(0.0, self._deadline - time.monotonic()))
        except TimeoutError:
            return CallResult(error=DeadlineExceeded())

    def _run_isolated(self, inspector: Inspector, call: Callable[[], T]) -> CallResult[T]:
        """Log any exception and return it, so that the rest of a page is not affected."""
        try:
            return CallResult(call())
        except Exception as error:
            logger.log(
                self._level,
                "%s",
                one_line(f"{inspector.alias}: {describe_error(error, inspector)}"),
            )
            return CallResult(error=error)

    def _submit(self, inspector: Inspector, call: Callable[[], T]) -> Future[CallResult[T]]:
        """Run a call in a daemon thread, so that a call that hangs delays no page and no exit."""
        future: Future[CallResult[T]] = Future()
        context = contextvars.copy_context()

        def run_call() -> None:
            try:
                future.set_result(context.run(self._run_isolated, inspector, call))
            finally:
                # Permission checks of a project may have opened database connections.
                connections.close_all()

        threading.Thread(target=run_call, daemon=True).start()
        return future

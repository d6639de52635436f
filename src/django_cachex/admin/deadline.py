"""Run calls to caches under one deadline, and tell what their errors mean."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.cache.backends.base import InvalidCacheKey
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections

from django_cachex.commands.text import one_line
from django_cachex.exceptions import CachexError, CommandError, ServerTimeout
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import is_file_error
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


def format_with_traceback(error: Exception, inspector: Inspector) -> str:
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
                one_line(f"{inspector.alias}: {format_with_traceback(error, inspector)}"),
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


def is_timeout_error(error: BaseException | None) -> bool:
    """Return whether a cache did not answer in time. It may have carried out the call."""
    return isinstance(error, DeadlineExceeded | ServerTimeout)


def may_have_succeeded(error: BaseException | None) -> bool:
    """Return whether a change may have been carried out in spite of an error.

    It was not if the store refused it or if no connection was made.
    """
    if isinstance(error, CachexError):
        return error.sent and not isinstance(error, CommandError)
    if error is None or isinstance(error, NOT_SENT_ERRORS) or is_connection_refused(error):
        return False
    if isinstance(error, DatabaseError):
        return _database_may_have_succeeded(error)
    return any(map(_may_be_broken_connection, _iter_causes(error)))


NOT_SENT_ERRORS = NotStarted, ImproperlyConfigured, InvalidCacheKey, NotImplementedError
"""Errors that are raised before anything is sent to a store."""

LOST_CONNECTION_STATES = "08", "40003", "57P"
"""Prefixes of PostgreSQL's SQLSTATE codes for a lost connection."""

LOST_CONNECTION_CODES = {1053, 1927, *range(2000, 3000)}
"""Error codes of MariaDB and MySQL for a lost connection; the client's begin at 2000."""


def _database_may_have_succeeded(error: DatabaseError) -> bool:
    """Return whether a database connection broke after it had been established."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    number = error.args[0] if error.args else None
    is_answered = (
        type(cause).__module__ == "sqlite3"  # SQLite has no connection that could break.
        or (state and not state.startswith(LOST_CONNECTION_STATES))
        or (isinstance(number, int) and number not in LOST_CONNECTION_CODES)
    )
    if is_answered:
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return not any(frame.f_code.co_name == "ensure_connection" for frame, _number in frames)


def close_broken_connections() -> None:
    """Close broken database connections, so that the `LogEntry` can be saved on a new one.

    Django closes them only between requests.
    """
    for connection in connections.all(initialized_only=True):
        broken = connection.errors_occurred and not connection.in_atomic_block
        if broken and not connection.is_usable():
            connection.close()


def _may_be_broken_connection(error: BaseException) -> bool:
    """Return whether an error may mean a broken connection or an interrupted wait.

    Errors that a library defines may mean that. Python's built-in errors mean a bug.
    """
    if isinstance(error, OSError):
        return not is_file_error(error)
    return isinstance(error, EOFError | KeyboardInterrupt) or type(error).__module__ != "builtins"


def is_connection_refused(error: BaseException) -> bool:
    """Return whether an error was caused by a refused connection and by no broken one."""
    causes = list(_iter_causes(error))
    broken = ConnectionResetError, ConnectionAbortedError, BrokenPipeError
    return any(isinstance(cause, ConnectionRefusedError) for cause in causes) and not any(
        isinstance(cause, broken) for cause in causes
    )


def _iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

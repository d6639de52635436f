"""Messages about errors, without secrets."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

from django.core.cache.backends.base import InvalidCacheKey
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from django.utils.translation import gettext as _

from django_cachex.admin.deadline import DeadlineExceeded, NotStarted
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.exceptions import CachexError, CommandError, ServerTimeout
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import is_file_error
from django_cachex.inspectors.masking import mask_for_settings

MAX_ERROR_LENGTH = 500


def short_error(inspector: Inspector, error: BaseException) -> str:
    """Return in a few words why a call to a cache failed."""
    if is_timeout_error(error):
        return _("no answer in %(seconds)g s") % {"seconds": limits().timeout}
    if _is_connection_refused(error):
        return _("connection refused")
    text = str(error) or type(error).__name__
    return one_line(mask_for_settings(text, inspector.params))[:MAX_ERROR_LENGTH]


def is_timeout_error(error: BaseException | None) -> bool:
    """Return whether a cache did not answer in time. It may have carried out the call."""
    return isinstance(error, DeadlineExceeded | ServerTimeout)


def may_have_succeeded(error: BaseException | None) -> bool:
    """Return whether a change may have been carried out in spite of an error.

    It was not if the store refused it or if no connection was made.
    """
    if isinstance(error, CachexError):
        return error.sent and not isinstance(error, CommandError)
    if error is None or isinstance(error, NOT_SENT_ERRORS) or _is_connection_refused(error):
        return False
    if isinstance(error, DatabaseError):
        return _database_may_have_succeeded(error)
    return any(map(_may_be_broken_connection, _iter_causes(error)))


def unknown_outcome_message(
    error: BaseException | None, message: Callable[[], str]
) -> Callable[[], str]:
    """Return a function that builds the log message about a change with an unknown outcome."""

    def build_message() -> str:
        text = _("Attempted, result unknown: %(what)s")
        if is_timeout_error(error):
            text = _("Attempted, but no answer in time: %(what)s")
        return text % {"what": message()}

    return build_message


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


def _is_connection_refused(error: BaseException) -> bool:
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


def error_message(inspector: Inspector, error: Exception) -> str:
    """Return what went wrong, and that it concerns no other cache."""
    return f"{describe_error(inspector, error)} {_('Other caches are unaffected.')}"


def describe_error(inspector: Inspector, error: Exception) -> str:
    """Return a sentence that names the cache, its location and the error."""
    place = f" ({inspector.location})" if inspector.location else ""
    details = {"alias": inspector.alias, "place": place}
    if is_timeout_error(error):
        text = _('"%(alias)s" did not answer within %(seconds)g s%(place)s.')
        return text % {**details, "seconds": limits().timeout}
    text = _('Error in "%(alias)s"%(place)s: %(reason)s.')
    return text % {**details, "reason": short_error(inspector, error).rstrip(".")}

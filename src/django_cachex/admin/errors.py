"""Messages about errors, without secrets."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

from django.core.cache.backends.base import InvalidCacheKey
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections
from django.utils.translation import gettext as _

from django_cachex.admin.deadline import NoAnswer, NotAsked
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.exceptions import CachexError, CommandError, ServerTimeout
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import is_about_a_file
from django_cachex.inspectors.masking import masked

LONGEST = 500


def reason(inspector: Inspector, error: BaseException) -> str:
    """Return in a few words why a cache did not do what it was asked."""
    if is_unanswered(error):
        return _("no answer in %(seconds)g s") % {"seconds": limits().timeout}
    if _refused(error):
        return _("connection refused")
    text = str(error) or type(error).__name__
    return one_line(masked(text, inspector.params))[:LONGEST]


def is_unanswered(error: BaseException | None) -> bool:
    """Return whether a cache may have done what it was asked, and did not say so in time."""
    return isinstance(error, NoAnswer | ServerTimeout)


def may_be_done(error: BaseException | None) -> bool:
    """Return whether a cache may have done what it was asked, as nothing proves the contrary.

    Proof is a refusal by the store, and that no connection came about.
    """
    if isinstance(error, CachexError):
        return error.sent and not isinstance(error, CommandError)
    if error is None or isinstance(error, NEVER_SENT) or _refused(error):
        return False
    if isinstance(error, DatabaseError):
        return _database_may_have_done(error)
    return any(map(_tells_of_a_break, _chain(error)))


def in_doubt(error: BaseException | None, message: Callable[[], str]) -> Callable[[], str]:
    """Return what says that an act was asked for, and that nobody knows what became of it."""

    def said() -> str:
        text = _("Attempted, result unknown: %(what)s")
        if is_unanswered(error):
            text = _("Attempted, but no answer in time: %(what)s")
        return text % {"what": message()}

    return said


NEVER_SENT = NotAsked, ImproperlyConfigured, InvalidCacheKey, NotImplementedError
"""What is raised before a store is asked."""

LOST_STATES = "08", "40003", "57P"
"""What the states of a connection that is lost begin with, on PostgreSQL."""

LOST_NUMBERS = {1053, 1927, *range(2000, 3000)}
"""What MariaDB and MySQL call such errors; from 2000 on it is the client that found them."""


def _database_may_have_done(error: DatabaseError) -> bool:
    """Return whether a connection to a database broke after it was used."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
    number = error.args[0] if error.args else None
    answered = (
        type(cause).__module__ == "sqlite3"  # That is no server.
        or (state and not state.startswith(LOST_STATES))
        or (isinstance(number, int) and number not in LOST_NUMBERS)
    )
    if answered:
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return not any(frame.f_code.co_name == "ensure_connection" for frame, _line in frames)


def leave_broken_connections() -> None:
    """Close the connections to databases that broke, so that the record can be written on new ones.

    Django does that between requests only.
    """
    for connection in connections.all(initialized_only=True):
        broke = connection.errors_occurred and not connection.in_atomic_block
        if broke and not connection.is_usable():
            connection.close()


def _tells_of_a_break(error: BaseException) -> bool:
    """Return whether a connection may have broken, or somebody has stopped waiting.

    A library's own errors may mean that. Python's own are of code that is wrong.
    """
    if isinstance(error, OSError):
        return not is_about_a_file(error)
    return isinstance(error, EOFError | KeyboardInterrupt) or type(error).__module__ != "builtins"


def _refused(error: BaseException) -> bool:
    """Return whether at the bottom of an error nobody listened, and no connection broke before."""
    links = list(_chain(error))
    broke = ConnectionResetError, ConnectionAbortedError, BrokenPipeError
    return any(isinstance(link, ConnectionRefusedError) for link in links) and not any(
        isinstance(link, broke) for link in links
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def explain(inspector: Inspector, error: Exception) -> str:
    """Return a sentence that says which cache failed, where it is, and how."""
    place = f" ({inspector.location})" if inspector.location else ""
    what = {"alias": inspector.alias, "place": place}
    if is_unanswered(error):
        text = _(
            '"%(alias)s" did not answer within %(seconds)g s%(place)s. Other caches are unaffected.'
        )
        return text % {**what, "seconds": limits().timeout}
    text = _('"%(alias)s"%(place)s failed: %(reason)s. Other caches are unaffected.')
    return text % {**what, "reason": reason(inspector, error).rstrip(".")}

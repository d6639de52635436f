"""The boundary at which the drivers' errors become ours."""

from __future__ import annotations

from django_cachex.cache.drivers import Driver
from django_cachex.commands.exceptions import (
    AccessDenied,
    CachexError,
    CommandError,
    OutOfMemoryError,
    OutOfRangeError,
    ReadOnlyError,
    ScriptMissing,
    ServerTimeout,
    ServerUnavailable,
    UnknownCommand,
    WrongTypeError,
)

# By the drivers' class, most specific first: refused credentials are a ConnectionError to them.
BY_CLASS: tuple[tuple[str, type[CachexError]], ...] = (
    ("AuthenticationError", AccessDenied),
    ("AuthorizationError", AccessDenied),
    ("AuthenticationWrongNumberOfArgsError", AccessDenied),
    ("NoPermissionError", AccessDenied),
    ("ReadOnlyError", ReadOnlyError),
    ("OutOfMemoryError", OutOfMemoryError),
    ("NoScriptError", ScriptMissing),
    ("TimeoutError", ServerTimeout),
    ("ConnectionError", ServerUnavailable),
    ("InvalidResponse", ServerUnavailable),
)

# By what the server says, for replies to which the drivers give no class.
BY_TEXT: tuple[tuple[str, type[CommandError]], ...] = (
    ("WRONGTYPE", WrongTypeError),
    ("not an integer", WrongTypeError),
    ("would overflow", OutOfRangeError),
    ("unknown command", UnknownCommand),
)


def translated(error: Exception, driver: Driver) -> CachexError:
    """Return our error for one of the driver's, chained to it."""
    ours = kind_of(error, driver)(str(error))
    ours.__cause__ = error
    return ours


def kind_of(error: Exception, driver: Driver) -> type[CachexError]:
    for name, kind in BY_CLASS:
        if isinstance(error, getattr(driver.errors, name)):
            return kind
    if not isinstance(error, driver.errors.ResponseError):
        return CachexError
    text = str(error)
    for part, kind in BY_TEXT:
        if part in text:
            return kind
    return CommandError

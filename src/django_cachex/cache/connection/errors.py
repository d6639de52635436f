"""Mapping of errors of servers and drivers to the package's exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.cache.connection.drivers import Driver
from django_cachex.commands.command import Command, is_repeatable
from django_cachex.commands.text import one_line
from django_cachex.exceptions import (
    AccessDenied,
    AskError,
    CachexError,
    CommandError,
    CrossSlotError,
    MovedError,
    OutOfMemoryError,
    OutOfRangeError,
    ReadOnlyError,
    ScriptMissing,
    ServerStateError,
    ServerTimeout,
    ServerUnavailable,
    SlotUnavailable,
    UnknownCommand,
    WrongTypeError,
)

# By the first word of an error reply.
ERRORS_BY_CODE: dict[str, type[CachexError]] = {
    "WRONGTYPE": WrongTypeError,
    "READONLY": ReadOnlyError,
    "OOM": OutOfMemoryError,
    "MISCONF": ServerStateError,
    "BUSY": ServerStateError,
    "NOREPLICAS": ServerStateError,
    "NOSCRIPT": ScriptMissing,
    "NOPERM": AccessDenied,
    "NOAUTH": AccessDenied,
    "WRONGPASS": AccessDenied,
    "LOADING": ServerUnavailable,
    "MASTERDOWN": ServerUnavailable,
    "MOVED": MovedError,
    "ASK": AskError,
    "CROSSSLOT": CrossSlotError,
    "CLUSTERDOWN": SlotUnavailable,
    "TRYAGAIN": SlotUnavailable,
}

# By a part of the text, for error replies that start with ERR.
ERRORS_BY_TEXT: tuple[tuple[str, type[CachexError]], ...] = (
    ("not an integer", WrongTypeError),
    ("not a float", WrongTypeError),
    ("would overflow", OutOfRangeError),
    ("unknown command", UnknownCommand),
    ("max number of clients", ServerUnavailable),
    ("instance state changed (master", ReadOnlyError),  # Sent to blocked clients on a failover.
)

# The cluster classes handle these errors. If one reaches a caller, it uses another class.
CLUSTER_ERRORS = frozenset({MovedError, AskError, CrossSlotError})
CLUSTER_HINT = (
    "(This server is a node of a cluster. Use the BACKEND "
    "django_cachex.cache.ValkeyClusterCache or RedisClusterCache.)"
)

# By the driver's exceptions while connecting, the most specific first.
ERRORS_BY_DRIVER_CLASS: tuple[tuple[str, type[CachexError]], ...] = (
    ("AuthenticationError", AccessDenied),
    ("AuthorizationError", AccessDenied),
    ("AuthenticationWrongNumberOfArgsError", AccessDenied),
    ("NoPermissionError", AccessDenied),
    ("TimeoutError", ServerTimeout),
    ("ConnectionError", ServerUnavailable),
    ("InvalidResponse", ServerUnavailable),
    ("ResponseError", CommandError),
)


ARGUMENTS_MARKER = ", with args beginning with:"
"""Text before the arguments that a server quotes in its error about an unknown command."""


class ProtocolError(ServerUnavailable):
    """The server sent data that is not a valid reply."""


def parse_error(text: str) -> CachexError:
    """Return the exception for the text of an error reply."""
    # Servers before 7.0 put the line number of a script before the error of a command in it.
    message = text.partition("@user_script:")[2].partition(": ")[2] or text
    kind = ERRORS_BY_CODE.get(message.partition(" ")[0])
    if kind is None:
        kind = next((kind for part, kind in ERRORS_BY_TEXT if part in text), CommandError)
    message = strip_arguments(text)
    return kind(f"{message} {CLUSTER_HINT}" if kind in CLUSTER_ERRORS else message)


def strip_arguments(text: str) -> str:
    """Return the text of an error reply on one line, without the arguments that it quotes.

    In its error about an unknown command, a server quotes the arguments, which may be passwords
    (for AUTH and HELLO), keys or values.
    """
    return one_line(text.partition(ARGUMENTS_MARKER)[0])


def map_driver_error(error: Exception, driver: Driver) -> CachexError:
    """Return the package's exception for one that a driver raised while connecting.

    Quoted arguments are also removed from the driver's exceptions, because tracebacks show them.
    """
    kinds = (
        kind
        for name, kind in ERRORS_BY_DRIVER_CLASS
        if isinstance(error, getattr(driver.errors, name))
    )
    link: BaseException | None = error
    while isinstance(link, driver.error):
        link.args = tuple(
            strip_arguments(part) if isinstance(part, str) else part for part in link.args
        )
        link = link.__cause__ or link.__context__
    failure = next(kinds, CachexError)(strip_arguments(str(error)))
    failure.sent = False
    return failure


def map_os_error(error: OSError, address: str) -> ServerUnavailable:
    """Return the package's exception for a network error on a connection to `address`."""
    if isinstance(error, (BlockingIOError, TimeoutError)):
        return ServerTimeout(f"{address} did not answer in time.")
    return ServerUnavailable(f"The connection to {address} was lost: {error.strerror or error}.")


def is_rejected_by_replica(commands: Sequence[Command[Any]], replies: Sequence[Any]) -> bool:
    """Return whether a replica refused `commands`, and those it did run may be sent again."""
    if ReadOnlyError not in map(type, replies):
        return commands[-1].args[0] == "EXEC" and is_rejected_transaction(replies[-1])
    if str(replies[-1]).startswith("EXECABORT"):
        return True
    answered = zip(commands, replies, strict=True)
    return is_repeatable([one for one, reply in answered if type(reply) is not ReadOnlyError])


def is_rejected_transaction(reply: Any) -> bool:
    """Return whether a replica refused each command of a transaction when it was executed.

    It does so for scripts, which it accepts when they are queued.
    """
    return bool(reply) and isinstance(reply, list) and {ReadOnlyError}.issuperset(map(type, reply))


def is_rejection(replies: Sequence[Any]) -> bool:
    """Return whether `replies` is a single error, so that the operation has changed nothing yet."""
    return len(replies) == 1 and isinstance(replies[0], CommandError)

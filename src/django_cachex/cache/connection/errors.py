"""Map errors of servers and drivers to the package's exceptions."""

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

# By the word with which a server begins an error.
BY_CODE: dict[str, type[CachexError]] = {
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

# By what it goes on with, for errors that begin with ERR.
BY_TEXT: tuple[tuple[str, type[CachexError]], ...] = (
    ("not an integer", WrongTypeError),
    ("not a float", WrongTypeError),
    ("would overflow", OutOfRangeError),
    ("unknown command", UnknownCommand),
    ("max number of clients", ServerUnavailable),
    ("instance state changed (master", ReadOnlyError),  # Whoever waits is told of a failover.
)

# What callers see of these has not met the classes that follow and split.
OF_CLUSTERS = frozenset({MovedError, AskError, CrossSlotError})
CLUSTER_ADVICE = (
    "(This is a node of a cluster, which takes the BACKEND "
    "django_cachex.cache.ValkeyClusterCache or RedisClusterCache.)"
)

# The drivers' own, raised while connecting, the most specific first.
BY_CLASS: tuple[tuple[str, type[CachexError]], ...] = (
    ("AuthenticationError", AccessDenied),
    ("AuthorizationError", AccessDenied),
    ("AuthenticationWrongNumberOfArgsError", AccessDenied),
    ("NoPermissionError", AccessDenied),
    ("TimeoutError", ServerTimeout),
    ("ConnectionError", ServerUnavailable),
    ("InvalidResponse", ServerUnavailable),
    ("ResponseError", CommandError),
)


QUOTING = ", with args beginning with:"
"""Stands before the arguments that a server quotes of a command that it does not know."""


class ProtocolError(ServerUnavailable):
    """The server answered what is no reply."""


def reply_error(text: str) -> CachexError:
    """Return our error for one with which the server answers."""
    # Servers before 7.0 put a script's number of the line before what a command answered it.
    said = text.partition("@user_script:")[2].partition(": ")[2] or text
    kind = BY_CODE.get(said.partition(" ")[0])
    if kind is None:
        kind = next((kind for part, kind in BY_TEXT if part in text), CommandError)
    said = without_arguments(text)
    return kind(f"{said} {CLUSTER_ADVICE}" if kind in OF_CLUSTERS else said)


def without_arguments(text: str) -> str:
    """Return what a server says on one line, without the arguments that it quotes.

    A server that lacks a command quotes its arguments: of AUTH and HELLO these are passwords, of
    others keys and values.
    """
    return one_line(text.partition(QUOTING)[0])


def translated(error: Exception, driver: Driver) -> CachexError:
    """Return our error for one that a driver raised while connecting: nothing was sent yet.

    What the driver's errors say is seen in tracebacks, too: the quoted arguments leave them.
    """
    found = (kind for name, kind in BY_CLASS if isinstance(error, getattr(driver.errors, name)))
    link: BaseException | None = error
    while isinstance(link, driver.error):
        link.args = tuple(
            without_arguments(part) if isinstance(part, str) else part for part in link.args
        )
        link = link.__cause__ or link.__context__
    failure = next(found, CachexError)(without_arguments(str(error)))
    failure.sent = False
    return failure


def broken(error: OSError, address: str) -> ServerUnavailable:
    """Return our error for what went wrong on a connection to `address`."""
    if isinstance(error, (BlockingIOError, TimeoutError)):
        return ServerTimeout(f"{address} did not answer in time.")
    return ServerUnavailable(f"The connection to {address} broke: {error.strerror or error}.")


def refused(commands: Sequence[Command[Any]], replies: Sequence[Any]) -> bool:
    """Return whether a replica refused `commands`, and what it ran may be sent once more."""
    if ReadOnlyError not in map(type, replies):
        return commands[-1].args[0] == "EXEC" and all_refused(replies[-1])
    if str(replies[-1]).startswith("EXECABORT"):
        return True
    answered = zip(commands, replies, strict=True)
    return is_repeatable([one for one, reply in answered if type(reply) is not ReadOnlyError])


def all_refused(reply: Any) -> bool:
    """Return whether a replica refused each command of a transaction, scripts, when it ran them."""
    return bool(reply) and isinstance(reply, list) and {ReadOnlyError}.issuperset(map(type, reply))


def changed_nothing(replies: Sequence[Any]) -> bool:
    """Return whether a step was one command that was refused: what follows is as good as first."""
    return len(replies) == 1 and isinstance(replies[0], CommandError)

"""Checks of replies: errors in a batch, and replies of an unexpected shape.

`Client.collect` returns errors among the replies of a batch. A reply that a command can't have
raises `UnexpectedReply` here, before it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch, EncodableArg, intercept, parse_raw
from django_cachex.exceptions import DENIED_ERRORS, UnexpectedReply

ReplyT = TypeVar("ReplyT")

PARSE_ERRORS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""Errors raised by parsing a reply of the right shape with unexpected content."""


def require_reply(result: ReplyT | CommandError) -> ReplyT:
    """Return the reply; raise it if it is an error."""
    if isinstance(result, CommandError):
        raise result
    return result


def none_if_denied(result: ReplyT | CommandError) -> ReplyT | None:
    """Return the reply, or None if the command was denied; raise any other error."""
    if isinstance(result, DENIED_ERRORS):
        return None
    return require_reply(result)


# The shapes of replies (RESP2).

Shape = Callable[[Any], bool]


def is_integer(reply: Any) -> bool:
    return type(reply) is int


def is_bytes(reply: Any) -> bool:
    return type(reply) is bytes


def any_reply(reply: Any) -> bool:
    return True


def optional(shape: Shape) -> Shape:
    return lambda reply: reply is None or shape(reply)


def list_of(shape: Shape) -> Shape:
    return lambda reply: type(reply) is list and all(map(shape, reply))


def tuple_of(*shapes: Shape) -> Shape:
    """Return the shape of a list of fixed length with one shape per item."""

    def fits(reply: Any) -> bool:
        return (
            type(reply) is list
            and len(reply) == len(shapes)
            and all(shape(item) for shape, item in zip(shapes, reply, strict=True))
        )

    return fits


def is_digits(reply: Any) -> bool:
    return type(reply) is bytes and len(reply) <= 20 and reply.isdigit()


def is_list_of_pairs(reply: Any) -> bool:
    return type(reply) is list and len(reply) % 2 == 0


def is_slow_command(reply: Any) -> bool:
    """Return whether a reply is an entry of the log of slow commands; there may be more fields."""
    is_entry = type(reply) is list and len(reply) >= 6
    return (
        is_entry
        and all(map(is_integer, reply[:3]))
        and list_of(is_bytes)(reply[3])
        and all(map(is_bytes, reply[4:6]))
    )


INTEGER_COMMANDS: Final = (
    *("EXISTS", "DBSIZE", "UNLINK", "PTTL", "PEXPIRE", "PEXPIREAT", "PERSIST", "COPY", "INCRBY"),
    *("STRLEN", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN", "ZCOUNT", "SISMEMBER", "HEXISTS"),
    *("RPUSH", "LPUSHX", "RPUSHX", "LINSERT", "LREM", "SADD", "SREM", "ZADD", "ZREM"),
    *("HSET", "HSETEX", "HDEL", "XDEL", "XTRIM", "PFCOUNT"),
)
STRING_COMMANDS: Final = (
    *("TYPE", "GETRANGE", "INFO", "PING", "CLUSTER NODES", "FLUSHDB"),
    *("LSET", "LTRIM", "RENAME", "RESTORE", "MULTI", "WATCH", "UNWATCH"),
)
OPTIONAL_STRING_COMMANDS: Final = (
    "GET",
    "SET",
    "LINDEX",
    "HGET",
    "DUMP",
    "OBJECT ENCODING",
    "XADD",
)

STREAM_ENTRIES: Final = list_of(tuple_of(is_bytes, optional(is_list_of_pairs)))

REPLY_SHAPES: Final[dict[str, Shape]] = {
    **dict.fromkeys(INTEGER_COMMANDS, is_integer),
    **dict.fromkeys(STRING_COMMANDS, is_bytes),
    **dict.fromkeys(OPTIONAL_STRING_COMMANDS, optional(is_bytes)),
    **dict.fromkeys(("MEMORY USAGE", "OBJECT IDLETIME", "ZRANK"), optional(is_integer)),
    **dict.fromkeys(("LRANGE", "ZRANGE"), list_of(is_bytes)),
    **dict.fromkeys(("SCAN", "SSCAN"), tuple_of(is_digits, list_of(is_bytes))),
    **dict.fromkeys(
        ("HSCAN", "ZSCAN"),
        tuple_of(is_digits, lambda reply: is_list_of_pairs(reply) and all(map(is_bytes, reply))),
    ),
    **dict.fromkeys(("XRANGE", "XREVRANGE"), STREAM_ENTRIES),
    **dict.fromkeys(("XINFO GROUPS", "XINFO CONSUMERS"), list_of(is_list_of_pairs)),
    **dict.fromkeys(
        ("HPTTL", "HPEXPIRETIME", "HPEXPIREAT", "HPEXPIRE", "HPERSIST"), list_of(is_integer)
    ),
    "SLOWLOG GET": list_of(is_slow_command),
    "ZSCORE": lambda reply: reply is None or is_score(reply),
    "HMGET": list_of(optional(is_bytes)),
    "TIME": tuple_of(is_digits, is_digits),
    "COMMAND INFO": optional(list_of(any_reply)),
    "EXEC": optional(list_of(any_reply)),
}
"""The shapes by command, or command and subcommand. Other commands may reply anything."""


def is_score(reply: Any) -> bool:
    try:
        return type(reply) is bytes and float(reply) == float(reply)
    except ValueError:
        return False


def parse_queued(reply: Any) -> Any:
    """Return the reply to a queued command, whose result is part of the reply to EXEC."""
    return reply


def get_shape(args: Sequence[EncodableArg]) -> Shape:
    """Return the shape of the reply to a command."""
    name = str(args[0])
    shape = REPLY_SHAPES.get(name)
    if shape is None and len(args) > 1:
        shape = REPLY_SHAPES.get(" ".join((name, str(args[1]))))
    return shape or any_reply


@lru_cache(maxsize=256)
def checked(parse: Callable[[Any], ReplyT], shape: Shape, name: str) -> Callable[[Any], ReplyT]:
    """Return a parser that raises `UnexpectedReply` for a reply of another shape.

    The many commands of a batch share it.
    """

    def parse_checked(reply: Any) -> ReplyT:
        # The reply to EXEC contains errors of single commands.
        if isinstance(reply, CommandError) or shape(reply):
            return parse(reply)
        raise UnexpectedReply(f"Unexpected reply to {name}.")

    return parse_checked


def check_shape(args: Sequence[EncodableArg], reply: Any) -> Any:
    """Return the reply to a command; raise `UnexpectedReply` if it has the wrong shape."""
    return checked(parse_raw, get_shape(args), str(args[0]))(reply)


def with_reply_check(command: Command[ReplyT]) -> Command[ReplyT]:
    """Return a command that checks the shape of its reply before parsing it."""
    args, parse = command.args, command.parse
    if parse is parse_queued:
        return command
    return Command(
        args,
        checked(parse, get_shape(args), str(args[0])),
        command.readonly,
        command.idempotent,
        command.missing_reply,
    )


def with_reply_checks(commands: Sequence[Command[Any]]) -> Sequence[Command[Any]]:
    kind = Batch if isinstance(commands, Batch) else list
    return kind(map(with_reply_check, commands))


def check_operation(operation: Operation[ReplyT]) -> Operation[ReplyT]:
    """Return an operation that raises `UnexpectedReply` for replies it can't handle."""
    try:
        commands = next(operation)  # Errors before the first reply are the caller's.
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # ReplyT
    try:
        return (yield from intercept(operation, send_with_checks, commands))
    except PARSE_ERRORS as error:
        if type(error).__module__ != "builtins":  # Our own exceptions have messages for users.
            raise
        raise UnexpectedReply("Unexpected reply from the server.") from error


def send_with_checks(commands: Sequence[Command[Any]]) -> Operation[list[Any]]:
    return (yield with_reply_checks(commands))


class ReplyCheckingClient(Client):
    """A client that checks the shape of every reply."""

    def run(self, command: Command[ReplyT] | Operation[ReplyT]) -> ReplyT:
        return super().run(
            with_reply_check(command) if isinstance(command, Command) else check_operation(command)
        )

    _run = run  # As in Client: its methods of commands send with this.

    def collect(self, commands: Sequence[Command[Any]]) -> list[Any]:
        return super().collect(with_reply_checks(commands))


def reply_checking_client(client_class: type[Client]) -> type[Client]:
    """Return a subclass of a topology's client class that checks every reply."""
    if client_class not in _reply_checking_clients:
        _reply_checking_clients[client_class] = type(
            f"ReplyChecking{client_class.__name__}", (ReplyCheckingClient, client_class), {}
        )
    return _reply_checking_clients[client_class]


_reply_checking_clients: dict[type[Client], type[Client]] = {}

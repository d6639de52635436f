"""Replies, of which nothing is taken for granted: a refusal, or nonsense, may stand for any.

Those of a batch have refusals among them, as `Client.collect` returns them. What a command cannot
answer becomes `UnexpectedReply` here, before anything is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, TypeVar

from django_cachex.cache.client import Client
from django_cachex.commands import AccessDenied, Command, CommandError, Operation, UnknownCommand
from django_cachex.commands.command import Batch, EncodableArg
from django_cachex.exceptions import UnexpectedReply

T = TypeVar("T")

DENIED = (AccessDenied, UnknownCommand)
"""What an ACL, or a service that hides commands, answers: that figure is lost, not the page."""

SENSELESS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What reading a reply raises that has the right shape, and makes no sense."""


def required(result: T | CommandError) -> T:
    """Return a result that nothing can be shown without; raise the refusal in its place."""
    if isinstance(result, CommandError):
        raise result
    return result


def permitted(result: T | CommandError) -> T | None:
    """Return a result, or None where the command is denied; raise other refusals."""
    if isinstance(result, DENIED):
        return None
    return required(result)


# The shapes that replies have (RESP2).

Shape = Callable[[Any], bool]


def a_number(reply: Any) -> bool:
    return type(reply) is int


def a_text(reply: Any) -> bool:
    return type(reply) is bytes


def anything(reply: Any) -> bool:
    return True


def perhaps(shape: Shape) -> Shape:
    return lambda reply: reply is None or shape(reply)


def a_list(of: Shape) -> Shape:
    return lambda reply: type(reply) is list and all(map(of, reply))


def a_row(*of: Shape) -> Shape:
    """Return the shape of a list of so many things, each of a shape of its own."""

    def fits(reply: Any) -> bool:
        return (
            type(reply) is list
            and len(reply) == len(of)
            and all(shape(one) for shape, one in zip(of, reply, strict=True))
        )

    return fits


def digits(reply: Any) -> bool:
    return type(reply) is bytes and len(reply) <= 20 and reply.isdigit()


def in_pairs(reply: Any) -> bool:
    return type(reply) is list and len(reply) % 2 == 0


NUMBERS: Final = (
    *("EXISTS", "DBSIZE", "UNLINK", "PTTL", "PEXPIRE", "PEXPIREAT", "PERSIST", "COPY", "INCRBY"),
    *("STRLEN", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN", "ZCOUNT", "SISMEMBER", "HEXISTS"),
    *("RPUSH", "LPUSHX", "RPUSHX", "LINSERT", "LREM", "SADD", "SREM", "ZADD", "ZREM"),
    *("HSET", "HSETEX", "HDEL", "XDEL", "XTRIM", "PFCOUNT"),
)
TEXTS: Final = (
    *("TYPE", "GETRANGE", "INFO", "PING", "CLUSTER NODES", "FLUSHDB"),
    *("LSET", "LTRIM", "RENAME", "RESTORE", "MULTI", "WATCH", "UNWATCH"),
)
TEXTS_OR_NOTHING: Final = ("GET", "SET", "LINDEX", "HGET", "DUMP", "OBJECT ENCODING", "XADD")

ENTRIES: Final = a_list(a_row(a_text, perhaps(in_pairs)))

SHAPES: Final[dict[str, Shape]] = {
    **dict.fromkeys(NUMBERS, a_number),
    **dict.fromkeys(TEXTS, a_text),
    **dict.fromkeys(TEXTS_OR_NOTHING, perhaps(a_text)),
    **dict.fromkeys(("MEMORY USAGE", "OBJECT IDLETIME", "ZRANK"), perhaps(a_number)),
    **dict.fromkeys(("LRANGE", "ZRANGE"), a_list(a_text)),
    **dict.fromkeys(("SCAN", "SSCAN"), a_row(digits, a_list(a_text))),
    **dict.fromkeys(
        ("HSCAN", "ZSCAN"),
        a_row(digits, lambda reply: in_pairs(reply) and all(map(a_text, reply))),
    ),
    **dict.fromkeys(("XRANGE", "XREVRANGE"), ENTRIES),
    **dict.fromkeys(("XINFO GROUPS", "XINFO CONSUMERS"), a_list(in_pairs)),
    **dict.fromkeys(
        ("HPTTL", "HPEXPIRETIME", "HPEXPIREAT", "HPEXPIRE", "HPERSIST"), a_list(a_number)
    ),
    "ZSCORE": lambda reply: reply is None or is_score(reply),
    "HMGET": a_list(perhaps(a_text)),
    "TIME": a_row(digits, digits),
    "COMMAND INFO": perhaps(a_list(anything)),
    "EXEC": perhaps(a_list(anything)),
}
"""By command, with the second word where that says more. What is not here may answer anything."""


def is_score(reply: Any) -> bool:
    try:
        return type(reply) is bytes and float(reply) == float(reply)
    except ValueError:
        return False


def queued(reply: Any) -> Any:
    """Read the reply to a command inside a transaction, whose own comes with EXEC's."""
    return reply


def fitting(words: Sequence[EncodableArg], reply: Any) -> Any:
    """Return the reply to a command; raise `UnexpectedReply` for one that it cannot have."""
    name = str(words[0])
    shape = SHAPES.get(name) or SHAPES.get(" ".join(map(str, words[:2])), anything)
    # A refusal in its place stands in the list that EXEC answers.
    if isinstance(reply, CommandError) or shape(reply):
        return reply
    raise UnexpectedReply(f"The server answered {name} with what makes no sense.")


def checked(command: Command[T]) -> Command[T]:
    """Return a command whose reply is looked at before it is read."""
    words, read = command.args, command.parse
    if read is queued:
        return command
    return Command(
        words,
        lambda reply: read(fitting(words, reply)),
        command.readonly,
        command.idempotent,
        command.missing_reply,
    )


def checked_all(commands: Sequence[Command[Any]]) -> Sequence[Command[Any]]:
    kind = Batch if isinstance(commands, Batch) else list
    return kind(map(checked, commands))


def sensible(steps: Operation[T]) -> Operation[T]:
    """Return steps whose replies are looked at, and which raise `UnexpectedReply` for nonsense."""
    try:
        commands = next(steps)  # Nothing was answered yet: what this raises is the caller's.
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T
    try:
        return (yield from with_checks(steps, commands))
    except SENSELESS as error:
        if type(error).__module__ != "builtins":  # Ours say something to people.
            raise
        raise UnexpectedReply("The server answered with what makes no sense.") from error


def with_checks(
    steps: Operation[T], commands: Sequence[Command[Any]]
) -> Generator[Sequence[Command[Any]], list[Any], T]:
    try:
        while True:
            try:
                results = yield checked_all(commands)
            except Exception as error:
                commands = steps.throw(error)
            else:
                commands = steps.send(results)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


class Sceptical(Client):
    """A client that looks at every reply before anything is made of it."""

    def run(self, command: Command[T] | Operation[T]) -> T:
        return super().run(checked(command) if isinstance(command, Command) else sensible(command))

    _run = run  # As in Client: its methods of commands send with this.

    def collect(self, commands: Sequence[Command[Any]]) -> list[Any]:
        return super().collect(checked_all(commands))


def sceptical(kind: type[Client]) -> type[Client]:
    """Return a topology's client that looks at every reply."""
    if kind not in _sceptical:
        _sceptical[kind] = type(f"Sceptical{kind.__name__}", (Sceptical, kind), {})
    return _sceptical[kind]


_sceptical: dict[type[Client], type[Client]] = {}

"""`Command`, a command and the parser of its reply, and `Operation`, several steps of commands."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from django_cachex.commands.server_versions import raise_if_unsupported
from django_cachex.exceptions import CachexError, CommandError, ServerUnavailable

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

EncodableArg = bytes | str | int | float
CommandArgs = tuple[EncodableArg, ...]


class Command(Generic[T_co]):
    """A command for the server, and how to parse the reply.

    Args:
        args: the name of the command, as text in upper case, and its arguments.
        parse: returns the result for the raw reply.
        readonly: whether a replica may answer the command.
        idempotent: whether the command can be sent again if it is unknown whether it was run, since
            it then has the same effect and reply. Commands that are `readonly` always are.
        missing_reply: what the server replies if the key doesn't exist, or the error that it
            replies with.
    """

    # Created on every call of a cache: a frozen dataclass would take four times as long.
    __slots__ = ("args", "idempotent", "missing_reply", "parse", "readonly")

    def __init__(
        self,
        args: CommandArgs,
        parse: Callable[[Any], T_co],
        readonly: bool = False,
        idempotent: bool = False,
        missing_reply: Any = None,
    ) -> None:
        self.args = args
        self.parse = parse
        self.readonly = readonly
        self.idempotent = idempotent or readonly
        self.missing_reply = missing_reply

    def copy_missing_reply(self) -> Any:
        """Return `missing_reply`. An error is copied, so that it keeps no caller's traceback."""
        reply = self.missing_reply
        return type(reply)(*reply.args) if isinstance(reply, CachexError) else reply

    def parse_missing(self) -> T_co:
        """Return the result for a key that doesn't exist, or raise it if it is an error."""
        reply = self.copy_missing_reply()
        if isinstance(reply, CachexError):
            raise reply
        return self.parse(reply)

    def __repr__(self) -> str:
        return f"<Command {self.args[0]!s}>"

    def primary_only(self) -> Command[T_co]:
        """Return a copy of this command that only the primary may answer."""
        return Command(self.args, self.parse, False, self.idempotent, self.missing_reply)

    def with_args(self, args: CommandArgs) -> Command[Any]:
        """Return a command that sends `args` in the same way, and whose result is the raw reply."""
        return Command(args, parse_raw, idempotent=self.idempotent)


IDEMPOTENT_WRITES = frozenset(("DEL", "SET", "UNLINK"))
"""Commands that change something but may be idempotent."""


def is_repeatable(commands: Sequence[Command[Any]]) -> bool:
    """Return whether `commands` can be sent again if it is unknown whether they were run.

    All of them must be idempotent, and none may read before another one writes. If it were sent
    again, it would read what that one has written.
    """
    reads = False
    for command in commands:
        writes = command.args[0] in IDEMPOTENT_WRITES
        if not command.idempotent or (writes and reads):
            return False
        reads = reads or not writes
    return True


class Batch(list[Command[Any]]):
    """A step that doesn't fail if the server refuses some of its commands.

    As with `return_exceptions` in asyncio, the results of these are the errors, `CommandError`.
    """


MISSING_KEY = CommandError("ERR no such key")
"""The reply of some commands if the key doesn't exist; others have an empty reply."""

COUNTER_UNAVAILABLE = ServerUnavailable("The server is unavailable, so the counter is unknown.")
"""The reply of a counter if failures are ignored, since any number would be wrong."""

EMPTY_SCAN = (b"0", ())
"""The reply to a SCAN that found nothing and is finished."""

Operation = Generator[Sequence[Command[Any]], list[Any], T]
"""A generator that yields steps. Each step is a list of commands, which are sent in one write, and
receives the list of their results. If the server refuses a command, the error is raised in the
generator when all replies of the step have been read, unless the step is a `Batch`."""


def parse_raw(reply: Any) -> Any:
    """Return the reply unchanged."""
    return reply


def parse_none(reply: Any) -> None:
    """Return None, for commands whose reply is of no interest."""


def execute_all(commands: Sequence[Command[Any]]) -> Operation[list[Any]]:
    """Send `commands` in one write; return their results, or errors for those that are refused."""
    return (yield Batch(commands))


def single(command: Command[T]) -> Operation[T]:
    """Send `command` as an operation with a single step."""
    [result] = yield [command]
    return result  # type: ignore[no-any-return]  # one T


def feed_replies(
    operation: Operation[Any], commands: Sequence[Command[Any]], replies: Sequence[Any]
) -> Sequence[Command[Any]]:
    """Continue an operation with the raw replies to its last commands, and return the next ones.

    Replies that are errors are instances of `CachexError`.

    Raises:
        StopIteration: the operation is finished.
    """
    try:
        results = parse_replies(commands, replies)
    except CommandError as error:
        return operation.throw(error)
    return operation.send(results)


def throw(operation: Operation[T], error: Exception) -> T:
    """Raise `error` in an operation that can't be continued; return its result if it has one."""
    try:
        operation.throw(error)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T
    operation.close()
    raise error


def intercept(
    operation: Operation[T],
    send: Callable[[Sequence[Command[Any]]], Operation[list[Any]]],
    commands: Sequence[Command[Any]] | None = None,
) -> Operation[T]:
    """Run an operation, but send each of its steps by what `send` returns.

    Args:
        operation: an operation. A `CachexError` of `send` is raised in it.
        send: sends the commands of a step and returns their results.
        commands: the step that the operation has yielded last, if it has been started.
    """
    try:
        commands = next(operation) if commands is None else commands
        while True:
            try:
                results = yield from send(commands)
            except CachexError as error:
                commands = operation.throw(error)
            else:
                commands = operation.send(results)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def parse_replies(commands: Sequence[Command[Any]], replies: Sequence[Any]) -> list[Any]:
    """Return the results of `commands`; raise the first error unless they are a `Batch`."""
    errors = [reply for reply in replies if isinstance(reply, CachexError)]
    if not errors:
        results: list[Any] = []
        try:
            for command, reply in zip(commands, replies, strict=True):
                results.append(command.parse(reply))  # Their number is the index of what fails.
        except Exception as unreadable:
            add_key_note(commands[len(results)], unreadable)
            raise
        return results
    for error in errors:
        if not isinstance(commands, Batch) or not isinstance(error, CommandError):
            number = next(n for n, reply in enumerate(replies) if reply is error)
            if len(commands) > 1:
                name = commands[number].args[0]
                error.add_note(f"Command {number + 1} of {len(commands)}: {name!s}")
            raise_if_unsupported(commands[number].args, error)
            raise error
    return [
        reply if isinstance(reply, CommandError) else command.parse(reply)
        for command, reply in zip(commands, replies, strict=True)
    ]


def add_key_note(command: Command[Any], error: Exception) -> None:
    """Add a note to `error`, which `parse` has raised, that contains the stored key."""
    name, *arguments = command.args
    if name != "MGET" and arguments and isinstance(arguments[0], bytes):
        error.add_note(key_note(name, arguments[0]))


def key_note(name: EncodableArg, stored: bytes) -> str:
    return f"The value was read with {name!s} from the stored key {stored!r}."


TRANSACTION_COMMANDS = frozenset(("WATCH", "MULTI", "EXEC", "DISCARD", "UNWATCH"))
"""Commands that start or end a transaction, during which a connection can't be shared."""


def is_stateful(commands: Sequence[Command[Any]]) -> bool:
    """Return whether a connection watches keys or is in a transaction after `commands`."""
    names = [command.args[0] for command in commands]
    if TRANSACTION_COMMANDS.isdisjoint(names):
        return False
    is_open = False
    for name in names:
        if name in TRANSACTION_COMMANDS:
            is_open = name in ("WATCH", "MULTI")
    return is_open


class PipelineBase:
    """The base class of what queues commands: there, the method of a command returns the queue."""


F = TypeVar("F", bound=Callable[..., Any])


def copy_docstring(source: Any) -> Callable[[F], F]:
    """Return a decorator that gives a function the docstring of `source`, which is written once."""

    def decorate(function: F) -> F:
        function.__doc__ = source.__doc__
        return function

    return decorate


def copy_signature(command: Any) -> Callable[[F], F]:
    """Return a decorator that gives a method the docstring and the signature of `command`."""

    def decorate(method: F) -> F:
        method.__doc__ = command.__doc__
        method.__wrapped__ = signature_of(command)  # type: ignore[attr-defined]  # as functools does
        return method

    return decorate


if TYPE_CHECKING:
    Q = TypeVar("Q", bound=PipelineBase)
    CommandMethod = Callable[Concatenate[Any, P], Command[T] | Generator[Any, Any, T]]

    class sync_method(Generic[P, T]):
        def __init__(self, command: CommandMethod[P, T], name: str = "") -> None: ...
        # A pipeline is a queue and a set of commands: the first overload is meant to win.
        @overload
        def __get__(self, owner: Q, kind: type | None = None) -> Callable[P, Q]: ...
        @overload
        def __get__(self, owner: object, kind: type | None = None) -> Callable[P, T]: ...
        def __get__(self, owner: Any, kind: type | None = None) -> Any: ...

    class async_method(Generic[P, T]):
        def __init__(self, command: CommandMethod[P, T], name: str = "") -> None: ...
        def __get__(
            self, owner: object, kind: type | None = None
        ) -> Callable[P, Coroutine[Any, Any, T]]: ...

else:

    def sync_method(command, name=""):
        """Return the method that sends what `command` returns, and waits for the result."""

        def method(self, *args, **kwargs):
            return self._run(command(self, *args, **kwargs))

        return document(method, command, name or command.__name__.removeprefix("_"))

    def async_method(command, name=""):
        """Return the coroutine method that sends what `command` returns."""

        async def method(self, *args, **kwargs):
            try:
                prepared = command(self, *args, **kwargs)
            except SynchronousOnlyOperation:  # Pickling a queryset asks the database.
                prepared = await sync_to_async(command)(self, *args, **kwargs)
            return await self._arun(prepared)

        return document(method, command, name or f"a{command.__name__.removeprefix('_')}")


RETURNS_COMMAND = re.compile(r"(?:Command|Operation|Steps)\[(.*?)\](?: \| Operation\[.*\])?")


def document(method: Any, command: Any, name: str) -> Any:
    """Give `method` the docstring and signature of `command`, and a name of its own."""
    functools.update_wrapper(method, command)
    if "version" in command.__annotations__:
        method.__doc__ = describe_version(command.__doc__ or "")
    method.__name__ = name
    method.__qualname__ = f"{command.__qualname__.rpartition('.')[0]}.{name}".lstrip(".")
    method.__wrapped__ = signature_of(command)
    method.__annotations__ = method.__wrapped__.__annotations__
    return method


VERSION_HELP = "version: the version of the key or keys; the alias's VERSION by default."
"""Describes the argument `version`, which nearly every command has."""

# The arguments in a docstring, or the place for them.
ARGUMENTS_HELP = re.compile(
    r"^( *)(?:Args:\n(?: *\S.*\n)+|(?=(?:Returns|Raises):$|See ))", re.MULTILINE
)


def describe_version(doc: str) -> str:
    """Return a docstring with a description of `version`, unless it has one."""

    def insert(found: re.Match[str]) -> str:
        indent, line = found[1], f"{found[1]}    {VERSION_HELP}\n"
        if "Args:" in found[0]:
            return f"{found[0]}{line}"
        return f"{indent}Args:\n{line}\n{indent}"

    return doc if " version: " in doc else ARGUMENTS_HELP.sub(insert, doc, count=1)


def signature_of(command: Any) -> FunctionType:
    """Return a function with the parameters of `command` and the result that it has when it is run.

    As the `__wrapped__` of a method, it is what `help()`, `inspect.signature()` and
    `typing.get_type_hints()` show. It is never called.
    """
    function = FunctionType(
        command.__code__, command.__globals__, None, command.__defaults__, command.__closure__
    )
    function.__kwdefaults__ = command.__kwdefaults__
    function.__annotations__ = dict(command.__annotations__)
    if returned := RETURNS_COMMAND.fullmatch(command.__annotations__.get("return", "")):
        function.__annotations__["return"] = returned[1]
    return function


ScoredMembers = list[tuple[Any, float]]
"""Members and their scores."""


def parse_pop(
    keys: Mapping[Any, Any], parse: Callable[[Any], T]
) -> Callable[[Sequence[Any] | None], tuple[Any, T] | None]:
    """Return a parser of a stored key and its elements: it returns the caller's key and `parse`."""

    def parse_reply(reply: Sequence[Any] | None) -> tuple[Any, T] | None:
        return None if reply is None else (keys[reply[0]], parse(reply[1]))

    return parse_reply


def parse_optional_int(reply: int | None) -> int | None:
    """Return the number, or None."""
    return reply


def parse_optional_float(reply: bytes | None) -> float | None:
    """Return the score, or None."""
    return None if reply is None else float(reply)


def parse_bools(reply: Iterable[int]) -> list[bool]:
    """Return booleans for a list of zeros and ones."""
    return [bool(one) for one in reply]


def iter_pairs(flat: Sequence[bytes]) -> zip[tuple[bytes, bytes]]:
    """Return the pairs of a flat reply such as `[field, value, field, value]`."""
    return zip(flat[::2], flat[1::2], strict=True)


def parse_optional_text(reply: bytes | None) -> str | None:
    return None if reply is None else reply.decode()


def parse_ttl(reply: int) -> int | None:
    """Return the remaining time of a key; None for -1, which means that it never expires."""
    return None if reply == -1 else reply


def parse_ttls(reply: Iterable[int]) -> list[int | None]:
    """Return the remaining time of each field, as `parse_ttl` does."""
    return [parse_ttl(time) for time in reply]

"""A command is written once: as a request, or as steps that yield requests.

A request says what to send and how to read the reply; it does no I/O. `blocking` and `awaitable`
turn a function that returns one into the two methods that send it, and a pipeline queues it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from django_cachex.commands.exceptions import CommandError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Word = bytes | str | int | float


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """One command: its words, how to read the reply, and whether a replica may answer it.

    The first word is the command's name, as text in capitals.
    """

    words: tuple[Word, ...]
    read: Callable[[Any], T_co]
    replica: bool = False


class Attempts(list[Request[Any]]):
    """A step whose refused commands do not fail it.

    The list of results then holds a `CommandError` in the place of each refused command's result.
    """


Steps = Generator[Sequence[Request[Any]], list[Any], T]
"""An operation in several steps: each yields requests that go out in one write, and receives the
list of their results. A command that the server refuses is raised into the step that sent it,
once all replies of that step are read, unless the step is `Attempts`."""


def unread(reply: Any) -> Any:
    """Read a reply as it is."""
    return reply


def done(reply: Any) -> None:
    """Read the reply of a command that answers nothing of interest."""


def attempt(requests: Sequence[Request[Any]]) -> Steps[list[Any]]:
    """Send `requests` in one write; return their results, errors in the place of refused ones."""
    return (yield Attempts(requests))


def conversation(command: Request[T] | Steps[T]) -> Steps[T]:
    """Turn a command into the exchanges it takes: yield requests, receive *raw* replies.

    A raw reply is the driver's, or a `CommandError` where the server refused the command.
    """
    if isinstance(command, Request):
        replies = yield (command,)
        return read_all((command,), replies)[0]  # type: ignore[no-any-return]  # one T
    try:
        requests = next(command)
        while True:
            replies = yield requests
            try:
                results = read_all(requests, replies)
            except CommandError as error:
                requests = command.throw(error)
            else:
                requests = command.send(results)
    except StopIteration as stop:
        value: T = stop.value
        return value


def read_all(requests: Sequence[Request[Any]], replies: Sequence[Any]) -> list[Any]:
    """Return the results of `requests`; raise the first refusal unless they are `Attempts`."""
    if not isinstance(requests, Attempts):
        for number, (request, reply) in enumerate(zip(requests, replies, strict=True), 1):
            if isinstance(reply, CommandError):
                if len(requests) > 1:
                    reply.add_note(f"Command {number} of {len(requests)}: {request.words[0]!s}")
                raise reply
    return [
        reply if isinstance(reply, CommandError) else request.read(reply)
        for request, reply in zip(requests, replies, strict=True)
    ]


class Queue:
    """What queues requests instead of sending them: on it, every command returns itself."""


if TYPE_CHECKING:
    Q = TypeVar("Q", bound=Queue)
    Command = Callable[Concatenate[Any, P], Request[T] | Steps[T]]

    class blocking(Generic[P, T]):
        def __init__(self, command: Command[P, T]) -> None: ...
        # A pipeline is a queue and a set of commands: the first overload is meant to win.
        @overload
        def __get__(self, owner: Q, kind: type | None = None) -> Callable[P, Q]: ...
        @overload
        def __get__(self, owner: object, kind: type | None = None) -> Callable[P, T]: ...
        def __get__(self, owner: Any, kind: type | None = None) -> Any: ...

    class awaitable(Generic[P, T]):
        def __init__(self, command: Command[P, T]) -> None: ...
        def __get__(
            self, owner: object, kind: type | None = None
        ) -> Callable[P, Coroutine[Any, Any, T]]: ...

else:

    def blocking(command):
        """Return the method that sends what `command` returns, and waits for the result."""

        @functools.wraps(command)
        def method(self, *args, **kwargs):
            return self.run(command(self, *args, **kwargs))

        return named(method, command.__name__.removeprefix("_"))

    def awaitable(command):
        """Return the coroutine method that sends what `command` returns."""

        @functools.wraps(command)
        async def method(self, *args, **kwargs):
            return await self.arun(command(self, *args, **kwargs))

        return named(method, "a" + command.__name__.removeprefix("_"))


def named(method: Any, name: str) -> Any:
    """Give `method` the public name that tracebacks and documentation show."""
    scope = method.__qualname__.rpartition(".")[0]
    method.__name__, method.__qualname__ = name, f"{scope}.{name}" if scope else name
    return method

"""A command is written once: as a request, or as steps that yield requests.

A request says what to send and how to read the reply; it does no I/O. `blocking` and `awaitable`
turn a function that returns one into the two methods that send it, and a pipeline queues it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from django_cachex.commands.exceptions import CachexError, CommandError, ServerUnavailable
from django_cachex.commands.server_versions import explain

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Word = bytes | str | int | float


class Request(Generic[T_co]):
    """One command: its words, how to read the reply, and who may be asked how often.

    The first word is the command's name, as text in capitals. `replica` says that a replica may
    answer it. An `idempotent` command may be sent again where nobody knows whether it was run: it
    does and answers the same; what a replica may answer always is. `absent` is what the server
    replies where there is no such key, or the error that it answers with.
    """

    # Made for every call of a cache: a dataclass that is frozen takes four times as long.
    __slots__ = ("absent", "idempotent", "read", "replica", "words")

    def __init__(
        self,
        words: tuple[Word, ...],
        read: Callable[[Any], T_co],
        replica: bool = False,
        idempotent: bool = False,
        absent: Any = None,
    ) -> None:
        self.words = words
        self.read = read
        self.replica = replica
        self.idempotent = idempotent or replica
        self.absent = absent

    def absence(self) -> Any:
        """Return `absent`, an error anew: one for all would keep what its callers were doing."""
        absent = self.absent
        return type(absent)(*absent.args) if isinstance(absent, CachexError) else absent

    def missed(self) -> T_co:
        """Return the result where there is no such key; raise the error that this is to some."""
        absent = self.absence()
        if isinstance(absent, CachexError):
            raise absent
        return self.read(absent)

    def __repr__(self) -> str:
        return f"<Request {self.words[0]!s}>"

    def on_primary(self) -> Request[T_co]:
        """Return this request, not to be answered by a replica."""
        return Request(self.words, self.read, False, self.idempotent, self.absent)

    def reworded(self, words: tuple[Word, ...]) -> Request[Any]:
        """Return what sends `words` as this would be sent, and reads the reply as it is."""
        return Request(words, unread, idempotent=self.idempotent)


class Attempts(list[Request[Any]]):
    """A step whose refused commands do not fail it.

    The list of results then holds a `CommandError` in the place of each refused command's result.
    """


NO_SUCH_KEY = CommandError("ERR no such key")
"""What some commands answer where others answer nothing."""

NOT_COUNTED = ServerUnavailable("The server was not reached, and so nothing was counted.")
"""What stands for the reply of a counter where a failure is ignored: no number would be true."""

NOTHING_FOUND = (b"0", ())
"""The reply to a SCAN that is at its end."""

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


def alone(request: Request[T]) -> Steps[T]:
    """Send one request as an operation of one step."""
    [result] = yield [request]
    return result  # type: ignore[no-any-return]  # one T


def advance(
    steps: Steps[Any], requests: Sequence[Request[Any]], replies: Sequence[Any]
) -> Sequence[Request[Any]]:
    """Give an operation the raw replies to its last requests; return its next ones.

    A raw reply is the reader's, one of our exceptions among them. Raise StopIteration at the end.
    """
    try:
        results = read_all(requests, replies)
    except CommandError as error:
        return steps.throw(error)
    return steps.send(results)


def failed(steps: Steps[T], error: Exception) -> T:
    """Raise `error` into an operation that can go no further; return what it makes of that."""
    try:
        steps.throw(error)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T
    steps.close()
    raise error


def read_all(requests: Sequence[Request[Any]], replies: Sequence[Any]) -> list[Any]:
    """Return the results of `requests`; raise the first refusal unless they are `Attempts`."""
    errors = [reply for reply in replies if isinstance(reply, CachexError)]
    if not errors:
        results: list[Any] = []
        try:
            for request, reply in zip(requests, replies, strict=True):
                results.append(request.read(reply))  # How many tells which failed.
        except Exception as unreadable:
            add_key(requests[len(results)], unreadable)
            raise
        return results
    for error in errors:
        if not isinstance(requests, Attempts) or not isinstance(error, CommandError):
            number = next(n for n, reply in enumerate(replies) if reply is error)
            if len(requests) > 1:
                name = requests[number].words[0]
                error.add_note(f"Command {number + 1} of {len(requests)}: {name!s}")
            explain(requests[number].words, error)
            raise error
    return [
        reply if isinstance(reply, CommandError) else request.read(reply)
        for request, reply in zip(requests, replies, strict=True)
    ]


def add_key(request: Request[Any], error: Exception) -> None:
    """Say in a note of `error`, which reading the reply raised, which key was asked for."""
    name, *arguments = request.words
    if name != "MGET" and arguments and isinstance(arguments[0], bytes):
        error.add_note(read_from(name, arguments[0]))


def read_from(name: Word, stored: bytes) -> str:
    return f"It was read from the reply to {name!s} {stored!r}."


BRACKETS = frozenset(("WATCH", "MULTI", "EXEC", "DISCARD", "UNWATCH"))
"""Commands that begin or end what ties a connection to one conversation."""


def leaves_open(requests: Sequence[Request[Any]]) -> bool:
    """Return whether a connection watches keys or is inside a transaction after `requests`."""
    names = [request.words[0] for request in requests]
    if BRACKETS.isdisjoint(names):
        return False
    is_open = False
    for name in names:
        if name in BRACKETS:
            is_open = name in ("WATCH", "MULTI")
    return is_open


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
            try:
                made = command(self, *args, **kwargs)
            except SynchronousOnlyOperation:  # Pickling a queryset asks the database.
                made = await sync_to_async(command)(self, *args, **kwargs)
            return await self.arun(made)

        return named(method, "a" + command.__name__.removeprefix("_"))


def named(method: Any, name: str) -> Any:
    """Give `method` the public name that tracebacks and documentation show."""
    scope = method.__qualname__.rpartition(".")[0]
    method.__name__, method.__qualname__ = name, f"{scope}.{name}" if scope else name
    return method

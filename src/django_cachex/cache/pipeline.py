"""Pipelines: many commands, one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self


from django_cachex.commands.base import Commands
from django_cachex.commands.counters import CounterRequests
from django_cachex.commands.entries import Entries
from django_cachex.commands.exceptions import CommandError
from django_cachex.commands.hashes import Hashes
from django_cachex.commands.keys import Keys
from django_cachex.commands.lists import Lists
from django_cachex.commands.request import (
    Attempts,
    Queue,
    Request,
    Steps,
    blocking,
    read_all,
    unread,
)
from django_cachex.commands.server import ServerCommands
from django_cachex.commands.sets import Sets
from django_cachex.commands.sorted_sets import SortedSets
from django_cachex.commands.streams import Streams
from django_cachex.commands.strings import Strings

if TYPE_CHECKING:
    from django_cachex.cache.client import Client


class AllCommands(Keys, Strings, Lists, Hashes, Sets, SortedSets, Streams, ServerCommands):
    """Every command that a client, a cache and a pipeline have in common."""


class Pipeline(Queue, Entries, AllCommands):
    """Queues commands and sends them together.

    Every command returns the pipeline. `execute` returns the results in order, or raises the
    first error after all replies are read; either way the queue is empty afterwards. With
    `transaction`, the server runs the commands without any other in between (MULTI and EXEC).
    """

    def __init__(self, client: Client, owner: Commands, transaction: bool = False) -> None:
        self.client = client
        self.transaction = transaction
        self._queue: list[Request[Any]] = []
        self.stored_key = owner.stored_key  # type: ignore[method-assign]  # spelled as its owner's
        self.stored_pattern = owner.stored_pattern  # type: ignore[method-assign]  # as above
        self.plain_keys = owner.plain_keys  # type: ignore[method-assign]  # as above
        self.encode = owner.encode  # type: ignore[method-assign]  # as above
        self.decode = owner.decode  # type: ignore[method-assign]  # as above
        self.expiry = owner.expiry  # type: ignore[method-assign]  # as above

    def run(self, command: Request[Any] | Steps[Any]) -> Self:
        """Queue `command`; raise TypeError for an operation that needs answers in between."""
        if not isinstance(command, Request):
            command.close()
            raise TypeError(_("This takes more than one command, and cannot be queued."))
        self._queue.append(command)
        return self

    async def arun(self, command: Request[Any] | Steps[Any]) -> Any:
        """Raise TypeError: queueing awaits nothing."""
        raise TypeError(_("Queue the command by its plain name, and await aexecute()."))

    incr = blocking(CounterRequests._queued_incr)
    decr = blocking(CounterRequests._queued_decr)

    def execute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        requests, self._queue = self._queue, []
        return self.client.run(together(requests, self.transaction))

    async def aexecute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        requests, self._queue = self._queue, []
        return await self.client.arun(together(requests, self.transaction))

    def reset(self) -> None:
        """Forget what is queued."""
        self._queue = []

    def __len__(self) -> int:
        return len(self._queue)

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.reset()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.reset()


def together(requests: list[Request[Any]], transaction: bool) -> Steps[list[Any]]:
    """Send `requests` in one write; none, no write."""
    if not requests:
        return []
    if transaction:
        return (yield from transacted(requests))
    return (yield requests)


def transacted(requests: list[Request[Any]]) -> Steps[list[Any]]:
    """Send `requests` as one transaction; return their results."""
    queued = [Request(request.words, unread) for request in requests]
    multi, exec_ = Request(("MULTI",), unread), Request(("EXEC",), unread)
    replies = yield Attempts([multi, *queued, exec_])
    for reply in replies:
        if isinstance(reply, CommandError):
            raise reply  # The command that was refused comes before the EXEC that it aborts.
    return read_all(requests, replies[-1])

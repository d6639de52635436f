"""Pipelines: many commands, one round trip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django_cachex.commands.all import AllCommands
from django_cachex.commands.base import Commands
from django_cachex.commands.cache_api import Entries
from django_cachex.commands.command import (
    Attempts,
    Queue,
    Request,
    Steps,
    Word,
    blocking,
    read_all,
    unread,
)
from django_cachex.commands.counters import CounterRequests
from django_cachex.commands.exceptions import CommandError
from django_cachex.commands.scripts import Read, Script
from django_cachex.commands.server_versions import explain
from django_cachex.commands.strings import Values

if TYPE_CHECKING:
    from django_cachex.cache.base import CacheCommands
    from django_cachex.cache.client import Client


class Pipeline(Queue, Values, Entries, AllCommands[Any]):
    """Queues commands and sends them together.

    Every command returns the pipeline. `execute` returns the results in order, or raises the
    first error after all replies are read; either way the queue is empty afterwards. With
    `transaction`, the server runs the commands without any other in between (MULTI and EXEC).
    """

    def __init__(
        self, client: Client | CacheCommands, owner: Commands, transaction: bool = False
    ) -> None:
        self.client = client
        self.owner = owner
        self.transaction = transaction
        self._queue: list[Request[Any]] = []

    def run(self, command: Request[Any] | Steps[Any]) -> Self:
        """Queue `command`; raise TypeError for an operation that needs answers in between."""
        if not isinstance(command, Request):
            command.close()
            raise TypeError("This takes more than one command, and cannot be queued.")
        self._queue.append(command)
        return self

    async def arun(self, command: Request[Any] | Steps[Any]) -> Any:
        """Raise TypeError: queueing awaits nothing."""
        raise TypeError("Queue the command by its plain name, and await aexecute().")

    incr = blocking(CounterRequests._queued_incr)
    decr = blocking(CounterRequests._queued_decr)

    def _running(
        self, script: Script, keys: list[bytes], args: list[Word], read: Read[Any]
    ) -> Request[Any]:
        return script.in_full(keys, args, read)

    def execute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        requests, self._queue = self._queue, []
        return self.client.run(together(requests, self.transaction))

    async def aexecute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        requests, self._queue = self._queue, []
        return await self.client.arun(together(requests, self.transaction))

    # Keys and values are made as the owner makes them.

    def stored_key(self, key: Any, version: Any = None) -> bytes:
        return self.owner.stored_key(key, version)

    def stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        return self.owner.stored_pattern(pattern, version)

    def plain_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        return self.owner.plain_keys(stored, version)

    def encode(self, value: Any) -> bytes | int:
        return self.owner.encode(value)

    def decode(self, data: bytes) -> Any:
        return self.owner.decode(data)

    def is_miss(self, stored: bytes, error: Exception) -> bool:
        return self.owner.is_miss(stored, error)

    def encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        return self.owner.encode_all(values)

    def decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        return self.owner.decode_all(replies)

    def plain_name(self, stored: bytes) -> Any:
        return self.owner.plain_name(stored)

    def plain_names(self, stored: Iterable[bytes]) -> list[Any]:
        return self.owner.plain_names(stored)

    def stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        return self.owner.stored_keys(keys, version)

    def looked_up(self, hits: int, misses: int) -> None:
        self.owner.looked_up(hits, misses)

    def expiry(self, timeout: Any) -> int | None:
        return self.owner.expiry(timeout)

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
    multi = Request(("MULTI",), unread)
    exec_ = Request(("EXEC",), unread, absent=[request.absence() for request in requests])
    while True:
        replies = yield Attempts([multi, *queued, exec_])
        for request, reply in zip([multi, *requests, exec_], replies, strict=True):
            if isinstance(reply, CommandError):
                explain(request.words, reply)
                raise reply  # The command that was refused comes before the EXEC that it aborts.
        if replies[-1] is not None:  # None: it goes out once more, in other words.
            return read_all(requests, replies[-1])

"""Pipelines: many commands, one round trip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django_cachex.commands.all import AllCommands
from django_cachex.commands.base import Commands
from django_cachex.commands.cache_api import CacheOperationsMixin
from django_cachex.commands.command import (
    Batch,
    Command,
    EncodableArg,
    Operation,
    PipelineBase,
    parse_raw,
    parse_replies,
    sync_method,
)
from django_cachex.commands.counters import IncrMixin
from django_cachex.commands.scripts import Parser, Script
from django_cachex.commands.server_versions import raise_if_unsupported
from django_cachex.commands.strings import StringCommands
from django_cachex.exceptions import CommandError

if TYPE_CHECKING:
    from django_cachex.cache.base import CacheCommands
    from django_cachex.cache.client import Client


class Pipeline(PipelineBase, StringCommands, CacheOperationsMixin, AllCommands[Any]):
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
        self._queue: list[Command[Any]] = []

    def run(self, command: Command[Any] | Operation[Any]) -> Self:
        """Queue `command`; raise TypeError for an operation that needs answers in between."""
        if not isinstance(command, Command):
            command.close()
            raise TypeError("This takes more than one command, and cannot be queued.")
        self._queue.append(command)
        return self

    async def arun(self, command: Command[Any] | Operation[Any]) -> Any:
        """Raise TypeError: queueing awaits nothing."""
        raise TypeError("Queue the command by its plain name, and await aexecute().")

    incr = sync_method(IncrMixin._incr_eval)
    decr = sync_method(IncrMixin._decr_eval)

    def _script_command(
        self, script: Script, keys: list[bytes], args: list[EncodableArg], read: Parser[Any]
    ) -> Command[Any]:
        return script.eval(keys, args, read)

    def execute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        commands, self._queue = self._queue, []
        return self.client.run(together(commands, self.transaction))

    async def aexecute(self) -> list[Any]:
        """Send what is queued; return the results in order."""
        commands, self._queue = self._queue, []
        return await self.client.arun(together(commands, self.transaction))

    # Keys and values are made as the owner makes them.

    def stored_key(self, key: Any, version: Any = None) -> bytes:
        return self.owner.stored_key(key, version)

    def stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        return self.owner.stored_pattern(pattern, version)

    def decode_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        return self.owner.decode_keys(stored, version)

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

    def decode_name(self, stored: bytes) -> Any:
        return self.owner.decode_name(stored)

    def decode_names(self, stored: Iterable[bytes]) -> list[Any]:
        return self.owner.decode_names(stored)

    def stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        return self.owner.stored_keys(keys, version)

    def record_lookup(self, hits: int, misses: int) -> None:
        self.owner.record_lookup(hits, misses)

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


def together(commands: list[Command[Any]], transaction: bool) -> Operation[list[Any]]:
    """Send `commands` in one write; none, no write."""
    if not commands:
        return []
    if transaction:
        return (yield from transacted(commands))
    return (yield commands)


def transacted(commands: list[Command[Any]]) -> Operation[list[Any]]:
    """Send `commands` as one transaction; return their results."""
    queued = [Command(command.args, parse_raw) for command in commands]
    multi = Command(("MULTI",), parse_raw)
    exec_ = Command(
        ("EXEC",), parse_raw, missing_reply=[command.copy_missing_reply() for command in commands]
    )
    while True:
        replies = yield Batch([multi, *queued, exec_])
        for command, reply in zip([multi, *commands, exec_], replies, strict=True):
            if isinstance(reply, CommandError):
                raise_if_unsupported(command.args, reply)
                raise reply  # The command that was refused comes before the EXEC that it aborts.
        if replies[-1] is not None:  # None: it goes out once more, in other words.
            return parse_replies(commands, replies[-1])

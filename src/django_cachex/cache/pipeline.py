"""Pipelines, which send many commands in one round trip."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Self

from django_cachex.commands import AllCommands
from django_cachex.commands.base import Commands
from django_cachex.commands.cache_api import CacheOperationsMixin
from django_cachex.commands.command import (
    Batch,
    Command,
    EncodableArg,
    Operation,
    PipelineBase,
    copy_docstring,
    parse_raw,
    parse_replies,
    sync_method,
)
from django_cachex.commands.counters import IncrMixin
from django_cachex.commands.scripts import Parser, Script
from django_cachex.commands.server_versions import raise_if_unsupported
from django_cachex.commands.strings import StringCommands
from django_cachex.exceptions import CommandError

ENCODING_METHODS = (
    "_decode",
    "_decode_all",
    "_decode_keys",
    "_decode_name",
    "_decode_names",
    "_encode",
    "_encode_all",
    "_get_timeout_ms",
    "_is_miss",
    "_member_pattern",
    "_record_lookup",
    "_stored_key",
    "_stored_keys",
    "_stored_pattern",
)
"""The methods of the owner of a pipeline by which it encodes and decodes keys and values."""
get_encoding_methods = attrgetter(*ENCODING_METHODS)


class Pipeline(PipelineBase, StringCommands, CacheOperationsMixin, AllCommands[Any]):
    """A queue of commands that are sent in one round trip.

    The method of a command queues it and returns the pipeline. `execute` returns the results in
    order, or raises the first error after it has read all replies. In both cases, the queue is
    empty afterwards. With `transaction`, the server runs the commands without any others in
    between (MULTI and EXEC).
    """

    def __init__(self, owner: Commands, transaction: bool = False) -> None:
        self._owner = owner
        self._transaction = transaction
        self._queue: list[Command[Any]] = []
        vars(self).update(zip(ENCODING_METHODS, get_encoding_methods(owner), strict=True))

    def _run(self, command: Command[Any] | Operation[Any]) -> Self:
        """Queue `command`; raise TypeError for an operation, which needs replies in between."""
        if not isinstance(command, Command):
            command.close()
            raise TypeError("A pipeline can't queue an operation that needs several commands.")
        self._queue.append(command)
        return self

    async def _arun(self, command: Command[Any] | Operation[Any]) -> Any:
        """Raise TypeError, since commands are queued by blocking methods."""
        raise TypeError("Queue commands by their blocking methods, and await aexecute().")

    incr = sync_method(IncrMixin._incr_eval, "incr")
    decr = sync_method(IncrMixin._decr_eval, "decr")

    def _script_command(
        self, script: Script, keys: list[bytes], args: list[EncodableArg], read: Parser[Any]
    ) -> Command[Any]:
        return script.eval(keys, args, read)

    def execute(self) -> list[Any]:
        """Send the queued commands, and empty the queue.

        Returns:
            A list of the results, in order.

        Raises:
            CommandError: the server refused a command. All replies have been read.
        """
        commands, self._queue = self._queue, []
        results: list[Any] = self._owner._run(send_all(commands, self._transaction))
        return results

    @copy_docstring(execute)
    async def aexecute(self) -> list[Any]:
        commands, self._queue = self._queue, []
        results: list[Any] = await self._owner._arun(send_all(commands, self._transaction))
        return results

    def reset(self) -> None:
        """Empty the queue without sending anything. The end of a `with` block does this, too."""
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


def send_all(commands: list[Command[Any]], transaction: bool) -> Operation[list[Any]]:
    """Send `commands` in one write, unless there are none."""
    if not commands:
        return []
    if transaction:
        return (yield from run_transaction(commands))
    return (yield commands)


def run_transaction(commands: list[Command[Any]]) -> Operation[list[Any]]:
    """Send `commands` as a transaction, and return their results."""
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
                raise reply  # A refused command comes before EXEC, which it aborts.
        if replies[-1] is not None:  # None: the commands are sent again, with substitutes.
            return parse_replies(commands, replies[-1])

"""Operations that need one connection all the time: transactions, and what watches keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django_cachex.cache.cluster.keys import keys_of, slot_of
from django_cachex.commands.command import Command, Operation
from django_cachex.commands.exceptions import (
    CachexError,
    CrossSlotError,
    Redirection,
    ServerUnavailable,
    SlotUnavailable,
)

T = TypeVar("T")

TRANSACTIONAL = frozenset({"WATCH", "MULTI"})
MISDIRECTED = Redirection, SlotUnavailable


def opens(commands: Sequence[Command[Any]]) -> bool:
    """Return whether `commands` begin what must go on over the same connection."""
    return any(command.args[0] in TRANSACTIONAL for command in commands)


class Conversation(Generic[T]):
    """The rest of an operation, all of whose keys must be in one slot."""

    def __init__(self, operation: Operation[T], commands: Sequence[Command[Any]]) -> None:
        self._operation = operation
        self._commands = commands
        slots = slots_of(commands)
        if len(slots) != 1:
            raise CrossSlotError(
                "A transaction needs keys of one slot, from its first step on: give them a part "
                "in braces in common, as in {user:1}:a and {user:1}:b."
            )
        [self.slot] = slots
        self.refusal: CachexError | None = None
        """Why the node that was asked last was the wrong one; None where it was not."""
        self.lost = False
        """Whether the node could not be reached."""

    def once(self) -> Operation[T]:
        """Do what the steps do; stop, so that `once` may be called again, on the wrong node."""
        operation, commands = self._operation, self._commands
        self.refusal = None
        try:
            try:
                results = yield commands
            except MISDIRECTED as error:
                self.refusal = error
                raise
            except CachexError as error:
                self.lost = isinstance(error, ServerUnavailable)
                commands = operation.throw(error)
            else:
                refusals = [result for result in results if isinstance(result, MISDIRECTED)]
                if refusals:  # Of a transaction, which was then discarded.
                    self.refusal = refusals[0]
                    raise refusals[0]
                commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from self._rest(commands))

    def _rest(self, commands: Sequence[Command[Any]]) -> Operation[T]:
        """Go on with the steps, which have yielded `commands`, as long as they keep to the slot."""
        operation = self._operation
        try:
            while True:
                try:
                    if not slots_of(commands) <= {self.slot}:
                        raise CrossSlotError("A transaction needs keys of one slot.")
                    results = yield commands
                except CachexError as error:
                    commands = operation.throw(error)
                else:
                    commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T


def slots_of(commands: Sequence[Command[Any]]) -> set[int]:
    """Return the slots of all keys in `commands`."""
    return {slot_of(key) for command in commands for key in keys_of(command.args)}

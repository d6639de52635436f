"""Operations that need one connection all the time: transactions, and what watches keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django_cachex.cache.cluster.keys import keys_of, slot_of
from django_cachex.commands.command import Request, Steps
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


def opens(requests: Sequence[Request[Any]]) -> bool:
    """Return whether `requests` begin what must go on over the same connection."""
    return any(request.words[0] in TRANSACTIONAL for request in requests)


class Conversation(Generic[T]):
    """The rest of an operation, all of whose keys must be in one slot."""

    def __init__(self, steps: Steps[T], requests: Sequence[Request[Any]]) -> None:
        self._steps = steps
        self._requests = requests
        slots = slots_of(requests)
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

    def once(self) -> Steps[T]:
        """Do what the steps do; stop, so that `once` may be called again, on the wrong node."""
        steps, requests = self._steps, self._requests
        self.refusal = None
        try:
            try:
                results = yield requests
            except MISDIRECTED as error:
                self.refusal = error
                raise
            except CachexError as error:
                self.lost = isinstance(error, ServerUnavailable)
                requests = steps.throw(error)
            else:
                refusals = [result for result in results if isinstance(result, MISDIRECTED)]
                if refusals:  # Of a transaction, which was then discarded.
                    self.refusal = refusals[0]
                    raise refusals[0]
                requests = steps.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from self._rest(requests))

    def _rest(self, requests: Sequence[Request[Any]]) -> Steps[T]:
        """Go on with the steps, which have yielded `requests`, as long as they keep to the slot."""
        steps = self._steps
        try:
            while True:
                try:
                    if not slots_of(requests) <= {self.slot}:
                        raise CrossSlotError("A transaction needs keys of one slot.")
                    results = yield requests
                except CachexError as error:
                    requests = steps.throw(error)
                else:
                    requests = steps.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T


def slots_of(requests: Sequence[Request[Any]]) -> set[int]:
    """Return the slots of all keys in `requests`."""
    return {slot_of(key) for request in requests for key in keys_of(request.words)}

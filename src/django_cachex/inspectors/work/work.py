"""Long work as a value: what it does to each batch of keys, and where it has come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, Self, TypeVar

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.entries import Listing

BATCH: Final = 5000
"""Keys that are looked for before something is done to them."""

Find = Callable[[str, int, float], Listing]
"""Return the keys after a token: some number of them, until a deadline of `time.monotonic`."""


class Deed(Protocol):
    """What is done to keys, with what it has counted so far."""

    def take(self, inspector: Inspector, keys: Sequence[bytes]) -> Self:
        """Do it to a batch of keys; return the deed with its new counts."""

    def state(self) -> Any:
        """Return the counts as JSON can say them."""

    @property
    def removed(self) -> int:
        """How many keys it has taken out of the store, which has grown smaller by them."""


D = TypeVar("D", bound=Deed)


@dataclass(frozen=True)
class Position:
    """How far a search has come."""

    token: str = ""
    """Where it goes on; empty at the beginning, and at the end."""

    examined: int = 0
    total: int | None = None
    """About how many keys there are to examine, or None where nobody knows."""

    complete: bool = False
    unanswered: tuple[str, ...] = ()
    """The servers that did not answer, whose keys are still to be found."""

    unknown: int = 0
    """Keys that were left out because nobody says whether they pass a filter."""

    def after(self, listing: Listing, removed: int = 0) -> Position:
        """Return the position after another listing, of a store that `removed` keys are gone from.

        A total counts what was there at first: else it would come to meet what is examined.
        """
        examined, total = self.examined + listing.examined, listing.total
        if total is not None:
            total += removed
            # An estimate until everything was seen; then it is the total.
            examined = total if listing.complete else min(examined, total)
        unanswered, unknown = tuple(listing.unanswered), self.unknown + listing.unknown
        return Position(listing.token, examined, total, listing.complete, unanswered, unknown)


@dataclass(frozen=True)
class Work(Generic[D]):
    """A deed to be done to all keys that a search finds, and how far it has come."""

    deed: D
    position: Position = Position()

    @property
    def complete(self) -> bool:
        return self.position.complete

    def state(self) -> list[Any]:
        """Return all of it as JSON can say it."""
        at = self.position
        found = [at.token, at.examined, at.total, at.complete, at.unanswered, at.unknown]
        return [*found, self.deed.state()]

    @classmethod
    def of_state(cls, state: list[Any], deed_of: Callable[[Any], D]) -> Work[D]:
        """Return the work that `state` returned this of."""
        token, examined, total, complete, unanswered, unknown, counts = state
        position = Position(token, examined, total, complete, tuple(unanswered), unknown)
        return cls(deed_of(counts), position)


def advance(
    work: Work[D], find: Find, inspector: Inspector, deadline: float, batch: int = BATCH
) -> Iterator[Work[D]]:
    """Go on until everything is done or `deadline` (of `time.monotonic`); do one batch at least.

    Yields the work after each batch: what was yielded last is what was done, whatever is raised
    then. It raises what the store raises; to go on from what was yielded last is always right.
    """
    while not work.complete:
        before = work.position.token
        listing = find(before, batch, deadline)
        deed = work.deed.take(inspector, listing.keys) if listing.keys else work.deed
        position = work.position.after(listing, work.deed.removed)
        work = replace(work, deed=deed, position=position)
        yield work
        if time.monotonic() >= deadline or listing.token == before:
            return  # Where it is where it was, only servers are left that do not answer.

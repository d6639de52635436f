"""Which part of a key a page asks for: positions, order, search, range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from django_cachex.inspectors.limits import Limits

MOST_ELEMENTS: Final = 500


class Order(StrEnum):
    """From which end a list, a sorted set or a stream is read; hashes and sets have no order."""

    FIRST = "first"
    """From a list's head, the lowest score, the oldest entry."""

    LAST = "last"
    """From a list's tail, the highest score, the newest entry."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of what a key holds. What a type has no use for is left alone."""

    at: str = ""
    """Where to begin; empty for the beginning.

    What an answer gave as `next` or `previous`, or what a person typed: an index of a list,
    negative from the tail; a rank of a sorted set, from 0 in the order asked for; an id of a
    stream, whole or only its milliseconds since the epoch. `InvalidWindow` for what is none.
    """

    order: Order = Order.FIRST

    match: str = ""
    """Only fields of a hash, members of a set or a sorted set that match, as keys do: `*` stands
    for anything, text without it for itself anywhere."""

    lowest: float | None = None
    highest: float | None = None
    """Only members of a sorted set with scores from `lowest` to `highest`, both included."""

    count: int | None = None
    """How many elements, or bytes of a string, to show; None for what the limits say."""

    def bytes_shown(self, allowed: Limits) -> int:
        """Return how much of a string to show at most: bytes as stored, characters decoded."""
        return max(1, min(self.count or allowed.preview_bytes, allowed.decode_bytes))

    def elements_shown(self, allowed: Limits) -> int:
        """Return how many elements of a collection to show."""
        return max(1, min(self.count or allowed.elements, MOST_ELEMENTS))

    def moved(self, at: str) -> Window:
        """Return this window from another place on."""
        return replace(self, at=at)


BEGINNING: Final = Window()
"""What is read where nobody asks for anything else."""


class InvalidWindow(ValueError):
    """A place that no key of the type has; `str()` is a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])

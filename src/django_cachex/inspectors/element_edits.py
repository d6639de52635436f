"""Changes to the elements of one key, as values.

`element` is `Element.id`, `expected` is `Element.expected` as the person saw it; empty, it is not
compared. Values, items and members go through the alias's serializer; fields are text and do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ScoredMember = tuple[Any, float]
Field = tuple[str, Any]


class End(StrEnum):
    """Where a list or a sorted set begins or ends, or a random place in it."""

    FIRST = "first"
    """A list's head, the lowest score."""

    LAST = "last"
    """A list's tail, the highest score."""

    RANDOM = "random"


class Place(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class Only(StrEnum):
    """Which members `ZADD` changes."""

    ANY = ""
    NEW = "NX"
    """Add those that are not there; leave others alone."""

    THERE = "XX"
    """Change those that are there; add none."""

    GREATER = "GT"
    """Add those that are not there; change others only to a higher score."""

    LOWER = "LT"
    """Add those that are not there; change others only to a lower score."""

    THERE_GREATER = "XX GT"
    THERE_LOWER = "XX LT"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An element, and what was seen of it."""

    element: str
    expected: str


# A whole key with its first elements.


@dataclass(frozen=True, slots=True)
class AddKey:
    """Store a key of a type with its first elements."""

    type: str
    """As `TYPE` names it; one of `Inspector.addable`, but no string: that is `AddValue`."""

    elements: tuple[Any, ...]
    """A list's items, a set's members, `ScoredMember`s, or `Field`s of a hash or one entry."""

    ttl: int
    """Milliseconds, or `NEVER`."""

    replace: bool = False
    """Whether a key that exists, of whatever type, may be lost."""


# Elements of any type.


@dataclass(frozen=True, slots=True)
class RemoveElements:
    """Remove elements; all of them or, if one has changed, none."""

    type: str
    elements: tuple[Chosen, ...]


# Lists.


@dataclass(frozen=True, slots=True)
class PushItems:
    """Put items at an end of a list, so that they stand there in this order."""

    items: tuple[Any, ...]
    end: End = End.LAST


@dataclass(frozen=True, slots=True)
class InsertItem:
    """Put an item beside another."""

    element: str
    expected: str
    item: Any
    place: Place = Place.BEFORE


@dataclass(frozen=True, slots=True)
class SetItem:
    element: str
    expected: str
    item: Any


@dataclass(frozen=True, slots=True)
class PopItems:
    """Take items from an end of a list."""

    end: End
    count: int = 1


@dataclass(frozen=True, slots=True)
class TrimList:
    """Keep the items from `start` to `stop`, both included; negative ones count from the tail."""

    start: int
    stop: int
    length: int
    """How long the list was when the person looked."""


# Sets and sorted sets.


@dataclass(frozen=True, slots=True)
class AddMembers:
    """Add members to a set."""

    members: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AddScored:
    """Add members to a sorted set, or change their scores."""

    members: tuple[ScoredMember, ...]
    only: Only = Only.ANY


@dataclass(frozen=True, slots=True)
class SetScore:
    element: str
    expected: str
    score: float


@dataclass(frozen=True, slots=True)
class RenameMember:
    """Put another member in the place of one of a set or, with its score, of a sorted set."""

    type: str
    element: str
    expected: str
    member: Any


@dataclass(frozen=True, slots=True)
class PopMembers:
    """Take members out of a set, where only `RANDOM` is, or a sorted set."""

    type: str
    end: End
    count: int = 1


# Hashes.


@dataclass(frozen=True, slots=True)
class AddFields:
    """Add fields to a hash; none of them if one is there already, unless they may replace."""

    fields: tuple[Field, ...]
    replace: bool = False


@dataclass(frozen=True, slots=True)
class SetField:
    element: str
    expected: str
    value: Any


@dataclass(frozen=True, slots=True)
class RenameField:
    element: str
    expected: str
    field: str


@dataclass(frozen=True, slots=True)
class SetFieldTtl:
    """Change when a field expires."""

    element: str
    ttl: int
    """Milliseconds, or `NEVER`."""

    expected: str = ""


# Streams.


@dataclass(frozen=True, slots=True)
class AddEntry:
    """Append an entry to a stream."""

    fields: tuple[Field, ...]
    id: str = "*"
    """Later than the last one's; `*` lets the server choose."""


@dataclass(frozen=True, slots=True)
class TrimStream:
    """Remove the oldest entries until so many are left."""

    keep: int
    length: int
    """How many there were when the person looked."""


ElementEdit = (
    AddKey
    | RemoveElements
    | PushItems
    | InsertItem
    | SetItem
    | PopItems
    | TrimList
    | AddMembers
    | AddScored
    | SetScore
    | RenameMember
    | PopMembers
    | AddFields
    | SetField
    | RenameField
    | SetFieldTtl
    | AddEntry
    | TrimStream
)

"""Edits of a key and of its elements, and their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values import Content, fingerprint

if TYPE_CHECKING:
    from django_cachex.inspectors.base import Inspector


ScoredMember = tuple[Any, float]
Field = tuple[str, Any]


class End(StrEnum):
    """Where a list or a sorted set begins or ends, or a random place in it."""

    FIRST = "first"
    """A list's head, the lowest score."""

    LAST = "last"
    """A list's tail, the highest score."""

    RANDOM = "random"


class InsertPosition(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class ZAddCondition(StrEnum):
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
class ElementRef:
    """An element, and what was seen of it."""

    element: str
    expected: str


# A whole key with its first elements.


@dataclass(frozen=True, slots=True)
class CreateCollection:
    """Store a key of a type with its first elements."""

    type: str
    """As `TYPE` names it; one of `Inspector.creatable_types`, but no string: that is `AddValue`."""

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
    elements: tuple[ElementRef, ...]


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
    position: InsertPosition = InsertPosition.BEFORE


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
class ZAdd:
    """Add members to a sorted set, or change their scores."""

    members: tuple[ScoredMember, ...]
    condition: ZAddCondition = ZAddCondition.ANY


@dataclass(frozen=True, slots=True)
class SetScore:
    element: str
    expected: str
    score: float


@dataclass(frozen=True, slots=True)
class ReplaceMember:
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
class ExpireField:
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
    CreateCollection
    | RemoveElements
    | PushItems
    | InsertItem
    | SetItem
    | PopItems
    | TrimList
    | AddMembers
    | ZAdd
    | SetScore
    | ReplaceMember
    | PopMembers
    | AddFields
    | SetField
    | RenameField
    | ExpireField
    | AddEntry
    | TrimStream
)


class KeepTTL(Enum):
    """The TTL of an edit that leaves the TTL as it is, to the millisecond."""

    KEEP = "keep"


KEEP: Final = KeepTTL.KEEP


@dataclass(frozen=True, slots=True)
class AddValue:
    """Store a value under a key."""

    value: Any
    ttl: int
    """Milliseconds, or `NEVER`."""

    replace: bool = False
    """Whether a key that exists, of whatever type, may be lost."""


@dataclass(frozen=True, slots=True)
class SetValue:
    """Change the value of an existing key."""

    value: Any
    expected: str
    """`Entry.expected` as the person saw it; empty where the inspector gave none."""

    ttl: int | KeepTTL = KEEP
    """Milliseconds, `NEVER`, or `KEEP`."""


@dataclass(frozen=True, slots=True)
class Incr:
    """Add to the number that an existing key holds, whatever it is by then; the TTL stays."""

    by: int | float


@dataclass(frozen=True, slots=True)
class Expire:
    """Change when an existing key expires."""

    ttl: int
    """Milliseconds, or `NEVER`."""


@dataclass(frozen=True, slots=True)
class ExpireAt:
    """Let an existing key expire at a moment."""

    moment: int
    """Milliseconds since the epoch; in the future."""

    @property
    def ttl(self) -> int:
        """Milliseconds from now on, by the clock of this machine."""
        return self.moment - int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class ExtendTTL:
    """Let an existing key that expires live longer, whatever it has left by then."""

    by: int
    """Milliseconds, more than 0."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a key another name; its TTL goes with it."""

    to: bytes
    """The stored key."""

    overwrite: bool = False
    """Whether a key of that name, of whatever type, may be lost."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Store what a key holds, and its TTL, under another name."""

    to: bytes
    """The stored key."""

    into: Inspector | None = None
    """Whose key it becomes; None for the same alias."""

    overwrite: bool = False
    """Whether a key of that name, of whatever type, may be lost."""


KeyEdit = AddValue | SetValue | Incr | Expire | ExpireAt | ExtendTTL | Rename | Copy
Edit = KeyEdit | ElementEdit


class EditStatus(StrEnum):
    """What became of an edit."""

    DONE = "done"
    CHANGED = "changed"
    """Someone changed the key, or the element, since it was read."""

    GONE = "gone"
    """There is no such key."""

    ELEMENT_GONE = "element gone"
    """The key is there, the element is not."""

    WRONG_TYPE = "wrong type"
    EXISTS = "exists"
    """The key, field or member to add is there already."""

    UNCHANGED = "unchanged"
    """A condition of the edit did not hold, or it was so already: nothing was changed."""

    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ValueDigest:
    """What may be said on record of a value: not the value."""

    size: int
    """Bytes as stored."""

    fingerprint: str

    @classmethod
    def from_bytes(cls, raw: bytes) -> ValueDigest:
        return cls(len(raw), fingerprint(raw))


@dataclass(frozen=True, slots=True)
class EditResult:
    """What became of an edit, and the store's reason where it refused."""

    status: EditStatus
    reason: Text = ""
    """Of a refusal the store's; which elements exist already; the id of an entry that was added;
    the score that a member has now; what became of a field's TTL meanwhile."""

    old: ValueDigest | None = None
    new: ValueDigest | None = None
    """The value, element or number before and after, where one was changed."""

    current: Content | None = None
    """What is there now in place of what was seen, where it changed; None where not known."""

    expected: str = ""
    """The fingerprint of `theirs`, for another attempt."""

    count: int | None = None
    """How many elements were added or removed."""

    remaining: int | None = None
    """How many elements the key has now."""

    key_gone: bool = False
    """Whether the last element went, and the key with it."""

    removed: tuple[Content, ...] = ()
    """What was taken out, where nobody chose which."""

    number: int | float | None = None
    """What `Increase` made of it."""

    @classmethod
    def refusal(cls, reason: Text) -> EditResult:
        return cls(EditStatus.REFUSED, reason)

    @property
    def is_done(self) -> bool:
        return self.status == EditStatus.DONE

    @property
    def is_refused(self) -> bool:
        return self.status == EditStatus.REFUSED


Failures = tuple[tuple[bytes, str], ...]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How many of some keys were changed, were gone already, or could not be changed."""

    done: int = 0
    gone: int = 0
    failures: Failures = ()
    """The stored keys that the store refused to change, each with its reason."""


def tally(outcomes: Iterable[tuple[bytes, EditResult]]) -> BulkResult:
    """Return the tally of edits that were applied one by one."""
    done, gone = 0, 0
    failures = []
    for stored, outcome in outcomes:
        if outcome.status is EditStatus.DONE:
            done += 1
        elif outcome.status is EditStatus.GONE:
            gone += 1
        else:
            failures.append((stored, str(outcome.reason or outcome.status)))
    return BulkResult(done, gone, tuple(failures))


def is_file_error(error: OSError) -> bool:
    """Return whether the system refused to touch a file: a connection that breaks has none."""
    return error.filename is not None


def delete_individually(
    keys: Sequence[bytes], delete: Callable[[Sequence[bytes]], int]
) -> BulkResult:
    """Delete keys alone, so that one which the system refuses to delete keeps no other."""
    done, failures = 0, []
    for stored in keys:
        try:
            done += delete([stored])
        except OSError as error:
            if not is_file_error(error):
                raise
            failures.append((stored, error.strerror or str(error)))
    return BulkResult(done, len(keys) - done - len(failures), tuple(failures))

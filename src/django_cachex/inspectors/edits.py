"""Edits of keys and of their elements, and the results of edits."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, ClassVar, Final, Protocol

from django.utils.translation import gettext as _

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, Replies
from django_cachex.inspectors.values import Content, fingerprint

ScoredMember = tuple[Any, float]
Field = tuple[str, Any]


class End(StrEnum):
    """An end of a list or sorted set, or a random position."""

    FIRST = "first"
    """The head of a list, or the lowest score."""

    LAST = "last"
    """The tail of a list, or the highest score."""

    RANDOM = "random"


class InsertPosition(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class ZAddCondition(StrEnum):
    """The options of `ZADD` that restrict which members it changes."""

    ANY = ""
    NX = "NX"
    """Only add new members."""

    XX = "XX"
    """Only update existing members."""

    GT = "GT"
    """Add new members, and update existing members only to a higher score."""

    LT = "LT"
    """Add new members, and update existing members only to a lower score."""

    XX_GT = "XX GT"
    XX_LT = "XX LT"


class Edit:
    """Base class of edits: each is a change to one key, with what it expects to find."""

    __slots__ = ()


# Edits of elements. Their `type` is the type of key that they apply to, as `TYPE` returns it.


@dataclass(frozen=True, slots=True)
class ElementRef:
    """An element and its expected fingerprint."""

    element: str
    """The `Element.id`."""

    expected: str
    """The `Element.expected` that the user saw, or empty for any."""


@dataclass(frozen=True, slots=True)
class ElementEdit(ElementRef, Edit):
    """A change to one element, if it is as expected."""

    replies: Replies = field(default_factory=dict, repr=False, compare=False, kw_only=True)
    """The `Element.replies`: with these, the element isn't read again."""


@dataclass(frozen=True, slots=True)
class CreateCollection(Edit):
    """Create a key of the given type with its first elements."""

    type: str
    """One of `Inspector.creatable_types`. Strings are created with `AddValue`."""

    elements: tuple[Any, ...]
    """Items of a list, members of a set, `ScoredMember`s, or `Field`s of a hash or stream entry."""

    ttl: int
    """Milliseconds, or `TTL_NONE`."""

    replace: bool = False
    """Whether to overwrite an existing key of any type."""


@dataclass(frozen=True, slots=True)
class RemoveElements(Edit):
    """Remove elements. If one of them has changed, none is removed."""

    type: str
    elements: tuple[ElementRef, ...]


@dataclass(frozen=True, slots=True)
class PopElements(Edit):
    """Remove and return elements from an end of a list or sorted set, or random members of a set.

    Raises:
        ValueError: the type has no such end: lists have no random one, and sets no other.
    """

    type: str
    end: End
    count: int = 1

    def __post_init__(self) -> None:
        if (self.type == "set" and self.end != End.RANDOM) or (
            self.type == "list" and self.end == End.RANDOM
        ):
            raise ValueError(f"Elements of a {self.type} can't be popped from {self.end.value!r}.")


@dataclass(frozen=True, slots=True)
class SetElement(ElementEdit):
    """Change the value of an item or field, or replace a member and keep its score."""

    value: Any
    type: str


@dataclass(frozen=True, slots=True)
class PushItems(Edit):
    """Add items to an end of a list. Their order in the list is the given order."""

    items: tuple[Any, ...]
    end: End = End.LAST
    type: ClassVar[str] = "list"


@dataclass(frozen=True, slots=True)
class InsertItem(ElementEdit):
    """Insert an item next to another item."""

    item: Any
    position: InsertPosition = InsertPosition.BEFORE
    type: ClassVar[str] = "list"


@dataclass(frozen=True, slots=True)
class TrimList(Edit):
    """Keep the items from `start` to `stop`, inclusive. Negative indexes count from the tail."""

    start: int
    stop: int
    length: int
    """The length of the list that the user saw."""

    type: ClassVar[str] = "list"


@dataclass(frozen=True, slots=True)
class AddMembers(Edit):
    """Add members to a set."""

    members: tuple[Any, ...]
    type: ClassVar[str] = "set"


@dataclass(frozen=True, slots=True)
class ZAdd(Edit):
    """Add members to a sorted set, or update their scores."""

    members: tuple[ScoredMember, ...]
    condition: ZAddCondition = ZAddCondition.ANY
    type: ClassVar[str] = "zset"


@dataclass(frozen=True, slots=True)
class SetScore(ElementEdit):
    """Change the score of a member of a sorted set."""

    score: float
    type: ClassVar[str] = "zset"


@dataclass(frozen=True, slots=True)
class AddFields(Edit):
    """Add fields to a hash. If one of them exists, none is added, unless `replace` is True."""

    fields: tuple[Field, ...]
    replace: bool = False
    type: ClassVar[str] = "hash"


@dataclass(frozen=True, slots=True)
class RenameField(ElementEdit):
    """Rename a field of a hash, keeping its value and its TTL."""

    field: str
    type: ClassVar[str] = "hash"


@dataclass(frozen=True, slots=True)
class ExpireField(ElementEdit):
    """Change the TTL of a field of a hash."""

    ttl: int
    """Milliseconds, or `TTL_NONE`."""

    type: ClassVar[str] = "hash"


@dataclass(frozen=True, slots=True)
class AddEntry(Edit):
    """Append an entry to a stream."""

    fields: tuple[Field, ...]
    id: str = "*"
    """An ID that is greater than the last one, or `*` to let the server choose."""

    type: ClassVar[str] = "stream"


@dataclass(frozen=True, slots=True)
class TrimStream(Edit):
    """Remove the oldest entries until `keep` entries remain."""

    keep: int
    length: int
    """The number of entries that the user saw."""

    type: ClassVar[str] = "stream"


# Edits of keys.


def require_positive_ttl(ttl: int) -> int:
    """Return the TTL; raise ValueError if it would delete the key."""
    if ttl <= 0:
        raise ValueError(
            _("The TTL must be at least one millisecond. To remove the key, delete it instead.")
        )
    return ttl


class KeepTTL(Enum):
    """The type of `KEEP`: the edit doesn't change the TTL."""

    KEEP = "keep"


KEEP: Final = KeepTTL.KEEP


@dataclass(frozen=True, slots=True)
class AddValue(Edit):
    """Store a value under a new key."""

    value: Any
    ttl: int
    """Milliseconds, or `TTL_NONE`."""

    replace: bool = False
    """Whether to overwrite an existing key of any type."""


@dataclass(frozen=True, slots=True)
class SetValue(Edit):
    """Change the value of an existing key."""

    value: Any
    expected: str
    """The `KeyValue.expected` of the value that the user saw, or empty if there was none."""

    ttl: int | KeepTTL = KEEP
    """Milliseconds, `TTL_NONE`, or `KEEP`."""

    replies: Replies = field(default_factory=dict, repr=False, compare=False)
    """The `KeyValue.replies`: with these, the value isn't read again."""


@dataclass(frozen=True, slots=True)
class Incr(Edit):
    """Add to the current number of an existing key and keep its TTL."""

    by: int | float
    replies: Replies = field(default_factory=dict, repr=False, compare=False)
    """The `KeyValue.replies`: with these, the value isn't read again."""


@dataclass(frozen=True, slots=True)
class Expire(Edit):
    """Change the TTL of an existing key."""

    ttl: int
    """Milliseconds, or `TTL_NONE`."""


class ExpireCondition(StrEnum):
    """Which of several keys get a new TTL."""

    ALWAYS = "always"
    PERSISTENT = "persistent"
    """Keys that never expire: the option `NX` of `PEXPIRE`."""

    LONGER = "longer"
    """Keys that would expire later, or never: the option `LT` of `PEXPIRE`."""

    SHORTER = "shorter"
    """Keys that would expire sooner: the option `GT` of `PEXPIRE`."""

    def select(self, infos: Iterable[KeyInfo], ttl: int) -> list[bytes]:
        """Return the existing keys that meet the condition for a new TTL in milliseconds.

        Keys whose TTL is not known don't meet a condition.
        """
        return [info.key for info in infos if info.exists and self._is_met(info.ttl, ttl)]

    def _is_met(self, old: int | None, new: int) -> bool:
        if self is ExpireCondition.ALWAYS:
            return True
        if old == TTL_NONE:
            return self is not ExpireCondition.SHORTER
        if old is None or self is ExpireCondition.PERSISTENT:
            return False
        return old > new if self is ExpireCondition.LONGER else old < new


@dataclass(frozen=True, slots=True)
class ExpireAt(Edit):
    """Set the time at which an existing key expires."""

    timestamp: int
    """Milliseconds since the epoch. Must be in the future."""

    @property
    def ttl(self) -> int:
        """Milliseconds from now, on the clock of this machine."""
        return self.timestamp - int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class ExtendTTL(Edit):
    """Add to the remaining TTL of an existing key that expires."""

    by: int
    """Milliseconds, greater than 0."""


@dataclass(frozen=True, slots=True)
class Rename(Edit):
    """Rename a key and keep its TTL."""

    to: bytes
    """The new stored key."""

    overwrite: bool = False
    """Whether to overwrite an existing key of any type."""


class CopyTarget(Protocol):
    """The inspector of the alias to copy to. A protocol, because `Inspector` depends on edits."""

    @property
    def configured_store_id(self) -> Hashable: ...

    def apply(self, stored: bytes, edit: Edit) -> EditResult: ...


@dataclass(frozen=True, slots=True)
class Copy(Edit):
    """Copy a key with its TTL."""

    to: bytes
    """The new stored key."""

    into: CopyTarget | None = None
    """The inspector of the other alias, or None for the same alias."""

    overwrite: bool = False
    """Whether to overwrite an existing key of any type."""


class EditStatus(StrEnum):
    """The outcome of an edit."""

    DONE = "done"
    CHANGED = "changed"
    """The key or element changed after the user read it."""

    GONE = "gone"
    """The key doesn't exist."""

    ELEMENT_GONE = "element gone"
    """The key exists, but the element doesn't."""

    WRONG_TYPE = "wrong type"
    EXISTS = "exists"
    """The key, field or member to add exists already."""

    UNCHANGED = "unchanged"
    """Nothing changed: a condition of the edit wasn't met, or there was nothing to change."""

    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ValueDigest:
    """The size and fingerprint of a value, for logs that must not contain the value itself."""

    size: int
    """The stored size in bytes."""

    fingerprint: str

    @classmethod
    def from_bytes(cls, raw: bytes) -> ValueDigest:
        return cls(len(raw), fingerprint(raw))


@dataclass(frozen=True, slots=True)
class EditResult:
    """The outcome of an edit, with its reason and what changed."""

    status: EditStatus
    reason: Text = ""
    """Details of the status.

    Depending on the edit: the store's reason for a refusal, the elements that exist already, the ID
    of an added entry, the current score of a member, or what happened to a field's TTL.
    """

    old: ValueDigest | None = None
    new: ValueDigest | None = None
    """The value, element or number before and after the edit, if one was changed."""

    current: Content | None = None
    """If the status is `CHANGED`, the current value; None if it is unknown."""

    expected: str = ""
    """The fingerprint of `current`, for another attempt."""

    count: int | None = None
    """The number of elements that were added or removed."""

    remaining: int | None = None
    """The number of elements that the key has now."""

    key_gone: bool = False
    """Whether the edit removed the last element and with it the key."""

    removed: tuple[Content, ...] = ()
    """The elements that were removed, if the user didn't choose them."""

    number: int | float | None = None
    """The result of `Incr`."""

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
    """How many keys were changed, didn't exist, or couldn't be changed."""

    done: int = 0
    gone: int = 0
    failures: Failures = ()
    """The stored keys that couldn't be changed, with reasons."""

    unchanged: int = 0
    """The number of keys that don't meet the condition of the change."""


def tally(results: Iterable[tuple[bytes, EditResult]]) -> BulkResult:
    """Count the results of edits that were applied to one key each."""
    done, gone = 0, 0
    failures = []
    for stored, result in results:
        if result.status is EditStatus.DONE:
            done += 1
        elif result.status is EditStatus.GONE:
            gone += 1
        else:
            failures.append((stored, str(result.reason or result.status)))
    return BulkResult(done, gone, tuple(failures))


def is_file_error(error: OSError) -> bool:
    """Return whether the operating system refused access to a file.

    Connection errors have no filename.
    """
    return error.filename is not None

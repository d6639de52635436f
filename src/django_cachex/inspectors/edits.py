"""Changes to one key, as values, and what became of them.

Those of elements are in `element_edits`; `Edit` is any of both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from django_cachex.inspectors.content import Content, fingerprint
from django_cachex.inspectors.element_edits import ElementEdit
from django_cachex.inspectors.facts import Text

if TYPE_CHECKING:
    from django_cachex.inspectors.base import Inspector


class Keep(Enum):
    """The TTL of an edit that leaves the TTL as it is, to the millisecond."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


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

    ttl: int | Keep = KEEP
    """Milliseconds, `NEVER`, or `KEEP`."""


@dataclass(frozen=True, slots=True)
class Increase:
    """Add to the number that an existing key holds, whatever it is by then; the TTL stays."""

    by: int | float


@dataclass(frozen=True, slots=True)
class SetTtl:
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
class ExtendTtl:
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


KeyEdit = AddValue | SetValue | Increase | SetTtl | ExpireAt | ExtendTtl | Rename | Copy
Edit = KeyEdit | ElementEdit


class Result(StrEnum):
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
class Trace:
    """What may be said on record of a value: not the value."""

    size: int
    """Bytes as stored."""

    fingerprint: str

    @classmethod
    def of(cls, raw: bytes) -> Trace:
        return cls(len(raw), fingerprint(raw))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edit, and the store's reason where it refused."""

    result: Result
    reason: Text = ""
    """Of a refusal the store's; which elements exist already; the id of an entry that was added;
    the score that a member has now; what became of a field's TTL meanwhile."""

    old: Trace | None = None
    new: Trace | None = None
    """The value, element or number before and after, where one was changed."""

    theirs: Content | None = None
    """What is there now in place of what was seen, where it changed; None where not known."""

    expected: str = ""
    """The fingerprint of `theirs`, for another attempt."""

    count: int | None = None
    """How many elements were added or removed."""

    left: int | None = None
    """How many elements the key has now."""

    key_gone: bool = False
    """Whether the last element went, and the key with it."""

    removed: tuple[Content, ...] = ()
    """What was taken out, where nobody chose which."""

    number: int | float | None = None
    """What `Increase` made of it."""

    @classmethod
    def refused(cls, reason: Text) -> Outcome:
        return cls(Result.REFUSED, reason)

    @property
    def is_done(self) -> bool:
        return self.result == Result.DONE

    @property
    def is_refused(self) -> bool:
        return self.result == Result.REFUSED

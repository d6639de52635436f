"""Changes to one key, as values, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from django_cachex.inspectors.facts import Text


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
class SetTtl:
    """Change when an existing key expires."""

    ttl: int
    """Milliseconds, or `NEVER`."""


Edit = AddValue | SetValue | SetTtl


class Result(StrEnum):
    """What became of an edit."""

    DONE = "done"
    CHANGED = "changed"
    """Someone changed the key since it was read."""

    GONE = "gone"
    WRONG_TYPE = "wrong type"
    EXISTS = "exists"
    """The key to add is there already."""

    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edit, and the store's reason where it refused."""

    result: Result
    reason: Text = ""

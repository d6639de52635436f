"""What is known of keys: listed, described, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django_cachex.inspectors.content import Content
from django_cachex.inspectors.facts import Text, Unit

NEVER: Final = -1
"""The TTL of a key that never expires, as `PTTL` says it."""

GONE: Final = -2
"""The TTL of a key that does not exist, as `PTTL` says it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Some keys of an alias, and how far the search has come."""

    keys: Sequence[bytes]
    """Stored keys without duplicates; one batch may make it longer than was asked for."""

    token: str
    """Where to go on; empty once everything has been examined."""

    examined: int
    """How many keys this call looked at, other aliases' included."""

    total: int | None
    """About how many there are to look at, or None where nobody knows."""

    unknown: int = 0
    """How many keys were left out because nobody says whether they pass a filter."""

    unanswered: Sequence[str] = ()
    """The servers that did not answer, whose keys are missing here."""

    @property
    def complete(self) -> bool:
        return not self.token


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of one key without reading its value. None: not known, or not permitted."""

    key: bytes
    type: str | None = None
    """As `TYPE` names it."""

    ttl: int | None = None
    """Milliseconds, `NEVER` or `GONE`."""

    size: int | None = None
    unit: Unit = Unit.BYTES
    """What `size` counts: stored bytes, or elements of a collection."""

    memory: int | None = None
    """Bytes that the key takes in the store, its overhead included."""

    idle: int | None = None
    """Milliseconds since the key was used."""

    encoding: str | None = None
    """How the store keeps the value, as `OBJECT ENCODING` names it."""

    @property
    def exists(self) -> bool:
        return self.ttl != GONE


@dataclass(frozen=True, slots=True)
class Elements:
    """The first elements of a collection."""

    columns: tuple[Text, ...]
    rows: Sequence[tuple[Content, ...]]
    total: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it was read: a string has `content`, a collection `elements`, others neither."""

    description: Description
    content: Content | None = None
    elements: Elements | None = None
    expected: str = ""
    """The fingerprint of the stored bytes, for the edit that follows."""

    note: Text = ""
    """Why there is less to see than one would expect."""

"""What inspectors return: pages of keys, and keys with their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.values import Content

TTL_NONE: Final = -1
"""The TTL of a key that never expires, as `PTTL` says it."""

TTL_MISSING: Final = -2
"""The TTL of a key that does not exist, as `PTTL` says it."""


@dataclass(frozen=True, slots=True)
class ScanPage:
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

    failed_nodes: Sequence[str] = ()
    """The servers that did not answer, whose keys are missing here."""

    @property
    def complete(self) -> bool:
        return not self.token


@dataclass(frozen=True, slots=True)
class KeyInfo:
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
        return self.ttl != TTL_MISSING


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a collection as it was read."""

    id: str
    """Names it exactly, whatever its bytes: ASCII without spaces, for links, forms and edits."""

    expected: str
    """Its fingerprint, for the edit that follows."""

    cells: tuple[Content, ...]
    """As `Elements.columns`; of a stream without shared fields: the id, and a value per field."""

    name: str = ""
    """What to call it, for a person: an index, a field, a member, an id; on one line."""

    fields: tuple[str, ...] = ()
    """Of a stream's entry: the fields whose values follow the id in `cells`."""

    ttl: int | None = None
    """Of a hash's field, where the server has such: milliseconds or `NEVER`."""


@dataclass(frozen=True, slots=True)
class Elements:
    """Some elements of a collection."""

    columns: tuple[Text, ...]
    rows: Sequence[Element]
    total: int
    """How many the key has."""

    next: str | None = None
    """`Window.at` of the page that follows; None at the end."""

    previous: str | None = None
    """`Window.at` of the page before; None at the beginning, or where nobody can go back."""

    examined: int | None = None
    """How many were looked at to find these, None where nothing was searched for."""

    in_range: int | None = None
    """How many there are in the range of scores asked for."""

    start: int | None = None
    """Which of the elements in the order asked for is the first here, from 0; None: unknown."""

    uniform: bool = True
    """Whether each row has a cell for each column; a stream's rows do if they share fields."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key as it was read: a string has `content`, a collection `elements`, others neither."""

    info: KeyInfo
    content: Content | None = None
    elements: Elements | None = None
    expected: str = ""
    """The fingerprint of the stored bytes, for the edit that follows."""

    note: Text = ""
    """Why there is less to see than one would expect."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads a stream for a group."""

    name: str
    pending: int
    """Entries given to it and not acknowledged."""

    idle: int
    """Milliseconds since it last asked."""


@dataclass(frozen=True, slots=True)
class Group:
    """Consumers that share a stream."""

    name: str
    pending: int
    last_delivered: str
    """The id of the last entry given to any of them."""

    lag: int | None
    """Entries not yet given to any of them; None where the server does not say."""

    consumers: Sequence[Consumer]


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line that reads a key elsewhere."""

    tool: Text
    """Where it runs: `valkey-cli`, Python."""

    text: str


class KeyChanged(Exception):
    """A key has changed while it was read in pieces."""


class KeyTooLarge(Exception):
    """A key is larger than what may be had at once; `str()` is a sentence."""

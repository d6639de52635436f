"""Types that inspectors return: pages of keys, and keys with their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.values import Content

TTL_NONE: Final = -1
"""The TTL of a key that never expires, as in the reply of `PTTL`."""

TTL_MISSING: Final = -2
"""The TTL of a key that doesn't exist, as in the reply of `PTTL`."""


Replies = Mapping[Any, Any]
"""What the store replied when a value was read, by command. An edit compares the value with it."""


@dataclass(frozen=True, slots=True)
class BatchStart:
    """What a search had found before its last batch of keys."""

    token: str
    """The token to continue with from the start of the batch."""

    examined: int = 0
    """The number of keys that the call had examined."""

    found: int = 0
    """The number of keys that the call had found."""


class ReadState(StrEnum):
    """What became of a value that a search wanted to read."""

    READ = "read"
    TOO_LARGE = "too_large"
    """It is larger than a search reads, as it is stored or decompressed."""

    UNREADABLE = "unreadable"
    """The serializer can't read it, or the store refused."""

    GONE = "gone"
    """The key doesn't exist any more."""


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """How many values a search has read since its start, and how many it has not."""

    read: int = 0
    too_large: int = 0
    unreadable: int = 0

    def including(self, state: ReadState) -> ValueCounts:
        """Return the counts with one more value."""
        match state:
            case ReadState.READ:
                return replace(self, read=self.read + 1)
            case ReadState.TOO_LARGE:
                return replace(self, too_large=self.too_large + 1)
            case ReadState.UNREADABLE:
                return replace(self, unreadable=self.unreadable + 1)
            case ReadState.GONE:
                return self


@dataclass(frozen=True, slots=True)
class SmallValue:
    """A value that was read for a search, unless it is too large."""

    key: bytes
    state: ReadState
    contents: Sequence[Content] = ()
    """The decoded value, or the decoded elements of a collection."""

    @classmethod
    def of(cls, key: bytes, contents: Sequence[Content]) -> SmallValue:
        """Return the value with what was decoded."""
        if any(content.kind == "large" for content in contents):
            return cls(key, ReadState.TOO_LARGE, contents)
        is_readable = all(content.is_decoded for content in contents)
        return cls(key, ReadState.READ if is_readable else ReadState.UNREADABLE, contents)


@dataclass(frozen=True, slots=True)
class ScanPage:
    """Some of the keys that a search found, and its progress."""

    keys: Sequence[bytes]
    """Stored keys without duplicates. There can be more than requested."""

    token: str
    """The token to continue with. Empty if everything has been examined."""

    examined: int
    """The number of keys that this call examined, including those of other aliases."""

    total: int | None
    """The approximate number of keys to examine, or None if it is unknown."""

    unknown: int = 0
    """The number of keys that were left out because it isn't known whether they pass a filter."""

    failed_nodes: Sequence[str] = ()
    """The servers that didn't respond, whose keys are missing."""

    last_batch: BatchStart | None = None
    """Where the last batch began, if it brought more keys than requested."""

    restarted: bool = False
    """Whether the search started over, because a server was restarted and forgot its positions."""

    values: ValueCounts | None = None
    """The values that a search in values has read since its start."""

    @property
    def complete(self) -> bool:
        return not self.token


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Information about a key without its value. Values of None are unknown or not permitted."""

    key: bytes
    type: str | None = None
    """The type as returned by `TYPE`."""

    ttl: int | None = None
    """Milliseconds, `TTL_NONE` or `TTL_MISSING`."""

    size: int | None = None
    unit: Unit = Unit.BYTES
    """What `size` counts: stored bytes, or elements of a collection."""

    memory: int | None = None
    """The memory that the key uses in the store, including overhead, in bytes."""

    idle: int | None = None
    """Milliseconds since the last access to the key."""

    encoding: str | None = None
    """The internal encoding of the value as returned by `OBJECT ENCODING`."""

    tag: str | None = None
    """The tag by which the application removes entries together, on one line."""

    hits: int | None = None
    """The number of times that the key was read since it was stored."""

    @property
    def exists(self) -> bool:
        return self.ttl != TTL_MISSING


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a collection."""

    id: str
    """An exact, ASCII-only ID of the element without spaces, for links, forms and edits."""

    expected: str
    """The fingerprint of the element, for a following edit."""

    cells: tuple[Content, ...]
    """The values of the columns.

    For a stream without shared fields: the entry ID and the field values.
    """

    name: str = ""
    """The display name on one line: an index, a field, a member or an entry ID."""

    fields: tuple[str, ...] = ()
    """For a stream entry: the fields whose values follow the entry ID in `cells`."""

    ttl: int | None = None
    """For a hash field, if the server supports it: milliseconds or `TTL_NONE`."""

    type: str = ""
    """If the element was read alone, the type of its key as returned by `TYPE`."""

    replies: Replies = field(default_factory=dict, repr=False, compare=False)
    """If the element was read alone, the replies, for a following edit."""


@dataclass(frozen=True, slots=True)
class Elements:
    """A page of elements of a collection."""

    columns: tuple[Text, ...]
    rows: Sequence[Element]
    total: int
    """The number of elements of the key."""

    next: str | None = None
    """The `ElementPage.at` of the next page, or None on the last page."""

    previous: str | None = None
    """The `ElementPage.at` of the previous page, or None if there is none or it is unknown."""

    examined: int | None = None
    """The number of elements that were examined, or None if there was no search."""

    in_range: int | None = None
    """The number of elements in the requested range of scores."""

    start: int | None = None
    """The index of the first element in the requested order, from 0, or None if it is unknown."""

    uniform: bool = True
    """Whether each row has a cell for each column.

    Rows of a stream do if their fields are the same.
    """


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key and its value.

    A string has `content` and a collection has `elements`. Other types have neither.
    """

    info: KeyInfo
    content: Content | None = None
    elements: Elements | None = None
    expected: str = ""
    """The fingerprint of the stored bytes, for a following edit."""

    note: Text = ""
    """Why less is shown than expected."""

    replies: Replies = field(default_factory=dict, repr=False, compare=False)
    """The replies when the value was read, for a following edit."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of a consumer group."""

    name: str
    pending: int
    """The number of entries that were delivered but not acknowledged."""

    idle: int
    """Milliseconds since the consumer's last attempt to read."""


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group of a stream."""

    name: str
    pending: int
    last_delivered: str
    """The ID of the last entry that was delivered to the group."""

    lag: int | None
    """The number of entries that weren't delivered yet, or None if the server doesn't report it."""

    consumers: Sequence[Consumer]


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code that reads a key with another tool."""

    tool: Text
    """The tool to run it with: `valkey-cli`, Python."""

    text: str


class KeyChanged(Exception):
    """A key changed while it was read in chunks."""


class KeyTooLarge(Exception):
    """A key is too large to be read at once. `str()` returns a sentence for the user."""

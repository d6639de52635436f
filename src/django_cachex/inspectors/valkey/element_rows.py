"""Elements of collections: their IDs and fingerprints, how one is read, and how they are shown."""

from __future__ import annotations

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation, WrongTypeError
from django_cachex.commands.command import Batch, CommandArgs, EncodableArg, parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import InvalidPosition
from django_cachex.inspectors.types import TTL_MISSING, Element, Elements, Replies
from django_cachex.inspectors.valkey.compare_and_set import OptionalRead
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply
from django_cachex.inspectors.valkey.key_info import COLLECTIONS, CollectionType
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint

MAX_NAME_SIZE: Final = 512
"""Longest name in bytes that an ID contains: links with longer names would make pages huge."""

NAME_PREFIX, POSITION_PREFIX = "=", "@"

LONG_NAME = re.compile(r"@([0-9]{1,20})\.([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True)
class LongName:
    """An element whose name is too long for a link: it is found by its position and fingerprint."""

    position: int
    """The cursor of the scan batch that contained it, or its rank in a sorted set."""

    fingerprint: str

    def find_in(self, names: list[bytes]) -> bytes | None:
        """Return the name with this fingerprint, or None."""
        return next((name for name in names if fingerprint(name) == self.fingerprint), None)


def make_id(name: bytes, position: int) -> str:
    """Return the ID of an element that was seen at a position."""
    if len(name) > MAX_NAME_SIZE:
        return f"{POSITION_PREFIX}{position}.{fingerprint(name)}"
    return NAME_PREFIX + urlsafe_b64encode(name).decode().rstrip("=")


def parse_id(element: str) -> bytes | LongName:
    """Return the name in an ID, or a `LongName` to look up; raise `InvalidPosition` for others."""
    if match := LONG_NAME.fullmatch(element):
        return LongName(int(match[1]), match[2])
    text = element.removeprefix(NAME_PREFIX)
    if text != element and text.isascii():
        try:
            return urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            pass
    raise no_such_element_error()


def parse_index(element: str) -> int:
    """Return the list index in an element ID."""
    if element.isascii() and element.isdecimal() and len(element) < 20:
        return int(element)
    raise no_such_element_error()


ENTRY_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?", re.ASCII)


def parse_entry_id(element: str) -> str:
    """Return the stream entry ID in an element ID."""
    if ENTRY_ID.fullmatch(element):
        return element
    raise no_such_element_error()


def no_such_element_error() -> InvalidPosition:
    return InvalidPosition(_("There is no element with this name."))


TYPES_WITH_NAMED_ELEMENTS: Final = ("hash", "set", "zset")
"""The types whose elements are identified by name, not by index or entry ID."""


def raw_command(*args: EncodableArg) -> Command[Any]:
    """Return a command whose reply is not parsed."""
    return Command(args, parse_raw)


def resolve_names(key: bytes, type: str, ids: Sequence[str]) -> Operation[list[bytes]]:
    """Return the names of elements, without those that are no longer where they were seen."""
    parsed = [parse_id(element) for element in ids]
    long_names = [one for one in parsed if isinstance(one, LongName)]
    if not long_names:
        return [one for one in parsed if isinstance(one, bytes)]
    replies = yield [raw_command(*lookup_args(key, type, one.position)) for one in long_names]
    replies_by_name = dict(zip(long_names, replies, strict=True))
    names = [
        one.find_in(names_in_reply(type, replies_by_name[one]))
        if isinstance(one, LongName)
        else one
        for one in parsed
    ]
    return [name for name in names if name is not None]


def lookup_args(key: bytes, type: str, position: int) -> CommandArgs:
    """Return the command that reads the elements at a rank or cursor."""
    if type == "zset":
        return ("ZRANGE", key, position, position)
    return ("HSCAN" if type == "hash" else "SSCAN", key, position, "COUNT", limits().elements)


def names_in_reply(type: str, reply: list[bytes] | list[list[bytes]]) -> list[bytes]:
    match type, reply:
        case "hash", [_cursor, [*pairs]]:
            return pairs[::2]
        case "set", [_cursor, [*members]]:
            return members
        case _:
            return [one for one in reply if isinstance(one, bytes)]


# Fingerprints.


def item_fingerprint(raw: bytes, length: int) -> str:
    """Return the fingerprint of an item.

    It includes the length of the list, because duplicates have the same value.
    """
    return f"{fingerprint(raw)}.{length}"


def format_score(score: float) -> bytes:
    """Return the shortest text that represents a score exactly."""
    if math.isnan(score):
        raise ValueError(_("A score must be a number."))
    return repr(float(score)).removesuffix(".0").encode()


def score_fingerprint(score: bytes | float) -> str:
    """Return the fingerprint of a score, whichever way the server formats it."""
    return fingerprint(format_score(float(score)))


FieldTimesReply = list[int] | CommandError
"""The reply to `HPTTL` or `HPEXPIRETIME`: a time for each field, or an error.

`AccessDenied` means that the times are unknown; any other error means that fields can't expire on
this server."""

EXPIRY_TIMESTAMP = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def field_expiry_command(key: bytes, name: bytes) -> CommandArgs:
    """Return the command that reads when a field expires."""
    return OptionalRead(("HPEXPIRETIME", key, "FIELDS", 1, name))


def expiry_timestamp(expiry: FieldTimesReply) -> int | None:
    """Return milliseconds since the epoch or `TTL_NONE`.

    Return None if it is unknown or fields can't expire.
    """
    return None if isinstance(expiry, CommandError) else expiry[0]


def has_expiry_changed(expiry: FieldTimesReply, expected: str) -> bool:
    """Return whether the expiry of a field has changed since it was shown, as far as is known."""
    _value_fingerprint, seen_timestamp = split_field_fingerprint(expected)
    timestamp = expiry_timestamp(expiry)
    return None not in (seen_timestamp, timestamp) and seen_timestamp != timestamp


def field_fingerprint(value_fingerprint: str, timestamp: int | None) -> str:
    """Return the fingerprint of a field: that of its value and, if known, the time it expires."""
    return value_fingerprint if timestamp is None else f"{value_fingerprint}.{timestamp}"


def split_field_fingerprint(expected: str) -> tuple[str, int | None]:
    """Split the fingerprint of a field into that of its value and its expiry."""
    value_fingerprint, _dot, timestamp = expected.partition(".")
    return value_fingerprint, int(timestamp) if EXPIRY_TIMESTAMP.fullmatch(timestamp) else None


# Rows.


@dataclass(frozen=True)
class ElementRow:
    """An element as stored."""

    id: str
    name: bytes
    cells: tuple[bytes, ...]
    """A cell per column; for a stream entry the ID, then the value of each field."""

    expected: str = ""
    fields: tuple[bytes, ...] = ()
    ttl: int | None = None
    """Milliseconds or `TTL_NONE`; None if unknown or if elements of this type can't expire."""


def item_row(index: int, raw: bytes, length: int) -> ElementRow:
    name = b"%d" % index
    return ElementRow(str(index), name, (name, raw), item_fingerprint(raw, length))


def member_row(name: bytes, score: bytes, position: int) -> ElementRow:
    return ElementRow(
        make_id(name, position), name, (name, format_score(float(score))), score_fingerprint(score)
    )


def field_row(name: bytes, value: bytes, position: int) -> ElementRow:
    return ElementRow(make_id(name, position), name, (name, value), fingerprint(value))


def entry_row(name: bytes, flat: list[bytes] | None) -> ElementRow:
    flat = flat or []
    return ElementRow(name.decode(), name, (name, *flat[1::2]), fields=tuple(flat[::2]))


def field_times_commands(key: bytes, names: Sequence[bytes]) -> Batch:
    """Return the commands that read the TTLs of fields and when they expire."""
    fields: tuple[EncodableArg, ...] = ("FIELDS", len(names), *names)
    return Batch([raw_command("HPTTL", key, *fields), raw_command("HPEXPIRETIME", key, *fields)])


def with_ttls(
    rows: Sequence[ElementRow], ttls: FieldTimesReply, expiries: FieldTimesReply
) -> list[ElementRow]:
    """Add the TTLs to rows; leave out fields that have expired meanwhile."""
    unknown = [None] * len(rows)
    known_ttls: Sequence[int | None] = none_if_denied(ttls) or unknown
    timestamps: Sequence[int | None] = none_if_denied(expiries) or unknown
    return [
        replace(row, ttl=ttl, expected=field_fingerprint(row.expected, timestamp))
        for row, ttl, timestamp in zip(rows, known_ttls, timestamps, strict=True)
        if TTL_MISSING not in (ttl, timestamp)
    ]


@dataclass(frozen=True)
class RowReader:
    """How one element of a collection is read."""

    reads: Callable[[bytes, bytes], Sequence[CommandArgs]]
    """Returns the commands for a key and the name of the element."""

    make_row: Callable[[bytes, list[Any]], ElementRow | None]
    """Returns the row from the name and the replies, or None if there is no such element."""


def parse_item(name: bytes, replies: list[Any]) -> ElementRow | None:
    length, raw = map(require_reply, replies)
    return None if raw is None else item_row(int(name), raw, length)


def parse_member(name: bytes, replies: list[Any]) -> ElementRow | None:
    [is_member] = map(require_reply, replies)
    return ElementRow("", name, (name,)) if is_member else None


def parse_scored_member(name: bytes, replies: list[Any]) -> ElementRow | None:
    [score] = map(require_reply, replies)
    return None if score is None else member_row(name, score, 0)


def parse_field(name: bytes, replies: list[Any]) -> ElementRow | None:
    value, *times = replies
    if require_reply(value) is None:
        return None
    return next(iter(with_ttls([field_row(name, value, 0)], *times)), None)


def parse_entry(name: bytes, replies: list[Any]) -> ElementRow | None:
    [entries] = map(require_reply, replies)
    return entry_row(*entries[0]) if entries else None


ROW_READERS: Final = {
    "list": RowReader(lambda key, name: [("LLEN", key), ("LINDEX", key, int(name))], parse_item),
    "set": RowReader(lambda key, name: [("SISMEMBER", key, name)], parse_member),
    "zset": RowReader(lambda key, name: [("ZSCORE", key, name)], parse_scored_member),
    "hash": RowReader(
        lambda key, name: [
            ("HGET", key, name),
            *(command.args for command in field_times_commands(key, [name])),
        ],
        parse_field,
    ),
    "stream": RowReader(lambda key, name: [("XRANGE", key, name, name)], parse_entry),
}


@dataclass(frozen=True)
class FoundRow:
    """An element that was read by its ID."""

    type: str
    row: ElementRow
    replies: Replies
    """The replies by command, for an edit of the element."""


def find_row(key: bytes, type: str, id: str) -> Operation[FoundRow | None]:
    """Read one element in one round trip, or two if its name is too long for an ID.

    Without a type, the key may be of any type whose elements have names. Return None if the key has
    another type or doesn't have the element.

    Raises:
        InvalidPosition: the ID is not one of an element of this type.
    """
    types = (type,) if type else TYPES_WITH_NAMED_ELEMENTS
    name = yield from find_name(key, types, id)
    if name is None:
        return None
    reads = {each: ROW_READERS[each].reads(key, name) for each in types}
    commands = [("TYPE", key), *(args for each in types for args in reads[each])]
    replies = dict(zip(commands, (yield Batch(raw_command(*c) for c in commands)), strict=True))
    stored_type = require_reply(replies["TYPE", key]).decode()
    if stored_type not in types:
        return None
    known = {args: replies[args] for args in reads[stored_type]}
    row = ROW_READERS[stored_type].make_row(name, list(known.values()))
    if row is None:
        return None
    # The key exists if it has the element.
    return FoundRow(stored_type, replace(row, id=id), {("EXISTS", key): 1, **known})


def find_name(key: bytes, types: Sequence[str], id: str) -> Operation[bytes | None]:
    """Return what identifies an element to commands, or None if there is no such element."""
    if types == ("list",):
        return b"%d" % parse_index(id)
    if types == ("stream",):
        return parse_entry_id(id).encode()
    name = parse_id(id)
    if isinstance(name, bytes):
        return name
    for type in types:
        try:
            names = yield from resolve_names(key, type, [id])
        except WrongTypeError:
            names = []
        if names:
            return names[0]
    return None


# What is shown.


@dataclass(frozen=True)
class RowPage:
    """Some rows, with the positions of the pages before and after them."""

    rows: Sequence[ElementRow]
    next: str | None = None
    previous: str | None = None
    examined: int | None = None
    found: int | None = None
    start: int | None = None


NAME_FORMAT: Final = ValueFormat("", "opaque", bytes)
"""Field names, scores and entry IDs do not go through a serializer."""

MAX_COLUMNS: Final = 8
"""Maximum number of fields of stream entries that are shown as columns."""

MAX_DISPLAY_NAME_LENGTH: Final = 200


def build_elements(
    collection: CollectionType, page: RowPage, value_format: ValueFormat, total: int
) -> Elements:
    """Build the elements to display; values that are too large for a table are cut, not decoded."""
    allowed = limits()
    limit = max(allowed.decode_bytes // max(1, allowed.elements), allowed.element_chars)
    preview = allowed.element_chars
    titles = column_titles(collection, page)
    return Elements(
        columns=titles,
        rows=[build_element(collection, row, value_format, limit, preview) for row in page.rows],
        total=total,
        next=page.next,
        previous=page.previous,
        examined=page.examined,
        in_range=page.found,
        start=page.start,
        uniform=all(len(row.cells) == len(titles) for row in page.rows),
    )


def column_titles(collection: CollectionType, page: RowPage) -> tuple[Text, ...]:
    """Return the column titles; for a stream, the fields if all rows share them."""
    titles = tuple(column.title for column in collection.columns)
    if not collection.has_fields:
        return titles
    shared = {row.fields for row in page.rows}
    if len(shared) != 1 or len(fields := shared.pop()) > MAX_COLUMNS:
        return (titles[0], gettext_lazy("Fields"))
    return (titles[0], *map(display_text, fields))


def build_element(
    collection: CollectionType,
    row: ElementRow,
    value_format: ValueFormat,
    limit: int,
    preview_size: int,
) -> Element:
    """Build the element to display, with at most `limit` bytes decoded per cell."""
    cells = tuple(
        decode_cell(
            raw, value_format if collection.is_value(index) else NAME_FORMAT, limit, preview_size
        )
        for index, raw in enumerate(row.cells)
    )
    return Element(
        id=row.id,
        expected=row.expected,
        cells=cells,
        name=element_name(collection, row, cells),
        fields=tuple(map(display_text, row.fields)),
        ttl=row.ttl,
    )


def element_name(collection: CollectionType, row: ElementRow, cells: tuple[Content, ...]) -> str:
    """Return the name of an element for people: decoded, if the name is a value."""
    if collection.is_value(0):
        text = display_text(cells[0].formatted.text.encode())
    else:
        text = display_text(row.name)
    return text if len(text) <= MAX_DISPLAY_NAME_LENGTH else f"{text[:MAX_DISPLAY_NAME_LENGTH]}…"


def decode_cell(raw: bytes, value_format: ValueFormat, limit: int, preview_size: int) -> Content:
    return decode(
        raw[:limit],
        value_format=value_format,
        stored_size=len(raw) if len(raw) > limit else None,
        limit=limit,
        preview_size=preview_size,
    )


def read_element(
    client: Client, stored: bytes, type: str, id: str, value_format: ValueFormat
) -> Element | None:
    """Return one element, decoded with the limits of a string, or None if it does not exist."""
    found = client.run(find_row(stored, type, id))
    if found is None:
        return None
    allowed = limits()
    collection = COLLECTIONS[found.type]
    element = build_element(
        collection, found.row, value_format, allowed.decode_bytes, allowed.preview_bytes
    )
    return replace(element, type=found.type, replies=found.replies)

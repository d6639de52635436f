"""Read keys and their values."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation, ReplyTooLarge
from django_cachex.commands.command import Batch
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.query import InvalidWindow, Window
from django_cachex.inspectors.types import Changed, Description, Entry, TooLarge
from django_cachex.inspectors.valkey import copy, scan_elements
from django_cachex.inspectors.valkey import elements as lists
from django_cachex.inspectors.valkey import elements as sorted_sets
from django_cachex.inspectors.valkey import elements as streams
from django_cachex.inspectors.valkey.edit_keys import expected_of_large
from django_cachex.inspectors.valkey.elements import elements_of, following, position_of
from django_cachex.inspectors.valkey.errors import permitted, required
from django_cachex.inspectors.valkey.key_info import COLLECTIONS, answers, description, questions
from django_cachex.inspectors.valkey.scan_elements import Asked, Page, Row, ask, read_position
from django_cachex.inspectors.values import Codec, Content, decode, fingerprint, human_size
from django_cachex.inspectors.values.decode import HYPERLOGLOG

ReadPage = Callable[[Asked], Operation[Page]]

PLACE: Final = re.compile(
    rb"(?:\*2\r\n\$[0-9]+\r\n[0-9]+\r\n\$[0-9]+\r\n[0-9]+\r\n(?=\*))?"  # The time before it.
    rb"(?:\*[0-9]+\r\n)+\$[0-9]+\r\n([0-9]+(?:-[0-9]+)?)\r\n"
)
"""The cursor, or the id of an entry, with which an answer begins."""


@dataclass
class Gathered:
    """The elements of a page as they come together."""

    rows: list[Row] = field(default_factory=list)
    examined: int | None = None
    start: int | None = None
    skipped: int = 0
    most: int = 0
    """Bytes of an answer that was read to its end."""

    @property
    def looked_at(self) -> int:
        return len(self.rows) + self.skipped

    def take(self, page: Page) -> None:
        if not self.looked_at:
            self.start = page.start
        self.rows += page.rows
        if page.examined is not None:
            self.examined = (self.examined or 0) + page.examined

    def note(self) -> Text:
        """Return why not all elements are here."""
        return ngettext_lazy(
            "%(count)s element isn't shown here, because elements larger than %(most)s "
            "aren't fetched.",
            "%(count)s elements aren't shown here, because elements larger than %(most)s "
            "aren't fetched.",
            "count",
        ) % {"count": self.skipped, "most": human_size(self.most)}


def gather(client: Client, read_page: ReadPage, type: str, asked: Asked) -> tuple[Page, Text]:
    """Return a page without what is too large, and a sentence that says so."""
    found, at = Gathered(), asked.window.at
    deadline = time.monotonic() + limits().scan_budget
    going_on = True
    while going_on:
        one = replace(asked, window=asked.window.moved(at), count=1, batch=1)
        try:
            page = client.run(read_page(one))
            found.take(page)
            place = page.next
        except ReplyTooLarge as error:
            found.skipped, found.most = found.skipped + 1, error.most
            place = beyond(type, one, error.head)
        except InvalidWindow:
            if not found.looked_at:
                raise
            place = None
        at = place or ""
        is_over = found.looked_at >= asked.count or time.monotonic() >= deadline
        going_on = bool(at) and not is_over
    gathered = Page(found.rows, next=at or None, examined=found.examined, start=found.start)
    return gathered, found.note() if found.skipped else ""


def beyond(type: str, asked: Asked, head: bytes) -> str | None:
    """Return the place after an element that was not fetched, told from how the answer began."""
    if type == "list" or (type == "zset" and not asked.window.match.strip("*")):
        return after_position(type, asked)
    found = PLACE.match(head)
    if found is None or found[1] == b"0":
        return None
    place = found[1].decode()
    return following(place, asked.is_reversed) if type == "stream" else place


def after_position(type: str, asked: Asked) -> str | None:
    if type == "list":
        index = position_of(asked)
        index += -1 if asked.is_reversed else 1
        return str(index) if 0 <= index < asked.total else None
    rank = read_position(asked.window.at)
    rank += asked.total + 1 if rank < 0 else 1
    return str(rank) if rank < asked.total else None


COLUMNS: Final = ("type", "ttl", "size", "memory")

FETCHED: Final = 32 * 1024 * 1024
"""About as many bytes of elements are fetched at most, where the server says what a key takes."""

SEARCHED: Final = 4 * 1024 * 1024
"""About as many bytes of elements are fetched at once to be searched here."""

UNKNOWN: Final = FETCHED // 10
"""What an element is taken to be, in bytes, where nobody may ask: ten of them are fetched."""


def nothing_before(key: bytes, window: Window) -> list[Command[Any]]:
    return []


@dataclass(frozen=True)
class Reader:
    """How a type's windows are read."""

    page: Callable[[Asked], Operation[Page]]
    before: Callable[[bytes, Window], list[Command[Any]]] = nothing_before
    """What to ask together with the length."""

    one: Callable[[Asked], Operation[Page]] | None = None
    """How one element is read without the next, where a page reads further than it shows."""


READERS: Final = {
    "list": Reader(lists.read_items),
    "set": Reader(scan_elements.read_members, scan_elements.before_scan),
    "zset": Reader(sorted_sets.read_members, sorted_sets.before_members),
    "hash": Reader(scan_elements.read_fields, scan_elements.before_fields),
    "stream": Reader(streams.read_entries, one=streams.read_entry),
}


def read_key(client: Client, stored: bytes, codec: Codec, window: Window) -> Entry | None:
    """Return what a key holds, or None if there is no such key.

    That takes three round trips at most, and one more of a hash whose fields may expire.
    """
    [figures] = answers(client, [stored], questions(client, COLUMNS))
    found = description(stored, figures)
    if not found.exists:
        return None
    type = found.type or ("string" if found.size is not None else required(figures["type"]))
    if type == "string":
        return client.run(read_string(found, codec, window))
    if type in COLLECTIONS:
        return read_collection(client, found, type, codec, window)
    note = _("Values of type %(type)s can't be shown here.") % {"type": type}
    return Entry(found, note=note)


def read_string(found: Description, codec: Codec, window: Window) -> Operation[Entry | None]:
    """Return a string's content: whole within the limit, else only how it begins."""
    allowed, size = limits(), found.size or 0
    shown = window.bytes_shown(allowed)
    is_large = size > allowed.decode_bytes
    # A byte more than is decoded tells that the value has grown since its size was asked.
    end = max(shown, allowed.preview_bytes) - 1 if is_large else allowed.decode_bytes
    raw, exists, length = yield Batch(
        [
            ask("GETRANGE", found.key, 0, end),
            ask("EXISTS", found.key),
            ask("STRLEN", found.key),
        ]
    )
    if not required(exists):
        return None
    raw, length = required(raw), permitted(length) or 0
    is_large = is_large or len(raw) > allowed.decode_bytes
    content = decode(
        raw,
        codec=codec,
        stored_size=max(length, len(raw)) if is_large else None,
        limit=allowed.decode_bytes,
        preview=shown,
    )
    if raw.startswith(HYPERLOGLOG):
        content = yield from counted(found.key, content)
    expected = expected_of_large(raw, length) if is_large else fingerprint(raw)
    return Entry(found, content, expected=expected)


def counted(key: bytes, content: Content) -> Operation[Content]:
    """Return the content of a HyperLogLog with how much it has counted, where the server says.

    Of one key `PFCOUNT` writes its result into the key; of several it does not, even if they are
    one.
    """
    [count] = yield Batch([ask("PFCOUNT", key, key)])
    if isinstance(count, CommandError):  # Denied, or it only begins like one.
        return content
    label = format_lazy(_("{what} of about {count}"), what=content.label, count=f"{count:,}")
    return replace(content, label=label)


def read_collection(
    client: Client, found: Description, type: str, codec: Codec, window: Window
) -> Entry | None:
    """Return a window of a list, set, sorted set, hash or stream."""
    asked = client.run(asked_of(found, type, codec, window))
    if asked is None:
        return None
    reader, wanted = READERS[type], min(window.elements_shown(limits()), asked.total)
    note: Text = ""
    try:
        page = client.run(reader.page(asked))
        if asked.count < wanted:
            note = fewer(asked.count, found.memory is not None)
    except ReplyTooLarge:
        page, note = gather(client, reader.one or reader.page, type, asked)
    elements = elements_of(COLLECTIONS[type], page, codec, asked.total)
    return Entry(replace(found, size=asked.total), elements=elements, note=note)


def asked_of(
    found: Description, type: str, codec: Codec, window: Window
) -> Operation[Asked | None]:
    """Return what to ask of a collection, or None if it is gone."""
    reader, key = READERS[type], found.key
    first = Batch([ask(LENGTHS[type], key), ask("EXISTS", key), *reader.before(key, window)])
    length, exists, *known = yield first
    total = required(length)
    if not required(exists):  # A stream may be there and empty.
        return None
    allowed = limits()
    wanted = window.elements_shown(allowed)
    # Where nobody may ask what the key takes, the worst is supposed of a page's elements.
    memory = total * UNKNOWN if found.memory is None else found.memory
    return Asked(
        key,
        window,
        codec,
        count=affordable(wanted, total, memory, FETCHED),
        batch=affordable(allowed.scan_count, total, memory, SEARCHED),
        deadline=time.monotonic() + allowed.scan_budget,
        total=total,
        known=known,
    )


LENGTHS: Final = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}


def affordable(count: int, total: int, memory: int, most: int) -> int:
    """Return how many elements to fetch: fewer where the server says that they are huge."""
    if memory <= most:
        return count
    return max(1, min(count, most * total // memory))


def fewer(count: int, are_large: bool) -> Text:
    """Return why not a whole page of elements was fetched."""
    if not are_large:
        text = _(
            "The server doesn't allow reading the size of the elements, so only %(count)d were "
            "fetched."
        )
        return text % {"count": count}
    return ngettext_lazy(
        "The elements are large, so only one was fetched.",
        "The elements are large, so only %(count)d were fetched.",
        "count",
    ) % {"count": count}


PIECE: Final = 1024 * 1024
"""Bytes that are fetched at once."""


def chunks(client: Client, key: bytes) -> Iterator[bytes]:
    """Yield a string's bytes; `Changed` where its length is no longer what it was."""
    size, at = None, 0
    while size is None or at < size:
        piece, length = client.run(piece_at(key, at))
        size = length if size is None else size
        if length != size or len(piece) != min(PIECE, size - at):
            raise Changed
        at += len(piece)
        if piece:
            yield piece


def piece_at(key: bytes, at: int) -> Operation[tuple[bytes, int]]:
    piece, length = yield [
        ask("GETRANGE", key, at, at + PIECE - 1),
        ask("STRLEN", key),
    ]
    return piece, length


def dump(client: Client, key: bytes) -> bytes | None:
    """Return a key as `RESTORE` takes it, or None; `TooLarge` beyond what may be copied."""
    found = client.run(copy.dump(key))
    if isinstance(found, copy.Dumped):
        return found.payload
    if found.is_refused:
        raise TooLarge(str(found.reason))
    return None

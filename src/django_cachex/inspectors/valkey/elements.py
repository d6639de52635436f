"""Read a page of elements, and one element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Command, Operation
from django_cachex.commands.command import Batch
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.query import InvalidWindow, Order, Window
from django_cachex.inspectors.types import Element, Elements
from django_cachex.inspectors.valkey.edit import NAMED, named
from django_cachex.inspectors.valkey.edit_elements import expected_item, expected_score, score_text
from django_cachex.inspectors.valkey.element_ids import (
    ENTRY_ID,
    LONGEST,
    read_entry_id,
    read_index,
    spell,
)
from django_cachex.inspectors.valkey.errors import required
from django_cachex.inspectors.valkey.key_info import COLLECTIONS, CollectionType
from django_cachex.inspectors.valkey.scan_elements import (
    Asked,
    Page,
    Row,
    ScanBatch,
    ask,
    before_scan,
    read_position,
    scan,
    span,
    times_of,
    with_times,
)
from django_cachex.inspectors.values import Codec, Content, decode, fingerprint


def read_items(asked: Asked) -> Operation[Page]:
    """Return the items from an index on; in the order from the tail, of falling index."""
    total, index = asked.total, position_of(asked)
    # Positions count in the order asked for, indexes always from the head.
    found = span(total - 1 - index if asked.is_reversed else index, asked.count, total)
    first, last = found.start, found.stop - 1
    if asked.is_reversed:
        first, last = total - 1 - last, total - 1 - first
    [items] = yield [ask("LRANGE", asked.key, first, last)]
    rows = [item(index, raw, total) for index, raw in enumerate(items, first)]
    return Page(
        rows[::-1] if asked.is_reversed else rows,
        next=at(asked, found.next),
        previous=at(asked, found.previous),
        start=found.start,
    )


def position_of(asked: Asked) -> int:
    """Return the index that a page begins with."""
    index = read_position(asked.window.at)
    if index < 0:
        return index + asked.total
    return asked.total - 1 if asked.is_reversed and not asked.window.at else index


def at(asked: Asked, position: str | None) -> str | None:
    """Return the index at a position of the order asked for."""
    if position is None or not asked.is_reversed:
        return position
    return str(asked.total - 1 - int(position))


def item(index: int, raw: bytes, length: int) -> Row:
    name = b"%d" % index
    return Row(str(index), name, (name, raw), expected_item(raw, length))


def read_members(asked: Asked) -> Operation[Page]:
    if asked.window.match.strip("*"):
        return (yield from search(asked))
    return (yield from by_rank(asked))


def by_rank(asked: Asked) -> Operation[Page]:
    """Return members in the order of their scores; of a range of scores the ranks are asked for.

    So the server goes to the place at once, which `LIMIT` with an offset does not.
    """
    base, size = 0, asked.total
    window = asked.window
    if window.lowest is not None or window.highest is not None:
        base, size = map(required, asked.known)
    position = read_position(window.at)
    found = span(position + size if position < 0 else position, asked.count, size)
    if not size:
        return Page([], found=0)
    first, last = base + found.start, base + found.stop - 1
    reverse = ("REV",) if asked.is_reversed else ()
    [flat] = yield [ask("ZRANGE", asked.key, first, last, *reverse, "WITHSCORES")]
    ranks = range(first, last + 1)
    places = [asked.total - 1 - rank for rank in ranks] if asked.is_reversed else ranks
    rows = [
        member(name, score, place)
        for name, score, place in zip(flat[::2], flat[1::2], places, strict=False)
    ]
    is_range = size != asked.total or base
    return Page(
        rows,
        next=found.next,
        previous=found.previous,
        found=size if is_range else None,
        start=found.start,
    )


def before_members(key: bytes, window: Window) -> list[Command[int]]:
    """Return what to ask before a search, or before a range of scores can be read.

    Of a range, that is how many come before, and how many there are.
    """
    if window.match.strip("*"):
        return before_scan(key, window)
    if window.lowest is None and window.highest is None:
        return []
    return [
        ask("ZCOUNT", key, *outside(window)),
        ask("ZCOUNT", key, bound(window.lowest, "-inf"), bound(window.highest, "+inf")),
    ]


def bound(score: float | None, none: str) -> bytes | str:
    return none if score is None else score_text(score)


def outside(window: Window) -> tuple[bytes | str, bytes | str]:
    """Return the range of the scores that come before those asked for."""
    if window.order == Order.LAST:
        if window.highest is None:
            return "(+inf", "+inf"
        return b"(" + score_text(window.highest), "+inf"
    if window.lowest is None:
        return "-inf", "(-inf"
    return "-inf", b"(" + score_text(window.lowest)


def member(name: bytes, score: bytes, place: int) -> Row:
    return Row(spell(name, place), name, (name, score_text(float(score))), expected_score(score))


def search(asked: Asked) -> Operation[Page]:
    page = yield from scan(asked, "ZSCAN", scanned, by_value=True)
    # Where names are too long for a link, their rank tells where they are.
    long = [row.name for row in page.rows if len(row.name) > LONGEST]
    if not long:
        return page
    ranks = yield [ask("ZRANK", asked.key, name) for name in long]
    places = dict(zip(long, ranks, strict=True))
    return replace(page, rows=[placed(row, places.get(row.name)) for row in page.rows])


def placed(row: Row, rank: int | None) -> Row:
    return row if rank is None else replace(row, id=spell(row.name, rank))


def scanned(batch: ScanBatch) -> Sequence[Row]:
    flat = batch.flat
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [member(name, score, batch.cursor) for name, score in pairs]


BEFORE: Final = "<"
"""What a place begins with whose page ends before an id."""


def read_entries(asked: Asked) -> Operation[Page]:
    """Return the page that begins at an id, or the one that ends before it."""
    at = read_place(asked.window.at)
    if at.startswith(BEFORE):
        page = yield from backwards(asked, at.removeprefix(BEFORE))
        if page.rows:
            return page
        at = ""
    name, start, end = ("XREVRANGE", "+", "-") if asked.is_reversed else ("XRANGE", "-", "+")
    [found] = yield [ask(name, asked.key, at or start, end, "COUNT", asked.count + 1)]
    rows = [entry(*one) for one in found]
    following = rows[asked.count].id if len(rows) > asked.count else None
    first = rows[0].id if rows else at
    return Page(
        rows[: asked.count],
        next=following,
        previous=f"{BEFORE}{first}" if at else None,
        start=None if at else 0,
    )


def read_entry(asked: Asked) -> Operation[Page]:
    """Return the one entry that is at an id, or the next."""
    at = read_place(asked.window.at).removeprefix(BEFORE)
    name, start, end = ("XREVRANGE", "+", "-") if asked.is_reversed else ("XRANGE", "-", "+")
    [found] = yield [ask(name, asked.key, at or start, end, "COUNT", 1)]
    rows = [entry(*one) for one in found]
    place = following(rows[0].id, asked.is_reversed) if rows else None
    return Page(rows, next=place, start=None if at else 0)


def following(place: str, is_reversed: bool) -> str | None:
    """Return the id that is next to another, whether there is such an entry or not."""
    milliseconds, sequence = map(int, place.split("-"))
    if not is_reversed:
        return f"{milliseconds}-{sequence + 1}"
    if sequence:
        return f"{milliseconds}-{sequence - 1}"
    return f"{milliseconds - 1}-{2**64 - 1}" if milliseconds else None


def backwards(asked: Asked, place: str) -> Operation[Page]:
    """Return the page before an id, found from its end."""
    name, end = ("XRANGE", "+") if asked.is_reversed else ("XREVRANGE", "-")
    [found] = yield [ask(name, asked.key, f"({place}", end, "COUNT", asked.count + 1)]
    rows = [entry(*one) for one in found[: asked.count]][::-1]
    more = len(found) > asked.count
    return Page(
        rows,
        next=place,
        previous=f"{BEFORE}{rows[0].id}" if more else None,
        start=None if more else 0,
    )


def entry(name: bytes, flat: list[bytes] | None) -> Row:
    flat = flat or []
    return Row(name.decode(), name, (name, *flat[1::2]), fields=tuple(flat[::2]))


def read_place(at: str) -> str:
    """Return an id, whole or its milliseconds, perhaps with `BEFORE`."""
    if at and not ENTRY_ID.fullmatch(at.removeprefix(BEFORE)):
        text = _('Enter an ID such as 1700000000000-0, or a date and time. You entered "%(at)s".')
        raise InvalidWindow(text % {"at": at[:50]})
    return at


NAMES: Final = Codec("", "opaque", bytes)
"""Field names, scores and ids did not go through a serializer."""

MOST_COLUMNS: Final = 8
"""So many fields that entries of a stream share are columns of a table."""

NAME_LENGTH: Final = 200


def elements_of(collection: CollectionType, page: Page, codec: Codec, total: int) -> Elements:
    """Return a page for people; values too large for a table are cut, and not decoded."""
    allowed = limits()
    limit = max(allowed.decode_bytes // max(1, allowed.elements), allowed.element_chars)
    preview = allowed.element_chars
    columns = columns_of(collection, page)
    return Elements(
        columns=columns,
        rows=[element(collection, row, codec, limit, preview) for row in page.rows],
        total=total,
        next=page.next,
        previous=page.previous,
        examined=page.examined,
        found=page.found,
        start=page.start,
        uniform=all(len(row.cells) == len(columns) for row in page.rows),
    )


def columns_of(collection: CollectionType, page: Page) -> tuple[Text, ...]:
    """Return the titles of the columns; of a stream, the fields that all its rows share."""
    titles = tuple(column.title for column in collection.columns)
    if not collection.has_fields:
        return titles
    shared = {row.fields for row in page.rows}
    if len(shared) != 1 or len(fields := shared.pop()) > MOST_COLUMNS:
        return (titles[0], gettext_lazy("Fields"))
    return (titles[0], *map(printable, fields))


def element(
    collection: CollectionType, row: Row, codec: Codec, limit: int, preview: int
) -> Element:
    """Return a row for people, of each cell so many bytes."""
    cells = tuple(
        cell(raw, codec if collection.is_value(place) else NAMES, limit, preview)
        for place, raw in enumerate(row.cells)
    )
    return Element(
        id=row.id,
        expected=row.expected,
        cells=cells,
        name=name_of(collection, row, cells),
        fields=tuple(map(printable, row.fields)),
        ttl=row.ttl,
    )


def name_of(collection: CollectionType, row: Row, cells: tuple[Content, ...]) -> str:
    """Return what to call an element: as it is shown where its name is a value."""
    if collection.is_value(0):
        text = printable(cells[0].formatted.text.encode())
    else:
        text = printable(row.name)
    return text if len(text) <= NAME_LENGTH else f"{text[:NAME_LENGTH]}…"


def cell(raw: bytes, codec: Codec, limit: int, preview: int) -> Content:
    return decode(
        raw[:limit],
        codec=codec,
        stored_size=len(raw) if len(raw) > limit else None,
        limit=limit,
        preview=preview,
    )


def read_element(client: Client, stored: bytes, type: str, id: str, codec: Codec) -> Element | None:
    """Return one element, decoded as far as a string would be; None if it is not there."""
    row = client.run(row_of(stored, type, id))
    if row is None:
        return None
    allowed = limits()
    return element(COLLECTIONS[type], row, codec, allowed.decode_bytes, allowed.preview_bytes)


def row_of(stored: bytes, type: str, id: str) -> Operation[Row | None]:
    if type == "list":
        return (yield from item_of(stored, id))
    if type == "stream":
        return (yield from entry_of(stored, id))
    names = yield from named(stored, type, [id])
    if not names or type not in NAMED:
        return None
    [name] = names
    if type == "hash":
        return (yield from field_of(stored, id, name))
    if type == "set":
        [there] = yield [ask("SISMEMBER", stored, name)]
        return Row(id, name, (name,)) if there else None
    [score] = yield [ask("ZSCORE", stored, name)]
    if score is None:
        return None
    return Row(id, name, (name, score_text(float(score))), expected_score(score))


def field_of(stored: bytes, id: str, name: bytes) -> Operation[Row | None]:
    asked = [ask("HGET", stored, name), *times_of(stored, [name])]
    value, *times = yield Batch(asked)
    if required(value) is None:
        return None
    rows = with_times([Row(id, name, (name, value), fingerprint(value))], *times)
    return rows[0] if rows else None


def item_of(stored: bytes, id: str) -> Operation[Row | None]:
    index = read_index(id)
    raw, length = yield [ask("LINDEX", stored, index), ask("LLEN", stored)]
    if raw is None:
        return None
    name = b"%d" % index
    return Row(id, name, (name, raw), expected_item(raw, length))


def entry_of(stored: bytes, id: str) -> Operation[Row | None]:
    found = read_entry_id(id)
    [entries] = yield [ask("XRANGE", stored, found, found)]
    return entry(*entries[0]) if entries else None

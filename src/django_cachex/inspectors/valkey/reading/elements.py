"""Rows of bytes as elements for people, and single elements in full."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.commands import Operation
from django_cachex.commands.command import Batch
from django_cachex.inspectors.content import Codec, Content, decode, fingerprint
from django_cachex.inspectors.entries import Element, Elements
from django_cachex.inspectors.facts import Text
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.naming import printable
from django_cachex.inspectors.valkey.changes.apply import NAMED, named
from django_cachex.inspectors.valkey.changes.lists import expected_item
from django_cachex.inspectors.valkey.changes.sorted_sets import expected_score, score_text
from django_cachex.inspectors.valkey.elements import COLLECTIONS, Collection
from django_cachex.inspectors.valkey.names import read_entry_id, read_index
from django_cachex.inspectors.valkey.reading.lifetimes import times_of, with_times
from django_cachex.inspectors.valkey.reading.page import Page, Row, ask
from django_cachex.inspectors.valkey.reading.streams import entry
from django_cachex.inspectors.valkey.replies import required

NAMES: Final = Codec("", "opaque", bytes)
"""Field names, scores and ids did not go through a serializer."""

MOST_COLUMNS: Final = 8
"""So many fields that entries of a stream share are columns of a table."""

NAME_LENGTH: Final = 200


def elements_of(collection: Collection, page: Page, codec: Codec, total: int) -> Elements:
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


def columns_of(collection: Collection, page: Page) -> tuple[Text, ...]:
    """Return the titles of the columns; of a stream, the fields that all its rows share."""
    titles = tuple(column.title for column in collection.columns)
    if not collection.has_fields:
        return titles
    shared = {row.fields for row in page.rows}
    if len(shared) != 1 or len(fields := shared.pop()) > MOST_COLUMNS:
        return (titles[0], _("Fields"))
    return (titles[0], *map(printable, fields))


def element(collection: Collection, row: Row, codec: Codec, limit: int, preview: int) -> Element:
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


def name_of(collection: Collection, row: Row, cells: tuple[Content, ...]) -> str:
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

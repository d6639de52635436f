"""Read pages of lists, sorted sets and streams, and single elements of any collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Command, Operation
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import ElementPage, InvalidPosition, Order
from django_cachex.inspectors.types import Element, Elements
from django_cachex.inspectors.valkey.element_rows import (
    ENTRY_ID,
    MAX_NAME_SIZE,
    ElementRow,
    entry_row,
    find_row,
    format_score,
    item_row,
    make_id,
    member_row,
    raw_command,
)
from django_cachex.inspectors.valkey.errors import require_reply
from django_cachex.inspectors.valkey.key_info import COLLECTIONS, CollectionType
from django_cachex.inspectors.valkey.scan_elements import (
    ReadRequest,
    RowPage,
    ScanBatch,
    parse_row_position,
    prefetch_run_id,
    scan_page,
    slice_at,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode


def read_list(request: ReadRequest) -> Operation[RowPage]:
    """Read a page of a list, from the head or, in reverse order, from the tail."""
    total, index = request.total, start_index(request)
    # Positions count in the requested order; indexes always count from the head.
    page_slice = slice_at(total - 1 - index if request.is_reversed else index, request.count, total)
    first, last = page_slice.start, page_slice.stop - 1
    if request.is_reversed:
        first, last = total - 1 - last, total - 1 - first
    [items] = yield [raw_command("LRANGE", request.key, first, last)]
    rows = [item_row(index, raw, total) for index, raw in enumerate(items, first)]
    return RowPage(
        rows[::-1] if request.is_reversed else rows,
        next=index_at(request, page_slice.next),
        previous=index_at(request, page_slice.previous),
        start=page_slice.start,
    )


def start_index(request: ReadRequest) -> int:
    """Return the list index at which a page starts."""
    index = parse_row_position(request.window.at)
    if index < 0:
        return index + request.total
    return request.total - 1 if request.is_reversed and not request.window.at else index


def index_at(request: ReadRequest, position: str | None) -> str | None:
    """Return the list index at a position in the requested order."""
    if position is None or not request.is_reversed:
        return position
    return str(request.total - 1 - int(position))


def read_sorted_set(request: ReadRequest) -> Operation[RowPage]:
    if request.window.match.strip("*"):
        return (yield from search_sorted_set(request))
    return (yield from read_by_rank(request))


def read_by_rank(request: ReadRequest) -> Operation[RowPage]:
    """Read a page of a sorted set, ordered by score.

    A range of scores is read by rank too: the server finds a rank directly, while `LIMIT` with an
    offset walks over the members before it.
    """
    base, size = 0, request.total
    window = request.window
    if window.lowest is not None or window.highest is not None:
        base, size = map(require_reply, request.prefetched)
    position = parse_row_position(window.at)
    page_slice = slice_at(position + size if position < 0 else position, request.count, size)
    if not size:
        return RowPage([], found=0)
    first, last = base + page_slice.start, base + page_slice.stop - 1
    reverse = ("REV",) if request.is_reversed else ()
    [flat] = yield [raw_command("ZRANGE", request.key, first, last, *reverse, "WITHSCORES")]
    ranks = range(first, last + 1)
    # Ranks from the lowest score, whatever the requested order.
    forward_ranks = [request.total - 1 - rank for rank in ranks] if request.is_reversed else ranks
    rows = [
        member_row(name, score, rank)
        for name, score, rank in zip(flat[::2], flat[1::2], forward_ranks, strict=False)
    ]
    is_range = size != request.total or base
    return RowPage(
        rows,
        next=page_slice.next,
        previous=page_slice.previous,
        found=size if is_range else None,
        start=page_slice.start,
    )


def prefetch_sorted_set(key: bytes, window: ElementPage) -> list[Command[int]]:
    """Return the commands to send before a search or a range of scores is read.

    For a range, they count the members before it and those in it.
    """
    if window.match.strip("*"):
        return prefetch_run_id(key, window)
    if window.lowest is None and window.highest is None:
        return []
    return [
        raw_command("ZCOUNT", key, *scores_before(window)),
        raw_command(
            "ZCOUNT", key, score_bound(window.lowest, "-inf"), score_bound(window.highest, "+inf")
        ),
    ]


def score_bound(score: float | None, default: str) -> bytes | str:
    return default if score is None else format_score(score)


def scores_before(window: ElementPage) -> tuple[bytes | str, bytes | str]:
    """Return the score range of the members that come before the requested ones."""
    if window.order == Order.LAST:
        if window.highest is None:
            return "(+inf", "+inf"
        return b"(" + format_score(window.highest), "+inf"
    if window.lowest is None:
        return "-inf", "(-inf"
    return "-inf", b"(" + format_score(window.lowest)


def search_sorted_set(request: ReadRequest) -> Operation[RowPage]:
    page = yield from scan_page(request, "ZSCAN", parse_zscan, match_values=True)
    # Members whose names are too long for a link are identified by rank.
    long_names = [row.name for row in page.rows if len(row.name) > MAX_NAME_SIZE]
    if not long_names:
        return page
    ranks = yield [raw_command("ZRANK", request.key, name) for name in long_names]
    ranks_by_name = dict(zip(long_names, ranks, strict=True))
    return replace(page, rows=[with_rank(row, ranks_by_name.get(row.name)) for row in page.rows])


def with_rank(row: ElementRow, rank: int | None) -> ElementRow:
    return row if rank is None else replace(row, id=make_id(row.name, rank))


def parse_zscan(batch: ScanBatch) -> Sequence[ElementRow]:
    flat = batch.flat
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [member_row(name, score, batch.cursor) for name, score in pairs]


BEFORE_MARK: Final = "<"
"""Prefix of the position of a page that ends before an entry ID."""


def read_stream(request: ReadRequest) -> Operation[RowPage]:
    """Read the page of a stream that starts at an entry ID or ends before it."""
    position = parse_stream_position(request.window.at)
    if position.startswith(BEFORE_MARK):
        page = yield from read_stream_before(request, position.removeprefix(BEFORE_MARK))
        if page.rows:
            return page
        position = ""
    name, start, end = ("XREVRANGE", "+", "-") if request.is_reversed else ("XRANGE", "-", "+")
    [entries] = yield [
        raw_command(name, request.key, position or start, end, "COUNT", request.count + 1)
    ]
    rows = [entry_row(*entry) for entry in entries]
    next_id = rows[request.count].id if len(rows) > request.count else None
    first = rows[0].id if rows else position
    return RowPage(
        rows[: request.count],
        next=next_id,
        previous=f"{BEFORE_MARK}{first}" if position else None,
        start=None if position else 0,
    )


def read_stream_entry(request: ReadRequest) -> Operation[RowPage]:
    """Read the entry with an ID or, if there is none, the next one."""
    position = parse_stream_position(request.window.at).removeprefix(BEFORE_MARK)
    name, start, end = ("XREVRANGE", "+", "-") if request.is_reversed else ("XRANGE", "-", "+")
    [entries] = yield [raw_command(name, request.key, position or start, end, "COUNT", 1)]
    rows = [entry_row(*entry) for entry in entries]
    next_id = next_entry_id(rows[0].id, request.is_reversed) if rows else None
    return RowPage(rows, next=next_id, start=None if position else 0)


def next_entry_id(id: str, is_reversed: bool) -> str | None:
    """Return the next possible ID in the page's order, whether such an entry exists or not."""
    milliseconds, sequence = map(int, id.split("-"))
    if not is_reversed:
        return f"{milliseconds}-{sequence + 1}"
    if sequence:
        return f"{milliseconds}-{sequence - 1}"
    return f"{milliseconds - 1}-{2**64 - 1}" if milliseconds else None


def read_stream_before(request: ReadRequest, id: str) -> Operation[RowPage]:
    """Read the page of a stream that ends before an entry ID."""
    name, end = ("XRANGE", "+") if request.is_reversed else ("XREVRANGE", "-")
    [entries] = yield [raw_command(name, request.key, f"({id}", end, "COUNT", request.count + 1)]
    rows = [entry_row(*entry) for entry in entries[: request.count]][::-1]
    more = len(entries) > request.count
    return RowPage(
        rows,
        next=id,
        previous=f"{BEFORE_MARK}{rows[0].id}" if more else None,
        start=None if more else 0,
    )


def parse_stream_position(position: str) -> str:
    """Validate an entry ID, full or only its milliseconds, optionally with `BEFORE_MARK`."""
    if position and not ENTRY_ID.fullmatch(position.removeprefix(BEFORE_MARK)):
        text = _('Enter an ID such as 1700000000000-0, or a date and time. You entered "%(at)s".')
        raise InvalidPosition(text % {"at": position[:50]})
    return position


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
    collection: CollectionType, row: ElementRow, value_format: ValueFormat, limit: int, preview: int
) -> Element:
    """Build the element to display, with at most `limit` bytes decoded per cell."""
    cells = tuple(
        decode_cell(
            raw, value_format if collection.is_value(index) else NAME_FORMAT, limit, preview
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


def decode_cell(raw: bytes, value_format: ValueFormat, limit: int, preview: int) -> Content:
    return decode(
        raw[:limit],
        value_format=value_format,
        stored_size=len(raw) if len(raw) > limit else None,
        limit=limit,
        preview=preview,
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

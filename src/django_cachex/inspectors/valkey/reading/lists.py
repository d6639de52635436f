"""Pages of lists, by index."""

from __future__ import annotations

from django_cachex.commands import Operation
from django_cachex.inspectors.valkey.changes.lists import expected_item
from django_cachex.inspectors.valkey.reading.page import Asked, Page, Row, ask, read_position, span


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

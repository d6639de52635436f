"""Pages of sorted sets, by rank; those of a search are in no order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django_cachex.commands import Command, Operation
from django_cachex.inspectors.valkey.changes.sorted_sets import expected_score, score_text
from django_cachex.inspectors.valkey.names import LONGEST, spell
from django_cachex.inspectors.valkey.reading.page import Asked, Page, Row, ask, read_position, span
from django_cachex.inspectors.valkey.reading.scanned import ScanBatch, before_scan, scan
from django_cachex.inspectors.valkey.replies import required
from django_cachex.inspectors.windows import Order, Window


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

"""Read and search pages of collections."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch
from django_cachex.conf import limits
from django_cachex.inspectors.query import ElementPage, InvalidPosition, Order, Pattern
from django_cachex.inspectors.valkey.element_rows import (
    ENTRY_ID,
    MAX_NAME_SIZE,
    ElementRow,
    RowPage,
    entry_row,
    field_row,
    field_times_commands,
    format_score,
    item_row,
    make_id,
    member_row,
    raw_command,
    with_ttls,
)
from django_cachex.inspectors.valkey.errors import require_reply
from django_cachex.inspectors.valkey.scan import MIN_COUNT, TIME_COMMAND, NodeScan, ScanCount
from django_cachex.inspectors.values import ValueFormat
from django_cachex.inspectors.values.decode import displayed_text


@dataclass(frozen=True)
class ReadRequest:
    """What to read of a collection, with the limits for it."""

    key: bytes
    window: ElementPage
    value_format: ValueFormat
    count: int
    """Approximate number of rows to return."""

    batch: int
    """Maximum number of elements per batch that is searched on the client."""

    deadline: float
    """The `time.monotonic` at which a search stops."""

    total: int
    prefetched: Sequence[Any] = ()
    """The replies, or errors, to the commands in `CollectionReader.prefetch`."""

    @property
    def is_reversed(self) -> bool:
        return self.window.order == Order.LAST


@dataclass(frozen=True)
class Slice:
    """The positions of a page in the requested order, out of `total`."""

    start: int
    stop: int
    """Exclusive."""

    total: int
    count: int

    @property
    def next(self) -> str | None:
        return str(self.stop) if self.stop < self.total else None

    @property
    def previous(self) -> str | None:
        return str(max(0, self.start - self.count)) if self.start else None


def slice_at(position: int, count: int, total: int) -> Slice:
    """Return the page that starts at a position; raise `InvalidPosition` if it is out of range."""
    if total and not 0 <= position < total:
        text = _("There is no index %(at)s. Enter an index from 0 to %(last)s.")
        raise InvalidPosition(text % {"at": position, "last": total - 1})
    return Slice(position, min(position + count, total), total, count)


def parse_row_position(position: str) -> int:
    """Parse a position; an empty one is 0, negative ones count from the end."""
    digits = position.removeprefix("-")
    if not position:
        return 0
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        text = _('Enter a whole number; negative numbers count from the end. You entered "%(at)s".')
        raise InvalidPosition(text % {"at": position[:50]})
    return int(position)


# Lists, sorted sets by rank, and streams.


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


# Hashes, sets, and searches in sorted sets: HSCAN, SSCAN and ZSCAN.


def fields_may_expire(prefetched: Sequence[Any]) -> bool:
    """Return whether the server supports `HPEXPIRE`; True if `COMMAND INFO` is denied.

    `COMMAND INFO` returns nil for an unknown command.
    """
    [description] = prefetched
    return isinstance(description, CommandError) or bool(description and description[0])


SCAN_POSITION = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,9}))?(?:@([0-9a-f]{1,16}))?", re.ASCII)

RUN_ID_SCRIPT = "return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')"
"""A script, so that in a cluster it runs on the node of the key."""


@dataclass(frozen=True)
class ScanBatch:
    """The reply to one scan command."""

    cursor: int
    """The cursor that the command was sent with."""

    next_cursor: int
    flat: list[bytes]


RowParser = Callable[[ScanBatch], Sequence[ElementRow]]


@dataclass
class RowCollector:
    """Collects the rows of a page."""

    count: int
    deadline: float
    matches: Callable[[ElementRow], bool] | None = None
    """Whether a row matches, if that is decided on the client."""

    rows: list[ElementRow] = field(default_factory=list)
    examined: int = 0

    def add_batch(self, rows: Sequence[ElementRow], offset: int) -> int | None:
        """Add the matching rows of a batch; return the offset at which it was cut, or None.

        Servers return small collections whole, whatever `COUNT` says. A batch is cut only if it is
        much larger than a page or takes too long to search, because the server may return its
        elements in another order next time.
        """
        is_cut = len(rows) > 2 * self.count
        for index, row in enumerate(rows[offset:], offset):
            if is_cut and len(self.rows) >= self.count:
                return index
            if self.matches is None or self.matches(row):
                self.rows.append(row)
            self.examined += 1
            if self.matches and time.monotonic() >= self.deadline and index + 1 < len(rows):
                return index + 1
        return None


def read_hash(request: ReadRequest) -> Operation[RowPage]:
    page = yield from scan_page(request, "HSCAN", parse_hscan, match_values=False)
    if not (page.rows and fields_may_expire(request.prefetched[1:])):
        return page
    times = yield field_times_commands(request.key, [row.name for row in page.rows])
    return replace(page, rows=with_ttls(page.rows, *times))


def prefetch_hash(key: bytes, window: ElementPage) -> list[Command[Any]]:
    return [*prefetch_run_id(key, window), raw_command("COMMAND", "INFO", "HPEXPIRE")]


def prefetch_run_id(key: bytes, window: ElementPage) -> list[Command[Any]]:
    """Return the command for the run ID of the server, to send before a scan."""
    return [raw_command("EVAL", RUN_ID_SCRIPT, 1, key)]


def parse_hscan(batch: ScanBatch) -> Sequence[ElementRow]:
    pairs = zip(batch.flat[::2], batch.flat[1::2], strict=True)
    return [field_row(name, value, batch.cursor) for name, value in pairs]


def read_set(request: ReadRequest) -> Operation[RowPage]:
    return (yield from scan_page(request, "SSCAN", parse_sscan, match_values=True))


def parse_sscan(batch: ScanBatch) -> Sequence[ElementRow]:
    return [ElementRow(make_id(name, batch.cursor), name, (name,)) for name in batch.flat]


def scan_page(
    request: ReadRequest, command: str, parse_rows: RowParser, match_values: bool
) -> Operation[RowPage]:
    """Read the page at a cursor, or search from there until the deadline.

    The server matches names. Members are serialized values, which are matched on the client.
    """
    pattern = Pattern(request.window.match)
    if pattern.error:
        raise InvalidPosition(pattern.error)
    scan, offset = parse_scan_position(request)
    cursor = scan.cursor
    start = (cursor, offset)
    match_here = (
        match_values and request.value_format.format != "opaque" and not pattern.matches_all
    )
    reader = BatchReader(request, command, parse_rows, not (match_here or pattern.matches_all))
    collector = RowCollector(
        request.count, request.deadline, row_filter(pattern, request.value_format, match_here)
    )
    while True:
        batch, rows = yield from reader.read(cursor, len(collector.rows))
        cut = collector.add_batch(rows, offset)
        if reader.match_on_server and cut is None:
            collector.examined += max(0, reader.count - len(rows))
        if cut is not None:
            return build_page(
                request, collector, format_scan_position(cursor, cut, scan), start, scan
            )
        cursor, offset = batch.next_cursor, 0
        if not cursor or is_enough(collector, request, bool(pattern.matches_all)):
            next_position = format_scan_position(cursor, 0, scan) if cursor else None
            return build_page(request, collector, next_position, start, scan)


def row_filter(
    pattern: Pattern, value_format: ValueFormat, match_here: bool
) -> Callable[[ElementRow], bool] | None:
    """Return a filter for rows, or None if the server's matching is exact."""
    if match_here:
        return lambda row: pattern.matches(member_text(row.name, value_format))
    return None if pattern.glob_is_exact else lambda row: pattern.matches(row.name)


@dataclass
class BatchReader:
    """Reads batches of elements, each small enough not to block the server."""

    request: ReadRequest
    command: str
    parse_rows: RowParser
    match_on_server: bool
    """Whether the server matches names, which takes longer for long ones."""

    scan_count: ScanCount = field(default_factory=lambda: ScanCount(limits().scan_count, MIN_COUNT))
    count: int = 0

    def read(self, cursor: int, found: int) -> Operation[tuple[ScanBatch, Sequence[ElementRow]]]:
        """Read the batch at a cursor; return it and its rows."""
        args = (self.command, self.request.key, str(cursor))
        if self.match_on_server:
            next_cursor, flat = yield from self._read_matching(args, found)
        else:
            is_plain = not self.request.window.match.strip("*")
            self.count = self.request.count if is_plain else self.request.batch
            [(next_cursor, flat)] = yield [raw_command(*args, "COUNT", self.count)]
        batch = ScanBatch(cursor, int(next_cursor), flat)
        return batch, self.parse_rows(batch)

    def _read_matching(self, args: tuple[str | bytes, ...], found: int) -> Operation[Any]:
        self.count = count = self.scan_count.next_count(self.request.count, found)
        glob, started = Pattern(self.request.window.match).glob(), time.perf_counter()
        command = raw_command(*args, "MATCH", glob, "COUNT", count)
        before, reply, after = yield Batch([TIME_COMMAND, command, TIME_COMMAND])
        self.scan_count.record_times(count, before, after, time.perf_counter() - started)
        return require_reply(reply)


def is_enough(collector: RowCollector, request: ReadRequest, is_plain: bool) -> bool:
    """Return whether the page is complete or the deadline has passed."""
    enough = 1 if is_plain else request.count
    return len(collector.rows) >= enough or time.monotonic() >= request.deadline


def member_text(raw: bytes, value_format: ValueFormat) -> str:
    """Return the text of a member as shown on the page, which the pattern is matched against."""
    allowed = limits()
    limit = max(allowed.decode_bytes // allowed.elements, allowed.element_chars)
    return displayed_text(raw, value_format, limit)


def build_page(
    request: ReadRequest,
    collector: RowCollector,
    next_position: str | None,
    start: tuple[int, int],
    scan: NodeScan,
) -> RowPage:
    cursor, offset = start
    searched = not Pattern(request.window.match).matches_all
    whole = start == (0, 0) and next_position is None
    examined = request.total if whole else min(collector.examined, request.total)
    back = format_scan_position(cursor, max(0, offset - request.count), scan) if offset else None
    return RowPage(
        collector.rows,
        next=next_position,
        previous=back,
        examined=examined if searched else None,
        start=0 if start == (0, 0) else None,
    )


def parse_scan_position(request: ReadRequest) -> tuple[NodeScan, int]:
    """Return the scan and the offset in its first batch at which a page starts.

    A cursor is meaningless after a restart of the server: the scan then restarts once.
    """
    match = SCAN_POSITION.fullmatch(request.window.at or "0")
    if match is None or int(match[1]) >= 2**64:
        raise InvalidPosition(_("This key has no page at this position."))
    cursor, offset = int(match[1]), int(match[2] or 0)
    # An offset in the first batch is as meaningless as a cursor: it makes the scan restart, too.
    scan = NodeScan(cursor=cursor or offset, run_id=match[3] or "")
    run_id = request.prefetched[0] if request.prefetched else None
    if scan.restart_if_needed(run_id.decode() if isinstance(run_id, bytes) else ""):
        return scan, 0
    scan.cursor = cursor
    return scan, offset


def format_scan_position(cursor: int, offset: int, scan: NodeScan) -> str:
    """Return `Window.at` for a page."""
    position = f"{cursor}.{offset}" if offset else str(cursor)
    return f"{position}@{scan.run_id}" if scan.run_id else position

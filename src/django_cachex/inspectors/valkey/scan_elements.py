"""Read and search hashes, sets and sorted sets with HSCAN, SSCAN and ZSCAN."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch
from django_cachex.conf import limits
from django_cachex.inspectors.query import ElementPage, InvalidPosition, Order, Pattern
from django_cachex.inspectors.valkey.element_rows import (
    ElementRow,
    field_row,
    field_times_commands,
    make_id,
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
class RowPage:
    """Some rows, with the positions of the pages before and after them."""

    rows: Sequence[ElementRow]
    next: str | None = None
    previous: str | None = None
    examined: int | None = None
    found: int | None = None
    start: int | None = None


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

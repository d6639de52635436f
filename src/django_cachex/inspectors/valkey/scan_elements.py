"""Search the elements of a hash, set or sorted set with HSCAN, SSCAN and ZSCAN."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch, EncodableArg, parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors.query import InvalidWindow, Order, Pattern, Window
from django_cachex.inspectors.types import TTL_MISSING
from django_cachex.inspectors.valkey.compare_and_set import expecting
from django_cachex.inspectors.valkey.element_ids import spell
from django_cachex.inspectors.valkey.errors import permitted, required
from django_cachex.inspectors.valkey.scan import SMALLEST, TIME, Pace, Walk
from django_cachex.inspectors.values import Codec, fingerprint
from django_cachex.inspectors.values.decode import decoded, undecoded


def ask(*words: EncodableArg) -> Command[Any]:
    """Return the command for a raw reply."""
    return Command(words, parse_raw)


@dataclass(frozen=True)
class Asked:
    """A window of a key."""

    key: bytes
    window: Window
    codec: Codec
    count: int
    """How many rows to return, about."""

    batch: int
    """How many elements to fetch at once at most, to search them here."""

    deadline: float
    """When to stop a search, by `time.monotonic`."""

    total: int
    known: Sequence[Any] = ()
    """The replies to what the type asks before; a refusal in the place of one denied."""

    @property
    def is_reversed(self) -> bool:
        return self.window.order == Order.LAST


@dataclass(frozen=True)
class Row:
    """One element, as stored."""

    id: str
    name: bytes
    cells: tuple[bytes, ...]
    """A cell for each column; of a stream's entry the id, then a value for each of its fields."""

    expected: str = ""
    fields: tuple[bytes, ...] = ()
    ttl: int | None = None
    """Milliseconds or `NEVER`; None where elements of its kind do not expire."""


@dataclass(frozen=True)
class Page:
    """Some rows, and where those before and after them begin."""

    rows: Sequence[Row]
    next: str | None = None
    previous: str | None = None
    examined: int | None = None
    found: int | None = None
    start: int | None = None


@dataclass(frozen=True)
class Span:
    """Consecutive positions, in the order asked for: the page at `start` of `total`."""

    start: int
    stop: int
    """Not included."""

    total: int
    count: int

    @property
    def next(self) -> str | None:
        return str(self.stop) if self.stop < self.total else None

    @property
    def previous(self) -> str | None:
        return str(max(0, self.start - self.count)) if self.start else None


def span(at: int, count: int, total: int) -> Span:
    """Return the page that begins at a position; `InvalidWindow` where there is none."""
    if total and not 0 <= at < total:
        text = _("There is no index %(at)s. Enter an index from 0 to %(last)s.")
        raise InvalidWindow(text % {"at": at, "last": total - 1})
    return Span(at, min(at + count, total), total, count)


def read_position(at: str) -> int:
    """Return a position, 0 for none; negative ones count from the end."""
    digits = at.removeprefix("-")
    if not at:
        return 0
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        text = _('Enter a whole number; negative numbers count from the end. You entered "%(at)s".')
        raise InvalidWindow(text % {"at": at[:50]})
    return int(at)


Times = list[int] | CommandError


def may_expire(known: Sequence[Any]) -> bool:
    """Return whether the server knows `HPEXPIRE`, by what it says of it; True if it says nothing.

    A command that it does not know is described by nothing.
    """
    [described] = known
    return isinstance(described, CommandError) or bool(described and described[0])


def times_of(key: bytes, names: Sequence[bytes]) -> Batch:
    """Return the commands for what fields have left, and when they expire."""
    fields: tuple[EncodableArg, ...] = ("FIELDS", len(names), *names)
    return Batch([ask("HPTTL", key, *fields), ask("HPEXPIRETIME", key, *fields)])


def with_times(rows: Sequence[Row], left: Times, moments: Times) -> list[Row]:
    """Return rows with what was answered, without those that have expired."""
    unknown = [None] * len(rows)
    ttls: Sequence[int | None] = permitted(left) or unknown
    whens: Sequence[int | None] = permitted(moments) or unknown
    return [
        replace(row, ttl=ttl, expected=expecting(row.expected, when))
        for row, ttl, when in zip(rows, ttls, whens, strict=True)
        if TTL_MISSING not in (ttl, when)
    ]


CURSOR = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,9}))?(?:@([0-9a-f]{1,16}))?", re.ASCII)

RUN_ID = "return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')"
"""A script, because it is to run where the key is."""


@dataclass(frozen=True)
class ScanBatch:
    """What one `SCAN` found."""

    cursor: int
    """Where it began."""

    following: int
    flat: list[bytes]


Rows = Callable[[ScanBatch], Sequence[Row]]


@dataclass
class Found:
    """The rows of a page as they come together."""

    count: int
    deadline: float
    matches: Callable[[Row], bool] | None = None
    """Whether a row is meant, where that has to be found out here."""

    rows: list[Row] = field(default_factory=list)
    examined: int = 0

    def take(self, rows: Sequence[Row], offset: int) -> int | None:
        """Take those of a batch that match; return where it was cut, or None.

        Small hashes and sets come whole, whatever was asked for: only a batch that is much larger
        than a page, or that takes too long to look through, is cut, since another like it may come
        in another order.
        """
        is_cut = len(rows) > 2 * self.count
        for place, row in enumerate(rows[offset:], offset):
            if is_cut and len(self.rows) >= self.count:
                return place
            if self.matches is None or self.matches(row):
                self.rows.append(row)
            self.examined += 1
            if self.matches and time.monotonic() >= self.deadline and place + 1 < len(rows):
                return place + 1
        return None


def read_fields(asked: Asked) -> Operation[Page]:
    page = yield from scan(asked, "HSCAN", fields, by_value=False)
    if not (page.rows and may_expire(asked.known[1:])):
        return page
    times = yield times_of(asked.key, [row.name for row in page.rows])
    return replace(page, rows=with_times(page.rows, *times))


def before_fields(key: bytes, window: Window) -> list[Command[Any]]:
    return [*before_scan(key, window), ask("COMMAND", "INFO", "HPEXPIRE")]


def before_scan(key: bytes, window: Window) -> list[Command[Any]]:
    """Return what to ask first, and first of all, before a scan."""
    return [ask("EVAL", RUN_ID, 1, key)]


def fields(batch: ScanBatch) -> Sequence[Row]:
    pairs = zip(batch.flat[::2], batch.flat[1::2], strict=True)
    return [
        Row(spell(name, batch.cursor), name, (name, value), fingerprint(value))
        for name, value in pairs
    ]


def read_members(asked: Asked) -> Operation[Page]:
    return (yield from scan(asked, "SSCAN", members, by_value=True))


def members(batch: ScanBatch) -> Sequence[Row]:
    return [Row(spell(name, batch.cursor), name, (name,)) for name in batch.flat]


def scan(asked: Asked, command: str, rows_of: Rows, by_value: bool) -> Operation[Page]:
    """Return a page from a cursor on, or what a search finds until the deadline.

    The server matches names; values, which the alias's serializer wrote, are matched here.
    """
    pattern = Pattern(asked.window.match)
    if pattern.problem:
        raise InvalidWindow(pattern.problem)
    walk, offset = read_place(asked)
    cursor = walk.cursor
    start = (cursor, offset)
    here = by_value and asked.codec.kind != "opaque" and not pattern.matches_all
    batches = Batches(asked, command, rows_of, not (here or pattern.matches_all))
    found = Found(asked.count, asked.deadline, matching(pattern, asked.codec, here))
    while True:
        batch, rows = yield from batches.at(cursor, len(found.rows))
        cut = found.take(rows, offset)
        if batches.on_server and cut is None:
            found.examined += max(0, batches.count - len(rows))
        if cut is not None:
            return page(asked, found, write_place(cursor, cut, walk), start, walk)
        cursor, offset = batch.following, 0
        if not cursor or is_enough(found, asked, bool(pattern.matches_all)):
            following_place = write_place(cursor, 0, walk) if cursor else None
            return page(asked, found, following_place, start, walk)


def matching(pattern: Pattern, codec: Codec, here: bool) -> Callable[[Row], bool] | None:
    """Return what tells whether a row matches, or None where the server's word is enough."""
    if here:
        return lambda row: pattern.matches(shown(row.name, codec))
    return None if pattern.glob_is_exact else lambda row: pattern.matches(row.name)


@dataclass
class Batches:
    """The commands of one search, of which each asks for as much as holds up nobody."""

    asked: Asked
    command: str
    rows_of: Rows
    on_server: bool
    """Whether the server compares names, which takes it longer the longer they are."""

    pace: Pace = field(default_factory=lambda: Pace(limits().scan_count, SMALLEST))
    count: int = 0

    def at(self, cursor: int, found: int) -> Operation[tuple[ScanBatch, Sequence[Row]]]:
        """Return a batch from a cursor on, and its rows."""
        words = (self.command, self.asked.key, str(cursor))
        if self.on_server:
            following, flat = yield from self._compared(words, found)
        else:
            is_plain = not self.asked.window.match.strip("*")
            self.count = self.asked.count if is_plain else self.asked.batch
            [(following, flat)] = yield [ask(*words, "COUNT", self.count)]
        batch = ScanBatch(cursor, int(following), flat)
        return batch, self.rows_of(batch)

    def _compared(self, words: tuple[str | bytes, ...], found: int) -> Operation[Any]:
        self.count = count = self.pace.count(self.asked.count, found)
        glob, started = Pattern(self.asked.window.match).glob(), time.perf_counter()
        command = ask(*words, "MATCH", glob, "COUNT", count)
        before, reply, after = yield Batch([TIME, command, TIME])
        self.pace.heard(count, before, after, time.perf_counter() - started)
        return required(reply)


def is_enough(found: Found, asked: Asked, is_plain: bool) -> bool:
    """Return whether a page has come together, or time is over."""
    enough = 1 if is_plain else asked.count
    return len(found.rows) >= enough or time.monotonic() >= asked.deadline


def shown(raw: bytes, codec: Codec) -> str:
    """Return a member as the page shows it, to be matched."""
    allowed = limits()
    limit = max(allowed.decode_bytes // allowed.elements, allowed.element_chars)
    if len(raw) > limit:
        return undecoded(len(raw), limit, raw[:limit]).formatted
    return decoded(raw, codec, limit).formatted


def page(
    asked: Asked, found: Found, following: str | None, start: tuple[int, int], walk: Walk
) -> Page:
    cursor, offset = start
    searched = not Pattern(asked.window.match).matches_all
    whole = start == (0, 0) and following is None
    examined = asked.total if whole else min(found.examined, asked.total)
    back = write_place(cursor, max(0, offset - asked.count), walk) if offset else None
    return Page(
        found.rows,
        next=following,
        previous=back,
        examined=examined if searched else None,
        start=0 if start == (0, 0) else None,
    )


def read_place(asked: Asked) -> tuple[Walk, int]:
    """Return where a page begins, and how much of its batch came before it.

    After a restart of the server a cursor says nothing any more: the walk begins anew, once.
    """
    found = CURSOR.fullmatch(asked.window.at or "0")
    if found is None or int(found[1]) >= 2**64:
        raise InvalidWindow(_("This key has no page at this position."))
    cursor, offset = int(found[1]), int(found[2] or 0)
    # Within a batch, too, nothing is where it was.
    walk = Walk(cursor=cursor or offset, run=found[3] or "")
    run = asked.known[0] if asked.known else None
    if walk.begins_anew(run.decode() if isinstance(run, bytes) else ""):
        return walk, 0
    walk.cursor = cursor
    return walk, offset


def write_place(cursor: int, offset: int, walk: Walk) -> str:
    """Return `Window.at` of a page."""
    place = f"{cursor}.{offset}" if offset else str(cursor)
    return f"{place}@{walk.run}" if walk.run else place

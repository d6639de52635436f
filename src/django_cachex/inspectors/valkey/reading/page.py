"""What is asked of a collection, and the rows that are had of it, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.commands import Command
from django_cachex.commands.command import EncodableArg, parse_raw
from django_cachex.inspectors.content import Codec
from django_cachex.inspectors.windows import InvalidWindow, Order, Window


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
        text = _("There is no position %(at)s: they go from 0 to %(last)s.")
        raise InvalidWindow(text % {"at": at, "last": total - 1})
    return Span(at, min(at + count, total), total, count)


def read_position(at: str) -> int:
    """Return a position, 0 for none; negative ones count from the end."""
    digits = at.removeprefix("-")
    if not at:
        return 0
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        text = _('Enter a whole number, negative from the end. You entered "%(at)s".')
        raise InvalidWindow(text % {"at": at[:50]})
    return int(at)

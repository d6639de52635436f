"""Format sizes, durations, dates and other values for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from django_cachex.admin.components import Component
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.namespaces import Estimate
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import human_size
from django_cachex.inspectors.values.tree import max_int_digits

NO_VALUE = "–"
"""Shown instead of a value that is not known."""

MAX_NAME_LENGTH, NAME_HEAD_LENGTH = 300, 200
"""The length of a shortened name in characters, and how many of them are from its start."""

SECOND = 1000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND


def format_number(value: float, decimals: int = 0) -> str:
    """Return a number with the thousands separators of the active language."""
    if not decimals and isinstance(value, int) and 0 <= value < 1000:
        return str(int(value))  # A shortcut: small numbers are the same in every language.
    if has_too_many_digits(value):
        return format_exact(value)
    return formats.number_format(value, decimals, use_l10n=True, force_grouping=True)


def format_share(share: Estimate) -> str:
    """Return a share in percent, with its margin of error."""
    value = f"{format_number(100 * share.value, 0 if share.value in (0, 1) else 1)} %"
    error = 100 * share.error
    if error == 0:
        return value
    return f"{value} ± {format_number(error, 1)}" if error >= 0.05 else f"{value} ± 0.1"


def format_exact(value: float) -> str:
    """Return a number as Python writes it, or its number of digits if that is too large."""
    if not has_too_many_digits(value):
        return str(value)
    count = int(int(value).bit_length() * math.log10(2)) + 1
    return _("a number with about %(count)s digits") % {"count": format_number(count)}


def has_too_many_digits(value: float) -> bool:
    """Return whether a number has more digits than Python converts to text."""
    return isinstance(value, int) and abs(value) >= 10 ** max_int_digits()


def format_size(count: int) -> str:
    """Return a number of bytes in a readable unit, such as `1.2 kB`."""
    return str(human_size(count))


def format_size_with_exact(count: int) -> tuple[str, str]:
    """Return a number of bytes in a readable unit, and the exact number if that differs."""
    exact = _("%(count)s bytes") % {"count": format_number(count)} if count >= 1000 else ""
    return format_size(count), exact


def format_length(size: int, unit: Unit) -> tuple[str, str]:
    """Return the length of a key in its unit, and its exact form if that differs."""
    if unit == Unit.BYTES:
        return format_size_with_exact(size)
    return format_count(size, unit), ""


def format_duration(milliseconds: int) -> str:
    """Return a duration in its two largest units, such as `2 h 5 min`."""
    if milliseconds < SECOND:
        return _("%(count)s ms") % {"count": milliseconds}
    # The script of the TTL countdown uses the same words.
    in_hours, in_minutes, in_seconds = pgettext("units of time", "h min s").split()
    days = milliseconds // DAY
    units = [
        (DAY, ngettext("day", "days", days) if days else ""),
        (HOUR, in_hours),
        (MINUTE, in_minutes),
        (SECOND, in_seconds),
    ]
    texts: list[str] = []
    for length, unit in units:
        count, milliseconds = divmod(milliseconds, length)
        if count:
            texts.append(f"{format_number(count)} {unit}")
        if texts and (not count or len(texts) == 2):
            break
    return " ".join(texts)


def format_datetime(when: datetime | None) -> str:
    """Return a date and time in the current time zone, such as `2030-12-31 23:59:00 CET`.

    None stands for a time after the year 9999, which `datetime` can't represent.
    """
    local = _to_local_time(when)
    if local is None:
        return _("the end of the year 9999 or later")
    return f"{local:%Y-%m-%d %H:%M:%S} {format_zone(local)}"


def format_moment(when: datetime | None) -> str:
    """Return a date and time to follow a verb, such as `on 2030-12-31 at 23:59:00 CET`."""
    local = _to_local_time(when)
    if local is None:
        return _("at the end of the year 9999 or later")
    time = f"{local:%H:%M:%S} {format_zone(local)}"
    return _("on %(date)s at %(time)s") % {"date": f"{local:%Y-%m-%d}", "time": time}


def _to_local_time(when: datetime | None) -> datetime | None:
    """Return a date and time with its time zone, or None if it is after the year 9999."""
    if when is None:
        return None
    try:
        return timezone.localtime(when) if timezone.is_aware(when) else when.astimezone()
    except OverflowError:
        return None


AMBIGUOUS_ABBREVIATIONS = frozenset(["CST", "CDT", "IST", "PST", "PDT"])
"""Abbreviations of several time zones: `IST` is used in India, Israel and Ireland."""


def format_zone(when: datetime) -> str:
    """Return the abbreviation of a date's time zone if that is clear, else its offset from UTC."""
    name = when.tzname() or ""
    if name.isalpha() and name not in AMBIGUOUS_ABBREVIATIONS:
        return name
    offset = when.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


def current_zone_name() -> str:
    """Return the name of the time zone in which dates are shown and entered."""
    if settings.USE_TZ:
        return timezone.get_current_timezone_name()
    return format_zone(datetime.now().astimezone())


def name_or_placeholder(name: str) -> str:
    """Return a name, or `(empty name)` in place of an empty one."""
    return name or _("(empty name)")


def format_name(text: str) -> str:
    """Return the name of a key; the middle of a long name is left out."""
    if len(text) <= MAX_NAME_LENGTH:
        return name_or_placeholder(text)
    return f"{text[:NAME_HEAD_LENGTH]}…{text[NAME_HEAD_LENGTH + 1 - MAX_NAME_LENGTH :]}"


def format_current_time() -> str:
    """Return the current time of day in the current time zone, with the zone."""
    now = timezone.now()
    local = _to_local_time(now) or now
    return f"{local:%H:%M:%S} {format_zone(local)}"


def format_ttl(ttl: int | None) -> str:
    """Return in words when a key expires, from its TTL in milliseconds."""
    if ttl is None:
        return _("unknown")
    if ttl == TTL_NONE:
        return _("never")
    if ttl < 0:
        return _("expired")
    return _("in %(duration)s") % {"duration": format_duration(ttl)}


def format_expiry(ttl: int) -> str:
    """Return a sentence about when a key expires that is stored now with a TTL in milliseconds."""
    if ttl == TTL_NONE:
        return _("The key will never expire.")
    return _("The key will expire in %(duration)s, %(moment)s.") % {
        "duration": format_duration(ttl),
        "moment": format_moment(expiry_datetime(ttl)),
    }


def expiry_datetime(ttl: int) -> datetime | None:
    """Return when a TTL in milliseconds ends, or None if that is after the year 9999."""
    try:
        return timezone.now() + timedelta(milliseconds=ttl)
    except OverflowError:
        return None


def format_count(count: int, unit: Unit) -> str:
    """Return a number of elements with its unit, such as `3 fields`."""
    words = {
        Unit.ITEMS: ngettext("%(count)s item", "%(count)s items", count),
        Unit.FIELDS: ngettext("%(count)s field", "%(count)s fields", count),
        Unit.MEMBERS: ngettext("%(count)s member", "%(count)s members", count),
        Unit.ENTRIES: ngettext("%(count)s entry", "%(count)s entries", count),
    }
    return words[unit] % {"count": format_number(count)}


def format_in_unit(value: object, unit: Unit) -> tuple[str, str]:
    """Return a value in its unit, and its exact form if that differs."""
    if isinstance(value, datetime):
        return format_datetime(value), value.isoformat(timespec="seconds")
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        return str(value), ""
    return _FORMATTERS.get(unit, _format_plain)(value)


def is_finite(value: float) -> bool:
    """Return whether a number is finite; an integer too large for a float is."""
    return isinstance(value, int) or math.isfinite(value)


def _format_plain(value: float) -> tuple[str, str]:
    return format_number(value, 0 if isinstance(value, int) else 1), ""


def _format_decimal(value: float) -> str:
    return format_number(value, 0 if isinstance(value, int) else 2)


def _format_milliseconds(value: float) -> tuple[str, str]:
    if value == TTL_NONE:
        return _("never"), ""
    if value < SECOND:
        return _("%(count)s ms") % {"count": _format_decimal(value)}, ""
    return format_duration(int(value)), _("%(count)s s") % {"count": _format_decimal(value / 1000)}


_FORMATTERS: dict[Unit, Callable[[float], tuple[str, str]]] = {
    Unit.BYTES: lambda value: format_size_with_exact(int(value)),
    Unit.SECONDS: lambda value: (
        format_duration(int(value * SECOND)),
        _("%(count)s s") % {"count": _format_decimal(value)},
    ),
    Unit.MILLISECONDS: _format_milliseconds,
    Unit.PERCENT: lambda value: (f"{format_number(value, 1)} %", ""),
}


# Collapsible blocks of an indented text, which show the outline of a large value.

MAX_PLAIN_LINES = 40
"""A text of at most this many lines is not split."""

MIN_BLOCK_LINES = 3
"""The fewest lines of a block that can be collapsed."""

MAX_OPEN_LINES = 12
"""A block of at most this many lines is open at first."""

MAX_LEVELS = 3
"""The number of nested levels that can be collapsed."""


@dataclass(frozen=True)
class CollapsibleBlock(Component):
    """Some lines of text, or the first line of a block and the block's content."""

    text: str
    children: Sequence[CollapsibleBlock] = ()
    lines: int = 0
    """The number of lines in the block."""

    @property
    def is_open(self) -> bool:
        return self.lines <= MAX_OPEN_LINES


def parse_blocks(text: str) -> Sequence[CollapsibleBlock]:
    """Return the blocks of a text; nothing if the text is short or has no blocks."""
    lines = text.split("\n")
    if len(lines) <= MAX_PLAIN_LINES:
        return ()
    # The outermost brackets stay open, because they contain everything.
    first, *rest = lines
    blocks = _split_blocks(rest, MAX_LEVELS)
    if not any(one.children for one in blocks):
        return ()
    return [CollapsibleBlock(first), *blocks]


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _split_blocks(lines: Sequence[str], levels: int) -> list[CollapsibleBlock]:
    """Return the blocks that begin at the outermost indentation of some lines."""
    if not levels or not lines:
        return [CollapsibleBlock("\n".join(lines))] if lines else []
    outermost = _indentation(lines[0])
    starts = [at for at, line in enumerate(lines) if _indentation(line) <= outermost]
    blocks: list[CollapsibleBlock] = []
    plain: list[str] = []
    for start, end in pairwise([*starts, len(lines)]):
        inside = lines[start + 1 : end]
        if len(inside) < MIN_BLOCK_LINES:
            plain += lines[start:end]
            continue
        if plain:
            blocks.append(CollapsibleBlock("\n".join(plain)))
            plain = []
        blocks.append(
            CollapsibleBlock(lines[start], _split_blocks(inside, levels - 1), len(inside))
        )
    if plain:
        blocks.append(CollapsibleBlock("\n".join(plain)))
    return blocks

"""Format sizes, durations and other figures for people."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import human_size
from django_cachex.inspectors.values.pickle_machine import most_digits

NOTHING = "–"
"""Stands where there is no figure."""

LONGEST_NAME, BEGINNING = 300, 200
"""Characters that are shown of a name, and how many of them are its first ones."""

SECOND = 1000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND


def number(value: float, decimals: int = 0) -> str:
    """Return a number with the language's thousands separators."""
    if not decimals and isinstance(value, int) and 0 <= value < 1000:
        return str(int(value))  # Every language writes it so, and pages are full of them.
    if is_endless(value):
        return exact(value)
    return formats.number_format(value, decimals, use_l10n=True, force_grouping=True)


def exact(value: float) -> str:
    """Return a number as code writes it; of too many digits, how many they are."""
    if not is_endless(value):
        return str(value)
    count = int(int(value).bit_length() * math.log10(2)) + 1
    return _("a number with about %(count)s digits") % {"count": number(count)}


def is_endless(value: float) -> bool:
    """Return whether a number has more digits than can be written."""
    return isinstance(value, int) and abs(value) >= 10 ** most_digits()


def size(count: int) -> str:
    """Return a number of bytes in the unit that leaves it readable."""
    return str(human_size(count))


def size_with_exact(count: int) -> tuple[str, str]:
    """Return a number of bytes for people, and its exact figure where that says more."""
    exact = _("%(count)s bytes") % {"count": number(count)} if count >= 1000 else ""
    return size(count), exact


def duration(milliseconds: int) -> str:
    """Return a time span in its two largest units."""
    if milliseconds < SECOND:
        return _("%(count)s ms") % {"count": milliseconds}
    days, rest = divmod(milliseconds, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    # The countdown's script is given the same words.
    in_hours, in_minutes, in_seconds = pgettext("units of time", "h min s").split()
    parts = [
        (days, ngettext("day", "days", days) if days else ""),
        (hours, in_hours),
        (minutes, in_minutes),
        (rest // SECOND, in_seconds),
    ]
    first = next(index for index, (count, _text) in enumerate(parts) if count)
    return " ".join(f"{number(count)} {unit}" for count, unit in parts[first : first + 2] if count)


def moment(when: datetime | None) -> str:
    """Return a moment in the current time zone, with its date, the same in every language.

    None is one too far away to have a date, as is the last day that has one, in some time zones.
    """
    if when is None:
        return _("the end of the year 9999 or later")
    try:
        local = timezone.localtime(when) if timezone.is_aware(when) else when
    except OverflowError:
        return _("the end of the year 9999 or later")
    return f"{local:%Y-%m-%d %H:%M:%S}"


def name(text: str) -> str:
    """Return the name of a key for a line of a page: of a long one its beginning and its end."""
    if len(text) <= LONGEST_NAME:
        return text or _("(empty name)")
    return f"{text[:BEGINNING]}…{text[BEGINNING + 1 - LONGEST_NAME :]}"


def clock() -> str:
    """Return the time of day in the current time zone."""
    now = timezone.now()
    return f"{timezone.localtime(now) if timezone.is_aware(now) else now:%H:%M:%S}"


def expiry(ttl: int | None) -> str:
    """Return when a key expires, from its TTL in milliseconds."""
    if ttl is None:
        return _("unknown")
    if ttl == TTL_NONE:
        return _("never")
    if ttl < 0:
        return _("gone")
    return _("in %(duration)s") % {"duration": duration(ttl)}


def expires_at(ttl: int) -> datetime | None:
    """Return the moment that a TTL in milliseconds leads to, or None if it is too far away."""
    try:
        return timezone.now() + timedelta(milliseconds=ttl)
    except OverflowError:
        return None


def elements(count: int, unit: Unit) -> str:
    """Return the size of a collection with what it counts."""
    words = {
        Unit.ITEMS: ngettext("%(count)s item", "%(count)s items", count),
        Unit.FIELDS: ngettext("%(count)s field", "%(count)s fields", count),
        Unit.MEMBERS: ngettext("%(count)s member", "%(count)s members", count),
        Unit.ENTRIES: ngettext("%(count)s entry", "%(count)s entries", count),
    }
    return words[unit] % {"count": number(count)}


def amount(value: object, unit: Unit) -> tuple[str, str]:
    """Return a figure for people, and its exact form where that says more."""
    if isinstance(value, datetime):
        return moment(value), value.isoformat(timespec="seconds")
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        return str(value), ""
    return _FORMS.get(unit, _plain)(value)


def is_finite(value: float) -> bool:
    """Return whether a figure is a number; one that is too large for a float is."""
    return isinstance(value, int) or math.isfinite(value)


def _plain(value: float) -> tuple[str, str]:
    return number(value, 0 if isinstance(value, int) else 1), ""


def _exact(value: float) -> str:
    return number(value, 0 if isinstance(value, int) else 2)


def _milliseconds(value: float) -> tuple[str, str]:
    if value == TTL_NONE:
        return _("never"), ""
    return duration(int(value)), _("%(count)s s") % {"count": _exact(value / 1000)}


_FORMS: dict[Unit, Callable[[float], tuple[str, str]]] = {
    Unit.BYTES: lambda value: size_with_exact(int(value)),
    Unit.SECONDS: lambda value: (
        duration(int(value * SECOND)),
        _("%(count)s s") % {"count": _exact(value)},
    ),
    Unit.MILLISECONDS: _milliseconds,
    Unit.PERCENT: lambda value: (f"{number(value, 1)} %", ""),
}

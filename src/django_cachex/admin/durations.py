"""Parse durations as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from django.utils import dateparse, formats
from django.utils.timesince import TIME_STRINGS
from django.utils.translation import ngettext, pgettext

MAX_LENGTH: Final = 60
"""The most characters of a duration."""

SECOND: Final = 1000
MINUTE, HOUR, DAY, WEEK = 60 * SECOND, 3600 * SECOND, 86400 * SECOND, 7 * 86400 * SECOND

ENGLISH_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), WEEK),
}
"""Units in milliseconds. Months and years are missing: their lengths differ."""

PLURALS: Final = (1, 2, 3, 5, 11, 100)
"""Numbers that between them have every plural form of a language."""

CLOCK: Final = re.compile(r"([0-9]+ (days?,? )?)?[0-9]+:[0-5][0-9]:[0-5][0-9]")
"""A duration such as `1:30:00` or `1 day, 1:30:00`."""

ISO_WEEKS: Final = re.compile(r"P([0-9]+)W")
"""A number of weeks in ISO 8601, which Django's parser does not know."""


class InvalidDuration(ValueError):
    """A text is not a duration."""


class AmbiguousDuration(InvalidDuration):
    """A text such as `1:30`, which could be hours and minutes or minutes and seconds."""


def parse_duration(text: str) -> int:
    """Return a duration in milliseconds, which may be zero or negative.

    It is a number of seconds (`90`), numbers with units (`1h 30m`, `2 days`) in English or in the
    active language, a time (`1:30:00`), or an ISO 8601 duration (`PT1H30M`).

    Raises:
        InvalidDuration: the text is none of these.
    """
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise InvalidDuration(text)
    unsigned = text.removeprefix("-")
    sign = 1 if unsigned == text else -1
    return sign * _parse_unsigned(unsigned)


def _parse_unsigned(text: str) -> int:
    if re.fullmatch(r"[0-9]+", text):
        return int(text) * SECOND
    if re.fullmatch(r"[0-9]+:[0-9]+", text):
        raise AmbiguousDuration(text)
    if weeks := ISO_WEEKS.fullmatch(text.upper()):
        return int(weeks[1]) * WEEK
    if CLOCK.fullmatch(text) or text[:1] in ("P", "p"):
        return _parse_standard(text.upper() if text[:1] == "p" else text)
    return sum(_parse_parts(text))


def _parse_standard(text: str) -> int:
    """Return a duration in a format that Django parses."""
    try:
        duration = dateparse.parse_duration(text)
    except OverflowError:
        duration = timedelta.max
    if duration is None:
        raise InvalidDuration(text)
    return duration // timedelta(milliseconds=1)


def _parse_parts(text: str) -> Iterator[int]:
    """Yield the parts of a duration such as `1h 30m`. Each must have a smaller unit."""
    units, pattern = {**_local_units(), **ENGLISH_UNITS}, _part_pattern()
    position, previous = 0, WEEK + 1
    while position < len(text) or not position:
        part = pattern.match(text, position)
        unit = units.get(part["unit"].casefold(), previous) if part else previous
        if part is None or unit >= previous:
            raise InvalidDuration(text)
        yield _parse_number(part["whole"]) * unit
        yield int(part["fraction"] or 0) * unit // 10 ** len(part["fraction"] or "")
        position, previous = part.end(), unit


def _part_pattern() -> re.Pattern[str]:
    """Return the pattern of a number with its unit.

    A separator before three digits is the thousands separator of the active language. Before one or
    two digits, a point or a comma is a decimal separator in every language.
    """
    separator = re.escape(formats.get_format("THOUSAND_SEPARATOR", use_l10n=True))
    return re.compile(
        rf"(?P<whole>[0-9]{{1,3}}(?:{separator}[0-9]{{3}})+|[0-9]+)(?:[.,](?P<fraction>[0-9]{{1,2}}))?"
        r"\s*(?P<unit>[^\W\d_]+)\.?,?\s*"
    )


def _parse_number(text: str) -> int:
    return int(re.sub(r"[^0-9]", "", text))


def _local_units() -> dict[str, int]:
    """Return units in the active language: Django's words and those that pages show."""
    hours, minutes, seconds = pgettext("units of time", "h min s").split()
    units = {hours: HOUR, minutes: MINUTE, seconds: SECOND}
    names = {"week": WEEK, "day": DAY, "hour": HOUR, "minute": MINUTE}
    for number in PLURALS:
        units[ngettext("day", "days", number)] = DAY
        for name, unit in names.items():
            units[(TIME_STRINGS[name] % {"num": number}).replace(str(number), "").strip()] = unit
    return {name.casefold(): unit for name, unit in units.items()}

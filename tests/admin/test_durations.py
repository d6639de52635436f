"""Durations as people write them: in seconds, with units, in their language, in ISO 8601."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.admin.durations import AmbiguousDuration, InvalidDuration, parse_duration
from django_cachex.admin.formatting import format_duration

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

WRITTEN = {
    "90": 90 * SECOND,
    "90s": 90 * SECOND,
    " 90 s ": 90 * SECOND,
    "1h": HOUR,
    "1H 30M": 90 * MINUTE,
    "1h30m": 90 * MINUTE,
    "1 h 22 min": 82 * MINUTE,
    "1 hour, 5 minutes": 65 * MINUTE,
    "1 day": DAY,
    "2 weeks": 14 * DAY,
    "1.5 h": 90 * MINUTE,
    "1,5 h": 90 * MINUTE,
    "0.25h": 15 * MINUTE,
    "1,234 days": 1234 * DAY,
    "1:30:00": 90 * MINUTE,
    "36:00:00": 36 * HOUR,
    "1 day, 1:30:00": DAY + 90 * MINUTE,
    "PT1H30M": 90 * MINUTE,
    "P1DT2H": DAY + 2 * HOUR,
    "p2w": 14 * DAY,
    "500 ms": 500,
    "0": 0,
    "-1h": -HOUR,
}


@pytest.mark.parametrize("text", WRITTEN)
def test_durations_are_understood(text: str) -> None:
    assert parse_duration(text) == WRITTEN[text]


NONSENSE = [
    *("", " ", "soon", "h", "1x", "1 month", "1 year", "P1Y", "1h 1h", "30m 1h", "1h 30", "+1h"),
    *("1.234 h", "12,34,567 s", "1.5", "1,000", "1e3", "0x10", "--5", "٥", "1:75:00", "1:2:3"),
    *("NaN s", "inf", "1" * 61, "1h" * 30, "1s\x00"),
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(text)


def test_what_could_be_two_durations_is_refused_as_that() -> None:
    with pytest.raises(AmbiguousDuration):
        parse_duration("1:30")


@pytest.mark.parametrize(
    "text", ["9" * 50, "P99999999999D", "99999999999999:00:00", "9" * 50 + "w"]
)
def test_very_long_durations_are_numbers(text: str) -> None:
    assert parse_duration(text) > 10**15


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "2 Stunden", 2 * HOUR),
        ("de", "1 Tag", DAY),
        ("de", "1.234 Tage", 1234 * DAY),
        ("fr", "3 semaines", 21 * DAY),
        ("pl", "5 godzin", 5 * HOUR),
        ("ar", "ساعتين", None),
        ("ar", "3 أيام", 3 * DAY),
        ("de", "2 days", 2 * DAY),
    ],
)
def test_words_of_the_language_are_understood_beside_english(
    language: str, text: str, expected: int | None
) -> None:
    with translation.override(language):
        if expected is None:
            with pytest.raises(InvalidDuration):
                parse_duration(text)
        else:
            assert parse_duration(text) == expected


@pytest.mark.parametrize("language", ["en", "de", "fr", "ar", "hi"])
@given(st.integers(0, 10**9).map(lambda seconds: seconds * SECOND))
def test_what_pages_show_can_be_entered(language: str, duration: int) -> None:
    with translation.override(language):
        shown = format_duration(duration) if duration else "0 s"
        assert 0 <= duration - parse_duration(shown) < DAY
        assert format_duration(parse_duration(shown)) == format_duration(duration) or not duration


@given(st.text(max_size=80))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(InvalidDuration):
        assert isinstance(parse_duration(text), int)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from django_cachex.commands.timeouts import LONGEST, instant, milliseconds, span


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (None, None),
        (300, 300_000),
        (0, 0),
        (-1, 0),
        (-0.5, 0),
        (float("-inf"), 0),
        (0.5, 500),
        (0.0004, 1),
        (1.001, 1001),
        (100.2, 100_200),
        (2**40, 2**40 * 1000),
        (True, 1000),
        (Decimal("1.5"), 1500),
        (Fraction(1, 4), 250),
        (timedelta(minutes=1, milliseconds=5), 60_005),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=-1), 0),
    ],
)
def test_seconds_become_milliseconds(timeout: Any, expected: int | None) -> None:
    assert milliseconds(timeout) == expected


@pytest.mark.parametrize("timeout", ["10", b"10", [10], object()])
def test_what_is_no_number_is_refused(timeout: Any) -> None:
    with pytest.raises(TypeError, match="number of seconds"):
        milliseconds(timeout)


@pytest.mark.parametrize("timeout", [LONGEST // 1000 + 1, 2**63, float("inf"), 10**400])
def test_more_than_the_server_can_count_names_the_limit(timeout: Any) -> None:
    with pytest.raises(ValueError, match=str(LONGEST // 1000)):
        milliseconds(timeout)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        milliseconds(float("nan"))


def test_milliseconds_are_whole() -> None:
    assert span(1500) == span(timedelta(seconds=1.5)) == 1500
    assert span(-1) == -1
    assert instant(0) == instant(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    for wrong in (1500.5, "1500", None):
        with pytest.raises(TypeError, match="integer"):
            span(wrong)
        with pytest.raises(TypeError, match="integer"):
            instant(wrong)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from django_cachex.commands.args import MAX_MS, timeout_to_ms, to_ms, to_timestamp_ms


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
    assert timeout_to_ms(timeout) == expected


@pytest.mark.parametrize("timeout", ["10", b"10", [10], object()])
def test_what_is_no_number_is_refused(timeout: Any) -> None:
    with pytest.raises(TypeError, match="number of seconds"):
        timeout_to_ms(timeout)


@pytest.mark.parametrize("timeout", [MAX_MS // 1000 + 1, 2**63, float("inf"), 10**400])
def test_more_than_the_server_can_count_names_the_limit(timeout: Any) -> None:
    with pytest.raises(ValueError, match=str(MAX_MS // 1000)):
        timeout_to_ms(timeout)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        timeout_to_ms(float("nan"))


def test_milliseconds_are_whole() -> None:
    assert to_ms(1500) == to_ms(timedelta(seconds=1.5)) == 1500
    assert to_ms(-1) == -1
    assert to_timestamp_ms(0) == to_timestamp_ms(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    for wrong in (1500.5, "1500", None):
        with pytest.raises(TypeError, match="integer"):
            to_ms(wrong)
        with pytest.raises(TypeError, match="integer"):
            to_timestamp_ms(wrong)

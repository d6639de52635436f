"""Django's timeouts, timedeltas and datetimes as milliseconds."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

# The server adds the timeout to its clock, in signed 64 bits of milliseconds. What is left out
# here is room for that clock, up to the year 2248.
MAX_MS = 2**63 - 2**43


# `Any`, because to type checkers a float is no Real.
NUMBER_TYPES: Any = (Real, Decimal)


def timeout_to_ms(timeout: Any) -> int | None:
    """Return a timeout in seconds as milliseconds: None for never, 0 for not even now.

    Anything above zero lives for a millisecond at least. Raise TypeError for what is no number
    and no timedelta, ValueError for NaN and for more than the server can count.
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if not isinstance(timeout, NUMBER_TYPES):
        kind = type(timeout).__name__
        raise TypeError(f"A timeout is a number of seconds, a timedelta or None, not {kind}.")
    if timeout != timeout:
        raise ValueError("A timeout cannot be NaN.")
    if timeout <= 0:
        return 0
    if timeout > MAX_MS // 1000:
        raise ValueError(f"A timeout may be at most {MAX_MS // 1000} seconds.")
    rounded: int = round(timeout * 1000)
    return max(1, rounded)


def timestamp_to_ms(when: Any) -> int:
    """Return a point in time, in seconds since 1970 or a datetime, as milliseconds since then.

    Raise TypeError for what is neither, ValueError for what the server cannot count.
    """
    if isinstance(when, datetime):
        when = when.timestamp()
    if not isinstance(when, NUMBER_TYPES):
        kind = type(when).__name__
        raise TypeError(f"A point in time is a datetime or seconds since 1970, not {kind}.")
    if not -MAX_MS // 1000 < when < MAX_MS // 1000:
        raise ValueError(f"Seconds since 1970 may be at most {MAX_MS // 1000}.")
    at: int = round(when * 1000)
    return at


def to_ms(time: Any) -> int:
    """Return whole milliseconds, or a timedelta, as milliseconds; raise TypeError for others."""
    return timeout_to_ms(time) or 0 if isinstance(time, timedelta) else operator.index(time)


def to_timestamp_ms(when: Any) -> int:
    """Return whole milliseconds since 1970, or a datetime, as the former; raise TypeError."""
    return timestamp_to_ms(when) if isinstance(when, datetime) else operator.index(when)

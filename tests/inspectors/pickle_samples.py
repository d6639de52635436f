"""Values to pickle, and a way to compare what comes back."""

from __future__ import annotations

import datetime
import enum
import os
from typing import Any, ClassVar, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from django_cachex.inspectors.values import ValueFormat

UTC = datetime.UTC

# Other tests may have the processors: time says nothing here.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


class Pair(NamedTuple):
    left: int
    right: int


class Point:
    """Its state is a dict; reading it must not call `__setstate__`."""

    restored: ClassVar[list[Any]] = []

    def __init__(self, x: int) -> None:
        self.x = x

    def __setstate__(self, state: Any) -> None:
        Point.restored.append(state)


class Keyword:
    def __new__(cls, *args: Any, **kwargs: Any) -> Keyword:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, int]]:
        return (1,), {"two": 2}


class Shell:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


SAMPLE = {"a": [1, 2.5, (True, None)], "b": "é", "c": Point(1), "d": {b"\xff"}}


def shape(value: Any) -> Any:
    """Return what compares equal only for values equal in type, order and parts, at any depth."""
    if isinstance(value, dict):
        return type(value), [(shape(key), shape(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [shape(part) for part in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(repr(shape(part)) for part in value)
    return type(value), repr(value)


def stored(value_format: ValueFormat, value: Any) -> bytes:
    """Return what a server would hold: integers as decimal text."""
    dumped = value_format.dumps(value)
    return str(dumped).encode() if isinstance(dumped, int) else dumped


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.times(timezones=st.just(UTC) | st.none())
    | st.datetimes(timezones=st.just(UTC) | st.none())
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
hashables = scalars | st.tuples(scalars, scalars) | st.frozensets(scalars, max_size=3)
plain = st.recursive(
    scalars | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples()
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner, inner)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=4)
    ),
    max_leaves=20,
)

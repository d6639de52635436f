"""What each serializer changes and refuses: the table of docs/codecs.md, and what follows."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString

PAGE = Path(__file__).parents[3] / "docs" / "codecs.md"

SERIALIZERS = ("pickle", "json", "orjson", "msgpack", "ormsgpack")


class Whole(enum.IntEnum):
    A = 1


class Named(enum.Enum):
    A = 1


NAMES = {
    "Decimal": Decimal,
    "Enum": lambda name, members: Named,  # Pickles name the class that they are of.
    "IntEnum": lambda name, members: Whole,
    "OrderedDict": OrderedDict,
    "SafeString": SafeString,
    "UUID": UUID,
    "date": date,
    "datetime": datetime,
    "inf": math.inf,
}


class Refused(Exception):
    """The serializer does not take the value."""


def table() -> dict[str, dict[str, str]]:
    """Return what the page says: by what is stored, and by the serializer's name."""
    lines = PAGE.read_text().split("(changes)=")[1].splitlines()
    rows = [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines if "|" in line
    ]
    head, _rule, *body = rows
    assert tuple(head[1:]) == SERIALIZERS
    return {stored: dict(zip(SERIALIZERS, cells, strict=True)) for stored, *cells in body}


TABLE = table()


def value_of(text: str) -> Any:
    """Return what a cell of the table says."""
    return eval(text, dict(NAMES))


def changed(serializer: str, value: Any) -> Any:
    """Return what `value`, made of the table's types, comes back as; raise `Refused`."""
    if serializer == "pickle":
        return value
    match value:
        case tuple() | list():
            return [changed(serializer, item) for item in value]
        case dict():
            return dict(pair(serializer, key, item) for key, item in value.items())
        case bytes():
            return verdict(serializer, 'b"a"', value)
        case float() if not math.isfinite(value):
            return verdict(serializer, "inf", value)
        case int() if not -(2**63) <= value < 2**64:
            return verdict(serializer, "2**64", value)
        case str() if not encodable(value):
            return verdict(serializer, '"\\ud800"', value)
        case _:
            return value


def pair(serializer: str, key: Any, value: Any) -> tuple[Any, Any]:
    value = changed(serializer, value)
    if isinstance(key, str):
        return changed(serializer, key), value
    row = next(
        row
        for row, kind in (
            ('{None: "a"}', type(None)),
            ('{True: "a"}', bool),
            ('{1: "a"}', int),
            ('{1.5: "a"}', float),
            ('{(1, 2): "a"}', tuple),
            ('{b"k": "a"}', bytes),
        )
        if isinstance(key, kind)
    )
    become = TABLE[row][serializer]
    if become == "refused":
        raise Refused
    if become == "same":
        # A tuple that is a key stays one, and what is in it is refused as elsewhere.
        changed(serializer, key)
        return key, value
    return as_text(key), value


def as_text(key: Any) -> str:
    """Return what JSON makes of a key."""
    words = {None: "null", True: "true", False: "false"}
    if key is None or isinstance(key, bool):
        return words[key]
    return repr(key)


def verdict(serializer: str, row: str, value: Any) -> Any:
    if TABLE[row][serializer] == "refused":
        raise Refused
    assert TABLE[row][serializer] == "same"
    return value


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are equal, and so are the types of all that they hold."""
    if type(one) is not type(other):
        return False
    match one:
        case list() | tuple():
            pairs = zip(one, other, strict=False)
            return len(one) == len(other) and all(alike(*both) for both in pairs)
        case dict():
            keys = [(type(key), key) for key in one] == [(type(key), key) for key in other]
            return keys and all(alike(one[key], other[key]) for key in one)
        case float():
            return one == other or (one != one and other != other)
        case _:
            return bool(one == other)

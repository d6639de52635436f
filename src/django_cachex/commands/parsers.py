"""Reading replies of which several commands have the shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

Scored = list[tuple[Any, float]]
"""Members and their scores."""


def popped_from(
    keys: Mapping[Any, Any], read: Callable[[Any], T]
) -> Callable[[Sequence[Any] | None], tuple[Any, T] | None]:
    """Return what reads a stored key and what was taken from it: the caller's key, and `read`."""

    def reading(reply: Sequence[Any] | None) -> tuple[Any, T] | None:
        return None if reply is None else (keys[reply[0]], read(reply[1]))

    return reading


def optional_int(reply: int | None) -> int | None:
    """Read a number that may be missing."""
    return reply


def optional_float(reply: bytes | None) -> float | None:
    """Read a score that may be missing."""
    return None if reply is None else float(reply)


def booleans(reply: Iterable[int]) -> list[bool]:
    """Read a list of zeros and ones."""
    return [bool(one) for one in reply]


def pairs(flat: Sequence[bytes]) -> zip[tuple[bytes, bytes]]:
    """Return the pairs of a reply in which two things take turns."""
    return zip(flat[::2], flat[1::2], strict=True)

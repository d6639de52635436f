"""Parsers of replies whose shape several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

ScoredMembers = list[tuple[Any, float]]
"""Members and their scores."""


def parse_pop(
    keys: Mapping[Any, Any], parse: Callable[[Any], T]
) -> Callable[[Sequence[Any] | None], tuple[Any, T] | None]:
    """Return what reads a stored key and what was taken from it: the caller's key, and `parse`."""

    def parse_reply(reply: Sequence[Any] | None) -> tuple[Any, T] | None:
        return None if reply is None else (keys[reply[0]], parse(reply[1]))

    return parse_reply


def parse_optional_int(reply: int | None) -> int | None:
    """Read a number that may be missing."""
    return reply


def parse_optional_float(reply: bytes | None) -> float | None:
    """Read a score that may be missing."""
    return None if reply is None else float(reply)


def parse_bools(reply: Iterable[int]) -> list[bool]:
    """Read a list of zeros and ones."""
    return [bool(one) for one in reply]


def iter_pairs(flat: Sequence[bytes]) -> zip[tuple[bytes, bytes]]:
    """Return the pairs of a reply in which two things take turns."""
    return zip(flat[::2], flat[1::2], strict=True)


def parse_optional_text(reply: bytes | None) -> str | None:
    return None if reply is None else reply.decode()


def parse_ttl(reply: int) -> int | None:
    """Return what is left of a key's life: the server's -1 means no expiry."""
    return None if reply == -1 else reply


def parse_ttls(reply: Iterable[int]) -> list[int | None]:
    """Return what is left of each field's life, as `parse_ttl` does of a key's."""
    return [parse_ttl(time) for time in reply]

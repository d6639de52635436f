"""How much of a pickle is read, and how much of it comes out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

DIGITS = 4300
LIMIT = 1024 * 1024


def most_digits() -> int:
    """Return how many decimal digits an integer may have to be read or written in decimal.

    The time that takes grows with the square: Python refuses more than
    `sys.get_int_max_str_digits()` (where 0 means no limit), and we more than its default.
    """
    return min(sys.get_int_max_str_digits() or DIGITS, DIGITS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits on what goes in and on what comes out."""

    size: int = LIMIT
    """Bytes that are read at all, and bytes of text and numbers that come out."""

    steps: int = 100_000
    """Opcodes that are followed."""

    nodes: int = 10_000
    """Values that come out (text keys of dicts left aside); a shared one counts each time."""

    depth: int = 50
    """Containers within containers that come out."""

"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE = 100
"""Keys of one call for many keys."""


@dataclass(frozen=True)
class Sizes:
    rounds: int = 9
    """How often everything is timed, in turns; one round before them is not counted."""

    single: int = 400
    """Calls for one key in a turn."""

    many: int = 30
    """Calls for a hundred keys in a turn."""

    large: int = 15
    """Calls for a large value in a turn."""

    large_bytes: int = 1_000_000
    concurrent: int = 100
    """Tasks on one event loop."""

    in_a_row: int = 10
    """Calls of each of them in a turn."""

    crowd: int = 1000
    """Tasks that call at once when sockets are counted."""


FULL = Sizes()

"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass

KEYS_PER_CALL = 100
"""Keys per call of `get_many` and the like."""


@dataclass(frozen=True)
class Sizes:
    rounds: int = 9
    """How often everything is timed, in turns, after a warm-up round."""

    single: int = 400
    """Calls for a single key per turn."""

    many: int = 30
    """Calls for many keys per turn."""

    large: int = 15
    """Calls for a large value per turn."""

    large_bytes: int = 1_000_000
    tasks: int = 100
    """Tasks that run at the same time on one event loop."""

    calls_per_task: int = 10
    """Calls of each task per turn."""

    simultaneous_calls: int = 1000
    """Simultaneous calls when sockets are counted."""


FULL_SIZES = Sizes()

"""What a process knows of its use of each cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django_cachex.cache.configuration import make_hashable


@dataclass
class Statistics:
    """Since the process began, of all its threads; with threads that run at once, about."""

    calls: int = 0
    """Requests and operations of several steps."""
    errors: int = 0
    """Calls that the server did not answer, or refused; those ignored are among them."""
    hits: int = 0
    """Keys that `get` and `get_many` found."""
    misses: int = 0
    """Keys that they did not find."""
    unreadable: int = 0
    """Values that could not be decoded, and were taken for misses."""
    seconds: float = 0.0
    """Time spent in calls, but for those that wait on purpose."""

    @property
    def hit_rate(self) -> float | None:
        """Hits as a part of all lookups, 0 to 1; None before the first."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


_all: dict[Any, Statistics] = {}


def get_statistics(driver: str, location: Any, params: dict[str, Any]) -> Statistics:
    """Return the one object that counts for all caches of this configuration."""
    return _all.setdefault((driver, make_hashable(location), make_hashable(params)), Statistics())

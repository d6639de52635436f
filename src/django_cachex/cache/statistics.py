"""Statistics of a process about its use of each cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django_cachex.cache.configuration import make_hashable


@dataclass
class Statistics:
    """Counters for all threads since the process started.

    They are approximate if several threads use the cache at the same time.
    """

    calls: int = 0
    """The number of commands and operations."""
    errors: int = 0
    """The number of calls that failed, including those whose errors were ignored."""
    hits: int = 0
    """The number of keys that `get` and `get_many` found."""
    misses: int = 0
    """The number of keys that `get` and `get_many` didn't find."""
    unreadable: int = 0
    """The number of values that could not be decoded, and counted as misses."""
    seconds: float = 0.0
    """The time spent in calls, except for blocking commands."""

    @property
    def hit_rate(self) -> float | None:
        """The fraction of lookups that were hits, from 0 to 1; None before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


_all: dict[Any, Statistics] = {}


def get_statistics(driver: str, location: Any, params: dict[str, Any]) -> Statistics:
    """Return the statistics that all caches with this configuration share."""
    return _all.setdefault((driver, make_hashable(location), make_hashable(params)), Statistics())

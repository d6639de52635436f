"""Statistics of a process about its use of each cache."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from django_cachex.cache.configuration import make_hashable
from django_cachex.cache.steps import Executor
from django_cachex.commands.args import BlockingCommand
from django_cachex.commands.command import Command, Operation
from django_cachex.exceptions import CachexError

T = TypeVar("T")


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


class CountingExecutor:
    """Runs the commands of a cache, and counts them."""

    __slots__ = ("executor", "statistics")

    def __init__(self, executor: Executor, statistics: Statistics) -> None:
        self.executor = executor
        self.statistics = statistics

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation on one connection, and return the result."""
        statistics = self.statistics
        statistics.calls += 1
        start = perf_counter()
        try:
            return self.executor.run(command)
        except CachexError:
            statistics.errors += 1
            raise
        finally:
            if not isinstance(command, BlockingCommand):
                statistics.seconds += perf_counter() - start

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop."""
        statistics = self.statistics
        statistics.calls += 1
        start = perf_counter()
        try:
            return await self.executor.arun(command)
        except CachexError:
            statistics.errors += 1
            raise
        finally:
            if not isinstance(command, BlockingCommand):
                statistics.seconds += perf_counter() - start

"""Timing contenders in turns, and comparing the times of each round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any, Literal

from benchmarks.calls.tables import bold

Clock = Literal["cpu", "wall"]
CLOCKS: tuple[tuple[Clock, str], ...] = (("cpu", "CPU time"), ("wall", "Wall time"))


@dataclass(frozen=True)
class Times:
    """The seconds of one call: CPU time of the process, and wall time."""

    cpu: float
    wall: float

    @classmethod
    def since(cls, start: Times, calls: int) -> Times:
        now = cls.now()
        return cls((now.cpu - start.cpu) / calls, (now.wall - start.wall) / calls)

    @classmethod
    def now(cls) -> Times:
        return cls(time.process_time(), time.perf_counter())


Turns = dict[str, list[Times]]
"""The times of one call in each round, by the name of the contender."""


@dataclass(frozen=True)
class Ratio:
    """The time of a contender divided by that of a reference, for each round."""

    rounds: Sequence[float]
    maximum: float = inf
    """The goal for the median."""

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def is_missed(self) -> bool:
        return self.median > self.maximum

    @property
    def miss_text(self) -> str:
        """The ratio and the goal that it misses."""
        return f"{self.median:.2f}, not {self.maximum:g}"

    def __str__(self) -> str:
        """Return the median, bold if it misses its goal, with the lowest and the highest ratio."""
        middle = bold(f"{self.median:.2f}", self.is_missed)
        return f"{middle} ({min(self.rounds):.2f}–{max(self.rounds):.2f})"


def time_calls(call: Callable[[], Any], calls: int) -> Times:
    """Return the times of one call, averaged over `calls`."""
    start = Times.now()
    for _call in range(calls):
        call()
    return Times.since(start, calls)


def time_in_turns(turns: Mapping[str, Callable[[], Times]], rounds: int) -> Turns:
    """Return the times of each round; the first contender of a round is the last in the next.

    Taking turns exposes all to the same disturbances. A warm-up round is not counted.
    """
    measured: Turns = {name: [] for name in turns}
    order = list(turns)
    for _round in range(rounds + 1):
        for name in order:
            measured[name].append(turns[name]())
        order = [*order[1:], order[0]]
    return {name: times[1:] for name, times in measured.items()}


def compare(
    turns: Turns, one: str, other: str, clock: Clock = "cpu", maximum: float = inf
) -> Ratio:
    """Return the time of `one` as a ratio of the time of `other`."""
    pairs = zip(turns[one], turns[other], strict=True)
    return Ratio([getattr(a, clock) / getattr(b, clock) for a, b in pairs], maximum)


def format_microseconds(turns: Turns, name: str, clock: Clock = "cpu") -> str:
    """Format the median time of a call."""
    return f"{median(getattr(times, clock) for times in turns[name]) * 1e6:,.1f} µs"


@contextmanager
def frozen_garbage_collector() -> Iterator[None]:
    """Exclude objects that exist already from garbage collection while calls are timed."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

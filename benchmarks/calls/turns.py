"""Timing things in turns, and comparing the times of each round."""

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
    """The seconds of one call: of the process on the processors, and on the clock."""

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
"""By name, the times of one call in each round."""


@dataclass(frozen=True)
class Ratio:
    """What something takes, divided by what another thing takes: for each round."""

    rounds: Sequence[float]
    most: float = inf
    """The goal for the median."""

    @property
    def middle(self) -> float:
        return median(self.rounds)

    @property
    def misses(self) -> bool:
        return self.middle > self.most

    @property
    def missed(self) -> str:
        """What was reached, and what was not."""
        return f"{self.middle:.2f}, not {self.most:g}"

    def __str__(self) -> str:
        """Return the median, bold where it misses its goal, with the lowest and the highest."""
        middle = bold(f"{self.middle:.2f}", self.misses)
        return f"{middle} ({min(self.rounds):.2f}–{max(self.rounds):.2f})"


def timed(call: Callable[[], Any], calls: int) -> Times:
    """Call so many times; return the times of one call."""
    start = Times.now()
    for _call in range(calls):
        call()
    return Times.since(start, calls)


def in_turns(turns: Mapping[str, Callable[[], Times]], rounds: int) -> Turns:
    """Return the times of each round; who comes first in a round comes last in the next.

    So what disturbs one disturbs all. A round before the first is not counted.
    """
    measured: Turns = {name: [] for name in turns}
    order = list(turns)
    for _round in range(rounds + 1):
        for name in order:
            measured[name].append(turns[name]())
        order = [*order[1:], order[0]]
    return {name: times[1:] for name, times in measured.items()}


def ratio(turns: Turns, one: str, other: str, clock: Clock = "cpu", most: float = inf) -> Ratio:
    """Return what `one` takes of the time of `other`."""
    pairs = zip(turns[one], turns[other], strict=True)
    return Ratio([getattr(a, clock) / getattr(b, clock) for a, b in pairs], most)


def microseconds(turns: Turns, name: str, clock: Clock = "cpu") -> str:
    """Return what a call takes, at the median."""
    return f"{median(getattr(times, clock) for times in turns[name]) * 1e6:,.1f} µs"


@contextmanager
def settled() -> Iterator[None]:
    """Spare what is timed the collector's walks through all that was imported before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

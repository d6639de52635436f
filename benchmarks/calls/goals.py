"""What our backends are to reach in calls of a thread, and whether they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.calls.blocking import Measured
from benchmarks.calls.contenders import BARE, OURS, REDIS, VALKEY
from benchmarks.calls.sizes import AT_ONCE
from benchmarks.calls.tables import table
from benchmarks.calls.turns import Ratio, ratio


@dataclass(frozen=True)
class Goal:
    """The CPU time of an operation, at most, in that of the same by somebody else."""

    operation: str
    reference: str
    most: float

    def __str__(self) -> str:
        return f"{self.operation}, {self.reference} = 1"

    def reached(self, name: str, measured: Measured) -> Ratio:
        return ratio(measured.turns[self.operation], name, self.reference, most=self.most)


GOALS = (
    Goal("get", BARE.name, 1.3),
    Goal("set", BARE.name, 1.3),
    Goal("incr", BARE.name, 1.5),
    Goal("get", VALKEY.name, 1),
    Goal("set", VALKEY.name, 1),
    Goal("incr", VALKEY.name, 1),
    Goal("get_many", REDIS.name, 1.1),
    Goal("set_many", REDIS.name, 0.28),
    Goal("delete_many", REDIS.name, 1),
)


def goals_table(measured: Sequence[Measured]) -> str:
    """Return what each of ours reaches with each value over each way."""
    rows = [
        [
            f"{goal}: {ours.name}",
            f"{goal.most:g}",
            *(str(goal.reached(ours.name, one)) for one in measured),
        ]
        for goal in GOALS
        for ours in OURS
    ]
    return table(["", "at most", *(one.title for one in measured)], rows)


def misses(measured: Sequence[Measured]) -> Iterator[str]:
    """Yield in words what misses its goal in the first column, for which the goals were set."""
    first = measured[0]
    for goal in GOALS:
        for ours in OURS:
            reached = goal.reached(ours.name, first)
            if reached.misses:
                yield f"{goal}: {ours.name}, {first.title}: {reached.missed}"


def section(measured: Sequence[Measured]) -> str:
    return (
        "## Goals\n\n"
        f"CPU time of calls in a thread. Calls for many keys have {AT_ONCE} keys. The goals apply "
        "to the first column, a str over TCP. The other columns are for comparison: a dict must "
        "be pickled, which the references don't do, and with a Unix socket the kernel takes less "
        "time for all contenders. Figures that miss their goal are bold.\n\n"
        f"{goals_table(measured)}"
    )

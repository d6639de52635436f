"""The goals for calls in a thread, and whether our backends reach them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.calls.blocking import ThreadResult
from benchmarks.calls.contenders import BARE, OURS, REDIS, VALKEY
from benchmarks.calls.sizes import KEYS_PER_CALL
from benchmarks.calls.tables import table
from benchmarks.calls.timing import Ratio, compare


@dataclass(frozen=True)
class Goal:
    """The maximum ratio between the CPU times of our backends and a reference."""

    operation: str
    reference: str
    maximum: float

    def __str__(self) -> str:
        return f"{self.operation}, {self.reference} = 1"

    def result(self, name: str, measured: ThreadResult) -> Ratio:
        return compare(measured.turns[self.operation], name, self.reference, maximum=self.maximum)


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


def goals_table(measured: Sequence[ThreadResult]) -> str:
    """Return a table of the ratios of our backends, for each value and address."""
    rows = [
        [
            f"{goal}: {ours.name}",
            f"{goal.maximum:g}",
            *(str(goal.result(ours.name, one)) for one in measured),
        ]
        for goal in GOALS
        for ours in OURS
    ]
    return table(["", "at most", *(one.title for one in measured)], rows)


def misses(measured: Sequence[ThreadResult]) -> Iterator[str]:
    """Describe the ratios in the first column that miss their goals; goals apply only there."""
    first = measured[0]
    for goal in GOALS:
        for ours in OURS:
            result = goal.result(ours.name, first)
            if result.is_missed:
                yield f"{goal}: {ours.name}, {first.title}: {result.miss_text}"


def section(measured: Sequence[ThreadResult]) -> str:
    return (
        "## Goals\n\n"
        f"CPU time of calls in a thread. Calls for many keys have {KEYS_PER_CALL} keys. The goals "
        "apply to the first column, a str over TCP. The other columns are for comparison: a dict "
        "must be pickled, which the references don't do, and with a Unix socket the kernel takes "
        "less time for all contenders. Figures that miss their goal are bold.\n\n"
        f"{goals_table(measured)}"
    )

"""Concurrent calls on an event loop: their cost, and the sockets they open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from benchmarks.calls.addresses import Tcp
from benchmarks.calls.callers import CALLERS, OURS, REDIS, VALKEY
from benchmarks.calls.loops import ConcurrentCalls, Load, run_concurrent_calls, time_on_loop
from benchmarks.calls.samples import TEXT
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import bold, table
from benchmarks.calls.timing import CLOCKS, Clock, Ratio, Turns, compare, format_microseconds
from tests import servers

MAX_RATIO = 0.5
MAX_SOCKETS = 4
OUR_NAMES = frozenset(ours.name for ours in OURS)


@dataclass(frozen=True)
class EventLoopResult:
    """The results for all callers."""

    sizes: Sizes
    gets: Turns
    concurrent_calls: Mapping[str, ConcurrentCalls]

    def section(self) -> str:
        sizes = self.sizes
        headers = [
            *("", f"sockets for {sizes.simultaneous_calls:,} calls", "of them failed"),
            *(f"{clock}, {other.name} = 1" for other in (VALKEY, REDIS) for _, clock in CLOCKS),
        ]
        rows = [[caller.name, *self._cells(caller.name)] for caller in CALLERS]
        return (
            "## On an event loop, over TCP\n\n"
            f"{sizes.tasks} tasks at the same time `get` a {TEXT.name}, each "
            f"{sizes.calls_per_task} times. The table also shows how many sockets "
            f"{sizes.simultaneous_calls:,} simultaneous calls open on a new event loop, and how "
            f"many of the calls fail. Goals for our backends: at most {MAX_RATIO:g} "
            f"of the CPU time of {VALKEY.name}, at most {MAX_SOCKETS} sockets, "
            "and no failures.\n\n"
            f"{table(headers, rows)}"
        )

    def misses(self) -> Iterator[str]:
        for ours in OURS:
            result = self._ratio(ours.name, VALKEY.name, "cpu")
            concurrent = self.concurrent_calls[ours.name]
            if result.is_missed:
                yield f"gets at once, {VALKEY.name} = 1: {ours.name}: {result.miss_text}"
            if concurrent.sockets > MAX_SOCKETS:
                yield f"sockets: {ours.name}: {concurrent.sockets}, not {MAX_SOCKETS}"
            if concurrent.failures:
                yield f"calls that fail: {ours.name}: {concurrent}, not 0"

    def _cells(self, name: str) -> Iterator[str]:
        concurrent, ours = self.concurrent_calls[name], name in OUR_NAMES
        yield bold(f"{concurrent.sockets:,}", ours and concurrent.sockets > MAX_SOCKETS)
        yield bold(str(concurrent), ours and bool(concurrent.failures))
        for other in (VALKEY, REDIS):
            for clock, _name in CLOCKS:
                if name == other.name:
                    yield f"1 = {format_microseconds(self.gets, name, clock)}"
                else:
                    yield str(self._ratio(name, other.name, clock))

    def _ratio(self, name: str, reference: str, clock: Clock) -> Ratio:
        has_goal = name in OUR_NAMES and (reference, clock) == (VALKEY.name, "cpu")
        return compare(self.gets, name, reference, clock, MAX_RATIO if has_goal else inf)


def measure(server: servers.Server, sizes: Sizes) -> EventLoopResult:
    load = Load(sizes.tasks, sizes.calls_per_task)
    gets = time_on_loop(Tcp(server.port), CALLERS, TEXT, load, sizes.rounds)
    crowds = {
        caller.name: run_concurrent_calls(server, caller, database, sizes.simultaneous_calls)
        for database, caller in enumerate(CALLERS)
    }
    return EventLoopResult(sizes, gets, crowds)

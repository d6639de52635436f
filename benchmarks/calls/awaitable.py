"""Calls of many tasks on an event loop: what they cost, and how many sockets they open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from benchmarks.calls.addresses import Tcp
from benchmarks.calls.callers import CALLERS, OURS, REDIS, VALKEY
from benchmarks.calls.loops import Crowd, Load, crowd, turns_on_loop
from benchmarks.calls.samples import TEXT
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import bold, table
from benchmarks.calls.turns import CLOCKS, Clock, Ratio, Turns, microseconds, ratio
from tests import servers

MOST = 0.5
MOST_SOCKETS = 4
OUR_NAMES = frozenset(ours.name for ours in OURS)


@dataclass(frozen=True)
class OnLoop:
    """What was measured."""

    sizes: Sizes
    gets: Turns
    crowds: Mapping[str, Crowd]

    def section(self) -> str:
        sizes = self.sizes
        headers = [
            *("", f"sockets for {sizes.crowd:,} calls", "of them failed"),
            *(f"{clock}, {other.name} = 1" for other in (VALKEY, REDIS) for _, clock in CLOCKS),
        ]
        rows = [[caller.name, *self._cells(caller.name)] for caller in CALLERS]
        return (
            "## On an event loop, over TCP\n\n"
            f"{sizes.concurrent} tasks at the same time `get` a {TEXT.name}, each {sizes.in_a_row} "
            f"times. The table also shows how many sockets {sizes.crowd:,} simultaneous calls open "
            f"on a new event loop, and how many of the calls fail. Goals for our backends: at most "
            f"{MOST:g} of the CPU time of {VALKEY.name}, at most {MOST_SOCKETS} sockets, "
            "and no failures.\n\n"
            f"{table(headers, rows)}"
        )

    def misses(self) -> Iterator[str]:
        for ours in OURS:
            reached, found = self._ratio(ours.name, VALKEY.name, "cpu"), self.crowds[ours.name]
            if reached.misses:
                yield f"gets at once, {VALKEY.name} = 1: {ours.name}: {reached.missed}"
            if found.sockets > MOST_SOCKETS:
                yield f"sockets: {ours.name}: {found.sockets}, not {MOST_SOCKETS}"
            if found.failures:
                yield f"calls that fail: {ours.name}: {found}, not 0"

    def _cells(self, name: str) -> Iterator[str]:
        found, ours = self.crowds[name], name in OUR_NAMES
        yield bold(f"{found.sockets:,}", ours and found.sockets > MOST_SOCKETS)
        yield bold(str(found), ours and bool(found.failures))
        for other in (VALKEY, REDIS):
            for clock, _name in CLOCKS:
                if name == other.name:
                    yield f"1 = {microseconds(self.gets, name, clock)}"
                else:
                    yield str(self._ratio(name, other.name, clock))

    def _ratio(self, name: str, reference: str, clock: Clock) -> Ratio:
        judged = name in OUR_NAMES and (reference, clock) == (VALKEY.name, "cpu")
        return ratio(self.gets, name, reference, clock, MOST if judged else inf)


def measure(server: servers.Server, sizes: Sizes) -> OnLoop:
    load = Load(sizes.concurrent, sizes.in_a_row)
    gets = turns_on_loop(Tcp(server.port), CALLERS, TEXT, load, sizes.rounds)
    crowds = {
        caller.name: crowd(server, caller, database, sizes.crowd)
        for database, caller in enumerate(CALLERS)
    }
    return OnLoop(sizes, gets, crowds)

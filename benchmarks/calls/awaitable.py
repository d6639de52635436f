"""Calls of tasks on an event loop: what they cost, and how many sockets they open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import valkey

from benchmarks.calls.addresses import Tcp
from benchmarks.calls.callers import (
    CALLERS,
    OTHERS,
    OURS,
    REDIS,
    VALKEY,
    AwaitableStore,
    Caller,
    with_pickle,
)
from benchmarks.calls.samples import TEXT, Sample, text_of
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import bold, table
from benchmarks.calls.turns import Clock, Ratio, Times, Turns, in_turns, microseconds, ratio
from tests import servers

MOST = 0.5
MOST_LARGE = 1.3
MOST_SOCKETS = 4
OUR_NAMES = frozenset(ours.name for ours in OURS)

COLUMNS: tuple[tuple[str, str, Clock], ...] = (
    (f"CPU time, {VALKEY.name} = 1", VALKEY.name, "cpu"),
    (f"Wall time, {VALKEY.name} = 1", VALKEY.name, "wall"),
    (f"CPU time, {REDIS.name} = 1", REDIS.name, "cpu"),
    (f"Wall time, {REDIS.name} = 1", REDIS.name, "wall"),
)

# Who gets a large value, and the driver by hand.
PAIRS = tuple(zip((*OURS, OTHERS[0]), map(with_pickle, (VALKEY, REDIS, REDIS)), strict=True))


@dataclass(frozen=True)
class Crowd:
    """What became of many calls at once, the first on their loop."""

    sockets: int
    """How many they opened."""

    failed: int


@dataclass(frozen=True)
class OnLoop:
    """What was measured on event loops."""

    sizes: Sizes
    gets: Turns
    large: Turns
    crowds: Mapping[str, Crowd]

    def section(self) -> str:
        sizes = self.sizes
        rows = [[caller.name, *self._figures(caller.name)] for caller in CALLERS]
        headers = ["", f"sockets for {sizes.crowd:,}", "of them failed", *(c[0] for c in COLUMNS)]
        return (
            "## On an event loop, over TCP\n\n"
            f"{sizes.concurrent} tasks that `get` a {TEXT.name} at once, {sizes.in_a_row} times "
            f"each; and the sockets that {sizes.crowd:,} calls at once open on a new loop, with "
            "how many of them fail. Goals of ours: CPU time at most "
            f"{MOST:g} of {VALKEY.name}, at most {MOST_SOCKETS} sockets, no failures.\n\n"
            f"{table(headers, rows)}\n\n"
            f"One task that gets a str of {sizes.large_bytes:,} bytes, with the same goal as a "
            f"thread:\n\n{self._large_table()}"
        )

    def misses(self) -> Iterator[str]:
        for ours in OURS:
            reached = self._ratio(ours.name, VALKEY.name, "cpu")
            if reached.misses:
                yield f"gets at once, {VALKEY.name} = 1: {ours.name}: {reached.missed()}"
            crowd = self.crowds[ours.name]
            if crowd.sockets > MOST_SOCKETS:
                yield f"sockets: {ours.name}: {crowd.sockets}, not {MOST_SOCKETS}"
            if crowd.failed:
                yield f"calls that failed: {ours.name}: {crowd.failed}, not 0"
        for one, other in PAIRS:
            reached = self._large_ratio(one.name, other.name, "cpu")
            if reached.misses:
                yield (
                    f"awaited get of {self.sizes.large_bytes:,} bytes, {other.name} = 1: "
                    f"{one.name}: {reached.missed()}"
                )

    def _figures(self, name: str) -> Iterator[str]:
        crowd, ours = self.crowds[name], name in OUR_NAMES
        yield bold(f"{crowd.sockets:,}", ours and crowd.sockets > MOST_SOCKETS)
        yield bold(f"{crowd.failed:,}", ours and crowd.failed > 0)
        for _title, reference, clock in COLUMNS:
            if name == reference:
                yield f"1 = {microseconds(self.gets, name, clock)}"
            else:
                yield str(self._ratio(name, reference, clock))

    def _large_table(self) -> str:
        rows = [
            [
                f"{one.name}, {other.name} = 1",
                str(self._large_ratio(one.name, other.name, "cpu")),
                str(self._large_ratio(one.name, other.name, "wall")),
                microseconds(self.large, one.name),
            ]
            for one, other in PAIRS
        ]
        return table(["", "CPU time", "Wall time", "CPU time of a get"], rows)

    def _ratio(self, name: str, reference: str, clock: Clock) -> Ratio:
        judged = name in OUR_NAMES and reference == VALKEY.name and clock == "cpu"
        return ratio(self.gets, name, reference, clock, MOST if judged else inf)

    def _large_ratio(self, name: str, reference: str, clock: Clock) -> Ratio:
        judged = name in OUR_NAMES and clock == "cpu"
        return ratio(self.large, name, reference, clock, MOST_LARGE if judged else inf)


def measure(server: servers.Server, sizes: Sizes) -> OnLoop:
    address = Tcp(server.port)
    large = [caller for pair in zip(*PAIRS, strict=True) for caller in dict.fromkeys(pair)]
    return OnLoop(
        sizes,
        on_one_loop(address, sizes, CALLERS, TEXT, sizes.concurrent, sizes.in_a_row),
        on_one_loop(address, sizes, large, text_of(sizes.large_bytes), 1, sizes.large),
        {
            caller.name: crowd(server, address, database, caller, sizes)
            for database, caller in enumerate(CALLERS)
        },
    )


def on_one_loop(
    address: Tcp,
    sizes: Sizes,
    callers: Any,
    sample: Sample,
    tasks: int,
    in_a_row: int,
) -> Turns:
    """Return the times of one get by so many tasks at once."""
    with asyncio.Runner() as runner:
        stores: dict[str, AwaitableStore] = {}
        turns = {}
        for database, caller in enumerate(callers):
            entries = caller.entries(sample)
            store = stores[caller.name] = runner.run(opened(caller, address, database))
            runner.run(stored(store, entries.key, entries.value))
            visit = partial(turn, store, entries.key, tasks, in_a_row)
            turns[caller.name] = partial(lambda visit: runner.run(visit()), visit)
        measured = in_turns(turns, sizes.rounds)
        for store in stores.values():
            runner.run(closed(store))
    return measured

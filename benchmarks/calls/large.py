"""The cost of getting a large value, compared with using the driver and pickle directly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TypeVar

from benchmarks.calls import callers, contenders
from benchmarks.calls.addresses import Address, Tcp, addresses
from benchmarks.calls.blocking import time_turn
from benchmarks.calls.loops import Load, time_on_loop
from benchmarks.calls.operations import GET_LARGE
from benchmarks.calls.samples import Sample, make_text
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import table
from benchmarks.calls.timing import (
    CLOCKS,
    Clock,
    Ratio,
    Turns,
    compare,
    format_microseconds,
    time_in_turns,
)
from tests import servers

T = TypeVar("T")

MAX_RATIO = 1.3
OUR_NAMES = frozenset(ours.name for ours in contenders.OURS)

# Each backend and its reference: its driver with pickle.
PAIRS: tuple[tuple[contenders.Contender, contenders.Contender], ...] = (
    (contenders.OUR_VALKEY, contenders.VALKEY_AND_PICKLE),
    (contenders.DJANGO_VALKEY, contenders.VALKEY_AND_PICKLE),
    (contenders.OUR_REDIS, contenders.REDIS_AND_PICKLE),
    (contenders.DJANGO, contenders.REDIS_AND_PICKLE),
    (contenders.DJANGO_REDIS, contenders.REDIS_AND_PICKLE),
)
AWAITABLE_PAIRS = (
    (callers.OUR_VALKEY, callers.VALKEY_AND_PICKLE),
    (callers.OUR_REDIS, callers.REDIS_AND_PICKLE),
    (callers.DJANGO, callers.REDIS_AND_PICKLE),
)


@dataclass(frozen=True)
class LargeValueResult:
    """The times of `get`, by address."""

    title: str
    pairs: Sequence[tuple[str, str]]
    turns_by_address: Mapping[str, Turns]

    def markdown(self) -> str:
        headers = [
            f"{clock}, {address}" for address in self.turns_by_address for _, clock in CLOCKS
        ]
        rows = [
            [f"{one}, {other} = 1", *map(str, self._ratios(one, other))]
            for one, other in self.pairs
        ]
        return f"{self.title}:\n\n{table(['', *headers], [*rows, *self._references()])}"

    def misses(self) -> Iterator[str]:
        for one, other in self.pairs:
            for address, turns in self.turns_by_address.items():
                result = compare_with(turns, one, other, "cpu")
                if result.is_missed:
                    yield f"{self.title}, {other} = 1: {one}, {address}: {result.miss_text}"

    def _ratios(self, one: str, other: str) -> Iterator[Ratio]:
        for turns in self.turns_by_address.values():
            for clock, _name in CLOCKS:
                yield compare_with(turns, one, other, clock)

    def _references(self) -> Iterator[list[str]]:
        for name in dict.fromkeys(other for _one, other in self.pairs):
            times = [
                f"1 = {format_microseconds(turns, name, clock)}"
                for turns in self.turns_by_address.values()
                for clock, _name in CLOCKS
            ]
            yield [name, *times]


def compare_with(turns: Turns, one: str, other: str, clock: Clock) -> Ratio:
    has_goal = one in OUR_NAMES and clock == "cpu"
    return compare(turns, one, other, clock, MAX_RATIO if has_goal else inf)


def measure(server: servers.Server, sizes: Sizes) -> tuple[LargeValueResult, LargeValueResult]:
    """Time threads, and tasks on an event loop."""
    sample = make_text(sizes.large_bytes)
    pairs = [(one.name, other.name) for one, other in PAIRS]
    turns_by_address = {
        address.name: time_threads(address, sample, sizes) for address in addresses(server)
    }
    awaitable_pairs = [(one.name, other.name) for one, other in AWAITABLE_PAIRS]
    return (
        LargeValueResult("`get` in a thread", pairs, turns_by_address),
        LargeValueResult(
            "`get` in a task", awaitable_pairs, {Tcp.name: time_tasks(server, sample, sizes)}
        ),
    )


def unique_members(pairs: Iterable[tuple[T, T]]) -> list[T]:
    """Return the members of all pairs, each once."""
    return list(dict.fromkeys(one for pair in pairs for one in pair))


def time_threads(address: Address, sample: Sample, sizes: Sizes) -> Turns:
    with ExitStack() as stack:
        turns = {}
        for database, contender in enumerate(unique_members(PAIRS)):
            store = stack.enter_context(closing(contender.open(address, database)))
            turns[contender.name] = partial(time_turn, GET_LARGE, contender, store, sample, sizes)
        return time_in_turns(turns, sizes.rounds)


def time_tasks(server: servers.Server, sample: Sample, sizes: Sizes) -> Turns:
    load = Load(tasks=1, calls_per_task=sizes.large)
    compared = unique_members(AWAITABLE_PAIRS)
    return time_on_loop(Tcp(server.port), compared, sample, load, sizes.rounds)


def section(measured: Iterable[LargeValueResult], sizes: Sizes) -> str:
    tables = "\n\n".join(one.markdown() for one in measured)
    return (
        f"## A value of {sizes.large_bytes:,} bytes\n\n"
        f"A str, compared with using the driver and pickle directly. The goal for our backends: at "
        f"most {MAX_RATIO:g} of that CPU time. During the whole run, the C library keeps freed "
        "memory. Otherwise it would depend on chance whether each megabyte needs new memory, which "
        "takes longer than everything else."
        f"\n\n{tables}"
    )

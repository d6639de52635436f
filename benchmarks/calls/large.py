"""A large value: what a backend takes to get it, beside its driver called by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TypeVar

from benchmarks.calls import callers, contenders
from benchmarks.calls.addresses import Address, Tcp, addresses
from benchmarks.calls.blocking import turn
from benchmarks.calls.loops import Load, turns_on_loop
from benchmarks.calls.operations import GET_LARGE
from benchmarks.calls.samples import Sample, text_of
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import table
from benchmarks.calls.turns import CLOCKS, Clock, Ratio, Turns, in_turns, microseconds, ratio
from tests import servers

T = TypeVar("T")

MOST = 1.3
OUR_NAMES = frozenset(ours.name for ours in contenders.OURS)

# Each backend with what it is compared with: its driver by hand, and pickle.
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
class Large:
    """The times of a get, over some ways."""

    title: str
    pairs: Sequence[tuple[str, str]]
    ways: Mapping[str, Turns]

    def markdown(self) -> str:
        headers = [f"{clock}, {way}" for way in self.ways for _, clock in CLOCKS]
        rows = [
            [f"{one}, {other} = 1", *map(str, self._ratios(one, other))]
            for one, other in self.pairs
        ]
        return f"{self.title}:\n\n{table(['', *headers], [*rows, *self._references()])}"

    def misses(self) -> Iterator[str]:
        for one, other in self.pairs:
            for way, turns in self.ways.items():
                reached = reached_by(turns, one, other, "cpu")
                if reached.misses:
                    yield f"{self.title}, {other} = 1: {one}, {way}: {reached.missed}"

    def _ratios(self, one: str, other: str) -> Iterator[Ratio]:
        for turns in self.ways.values():
            for clock, _name in CLOCKS:
                yield reached_by(turns, one, other, clock)

    def _references(self) -> Iterator[list[str]]:
        for name in dict.fromkeys(other for _one, other in self.pairs):
            times = [
                f"1 = {microseconds(turns, name, clock)}"
                for turns in self.ways.values()
                for clock, _name in CLOCKS
            ]
            yield [name, *times]


def reached_by(turns: Turns, one: str, other: str, clock: Clock) -> Ratio:
    judged = one in OUR_NAMES and clock == "cpu"
    return ratio(turns, one, other, clock, MOST if judged else inf)


def measure(server: servers.Server, sizes: Sizes) -> tuple[Large, Large]:
    """Return what threads take, and what a task on an event loop takes."""
    sample = text_of(sizes.large_bytes)
    pairs = [(one.name, other.name) for one, other in PAIRS]
    ways = {address.name: of_threads(address, sample, sizes) for address in addresses(server)}
    awaitable_pairs = [(one.name, other.name) for one, other in AWAITABLE_PAIRS]
    return (
        Large("`get` in a thread", pairs, ways),
        Large("`get` in a task", awaitable_pairs, {Tcp.name: of_tasks(server, sample, sizes)}),
    )


def each_once(pairs: Iterable[tuple[T, T]]) -> list[T]:
    """Return who is in any of the pairs."""
    return list(dict.fromkeys(one for pair in pairs for one in pair))


def of_threads(address: Address, sample: Sample, sizes: Sizes) -> Turns:
    with ExitStack() as opened:
        turns = {}
        for database, contender in enumerate(each_once(PAIRS)):
            store = opened.enter_context(closing(contender.open(address, database)))
            turns[contender.name] = partial(turn, GET_LARGE, contender, store, sample, sizes)
        return in_turns(turns, sizes.rounds)


def of_tasks(server: servers.Server, sample: Sample, sizes: Sizes) -> Turns:
    load = Load(tasks=1, in_a_row=sizes.large)
    found = each_once(AWAITABLE_PAIRS)
    return turns_on_loop(Tcp(server.port), found, sample, load, sizes.rounds)


def section(measured: Iterable[Large], sizes: Sizes) -> str:
    tables = "\n\n".join(one.markdown() for one in measured)
    return (
        f"## A value of {sizes.large_bytes:,} bytes\n\n"
        f"A str, compared with using the driver and pickle directly. The goal for our backends: at "
        f"most {MOST:g} of that CPU time. During the whole run, the C library keeps freed memory. "
        "Otherwise it would depend on chance whether each megabyte needs new memory, which takes "
        "longer than everything else."
        f"\n\n{tables}"
    )

"""A large value: what backends take to get it, beside their driver and pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from benchmarks.calls.addresses import Address, addresses
from benchmarks.calls.blocking import turn
from benchmarks.calls.contenders import (
    DJANGO,
    DJANGO_REDIS,
    DJANGO_VALKEY,
    OUR_REDIS,
    OUR_VALKEY,
    OURS,
    REDIS_AND_PICKLE,
    VALKEY_AND_PICKLE,
)
from benchmarks.calls.operations import GET_LARGE
from benchmarks.calls.samples import text_of
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.tables import table
from benchmarks.calls.turns import CLOCKS, Clock, Ratio, Turns, in_turns, microseconds, ratio
from tests import servers

# Each backend, and its driver by hand.
PAIRS = (
    (OUR_VALKEY, VALKEY_AND_PICKLE),
    (DJANGO_VALKEY, VALKEY_AND_PICKLE),
    (OUR_REDIS, REDIS_AND_PICKLE),
    (DJANGO, REDIS_AND_PICKLE),
    (DJANGO_REDIS, REDIS_AND_PICKLE),
)
REFERENCES = VALKEY_AND_PICKLE, REDIS_AND_PICKLE
MOST = 1.3


@dataclass(frozen=True)
class Large:
    """The times of a get over each way."""

    bytes: int
    ways: dict[str, Turns]

    def section(self) -> str:
        rows = [
            [f"{one.name}, {other.name} = 1", *self._ratios(one.name, other.name)]
            for one, other in PAIRS
        ]
        absolute = [
            [other.name, *(microseconds(turns, other.name, clock) for turns, clock in self._columns())]
            for other in REFERENCES
        ]
        headers = [f"{clock_name}, {way}" for way in self.ways for _clock, clock_name in CLOCKS]
        return (
            f"## A value of {self.bytes:,} bytes\n\n"
            "A `get` of a str, beside the driver called by hand and pickle. The goal of ours, "
            f"for CPU time, is at most {MOST:g}.\n\n" + table(["", *headers], rows + absolute)
        )

    def misses(self) -> Iterator[str]:
        for one, other in PAIRS:
            for way, turns in self.ways.items():
                reached = self._ratio(turns, one.name, other.name, "cpu")
                if reached.misses:
                    yield (
                        f"get of {self.bytes:,} bytes, {other.name} = 1: {one.name}, {way}: "
                        f"{reached.middle:.2f}, not {MOST:g}"
                    )

    def _columns(self) -> list[tuple[Turns, Clock]]:
        return [(turns, clock) for turns in self.ways.values() for clock, _name in CLOCKS]

    def _ratios(self, one: str, other: str) -> Iterator[str]:
        for turns, clock in self._columns():
            yield str(self._ratio(turns, one, other, clock))

    def _ratio(self, turns: Turns, one: str, other: str, clock: Clock) -> Ratio:
        is_ours = one in [ours.name for ours in OURS]
        return ratio(turns, one, other, clock, *([MOST] if is_ours and clock == "cpu" else []))


def measure(server: servers.Server, sizes: Sizes) -> Large:
    ways = {address.name: turns_over(address, sizes) for address in addresses(server)}
    return Large(sizes.large_bytes, ways)


def turns_over(address: Address, sizes: Sizes) -> Turns:
    sample = text_of(sizes.large_bytes)
    contenders = [*(one for one, _other in PAIRS), *REFERENCES]
    with ExitStack() as opened:
        turns = {}
        for database, contender in enumerate(contenders):
            store = opened.enter_context(closing(contender.open(address, database)))
            turns[contender.name] = partial(turn, GET_LARGE, contender, store, sample, sizes)
        return in_turns(turns, sizes.rounds)

"""Calls of a thread: every operation, of every contender, over TCP and a unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from benchmarks.calls.addresses import Address, addresses
from benchmarks.calls.contenders import BARE, CONTENDERS, REDIS, Contender
from benchmarks.calls.operations import OPERATIONS, Operation
from benchmarks.calls.samples import DICT, TEXT, Sample
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.stores import Store
from benchmarks.calls.tables import table
from benchmarks.calls.turns import CLOCKS, Clock, Times, Turns, in_turns, microseconds, ratio, timed
from tests import servers


@dataclass(frozen=True)
class Measured:
    """What was measured with one value, over one way."""

    title: str
    turns: dict[str, Turns]
    """By the name of the operation."""

    def sections(self) -> Iterator[str]:
        """Yield the tables: to redis-py and to the bare socket, by either clock."""
        yield f"### {self.title}"
        for clock, clock_name in CLOCKS:
            for reference in (REDIS.name, BARE.name):
                yield f"{clock_name}, {reference} = 1:\n\n{self._table(clock, reference)}"

    def _table(self, clock: Clock, reference: str) -> str:
        rows = [
            [contender.name, *self._cells(contender.name, clock, reference)]
            for contender in CONTENDERS
        ]
        return table(["", *self.turns], rows)

    def _cells(self, name: str, clock: Clock, reference: str) -> Iterator[str]:
        for turns in self.turns.values():
            if name == reference:
                yield f"1 = {microseconds(turns, name, clock)}"
            else:
                yield str(ratio(turns, name, reference, clock))


def measure(server: servers.Server, sizes: Sizes) -> Iterator[Measured]:
    """Yield what is measured with each value over each way to the server."""
    for address in addresses(server):
        for sample in (TEXT, DICT):
            turns = all_operations(address, sample, sizes)
            yield Measured(f"{sample.name}, {address.name}", turns)


def all_operations(address: Address, sample: Sample, sizes: Sizes) -> dict[str, Turns]:
    """Return the times of all operations; each contender has a database to itself."""
    with ExitStack() as opened:
        stores: list[tuple[Contender, Store]] = [
            (contender, opened.enter_context(closing(contender.open(address, database))))
            for database, contender in enumerate(CONTENDERS)
        ]
        return {
            operation.name: in_turns(
                {
                    contender.name: partial(turn, operation, contender, store, sample, sizes)
                    for contender, store in stores
                },
                sizes.rounds,
            )
            for operation in OPERATIONS
        }


def turn(
    operation: Operation, contender: Contender, store: Store, sample: Sample, sizes: Sizes
) -> Times:
    """Prepare a turn, and time it."""
    calls = operation.calls(sizes)
    return timed(operation.prepare(store, contender.entries(sample), calls), calls)

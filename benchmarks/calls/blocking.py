"""Calls in a thread: all operations of all contenders, over TCP and a Unix socket."""

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
from benchmarks.calls.timing import (
    CLOCKS,
    Clock,
    Times,
    Turns,
    compare,
    format_microseconds,
    time_calls,
    time_in_turns,
)
from tests import servers


@dataclass(frozen=True)
class ThreadResult:
    """The results for one value over one address."""

    title: str
    turns: dict[str, Turns]
    """The times by the name of the operation."""

    def sections(self) -> Iterator[str]:
        """Yield the tables: compared with redis-py and the bare socket, by both clocks."""
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
                yield f"1 = {format_microseconds(turns, name, clock)}"
            else:
                yield str(compare(turns, name, reference, clock))


def measure(server: servers.Server, sizes: Sizes) -> Iterator[ThreadResult]:
    """Yield the results for each value and address."""
    for address in addresses(server):
        for sample in (TEXT, DICT):
            turns = time_operations(address, sample, sizes)
            yield ThreadResult(f"{sample.name}, {address.name}", turns)


def time_operations(address: Address, sample: Sample, sizes: Sizes) -> dict[str, Turns]:
    """Time all operations; each contender uses a database of its own."""
    with ExitStack() as stack:
        stores: list[tuple[Contender, Store]] = [
            (contender, stack.enter_context(closing(contender.open(address, database))))
            for database, contender in enumerate(CONTENDERS)
        ]
        return {
            operation.name: time_in_turns(
                {
                    contender.name: partial(time_turn, operation, contender, store, sample, sizes)
                    for contender, store in stores
                },
                sizes.rounds,
            )
            for operation in OPERATIONS
        }


def time_turn(
    operation: Operation, contender: Contender, store: Store, sample: Sample, sizes: Sizes
) -> Times:
    """Prepare a turn, and time it."""
    calls = operation.calls(sizes)
    return time_calls(operation.prepare(store, contender.entries(sample), calls), calls)

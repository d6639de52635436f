"""Timing tasks on an event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import valkey

from benchmarks.calls.addresses import Address, Tcp
from benchmarks.calls.callers import AwaitableStore, Caller
from benchmarks.calls.samples import TEXT, Sample
from benchmarks.calls.turns import Times, Turns, in_turns
from tests import servers


@dataclass(frozen=True)
class Load:
    """So many tasks at once, that each get a value so many times."""

    tasks: int
    in_a_row: int

    async def timed(self, store: AwaitableStore, key: str) -> Times:
        """Return the times of one get."""
        start = Times.now()
        await asyncio.gather(*(self._task(store, key) for _task in range(self.tasks)))
        return Times.since(start, self.tasks * self.in_a_row)

    async def _task(self, store: AwaitableStore, key: str) -> None:
        for _get in range(self.in_a_row):
            await store.get(key)


@dataclass(frozen=True)
class Crowd:
    """What became of many calls at once, the first on their loop."""

    sockets: int
    """How many they opened."""

    failures: Counter[str]
    """How many of the calls failed, by the class of the error."""

    def __str__(self) -> str:
        """Return how many failed, and how."""
        kinds = f" ({', '.join(sorted(self.failures))})" if self.failures else ""
        return f"{self.failures.total():,}{kinds}"


def turns_on_loop(
    address: Address, callers: Iterable[Caller], sample: Sample, load: Load, rounds: int
) -> Turns:
    """Return the times of a get by each of the callers, which share one loop."""
    with asyncio.Runner() as runner:

        def turn(store: AwaitableStore, key: str) -> Times:
            return runner.run(load.timed(store, key))

        stores, turns = [], {}
        for database, caller in enumerate(callers):
            entries = caller.entries(sample)
            store = runner.run(ready(caller, address, database, sample))
            stores.append(store)
            turns[caller.name] = partial(turn, store, entries.key)
        measured = in_turns(turns, rounds)
        for store in stores:
            runner.run(closed(store))
        return measured


async def ready(caller: Caller, address: Address, database: int, sample: Sample) -> AwaitableStore:
    """Return a store in which there is something to get."""
    entries, store = caller.entries(sample), caller.open(address, database)
    await store.set(entries.key, entries.value)
    return store


async def closed(store: AwaitableStore) -> None:
    await store.close()


def crowd(server: servers.Server, caller: Caller, database: int, tasks: int) -> Crowd:
    """Return what becomes of so many calls at once, on a new loop without connections."""
    address, entries = Tcp(server.port), caller.entries(TEXT)

    async def call() -> list[Any]:
        store = caller.open(address, database)
        gets = (store.get(entries.key) for _task in range(tasks))
        results = await asyncio.gather(*gets, return_exceptions=True)
        await store.close()
        return results

    with valkey.Valkey(port=server.port) as client:
        before = connections_received(client)
        results = asyncio.run(call())
        sockets = connections_received(client) - before
    failures = Counter(type(one).__name__ for one in results if isinstance(one, Exception))
    return Crowd(sockets, failures)


def connections_received(client: valkey.Valkey) -> int:
    """Return how many connections were made to a server since it runs."""
    statistics: Any = client.info("stats")
    return int(statistics["total_connections_received"])

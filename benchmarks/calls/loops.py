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
from benchmarks.calls.timing import Times, Turns, time_in_turns
from tests import servers


@dataclass(frozen=True)
class Load:
    """How many tasks run at the same time, and how many calls each makes."""

    tasks: int
    calls_per_task: int

    async def timed(self, store: AwaitableStore, key: str) -> Times:
        """Return the times of one `get`."""
        start = Times.now()
        await asyncio.gather(*(self._task(store, key) for _task in range(self.tasks)))
        return Times.since(start, self.tasks * self.calls_per_task)

    async def _task(self, store: AwaitableStore, key: str) -> None:
        for _get in range(self.calls_per_task):
            await store.get(key)


@dataclass(frozen=True)
class ConcurrentCalls:
    """The result of many simultaneous calls on a new event loop."""

    sockets: int
    """The number of sockets that were opened."""

    failures: Counter[str]
    """The number of failed calls by the class of the error."""

    def __str__(self) -> str:
        """Return the number of failures and their classes."""
        kinds = f" ({', '.join(sorted(self.failures))})" if self.failures else ""
        return f"{self.failures.total():,}{kinds}"


def time_on_loop(
    address: Address, callers: Iterable[Caller], sample: Sample, load: Load, rounds: int
) -> Turns:
    """Time `get` of all callers, which share one event loop."""
    with asyncio.Runner() as runner:

        def turn(store: AwaitableStore, key: str) -> Times:
            return runner.run(load.timed(store, key))

        stores, turns = [], {}
        for database, caller in enumerate(callers):
            entries = caller.entries(sample)
            store = runner.run(prepare_store(caller, address, database, sample))
            stores.append(store)
            turns[caller.name] = partial(turn, store, entries.key)
        measured = time_in_turns(turns, rounds)
        for store in stores:
            runner.run(close_store(store))
        return measured


async def prepare_store(
    caller: Caller, address: Address, database: int, sample: Sample
) -> AwaitableStore:
    """Return a store with a value to get."""
    entries, store = caller.entries(sample), caller.open(address, database)
    await store.set(entries.key, entries.value)
    return store


async def close_store(store: AwaitableStore) -> None:
    await store.close()


def run_concurrent_calls(
    server: servers.Server, caller: Caller, database: int, tasks: int
) -> ConcurrentCalls:
    """Run simultaneous calls on a new event loop without connections."""
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
    return ConcurrentCalls(sockets, failures)


def connections_received(client: valkey.Valkey) -> int:
    """Return how many connections a server has accepted since it started."""
    statistics: Any = client.info("stats")
    return int(statistics["total_connections_received"])

"""Calls for whole collections, and pipelines: our backends compared with the drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.calls.addresses import Address, Tcp
from benchmarks.calls.contenders import OURS, REDIS, VALKEY, redis_client, valkey_client
from benchmarks.calls.samples import TEXT, Entries, Sample
from benchmarks.calls.sizes import KEYS_PER_CALL, Sizes
from benchmarks.calls.tables import table
from benchmarks.calls.timing import (
    CLOCKS,
    Times,
    Turns,
    compare,
    format_microseconds,
    time_calls,
    time_in_turns,
)
from tests import servers

Call = Callable[[], Any]


@dataclass(frozen=True)
class CollectionClient:
    """A cache or a driver's client: their methods have the same signatures."""

    name: str
    open: Callable[[Address, int], Any]
    entries: Callable[[Sample], Entries]

    @property
    def values(self) -> list[Any]:
        """`KEYS_PER_CALL` different values."""
        samples = [Sample(TEXT.name, f"{TEXT.value[3:]}{n:03}") for n in range(KEYS_PER_CALL)]
        return [self.entries(sample).value for sample in samples]


CLIENTS = (
    *(CollectionClient(one.name, one.open, one.entries) for one in OURS),
    CollectionClient(VALKEY.name, valkey_client, VALKEY.entries),
    CollectionClient(REDIS.name, redis_client, REDIS.entries),
)

# Each function stores what its call reads, which is not timed, and returns the call.


def hgetall(client: Any, keys: Sequence[str], values: Sequence[Any]) -> Call:
    client.hset(keys[0], mapping={f"field-{n}": value for n, value in enumerate(values)})
    return partial(client.hgetall, keys[0])


def lrange(client: Any, keys: Sequence[str], values: Sequence[Any]) -> Call:
    client.delete(keys[1])
    client.rpush(keys[1], *values)
    return partial(client.lrange, keys[1], 0, -1)


def zrange(client: Any, keys: Sequence[str], values: Sequence[Any]) -> Call:
    client.zadd(keys[2], {value: score for score, value in enumerate(values)})
    return partial(client.zrange, keys[2], 0, -1)


def pipeline(client: Any, keys: Sequence[str], values: Sequence[Any]) -> Call:
    pipeline_keys = [f"{key}:piped" for key in keys]
    for key, value in zip(pipeline_keys, values, strict=True):
        client.set(key, value)

    def call() -> Any:
        pipe = client.pipeline(transaction=False)
        for key in pipeline_keys:
            pipe.get(key)
        return pipe.execute()

    return call


OPERATIONS = {
    f"hgetall of {KEYS_PER_CALL}": hgetall,
    f"lrange of {KEYS_PER_CALL}": lrange,
    f"zrange of {KEYS_PER_CALL}": zrange,
    f"a pipeline of {KEYS_PER_CALL} gets": pipeline,
}


@dataclass(frozen=True)
class CollectionsResult:
    """The times by the name of the operation."""

    turns: Mapping[str, Turns]

    def section(self) -> str:
        headers = [""]
        headers += [
            f"{clock}, {one} = 1" for one in (VALKEY.name, REDIS.name) for _, clock in CLOCKS
        ]
        rows = [
            [f"{operation}: {caller.name}", *self._cells(turns, caller.name)]
            for operation, turns in self.turns.items()
            for caller in CLIENTS
        ]
        return (
            "## Collections and pipelines, over TCP\n\n"
            f"{KEYS_PER_CALL} values, each a {TEXT.name}. Our backends make keys and decode every "
            "value. The raw drivers get stored keys and return bytes.\n\n"
            f"{table(headers, rows)}"
        )

    def _cells(self, turns: Turns, name: str) -> Iterator[str]:
        for other in (VALKEY.name, REDIS.name):
            for clock, _name in CLOCKS:
                if name == other:
                    yield f"1 = {format_microseconds(turns, name, clock)}"
                else:
                    yield str(compare(turns, name, other, clock))


def measure(server: servers.Server, sizes: Sizes) -> CollectionsResult:
    """Time all operations; each client uses a database of its own."""
    with ExitStack() as stack:
        clients = [
            (caller, stack.enter_context(closing(caller.open(Tcp(server.port), database))))
            for database, caller in enumerate(CLIENTS)
        ]
        return CollectionsResult(
            {
                operation: time_in_turns(
                    {
                        caller.name: partial(
                            time_collection_turn, prepare, caller, client, sizes.many
                        )
                        for caller, client in clients
                    },
                    sizes.rounds,
                )
                for operation, prepare in OPERATIONS.items()
            }
        )


def time_collection_turn(
    prepare: Callable[..., Call], caller: CollectionClient, client: Any, calls: int
) -> Times:
    """Prepare a turn, and time it."""
    return time_calls(prepare(client, caller.entries(TEXT).keys_for_batch(), caller.values), calls)

"""Calls for whole collections, and pipelines: ours, beside the drivers called by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.calls.addresses import Address, Tcp
from benchmarks.calls.contenders import OURS, REDIS, VALKEY, redis_client, valkey_client
from benchmarks.calls.samples import TEXT, Entries, Sample
from benchmarks.calls.sizes import AT_ONCE, Sizes
from benchmarks.calls.tables import table
from benchmarks.calls.turns import CLOCKS, Times, Turns, in_turns, microseconds, ratio, timed
from tests import servers

Call = Callable[[], Any]


@dataclass(frozen=True)
class Caller:
    """Whose methods are called: those of a cache and of a client have one form."""

    name: str
    open: Callable[[Address, int], Any]
    entries: Callable[[Sample], Entries]

    @property
    def values(self) -> list[Any]:
        """So many values, no two alike."""
        samples = [Sample(TEXT.name, f"{TEXT.value[3:]}{n:03}") for n in range(AT_ONCE)]
        return [self.entries(sample).value for sample in samples]


CALLERS = (
    *(Caller(one.name, one.open, one.entries) for one in OURS),
    Caller(VALKEY.name, valkey_client, VALKEY.entries),
    Caller(REDIS.name, redis_client, REDIS.entries),
)

# Each stores what its call will find, which is not timed, and returns the call.


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
    own = [f"{key}:piped" for key in keys]
    for key, value in zip(own, values, strict=True):
        client.set(key, value)

    def call() -> Any:
        pipe = client.pipeline(transaction=False)
        for key in own:
            pipe.get(key)
        return pipe.execute()

    return call


OPERATIONS = {
    f"hgetall of {AT_ONCE}": hgetall,
    f"lrange of {AT_ONCE}": lrange,
    f"zrange of {AT_ONCE}": zrange,
    f"a pipeline of {AT_ONCE} gets": pipeline,
}


@dataclass(frozen=True)
class Measured:
    """What was measured, by the name of the operation."""

    turns: Mapping[str, Turns]

    def section(self) -> str:
        headers = [""]
        headers += [
            f"{clock}, {one} = 1" for one in (VALKEY.name, REDIS.name) for _, clock in CLOCKS
        ]
        rows = [
            [f"{operation}: {caller.name}", *self._cells(turns, caller.name)]
            for operation, turns in self.turns.items()
            for caller in CALLERS
        ]
        return (
            "## Collections and pipelines, over TCP\n\n"
            f"{AT_ONCE} values, each a {TEXT.name}. Our backends make keys and decode every "
            "value. The raw drivers get stored keys and return bytes.\n\n"
            f"{table(headers, rows)}"
        )

    def _cells(self, turns: Turns, name: str) -> Iterator[str]:
        for other in (VALKEY.name, REDIS.name):
            for clock, _name in CLOCKS:
                if name == other:
                    yield f"1 = {microseconds(turns, name, clock)}"
                else:
                    yield str(ratio(turns, name, other, clock))


def measure(server: servers.Server, sizes: Sizes) -> Measured:
    """Return the times of all operations; everybody has a database to themselves."""
    with ExitStack() as opened:
        clients = [
            (caller, opened.enter_context(closing(caller.open(Tcp(server.port), database))))
            for database, caller in enumerate(CALLERS)
        ]
        return Measured(
            {
                operation: in_turns(
                    {
                        caller.name: partial(turn, prepare, caller, client, sizes.many)
                        for caller, client in clients
                    },
                    sizes.rounds,
                )
                for operation, prepare in OPERATIONS.items()
            }
        )


def turn(prepare: Callable[..., Call], caller: Caller, client: Any, calls: int) -> Times:
    """Prepare a turn, and time it."""
    return timed(prepare(client, caller.entries(TEXT).keys_of(), caller.values), calls)

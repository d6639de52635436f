"""Who is compared on an event loop: our backends, Django's, the two drivers."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import valkey.asyncio

from benchmarks.calls import contenders
from benchmarks.calls.addresses import TIMEOUT, Address
from benchmarks.calls.contenders import MADE_PREFIX, Backend
from benchmarks.calls.samples import Entries, Sample

Coroutine = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class AwaitableStore:
    """What is called."""

    get: Coroutine
    set: Coroutine
    close: Coroutine


@dataclass(frozen=True)
class Caller:
    """Somebody who is measured."""

    name: str
    open: Callable[[Address, int], AwaitableStore]
    """Return a new store, for the running event loop."""

    entries: Callable[[Sample], Entries]


def backend(chosen: Backend) -> Caller:
    def opened(address: Address, database: int) -> AwaitableStore:
        cache = chosen.open(address, database)
        return AwaitableStore(cache.aget, cache.aset, cache.aclose)

    return Caller(chosen.name, opened, chosen.entries)


def driver(name: str, scheme: str, kind: Any) -> Caller:
    def opened(address: Address, database: int) -> AwaitableStore:
        client = kind.from_url(address.url(scheme, database), socket_timeout=TIMEOUT)
        return AwaitableStore(client.get, client.set, client.aclose)

    return Caller(name, opened, pickled)


def with_pickle(name: str, raw: Caller) -> Caller:
    def opened(address: Address, database: int) -> AwaitableStore:
        store = raw.open(address, database)

        async def get(key: str) -> Any:
            return pickle.loads(await store.get(key))

        return AwaitableStore(get, store.set, store.close)

    return Caller(name, opened, raw.entries)


def pickled(sample: Sample) -> Entries:
    return Entries(MADE_PREFIX, sample.pickled)


OUR_VALKEY = backend(contenders.OUR_VALKEY)
OUR_REDIS = backend(contenders.OUR_REDIS)
OURS = OUR_VALKEY, OUR_REDIS
DJANGO = backend(contenders.DJANGO)
VALKEY = driver("raw valkey.asyncio", "valkey", valkey.asyncio.Valkey)
REDIS = driver("raw redis.asyncio", "redis", redis.asyncio.Redis)
VALKEY_AND_PICKLE = with_pickle("valkey.asyncio and pickle", VALKEY)
REDIS_AND_PICKLE = with_pickle("redis.asyncio and pickle", REDIS)

CALLERS = (*OURS, DJANGO, VALKEY, REDIS)

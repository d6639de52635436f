"""The contenders on an event loop: our backends, Django's, and the two drivers."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import valkey.asyncio

from benchmarks.calls import contenders
from benchmarks.calls.addresses import TIMEOUT, Address
from benchmarks.calls.contenders import KEY_PREFIX, Backend
from benchmarks.calls.samples import Entries, Sample

AsyncMethod = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class AwaitableStore:
    """The methods to call."""

    get: AsyncMethod
    set: AsyncMethod
    close: AsyncMethod


@dataclass(frozen=True)
class Caller:
    """A contender on an event loop."""

    name: str
    open: Callable[[Address, int], AwaitableStore]
    """Returns a new store for the running event loop."""

    entries: Callable[[Sample], Entries]


def backend_caller(backend: Backend) -> Caller:
    def open_store(address: Address, database: int) -> AwaitableStore:
        cache = backend.open(address, database)
        return AwaitableStore(cache.aget, cache.aset, cache.aclose)

    return Caller(backend.name, open_store, backend.entries)


def driver_caller(name: str, scheme: str, client_class: Any) -> Caller:
    def open_store(address: Address, database: int) -> AwaitableStore:
        client = client_class.from_url(address.url(scheme, database), socket_timeout=TIMEOUT)
        return AwaitableStore(client.get, client.set, client.aclose)

    return Caller(name, open_store, pickled_entries)


def pickle_caller(name: str, raw: Caller) -> Caller:
    def open_store(address: Address, database: int) -> AwaitableStore:
        store = raw.open(address, database)

        async def get(key: str) -> Any:
            return pickle.loads(await store.get(key))

        return AwaitableStore(get, store.set, store.close)

    return Caller(name, open_store, raw.entries)


def pickled_entries(sample: Sample) -> Entries:
    return Entries(KEY_PREFIX, sample.pickled)


OUR_VALKEY = backend_caller(contenders.OUR_VALKEY)
OUR_REDIS = backend_caller(contenders.OUR_REDIS)
OURS = OUR_VALKEY, OUR_REDIS
DJANGO = backend_caller(contenders.DJANGO)
VALKEY = driver_caller("raw valkey.asyncio", "valkey", valkey.asyncio.Valkey)
REDIS = driver_caller("raw redis.asyncio", "redis", redis.asyncio.Redis)
VALKEY_AND_PICKLE = pickle_caller("valkey.asyncio and pickle", VALKEY)
REDIS_AND_PICKLE = pickle_caller("redis.asyncio and pickle", REDIS)

CALLERS = (*OURS, DJANGO, VALKEY, REDIS)

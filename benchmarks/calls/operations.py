"""The operations to measure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.calls.samples import Entries
from benchmarks.calls.sizes import Sizes
from benchmarks.calls.stores import Store

Call = Callable[[], Any]


@dataclass(frozen=True)
class Operation:
    """A kind of call."""

    name: str
    prepare: Callable[[Store, Entries, int], Call]
    """Stores what the calls will read, which is not timed; returns the call."""

    calls: Callable[[Sizes], int]
    """Returns the number of calls per turn."""


def get(store: Store, entries: Entries, calls: int) -> Call:
    store.set(entries.key, entries.value)
    return partial(store.get, entries.key)


def set_(store: Store, entries: Entries, calls: int) -> Call:
    return partial(store.set, entries.key, entries.value)


def incr(store: Store, entries: Entries, calls: int) -> Call:
    store.set(entries.counter, 0)
    return partial(store.incr, entries.counter)


def get_many(store: Store, entries: Entries, calls: int) -> Call:
    store.set_many(entries.data())
    return partial(store.get_many, entries.keys_for_batch())


def set_many(store: Store, entries: Entries, calls: int) -> Call:
    return partial(store.set_many, entries.data())


def delete_many(store: Store, entries: Entries, calls: int) -> Call:
    """Store a batch of keys for each call, so that every call deletes existing keys."""
    for batch in range(calls):
        store.set_many(entries.data(batch))
    batches = itertools.cycle([entries.keys_for_batch(batch) for batch in range(calls)])
    return lambda: store.delete_many(next(batches))


def single_calls(sizes: Sizes) -> int:
    return sizes.single


def many_calls(sizes: Sizes) -> int:
    return sizes.many


def large_calls(sizes: Sizes) -> int:
    return sizes.large


GET = Operation("get", get, single_calls)
SET = Operation("set", set_, single_calls)
INCR = Operation("incr", incr, single_calls)
GET_MANY = Operation("get_many", get_many, many_calls)
SET_MANY = Operation("set_many", set_many, many_calls)
DELETE_MANY = Operation("delete_many", delete_many, many_calls)
OPERATIONS = (GET, SET, INCR, GET_MANY, SET_MANY, DELETE_MANY)

GET_LARGE = Operation("get of a large value", get, large_calls)

"""Random operations on the keys of one owner, with what the model expects of each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.backends import ServerCache
from tests.cache.faults.model import Effect, add, delete, forget, get, incr, put, touch

Effects = list[tuple[str, Effect]]


@dataclass(frozen=True)
class Operation:
    """A method call, its effects in order, and how to read their outcomes from what it returns."""

    name: str
    arguments: tuple[Any, ...]
    effects: Effects
    outcomes: Callable[[Any], list[Any]]

    def seen(self, returned: Any) -> list[tuple[str, Effect, Any]]:
        """Return the effects, each with its outcome."""
        outcomes = self.outcomes(returned)
        return [
            (key, effect, outcome)
            for (key, effect), outcome in zip(self.effects, outcomes, strict=True)
        ]


def one(name: str, key: str, effect: Effect, *arguments: Any) -> Operation:
    return Operation(name, (key, *arguments), [(key, effect)], lambda returned: [returned])


class Owner:
    """Makes operations on keys that nobody else has, with values that nobody else writes."""

    def __init__(self, name: str, seed: int) -> None:
        self._random = random.Random(f"{name} {seed}")
        self._name = name
        self._written = 0
        self.counters = [f"{name}-count-{number}" for number in range(2)]
        self.texts = [f"{name}-text-{number}" for number in range(4)]

    @property
    def keys(self) -> list[str]:
        return self.counters + self.texts

    def next(self) -> Operation:
        """Return an operation chosen at random."""
        return self._random.choice(MAKERS)(self)

    def value(self, key: str) -> Any:
        """Return a new value for `key`: large ones too, which take several reads."""
        self._written += 1
        if key in self.counters:
            return self._written * 1000
        size = self._random.choice((0, 10, 200, 3_000))
        return f"{self._name}:{self._written}:" + "x" * size

    def any_key(self) -> str:
        return self._random.choice(self.keys)

    def some_keys(self) -> list[str]:
        return self._random.sample(self.keys, self._random.randint(1, len(self.keys)))

    # The operations.

    def get(self) -> Operation:
        return one("get", self.any_key(), get)

    def set(self) -> Operation:
        key = self.any_key()
        value = self.value(key)
        return one("set", key, put(value), value)

    def add(self) -> Operation:
        key = self.any_key()
        value = self.value(key)
        return one("add", key, add(value), value)

    def incr(self) -> Operation:
        return one("incr", self._random.choice(self.counters), incr(7), 7)

    def delete(self) -> Operation:
        return one("delete", self.any_key(), delete)

    def touch(self) -> Operation:
        return one("touch", self.any_key(), touch, self._random.choice((500, None)))

    def get_many(self) -> Operation:
        keys = self.some_keys()
        effects: Effects = [(key, get) for key in keys]
        return Operation(
            "get_many", (keys,), effects, lambda found: [found.pop(key, None) for key in keys]
        )

    def set_many(self) -> Operation:
        data = {key: self.value(key) for key in self.some_keys()}
        effects = [(key, put(value)) for key, value in data.items()]
        return Operation("set_many", (data,), effects, lambda failed: failed or [None] * len(data))

    def delete_many(self) -> Operation:
        keys = self.some_keys()
        return Operation(
            "delete_many", (keys,), [(key, forget) for key in keys], lambda done: [done] * len(keys)
        )

    def pipeline(self) -> Operation:
        """Several of the others at once; `arguments` holds what to queue."""
        makers = [self._random.choice(QUEUED) for _ in range(self._random.randint(1, 5))]
        queued = [make(self) for make in makers]
        effects = [effect for operation in queued for effect in operation.effects]
        return Operation("pipeline", tuple(queued), effects, list)


MAKERS = (
    *(Owner.get, Owner.get, Owner.set, Owner.add, Owner.incr, Owner.delete, Owner.touch),
    *(Owner.get_many, Owner.set_many, Owner.delete_many, Owner.pipeline),
)
QUEUED = (Owner.get, Owner.set, Owner.add, Owner.delete)


def perform(cache: ServerCache, operation: Operation) -> Any:
    """Do `operation`; return what it returned, `ValueError` where it raised that."""
    if operation.name == "pipeline":
        return queue(cache, operation).execute()
    try:
        return getattr(cache, operation.name)(*operation.arguments)
    except ValueError:
        return ValueError


async def aperform(cache: ServerCache, operation: Operation) -> Any:
    """Do what `perform` does, on the running event loop."""
    if operation.name == "pipeline":
        return await queue(cache, operation).aexecute()
    try:
        return await getattr(cache, f"a{operation.name}")(*operation.arguments)
    except ValueError:
        return ValueError


def queue(cache: ServerCache, operation: Operation) -> Any:
    pipe = cache.pipeline()
    for queued in operation.arguments:
        getattr(pipe, queued.name)(*queued.arguments)
    return pipe

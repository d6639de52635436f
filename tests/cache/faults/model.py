"""What the keys of one owner may hold, after each thing that the owner did or tried to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

ABSENT = object()
"""The state of a key that does not exist."""

State = Any
# What an operation makes of one state: the next state, and the outcome its owner sees.
Effect = Callable[[State], tuple[State, Any]]


def get(state: State) -> tuple[State, Any]:
    return state, None if state is ABSENT else state


def put(value: Any) -> Effect:
    return lambda state: (value, None)


def add(value: Any) -> Effect:
    return lambda state: (value, True) if state is ABSENT else (state, False)


def incr(delta: int) -> Effect:
    """Add; the outcome is `ValueError` where there is nothing to add to."""
    return lambda state: (ABSENT, ValueError) if state is ABSENT else (state + delta,) * 2


def delete(state: State) -> tuple[State, Any]:
    return ABSENT, state is not ABSENT


def forget(state: State) -> tuple[State, Any]:
    """Delete without being told whether there was anything."""
    return ABSENT, None


def touch(state: State) -> tuple[State, Any]:
    return state, state is not ABSENT


class Model:
    """The set of possible states of each key; one state each, unless something failed."""

    def __init__(self) -> None:
        self._states: dict[str, set[State]] = {}

    def of(self, key: str) -> set[State]:
        return self._states.get(key, {ABSENT})

    def answered(self, effects: Iterable[tuple[str, Effect, Any]]) -> None:
        """Follow operations on keys, in order, of which each had the outcome given with it."""
        for key, effect, outcome in effects:
            moves = [effect(state) for state in self.of(key)]
            possible = {after for after, seen in moves if same(seen, outcome)}
            if not possible:
                expected = [seen for _after, seen in moves]
                raise AssertionError(f"{key}: {outcome!r}, expected one of {expected!r}")
            self._states[key] = possible

    def unknown(self, effects: Iterable[tuple[str, Effect]]) -> None:
        """Follow operations of which the first few may have been done, or all, or none."""
        done: dict[str, set[State]] = {}
        for key, effect in effects:
            before = done.get(key, self.of(key))
            done[key] = {effect(state)[0] for state in before}
            self._states[key] = self.of(key) | done[key]


def same(one: Any, other: Any) -> bool:
    """Return whether two outcomes are equal and of one type: True is not 1."""
    return type(one) is type(other) and bool(one == other)

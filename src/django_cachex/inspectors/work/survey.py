"""Counting keys: how many, what they weigh, which namespaces they are of, when they expire."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import Any, Final

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.entries import NEVER, Description
from django_cachex.inspectors.facts import Unit
from django_cachex.inspectors.work.carried import spelled, unspelled
from django_cachex.inspectors.work.tree import ROOT, Path, Tree, Weight

SAMPLE: Final = 50
"""Keys that are named as examples."""

LARGEST: Final = 10
LONGEST_NAMED: Final = 500
"""Bytes: keys with longer names are counted, and not kept by name."""

DEEPEST: Final = 3
"""Parts of a name that are looked at."""

LONGEST_PART: Final = 80
"""Characters: a longer part of a name is no namespace."""

SECOND: Final = 1000
EXPIRIES: Final = tuple(SECOND * seconds for seconds in (60, 3600, 86_400, 7 * 86_400, 30 * 86_400))
"""Milliseconds: the upper ends of the classes that TTLs are counted in; the last has none."""

LOCK: Final = re.compile(r"(?:^|[^a-z])locks?(?:[^a-z]|$)", re.IGNORECASE)
"""A name that says that its key is a lock."""


@dataclass(frozen=True)
class Sorting:
    """How names are taken apart."""

    separator: str = ":"
    under: str = ""
    """What all names begin with, and namespaces are looked for after."""

    is_session: Callable[[bytes], bool] | None = None
    """Tells the stored keys of sessions, where there are such."""

    def path(self, name: str) -> Path:
        """Return the namespaces of a key: the parts of its name but the last."""
        parts = name.removeprefix(self.under).split(self.separator)[:-1]
        found: list[str] = []
        for part in parts[:DEEPEST]:
            if len(part) > LONGEST_PART:
                break
            found.append(part)
        return tuple(found)


@dataclass(frozen=True)
class Survey:
    """What was counted so far."""

    sorting: Sorting = Sorting()
    tree: Tree = field(default_factory=Tree)
    weighed: int = 0
    """Keys of which the store said how many bytes they take."""

    timed: int = 0
    """Keys of which the store said when they expire."""

    expiries: tuple[int, ...] = (0,) * (len(EXPIRIES) + 1)
    """Keys by how long they live on, as `EXPIRIES` has it; those that never expire are not here."""

    sessions: int = 0
    locks: int = 0
    sample: tuple[bytes, ...] = ()
    largest: tuple[tuple[int, bytes], ...] = ()
    """The heaviest keys, with their bytes."""

    @property
    def whole(self) -> Weight:
        return self.tree.whole.weight

    @property
    def removed(self) -> int:
        return 0

    def take(self, inspector: Inspector, keys: Sequence[bytes]) -> Survey:
        """Count a batch of keys; return the survey with them in it."""
        weight = "memory" if "memory" in inspector.figures else "size"
        found = [one for one in inspector.describe(keys, ("ttl", weight)) if one.exists]
        names = [inspector.name(one.key) for one in found]
        weights = [weight_of(one) for one in found]
        secret = [self._is_session(one.key) for one in found]
        short = [one.key for one in found if len(one.key) <= LONGEST_NAMED]
        return replace(
            self,
            tree=self.tree.grown(
                (
                    ROOT if hidden else self.sorting.path(name),
                    (1, size or 0, (size or 0) ** 2, int(one.ttl == NEVER)),
                )
                for one, name, size, hidden in zip(found, names, weights, secret, strict=True)
            ),
            weighed=self.weighed + sum(size is not None for size in weights),
            timed=self.timed + sum(one.ttl is not None for one in found),
            expiries=counted(self.expiries, found),
            sessions=self.sessions + sum(secret),
            locks=self.locks + sum(LOCK.search(name) is not None for name in names),
            sample=(*self.sample, *short[: max(0, SAMPLE - len(self.sample))]),
            largest=heaviest(self.largest, found, weights),
        )

    def _is_session(self, stored: bytes) -> bool:
        is_session = self.sorting.is_session
        return is_session is not None and is_session(stored)

    def state(self) -> list[Any]:
        return [
            self.tree.state(),
            self.weighed,
            self.timed,
            self.expiries,
            self.sessions,
            self.locks,
            list(map(spelled, self.sample)),
            [[size, spelled(stored)] for size, stored in self.largest],
        ]

    @classmethod
    def of_state(cls, state: list[Any], sorting: Sorting) -> Survey:
        tree, weighed, timed, expiries, sessions, locks, sample, largest = state
        return cls(
            sorting,
            Tree.of_state(tree),
            weighed,
            timed,
            tuple(expiries),
            sessions,
            locks,
            tuple(map(unspelled, sample)),
            tuple((size, unspelled(text)) for size, text in largest),
        )


def weight_of(one: Description) -> int | None:
    """Return the bytes that a key takes, or those of its value where the store tells no more."""
    if one.memory is not None:
        return one.memory
    return one.size if one.unit == Unit.BYTES else None


def counted(before: tuple[int, ...], found: Sequence[Description]) -> tuple[int, ...]:
    """Return the classes of TTLs with more keys in them."""
    counts = list(before)
    for one in found:
        if one.ttl is not None and one.ttl != NEVER:
            counts[sum(one.ttl >= end for end in EXPIRIES)] += 1
    return tuple(counts)


def heaviest(
    before: tuple[tuple[int, bytes], ...],
    found: Sequence[Description],
    weights: Sequence[int | None],
) -> tuple[tuple[int, bytes], ...]:
    """Return the heaviest keys; one that a search found twice is among them once."""
    known = {stored: size for size, stored in before}
    known.update(
        (one.key, weight)
        for one, weight in zip(found, weights, strict=True)
        if weight is not None and len(one.key) <= LONGEST_NAMED
    )
    return tuple(nlargest(LARGEST, ((size, stored) for stored, size in known.items())))

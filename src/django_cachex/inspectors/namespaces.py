"""Sizes and TTLs of keys by namespace."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush, nlargest
from math import sqrt
from typing import Any, Final, NamedTuple

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import decode_key, encode_key, json_size
from django_cachex.inspectors.types import TTL_NONE, KeyInfo

MAX_BRANCHES: Final = 200
MAX_PATH_BYTES: Final = 128 * 1024
"""Of the names of branches in a state: those of fewer are kept where they are long."""

NamespacePath = tuple[str, ...]
ROOT_PATH: Final[NamespacePath] = ()


class Usage(NamedTuple):
    """What one key, or all keys of a branch, weigh."""

    keys: int = 0
    memory: int = 0
    """Bytes, as far as the store says."""

    memory_squares: int = 0
    """The sum of the memory_squares of each key's bytes, for the uncertainty of a sample."""

    no_expiry: int = 0
    """Keys without an expiry."""

    def add(self, other: Usage) -> Usage:
        return Usage(
            self.keys + other.keys,
            self.memory + other.memory,
            self.memory_squares + other.memory_squares,
            self.no_expiry + other.no_expiry,
        )


NO_USAGE: Final = Usage()


@dataclass(frozen=True)
class Branch:
    """All keys whose names begin alike."""

    usage: Usage = NO_USAGE
    lower_bound: bool = False
    """Whether it may have been folded before: then it weighs this at least."""

    truncated: bool = False
    """Whether some of its branches were folded into it, as there were too many."""


@dataclass(frozen=True)
class NamespaceTree:
    """Branches by the parts of their names; the weight of a branch includes its branches'."""

    branches: Mapping[NamespacePath, Branch] = field(default_factory=lambda: {ROOT_PATH: Branch()})

    def add_keys(
        self, keys_with_memory: Iterable[tuple[NamespacePath, Sequence[int]]]
    ) -> NamespaceTree:
        """Return the tree with more keys in it, the lightest leaves folded into their branches.

        What a key weighs are the figures of a `Usage`.
        """
        added: dict[NamespacePath, Usage] = {}
        for path, weight in sum_by_path(keys_with_memory):
            for depth in range(len(path) + 1):
                start = path[:depth]
                added[start] = added.get(start, NO_USAGE).add(weight)
        branches = dict(self.branches)
        for path in sorted(added, key=len):
            branch = branches.get(path) or self._new(branches, path)
            branches[path] = replace(branch, usage=branch.usage.add(added[path]))
        prune(branches)
        return NamespaceTree(branches)

    @staticmethod
    def _new(branches: Mapping[NamespacePath, Branch], path: NamespacePath) -> Branch:
        parent = branches[path[:-1]]
        return Branch(lower_bound=parent.lower_bound or parent.truncated)

    @property
    def root(self) -> Branch:
        return self.branches[ROOT_PATH]

    def children(self, path: NamespacePath) -> list[tuple[NamespacePath, Branch]]:
        """Return the branches directly under another, the heaviest first."""
        depth = len(path) + 1
        found = [
            (one, branch)
            for one, branch in self.branches.items()
            if len(one) == depth and one[:-1] == path
        ]
        return sorted(found, key=lambda pair: (-pair[1].usage.memory, -pair[1].usage.keys, pair))

    def state(self) -> list[Any]:
        return [
            [list(path), *one.usage, one.lower_bound, one.truncated]
            for path, one in self.branches.items()
        ]

    @classmethod
    def from_state(cls, state: list[Any]) -> NamespaceTree:
        return cls(
            {
                tuple(path): Branch(Usage(*weight), lower_bound, truncated)
                for path, *weight, lower_bound, truncated in state
            }
        )


def sum_by_path(
    keys_with_memory: Iterable[tuple[NamespacePath, Sequence[int]]],
) -> Iterator[tuple[NamespacePath, Usage]]:
    """Yield each path once, with the weight of all its keys: most are of a few namespaces."""
    sums: dict[NamespacePath, list[int]] = {}
    for path, (keys, memory, memory_squares, no_expiry) in keys_with_memory:
        so_far = sums.get(path)
        if so_far is None:
            sums[path] = [keys, memory, memory_squares, no_expiry]
        else:
            so_far[0] += keys
            so_far[1] += memory
            so_far[2] += memory_squares
            so_far[3] += no_expiry
    for path, total in sums.items():
        yield path, Usage(*total)


def prune(branches: dict[NamespacePath, Branch]) -> None:
    """Take the lightest leaves away until there are few enough; what held them remembers it."""
    surplus = len(branches) - 1 - MAX_BRANCHES
    excess = sum(map(json_size, branches)) - MAX_PATH_BYTES
    if surplus <= 0 and excess <= 0:
        return
    counts = Counter(path[:-1] for path in branches if path)
    leaves = [pruning_order(path, branches) for path in branches if path and not counts[path]]
    heapify(leaves)
    while surplus > 0 or excess > 0:
        *_weight, path = heappop(leaves)
        surplus, excess = surplus - 1, excess - json_size(path)
        del branches[path]
        parent = path[:-1]
        branches[parent] = replace(branches[parent], truncated=True)
        counts[parent] -= 1
        if parent and not counts[parent]:
            heappush(leaves, pruning_order(parent, branches))


def pruning_order(
    path: NamespacePath, branches: Mapping[NamespacePath, Branch]
) -> tuple[int, int, NamespacePath]:
    """Return what leaves are folded in the order of: the lightest, of these the deepest."""
    return (branches[path].usage.keys, -len(path), path)


ERROR_MARGIN: Final = 2.0
"""Standard errors to each side: nineteen samples of twenty are no further from the truth."""


@dataclass(frozen=True)
class Estimate:
    """A part of a whole, 0 to 1, and how far it may be off to each side."""

    value: float
    error: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What was keys_with_memory: everything, or a part that is as good as drawn by lot."""

    total: Usage
    fraction: float = 1.0
    """The part of everything that was looked at, 0 to 1."""

    @property
    def _unexamined(self) -> float:
        """The part of a sample's error that is left: none once everything was looked at."""
        return sqrt(max(0.0, 1.0 - self.fraction))

    def key_share(self, part: int, whole: int | None = None) -> Estimate | None:
        """Return the share of keys that are of a kind; None where there is no key."""
        count = self.total.keys if whole is None else whole
        if not count:
            return None
        value = part / count
        return Estimate(value, ERROR_MARGIN * self._unexamined * sqrt(value * (1 - value) / count))

    def memory_share(self, part: Usage) -> Estimate | None:
        """Return the share of memory that a branch takes; None where no memory is known."""
        if not self.total.memory:
            return None
        value = part.memory / self.total.memory
        # The error of a ratio of sums: https://en.wikipedia.org/wiki/Ratio_estimator
        memory_squares = (
            1 - 2 * value
        ) * part.memory_squares + value**2 * self.total.memory_squares
        return Estimate(
            value,
            ERROR_MARGIN * self._unexamined * sqrt(max(0.0, memory_squares)) / self.total.memory,
        )

    def scale_up(self, count: int) -> int:
        """Return about how many there are of which the sample holds so many."""
        return round(count / self.fraction) if self.fraction else count


MAX_EXAMPLES: Final = 50
"""Keys that are named as examples."""

MAX_LARGEST_KEYS: Final = 10
MAX_NAMED_KEY_BYTES: Final = 500
"""Bytes: keys with longer names are counted, and not kept by name."""

MAX_NAMESPACE_DEPTH: Final = 3
"""Parts of a name that are looked at."""

MAX_PART_LENGTH: Final = 80
"""Characters: a longer part of a name is no namespace."""

MS_PER_SECOND: Final = 1000
TTL_BOUNDS: Final = tuple(
    MS_PER_SECOND * seconds for seconds in (60, 3600, 86_400, 7 * 86_400, 30 * 86_400)
)
"""Milliseconds: the upper ends of the classes that TTLs are counted in; the last has none."""

LOCK_NAME: Final = re.compile(r"(?:^|[^a-z])locks?(?:[^a-z]|$)", re.IGNORECASE)
"""A name that says that its key is a lock."""


@dataclass(frozen=True)
class NamespaceOptions:
    """How names are taken apart."""

    separator: str = ":"
    prefix: str = ""
    """What all names begin with, and namespaces are looked for after."""

    is_session: Callable[[bytes], bool] | None = None
    """Tells the stored keys of sessions, where there are such."""

    def path(self, name: str) -> NamespacePath:
        """Return the namespaces of a key: the parts of its name but the last."""
        parts = name.removeprefix(self.prefix).split(self.separator)[:-1]
        found: list[str] = []
        for part in parts[:MAX_NAMESPACE_DEPTH]:
            if len(part) > MAX_PART_LENGTH:
                break
            found.append(part)
        return tuple(found)


@dataclass(frozen=True)
class NamespaceStats:
    """What was counted so far."""

    options: NamespaceOptions = NamespaceOptions()
    tree: NamespaceTree = field(default_factory=NamespaceTree)
    keys_with_memory: int = 0
    """Keys of which the store said how many bytes they take."""

    keys_with_ttl: int = 0
    """Keys of which the store said when they expire."""

    ttl_counts: tuple[int, ...] = (0,) * (len(TTL_BOUNDS) + 1)
    """Number of keys in each class of `TTL_BOUNDS`; keys that never expire are not included."""

    sessions: int = 0
    locks: int = 0
    examples: tuple[bytes, ...] = ()
    largest: tuple[tuple[int, bytes], ...] = ()
    """The heaviest keys, with their bytes."""

    @property
    def total(self) -> Usage:
        return self.tree.root.usage

    @property
    def removed(self) -> int:
        return 0

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> NamespaceStats:
        """Count a batch of keys; return the survey with them in it."""
        weight = "memory" if "memory" in inspector.optional_columns else "size"
        found = [one for one in inspector.describe(keys, ("ttl", weight)) if one.exists]
        names = [inspector.display_key(one.key) for one in found]
        weights = [key_bytes(one) for one in found]
        secret = [self._is_session(one.key) for one in found]
        short = [one.key for one in found if len(one.key) <= MAX_NAMED_KEY_BYTES]
        return replace(
            self,
            tree=self.tree.add_keys(
                (
                    ROOT_PATH if hidden else self.options.path(name),
                    (1, size or 0, (size or 0) ** 2, int(one.ttl == TTL_NONE)),
                )
                for one, name, size, hidden in zip(found, names, weights, secret, strict=True)
            ),
            keys_with_memory=self.keys_with_memory + sum(size is not None for size in weights),
            keys_with_ttl=self.keys_with_ttl + sum(one.ttl is not None for one in found),
            ttl_counts=count_ttls(self.ttl_counts, found),
            sessions=self.sessions + sum(secret),
            locks=self.locks + sum(LOCK_NAME.search(name) is not None for name in names),
            examples=(*self.examples, *short[: max(0, MAX_EXAMPLES - len(self.examples))]),
            largest=merge_largest(self.largest, found, weights),
        )

    def _is_session(self, stored: bytes) -> bool:
        is_session = self.options.is_session
        return is_session is not None and is_session(stored)

    def state(self) -> list[Any]:
        return [
            self.tree.state(),
            self.keys_with_memory,
            self.keys_with_ttl,
            self.ttl_counts,
            self.sessions,
            self.locks,
            list(map(encode_key, self.examples)),
            [[size, encode_key(stored)] for size, stored in self.largest],
        ]

    @classmethod
    def from_state(cls, state: list[Any], options: NamespaceOptions) -> NamespaceStats:
        tree, keys_with_memory, keys_with_ttl, ttl_counts, sessions, locks, sample, largest = state
        return cls(
            options,
            NamespaceTree.from_state(tree),
            keys_with_memory,
            keys_with_ttl,
            tuple(ttl_counts),
            sessions,
            locks,
            tuple(map(decode_key, sample)),
            tuple((size, decode_key(text)) for size, text in largest),
        )


def key_bytes(one: KeyInfo) -> int | None:
    """Return the bytes that a key takes, or those of its value where the store tells no more."""
    if one.memory is not None:
        return one.memory
    return one.size if one.unit == Unit.BYTES else None


def count_ttls(before: tuple[int, ...], found: Sequence[KeyInfo]) -> tuple[int, ...]:
    """Return the classes of TTLs with more keys in them."""
    counts = list(before)
    for one in found:
        if one.ttl is not None and one.ttl != TTL_NONE:
            counts[sum(one.ttl >= end for end in TTL_BOUNDS)] += 1
    return tuple(counts)


def merge_largest(
    before: tuple[tuple[int, bytes], ...],
    found: Sequence[KeyInfo],
    weights: Sequence[int | None],
) -> tuple[tuple[int, bytes], ...]:
    """Return the heaviest keys; one that a search found twice is among them once."""
    known = {stored: size for size, stored in before}
    known.update(
        (one.key, weight)
        for one, weight in zip(found, weights, strict=True)
        if weight is not None and len(one.key) <= MAX_NAMED_KEY_BYTES
    )
    return tuple(nlargest(MAX_LARGEST_KEYS, ((size, stored) for stored, size in known.items())))

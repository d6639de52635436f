"""Sizes and TTLs of keys by namespace."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from math import sqrt
from operator import add
from typing import Any, Final, NamedTuple

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import Job, decode_key, encode_key, json_size
from django_cachex.inspectors.types import TTL_NONE, KeyInfo

MAX_BRANCHES: Final = 200
MAX_PATH_BYTES: Final = 128 * 1024
"""Maximum size of the paths in a state, in bytes. If paths are long, fewer branches are kept."""

NamespacePath = tuple[str, ...]
ROOT_PATH: Final[NamespacePath] = ()


class Usage(NamedTuple):
    """How many keys there are in a branch, and how much memory they use."""

    keys: int = 0
    memory: int = 0
    """Bytes, as reported by the store."""

    memory_squares: int = 0
    """The sum of the squared sizes of the keys, for the standard error of a sample."""

    no_expiry: int = 0
    """The number of keys that never expire."""


NO_USAGE: Final = Usage()


@dataclass(frozen=True)
class Branch:
    """All keys with the same namespace."""

    usage: Usage = NO_USAGE
    lower_bound: bool = False
    """Whether the usage is a lower bound, because the branch may have been pruned before."""

    truncated: bool = False
    """Whether some of its children were pruned because there were too many branches."""


@dataclass(frozen=True)
class NamespaceTree:
    """Branches by their paths. The usage of a branch includes that of its children."""

    branches: Mapping[NamespacePath, Branch] = field(default_factory=lambda: {ROOT_PATH: Branch()})

    def add_keys(self, usages: Sequence[tuple[NamespacePath, Sequence[int]]]) -> NamespaceTree:
        """Return the tree with more keys, pruned to the limits.

        Most paths of a batch are pruned, so the usage is summed only for those that are kept.

        Args:
            usages: paths with the attributes of a `Usage`.
        """
        counts = self._count_keys(usages)
        kept = select_largest(counts)
        truncated = {path[:-1] for path in counts if path not in kept}
        sums = sum_by_branch(usages, kept)
        before: dict[NamespacePath, Branch] = {}
        branches: dict[NamespacePath, Branch] = {}
        for path in sorted(kept, key=len):
            before[path] = branch = self.branches.get(path) or self._new(before, path)
            usage = Usage(*map(add, branch.usage, sums.get(path, NO_USAGE)))
            is_truncated = branch.truncated or path in truncated
            branches[path] = Branch(usage, branch.lower_bound, is_truncated)
        return NamespaceTree(branches)

    def _count_keys(
        self, usages: Iterable[tuple[NamespacePath, Sequence[int]]]
    ) -> dict[NamespacePath, int]:
        """Return the number of keys of each branch after more keys."""
        by_path: Counter[NamespacePath] = Counter()
        for path, usage in usages:
            by_path[path] += usage[0]
        counts = {path: branch.usage.keys for path, branch in self.branches.items()}
        for path, count in by_path.items():
            for depth in range(len(path) + 1):
                branch = path[:depth]
                counts[branch] = counts.get(branch, 0) + count
        return counts

    @staticmethod
    def _new(branches: Mapping[NamespacePath, Branch], path: NamespacePath) -> Branch:
        parent = branches[path[:-1]]
        return Branch(lower_bound=parent.lower_bound or parent.truncated)

    @property
    def root(self) -> Branch:
        return self.branches[ROOT_PATH]

    def children(self, path: NamespacePath) -> list[tuple[NamespacePath, Branch]]:
        """Return the children of a branch, those with the highest usage first."""
        depth = len(path) + 1
        children = [
            (child, branch)
            for child, branch in self.branches.items()
            if len(child) == depth and child[:-1] == path
        ]
        return sorted(children, key=lambda pair: (-pair[1].usage.memory, -pair[1].usage.keys, pair))

    def to_json(self) -> list[Any]:
        return [
            [list(path), *one.usage, one.lower_bound, one.truncated]
            for path, one in self.branches.items()
        ]

    @classmethod
    def from_json(cls, state: list[Any]) -> NamespaceTree:
        return cls(
            {
                tuple(path): Branch(Usage(*usage), lower_bound, truncated)
                for path, *usage, lower_bound, truncated in state
            }
        )


def select_largest(counts: Mapping[NamespacePath, int]) -> set[NamespacePath]:
    """Return the root and the branches with the most keys, as many as the limits allow.

    Parents are kept with their children, since they have at least as many keys.
    """
    order = sorted(((count, -len(path), path) for path, count in counts.items() if path))
    room = MAX_PATH_BYTES - json_size(ROOT_PATH)
    kept = [path for *_sort_key, path in order[-MAX_BRANCHES:]]
    sizes = list(map(json_size, kept))
    excess, smallest = sum(sizes) - room, 0
    while excess > 0:
        excess -= sizes[smallest]
        smallest += 1
    return {ROOT_PATH, *kept[smallest:]}


def sum_by_branch(
    usages: Iterable[tuple[NamespacePath, Sequence[int]]], kept: Collection[NamespacePath]
) -> dict[NamespacePath, Sequence[int]]:
    """Return the usage of the branches that are kept, with the keys of their children."""
    own: dict[NamespacePath, Sequence[int]] = {}
    for path, usage in usages:
        while path not in kept:
            path = path[:-1]
        own[path] = tuple(map(add, own.get(path, NO_USAGE), usage))
    sums: dict[NamespacePath, Sequence[int]] = {}
    for path, usage in own.items():
        for depth in range(len(path) + 1):
            branch = path[:depth]
            sums[branch] = tuple(map(add, sums.get(branch, NO_USAGE), usage))
    return sums


ERROR_MARGIN: Final = 2.0
"""The margin of error in standard errors. Two of them are a confidence level of 95%."""


@dataclass(frozen=True)
class Estimate:
    """An estimated fraction from 0 to 1, and its margin of error."""

    value: float
    error: float = 0.0


@dataclass(frozen=True)
class Sample:
    """The usage of all keys, or of a random sample of them."""

    total: Usage
    fraction: float = 1.0
    """The examined fraction of all keys, from 0 to 1."""

    @classmethod
    def of(cls, job: Job[NamespaceStats], inspector: Inspector) -> Sample:
        """Return the usage of the keys that a job has counted."""
        total, progress = job.task.total, job.progress
        if job.complete or not inspector.has_random_order or not progress.total:
            return cls(total)
        return cls(total, min(1.0, progress.examined / progress.total))

    @property
    def _unexamined(self) -> float:
        """The finite population correction: 0 if all keys were examined."""
        return sqrt(max(0.0, 1.0 - self.fraction))

    def key_share(self, part: int, total: int | None = None) -> Estimate | None:
        """Return the fraction of keys with a property, or None if there are no keys."""
        count = self.total.keys if total is None else total
        if not count:
            return None
        value = part / count
        return Estimate(value, ERROR_MARGIN * self._unexamined * sqrt(value * (1 - value) / count))

    def memory_share(self, usage: Usage) -> Estimate | None:
        """Return the fraction of memory that a branch uses, or None if memory usage is unknown."""
        if not self.total.memory:
            return None
        value = usage.memory / self.total.memory
        # The standard error of a ratio: https://en.wikipedia.org/wiki/Ratio_estimator
        memory_squares = (
            1 - 2 * value
        ) * usage.memory_squares + value**2 * self.total.memory_squares
        return Estimate(
            value,
            ERROR_MARGIN * self._unexamined * sqrt(max(0.0, memory_squares)) / self.total.memory,
        )

    def scale_up(self, count: int) -> int:
        """Return the estimated number among all keys for a number in the sample."""
        return round(count / self.fraction) if self.fraction else count


MAX_EXAMPLES: Final = 50
"""Maximum number of keys to list as examples."""

MAX_LARGEST_KEYS: Final = 10
MAX_NAMED_KEY_BYTES: Final = 500
"""Maximum length of keys to list by name, in bytes. Longer keys are only counted."""

MAX_NAMESPACE_DEPTH: Final = 3
"""Maximum number of parts of a name to use as namespaces."""

MAX_PART_LENGTH: Final = 80
"""Maximum length of a namespace in characters. Longer parts of a name aren't namespaces."""

MS_PER_SECOND: Final = 1000
TTL_BOUNDS: Final = tuple(
    MS_PER_SECOND * seconds for seconds in (60, 3600, 86_400, 7 * 86_400, 30 * 86_400)
)
"""Upper bounds of the TTL classes in milliseconds, inclusive. The last class has no upper bound."""

LOCK_NAME: Final = re.compile(r"(?:^|[^a-z])locks?(?:[^a-z]|$)", re.IGNORECASE)
"""Matches the names of locks."""


@dataclass(frozen=True)
class NamespaceOptions:
    """How to split names into namespaces."""

    separator: str = ":"
    prefix: str = ""
    """The common prefix of all names. Namespaces follow it."""

    is_session: Callable[[bytes], bool] | None = None
    """Returns whether a stored key is a session. None if there are no sessions."""

    mask_key: Callable[[bytes], bytes] = bytes
    """Returns a stored key as the user may know it, because the user can read the state."""

    kind_of: Callable[[str], str] | None = None
    """Returns the kind of the key with a name. None if kinds aren't counted."""

    def path(self, name: str) -> NamespacePath:
        """Return the namespaces of a key: the parts of its name except for the last."""
        parts = name.removeprefix(self.prefix).split(self.separator, MAX_NAMESPACE_DEPTH)[:-1]
        namespaces: list[str] = []
        for part in parts:
            if len(part) > MAX_PART_LENGTH:
                break
            namespaces.append(part)
        return tuple(namespaces)

    def pattern(self, path: NamespacePath) -> str:
        """Return the pattern that matches the keys of a namespace."""
        return self.prefix + "".join(part + self.separator for part in path) + "*"


@dataclass(frozen=True)
class NamespaceStats:
    """The counts of a job that collects statistics by namespace."""

    options: NamespaceOptions = NamespaceOptions()
    tree: NamespaceTree = field(default_factory=NamespaceTree)
    keys_with_memory: int = 0
    """The number of keys whose size is known."""

    keys_with_ttl: int = 0
    """The number of keys whose TTL is known."""

    ttl_counts: tuple[int, ...] = (0,) * (len(TTL_BOUNDS) + 1)
    """Number of keys in each class of `TTL_BOUNDS`; keys that never expire are not included."""

    sessions: int = 0
    locks: int = 0
    kinds: Mapping[str, Usage] = field(default_factory=dict)
    """The usage of the keys of each kind, as returned by `NamespaceOptions.kind_of`."""

    examples: tuple[bytes, ...] = ()
    largest: tuple[tuple[int, bytes], ...] = ()
    """The largest keys, with their sizes in bytes."""

    @property
    def total(self) -> Usage:
        return self.tree.root.usage

    @property
    def removed(self) -> int:
        return 0

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> NamespaceStats:
        """Count a batch of keys. Returns the statistics with updated counts."""
        size_column = "memory" if "memory" in inspector.optional_columns else "size"
        infos = [one for one in inspector.describe(keys, ("ttl", size_column)) if one.exists]
        names = [inspector.display_key(one.key) for one in infos]
        sizes = [key_bytes(one) for one in infos]
        sessions = [self._is_session(one.key) for one in infos]
        usages = [
            (1, size or 0, (size or 0) ** 2, int(one.ttl == TTL_NONE))
            for one, size in zip(infos, sizes, strict=True)
        ]
        short = [one.key for one in infos if len(one.key) <= MAX_NAMED_KEY_BYTES]
        new_examples = short[: max(0, MAX_EXAMPLES - len(self.examples))]
        return replace(
            self,
            tree=self.tree.add_keys(
                [
                    (ROOT_PATH if is_session else self.options.path(name), usage)
                    for name, usage, is_session in zip(names, usages, sessions, strict=True)
                ]
            ),
            keys_with_memory=self.keys_with_memory + sum(size is not None for size in sizes),
            keys_with_ttl=self.keys_with_ttl + sum(one.ttl is not None for one in infos),
            ttl_counts=count_ttls(self.ttl_counts, infos),
            sessions=self.sessions + sum(sessions),
            locks=self.locks + sum(LOCK_NAME.search(name) is not None for name in names),
            kinds=self._add_kinds(names, usages),
            examples=(*self.examples, *map(self.options.mask_key, new_examples)),
            largest=merge_largest(self.largest, infos, sizes, self.options.mask_key),
        )

    def _is_session(self, stored: bytes) -> bool:
        is_session = self.options.is_session
        return is_session is not None and is_session(stored)

    def _add_kinds(
        self, names: Sequence[str], usages: Sequence[Sequence[int]]
    ) -> Mapping[str, Usage]:
        kind_of = self.options.kind_of
        if kind_of is None:
            return self.kinds
        sums: dict[str, Sequence[int]] = dict(self.kinds)
        for name, usage in zip(names, usages, strict=True):
            kind = kind_of(name)
            sums[kind] = tuple(map(add, sums.get(kind, NO_USAGE), usage))
        return {kind: Usage(*usage) for kind, usage in sums.items()}

    def without_names(self) -> NamespaceStats:
        """Return the figures of all keys, without those of the namespaces and without examples."""
        tree = NamespaceTree({ROOT_PATH: Branch(self.tree.root.usage)})
        return replace(self, tree=tree, examples=(), largest=())

    def to_json(self) -> list[Any]:
        return [
            self.tree.to_json(),
            self.keys_with_memory,
            self.keys_with_ttl,
            self.ttl_counts,
            self.sessions,
            self.locks,
            [[kind, *usage] for kind, usage in self.kinds.items()],
            list(map(encode_key, self.examples)),
            [[size, encode_key(stored)] for size, stored in self.largest],
        ]

    @classmethod
    def from_json(cls, state: list[Any], options: NamespaceOptions) -> NamespaceStats:
        tree, keys_with_memory, keys_with_ttl, ttl_counts, *counts, kinds, sample, largest = state
        sessions, locks = counts
        return cls(
            options,
            NamespaceTree.from_json(tree),
            keys_with_memory,
            keys_with_ttl,
            tuple(ttl_counts),
            sessions,
            locks,
            {kind: Usage(*usage) for kind, *usage in kinds},
            tuple(map(decode_key, sample)),
            tuple((size, decode_key(text)) for size, text in largest),
        )


def key_bytes(info: KeyInfo) -> int | None:
    """Return the memory that a key uses in bytes or, if it is unknown, the size of its value."""
    if info.memory is not None:
        return info.memory
    return info.size if info.unit == Unit.BYTES else None


def count_ttls(counts_before: tuple[int, ...], infos: Sequence[KeyInfo]) -> tuple[int, ...]:
    """Return the number of keys by TTL class, with more keys added."""
    counts = list(counts_before)
    for info in infos:
        if info.ttl is not None and info.ttl != TTL_NONE:
            counts[bisect_left(TTL_BOUNDS, info.ttl)] += 1
    return tuple(counts)


def merge_largest(
    previous: tuple[tuple[int, bytes], ...],
    infos: Sequence[KeyInfo],
    sizes: Sequence[int | None],
    mask_key: Callable[[bytes], bytes],
) -> tuple[tuple[int, bytes], ...]:
    """Return the largest keys. Keys that a search finds twice are only listed once."""
    found = {
        (size, info.key)
        for info, size in zip(infos, sizes, strict=True)
        if size is not None and len(info.key) <= MAX_NAMED_KEY_BYTES
    }
    largest = {stored: size for size, stored in previous}
    largest |= {mask_key(stored): size for size, stored in nlargest(MAX_LARGEST_KEYS, found)}
    return tuple(nlargest(MAX_LARGEST_KEYS, ((size, stored) for stored, size in largest.items())))

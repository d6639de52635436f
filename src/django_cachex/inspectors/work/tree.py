"""Namespaces: how many keys, and how much memory, begin with the same parts of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

from django_cachex.inspectors.work.carried import length

MOST_BRANCHES: Final = 200
MOST_BYTES: Final = 128 * 1024
"""Of the names of branches in a state: those of fewer are kept where they are long."""

Path = tuple[str, ...]
ROOT: Final[Path] = ()


class Weight(NamedTuple):
    """What one key, or all keys of a branch, weigh."""

    keys: int = 0
    memory: int = 0
    """Bytes, as far as the store says."""

    squares: int = 0
    """The sum of the squares of each key's bytes, for the uncertainty of a sample."""

    immortal: int = 0
    """Keys without an expiry."""

    def plus(self, other: Weight) -> Weight:
        return Weight(
            self.keys + other.keys,
            self.memory + other.memory,
            self.squares + other.squares,
            self.immortal + other.immortal,
        )


NOTHING: Final = Weight()


@dataclass(frozen=True)
class Branch:
    """All keys whose names begin alike."""

    weight: Weight = NOTHING
    late: bool = False
    """Whether it may have been folded before: then it weighs this at least."""

    folds: bool = False
    """Whether some of its branches were folded into it, as there were too many."""


@dataclass(frozen=True)
class Tree:
    """Branches by the parts of their names; the weight of a branch includes its branches'."""

    branches: Mapping[Path, Branch] = field(default_factory=lambda: {ROOT: Branch()})

    def grown(self, weighed: Iterable[tuple[Path, Sequence[int]]]) -> Tree:
        """Return the tree with more keys in it, the lightest leaves folded into their branches.

        What a key weighs are the figures of a `Weight`.
        """
        added: dict[Path, Weight] = {}
        for path, weight in together(weighed):
            for depth in range(len(path) + 1):
                start = path[:depth]
                added[start] = added.get(start, NOTHING).plus(weight)
        branches = dict(self.branches)
        for path in sorted(added, key=len):
            branch = branches.get(path) or self._new(branches, path)
            branches[path] = replace(branch, weight=branch.weight.plus(added[path]))
        fold(branches)
        return Tree(branches)

    @staticmethod
    def _new(branches: Mapping[Path, Branch], path: Path) -> Branch:
        parent = branches[path[:-1]]
        return Branch(late=parent.late or parent.folds)

    @property
    def whole(self) -> Branch:
        return self.branches[ROOT]

    def under(self, path: Path) -> list[tuple[Path, Branch]]:
        """Return the branches directly under another, the heaviest first."""
        depth = len(path) + 1
        found = [
            (one, branch)
            for one, branch in self.branches.items()
            if len(one) == depth and one[:-1] == path
        ]
        return sorted(found, key=lambda pair: (-pair[1].weight.memory, -pair[1].weight.keys, pair))

    def state(self) -> list[Any]:
        return [
            [list(path), *one.weight, one.late, one.folds] for path, one in self.branches.items()
        ]

    @classmethod
    def of_state(cls, state: list[Any]) -> Tree:
        return cls(
            {
                tuple(path): Branch(Weight(*weight), late, folds)
                for path, *weight, late, folds in state
            }
        )


def together(weighed: Iterable[tuple[Path, Sequence[int]]]) -> Iterator[tuple[Path, Weight]]:
    """Yield each path once, with the weight of all its keys: most are of a few namespaces."""
    sums: dict[Path, list[int]] = {}
    for path, (keys, memory, squares, immortal) in weighed:
        so_far = sums.get(path)
        if so_far is None:
            sums[path] = [keys, memory, squares, immortal]
        else:
            so_far[0] += keys
            so_far[1] += memory
            so_far[2] += squares
            so_far[3] += immortal
    for path, total in sums.items():
        yield path, Weight(*total)


def fold(branches: dict[Path, Branch]) -> None:
    """Take the lightest leaves away until there are few enough; what held them remembers it."""
    surplus = len(branches) - 1 - MOST_BRANCHES
    excess = sum(map(length, branches)) - MOST_BYTES
    if surplus <= 0 and excess <= 0:
        return
    counts = Counter(path[:-1] for path in branches if path)
    leaves = [leaf(path, branches) for path in branches if path and not counts[path]]
    heapify(leaves)
    while surplus > 0 or excess > 0:
        *_weight, path = heappop(leaves)
        surplus, excess = surplus - 1, excess - length(path)
        del branches[path]
        parent = path[:-1]
        branches[parent] = replace(branches[parent], folds=True)
        counts[parent] -= 1
        if parent and not counts[parent]:
            heappush(leaves, leaf(parent, branches))


def leaf(path: Path, branches: Mapping[Path, Branch]) -> tuple[int, int, Path]:
    """Return what leaves are folded in the order of: the lightest, of these the deepest."""
    return (branches[path].weight.keys, -len(path), path)

"""The graph that a pickle describes, and the tree that is built from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Node = Any

MAX_REFERENCE_LENGTH = 200


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The name of a class or function in a pickle. It is neither imported nor looked up."""

    name: str
    """The dotted path, without unprintable characters."""


@dataclass(slots=True, eq=False)
class DictNode:
    """A dict: keys and values in the stored order."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SetNode:
    """A set or frozenset: members in the stored order."""

    members: list[Node]
    frozen: bool


@dataclass(slots=True, eq=False)
class CallNode:
    """The call that would create an object, and what would be done to the object afterwards."""

    target: Node
    arguments: tuple[Node, ...]
    keywords: DictNode = field(default_factory=DictNode)
    states: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


def make_reference(*names: str) -> Reference:
    """Return a reference to a module and name, with unprintable characters escaped."""
    name = ".".join(names)[:MAX_REFERENCE_LENGTH]
    return Reference(name if name.isprintable() else name.encode("unicode_escape").decode())


def pair_up(flat: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return pairs of alternating keys and values. Raises ValueError if a value is missing."""
    return list(zip(flat[::2], flat[1::2], strict=True))


Tree = Any
"""A value of exactly one of these types, or of the classes below.

`None`, `bool`, `int`, `float`, `complex`, `str`, `bytes`, `bytearray`, `list`, `tuple`, `dict`,
`set`, `frozenset`, the types of `datetime`, `Decimal`, `UUID`.
"""


# Both compare by identity, so that they can be in sets and keys of dicts.


@dataclass(frozen=True, slots=True, eq=False)
class UnresolvedObject:
    """An object that isn't created: a tree that describes how the application would create it."""

    name: str
    """The class or function to call: a dotted path without unprintable characters."""

    args: tuple[Tree, ...] = ()
    keywords: Mapping[str, Tree] = field(default_factory=dict)
    states: tuple[Tree, ...] = ()
    """The arguments of `__setstate__` or the attributes. There is rarely more than one."""

    items: tuple[Tree, ...] = ()
    """The items to append or add to the object."""

    pairs: tuple[tuple[Tree, Tree], ...] = ()
    """The keys and values to set on the object."""


class TruncationReason(StrEnum):
    """Why a part of a value is missing."""

    RECURSIVE = "recursive"
    """The part is a container that contains itself."""

    DEPTH = "depth"
    NODES = "nodes"
    SIZE = "size"
    DAMAGE = "damage"
    """Nothing could be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Truncated:
    """A placeholder for a missing part."""

    reason: TruncationReason
    count: int = 1
    """The number of missing values, or of bytes for `SIZE`."""


MAX_EQUAL_HASHES = 8
"""Maximum number of keys with the same hash. A dict or set compares all of them with each other."""


def have_few_collisions(keys: Sequence[Tree]) -> bool:
    """Return whether keys can be put into a dict or set in linear time.

    Numbers, and values made of them, can be chosen to have the same hash.
    """
    try:
        hashes = sorted(hash(key) for key in keys if type(key) is not str)
    except TypeError:
        return False
    return all(one != other for one, other in zip(hashes, hashes[MAX_EQUAL_HASHES:], strict=False))

"""The objects that a pickle describes, and their tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Node = Any

MAX_REFERENCE_LENGTH = 200


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A class or function that a pickle names; it is neither imported nor looked up."""

    name: str
    """Dotted path, printable."""


@dataclass(slots=True, eq=False)
class DictNode:
    """A dict: keys and values in the order stored."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SetNode:
    """A set or frozenset: members in the order stored."""

    members: list[Node]
    frozen: bool


@dataclass(slots=True, eq=False)
class CallNode:
    """What the application would get by calling `target`, and what would be done to it after."""

    target: Node
    arguments: tuple[Node, ...]
    keywords: DictNode = field(default_factory=DictNode)
    states: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


def make_reference(*names: str) -> Reference:
    """Return a reference by module and name, made printable and short."""
    name = ".".join(names)[:MAX_REFERENCE_LENGTH]
    return Reference(name if name.isprintable() else name.encode("unicode_escape").decode())


def pair_up(flat: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return (key, value) of keys and values that alternate; ValueError if a value lacks."""
    return list(zip(flat[::2], flat[1::2], strict=True))


Tree = Any
"""Exact `None`, `bool`, `int`, `float`, `complex`, `str`, `bytes`, `bytearray`, `list`, `tuple`,
`dict`, `set`, `frozenset`, values of `datetime`, `Decimal`, `UUID`, and the classes below."""


# Both compare by identity, so that they can be members of sets and keys of dicts.


@dataclass(frozen=True, slots=True, eq=False)
class UnresolvedObject:
    """An object that was not made: how the application would make it, as a tree."""

    name: str
    """What it would call: the dotted path of a class or function, printable."""

    args: tuple[Tree, ...] = ()
    keywords: Mapping[str, Tree] = field(default_factory=dict)
    states: tuple[Tree, ...] = ()
    """What `__setstate__` would be given, or the attributes; rarely more than one."""

    items: tuple[Tree, ...] = ()
    """What would be appended or added to it."""

    pairs: tuple[tuple[Tree, Tree], ...] = ()
    """The keys and values that would be set on it."""


class TruncationReason(StrEnum):
    """Why something is missing."""

    RECURSIVE = "recursive"
    """It is one of the containers that hold it."""

    DEPTH = "depth"
    NODES = "nodes"
    SIZE = "size"
    DAMAGE = "damage"
    """Nothing could be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Truncated:
    """Stands for what was left out."""

    reason: TruncationReason
    count: int = 1
    """How many values (bytes, for SIZE) are missing."""


MAX_EQUAL_HASHES = 8
"""Keys that may have one hash: a dict or a set compares each of them with each."""


def have_few_collisions(keys: Sequence[Tree]) -> bool:
    """Return whether a dict or a set can hold keys, and is made of them in no time.

    Numbers can be chosen to have one hash, and so can whatever is made of them.
    """
    try:
        hashes = sorted(hash(key) for key in keys if type(key) is not str)
    except TypeError:
        return False
    return all(one != other for one, other in zip(hashes, hashes[MAX_EQUAL_HASHES:], strict=False))

"""What a pickle's opcodes build: lists, tuples and scalars as they are, the rest as these.

Nothing here hashes or compares: a pickle may hold tuples whose hash takes years, and integers that
all collide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Node = Any

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A class or function that a pickle names; it is neither imported nor looked up."""

    name: str
    """Dotted path, printable."""


@dataclass(slots=True, eq=False)
class Pairs:
    """A dict: keys and values in the order stored."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Bag:
    """A set or frozenset: members in the order stored."""

    members: list[Node]
    frozen: bool


@dataclass(slots=True, eq=False)
class Call:
    """What the application would get by calling `target`, and what would be done to it after."""

    target: Node
    arguments: tuple[Node, ...]
    keywords: Pairs = field(default_factory=Pairs)
    states: list[Node] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


def refer(*names: str) -> Reference:
    """Return a reference by module and name, made printable and short."""
    name = ".".join(names)[:LONGEST_NAME]
    return Reference(name if name.isprintable() else name.encode("unicode_escape").decode())


def in_pairs(flat: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return (key, value) of keys and values that alternate; ValueError if a value lacks."""
    return list(zip(flat[::2], flat[1::2], strict=True))

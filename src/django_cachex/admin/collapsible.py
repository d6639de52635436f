"""Indented text whose blocks can be closed: of a large value, its outline is seen first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django_cachex.admin.components import Component

LINES_IN_FULL = 40
"""So many lines are seen at a glance: there is nothing to close."""

SMALLEST = 3
"""Lines of a block that is worth closing."""

LARGEST_OPEN = 12
"""Lines of a block that is open at first."""

LEVELS = 3
"""How deep blocks in blocks can be closed."""


@dataclass(frozen=True)
class Fold(Component):
    """Some lines, or the first line of a block with what is in it."""

    text: str
    inner: Sequence[Fold] = ()
    lines: int = 0
    """How many lines are in the block."""

    @property
    def is_open(self) -> bool:
        return self.lines <= LARGEST_OPEN


def folded(text: str) -> Sequence[Fold]:
    """Return a text's lines with its blocks, or nothing where it is short or has none."""
    lines = text.split("\n")
    if len(lines) <= LINES_IN_FULL:
        return ()
    # The outermost brackets stay open: all there is lies within them.
    head, body = lines[:1], lines[1:]
    found = _blocks(body, LEVELS)
    if not any(one.inner for one in found):
        return ()
    return [Fold("\n".join(head)), *found]


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _blocks(lines: Sequence[str], levels: int) -> list[Fold]:
    """Return lines with the blocks that begin at their outermost indentation."""
    if not levels or not lines:
        return [Fold("\n".join(lines))] if lines else []
    outermost = min(map(indent, lines[:1]))
    starts = [at for at, line in enumerate(lines) if indent(line) <= outermost]
    found: list[Fold] = []
    plain: list[str] = []
    for start, end in pairwise([*starts, len(lines)]):
        inside = lines[start + 1 : end]
        if len(inside) < SMALLEST:
            plain += lines[start:end]
            continue
        if plain:
            found.append(Fold("\n".join(plain)))
            plain = []
        found.append(Fold(lines[start], _blocks(inside, levels - 1), len(inside)))
    if plain:
        found.append(Fold("\n".join(plain)))
    return found

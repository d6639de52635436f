"""Indented text whose blocks can be closed: of a large value, its outline is seen first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django_cachex.admin.components import Part

MAX_PLAIN_LINES = 40
"""So many lines are seen at a glance: there is nothing to close."""

MIN_BLOCK_LINES = 3
"""Lines of a block that is worth closing."""

MAX_OPEN_LINES = 12
"""Lines of a block that is open at first."""

MAX_LEVELS = 3
"""How deep blocks in blocks can be closed."""


@dataclass(frozen=True)
class CollapsibleBlock(Part):
    """Some lines, or the first line of a block with what is in it."""

    text: str
    children: Sequence[CollapsibleBlock] = ()
    lines: int = 0
    """How many lines are in the block."""

    @property
    def is_open(self) -> bool:
        return self.lines <= MAX_OPEN_LINES


def parse_blocks(text: str) -> Sequence[CollapsibleBlock]:
    """Return a text's lines with its blocks, or nothing where it is short or has none."""
    lines = text.split("\n")
    if len(lines) <= MAX_PLAIN_LINES:
        return ()
    # The outermost brackets stay open: all there is lies within them.
    head, body = lines[:1], lines[1:]
    found = _blocks(body, MAX_LEVELS)
    if not any(one.children for one in found):
        return ()
    return [CollapsibleBlock("\n".join(head)), *found]


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _blocks(lines: Sequence[str], levels: int) -> list[CollapsibleBlock]:
    """Return lines with the blocks that begin at their outermost indentation."""
    if not levels or not lines:
        return [CollapsibleBlock("\n".join(lines))] if lines else []
    outermost = min(map(indentation, lines[:1]))
    starts = [at for at, line in enumerate(lines) if indentation(line) <= outermost]
    found: list[CollapsibleBlock] = []
    plain: list[str] = []
    for start, end in pairwise([*starts, len(lines)]):
        inside = lines[start + 1 : end]
        if len(inside) < MIN_BLOCK_LINES:
            plain += lines[start:end]
            continue
        if plain:
            found.append(CollapsibleBlock("\n".join(plain)))
            plain = []
        found.append(CollapsibleBlock(lines[start], _blocks(inside, levels - 1), len(inside)))
    if plain:
        found.append(CollapsibleBlock("\n".join(plain)))
    return found

"""Split an indented text into collapsible blocks, to show the outline of a large value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django_cachex.admin.components import Component

MAX_PLAIN_LINES = 40
"""A text of at most this many lines is not split."""

MIN_BLOCK_LINES = 3
"""The fewest lines of a block that can be collapsed."""

MAX_OPEN_LINES = 12
"""A block of at most this many lines is open at first."""

MAX_LEVELS = 3
"""The number of nested levels that can be collapsed."""


@dataclass(frozen=True)
class CollapsibleBlock(Component):
    """Some lines of text, or the first line of a block and the block's content."""

    text: str
    children: Sequence[CollapsibleBlock] = ()
    lines: int = 0
    """The number of lines in the block."""

    @property
    def is_open(self) -> bool:
        return self.lines <= MAX_OPEN_LINES


def parse_blocks(text: str) -> Sequence[CollapsibleBlock]:
    """Return the blocks of a text; nothing if the text is short or has no blocks."""
    lines = text.split("\n")
    if len(lines) <= MAX_PLAIN_LINES:
        return ()
    # The outermost brackets stay open, because they contain everything.
    head, rest = lines[:1], lines[1:]
    blocks = _blocks(rest, MAX_LEVELS)
    if not any(one.children for one in blocks):
        return ()
    return [CollapsibleBlock("\n".join(head)), *blocks]


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _blocks(lines: Sequence[str], levels: int) -> list[CollapsibleBlock]:
    """Return the blocks that begin at the outermost indentation of some lines."""
    if not levels or not lines:
        return [CollapsibleBlock("\n".join(lines))] if lines else []
    outermost = min(map(indentation, lines[:1]))
    starts = [at for at, line in enumerate(lines) if indentation(line) <= outermost]
    blocks: list[CollapsibleBlock] = []
    plain: list[str] = []
    for start, end in pairwise([*starts, len(lines)]):
        inside = lines[start + 1 : end]
        if len(inside) < MIN_BLOCK_LINES:
            plain += lines[start:end]
            continue
        if plain:
            blocks.append(CollapsibleBlock("\n".join(plain)))
            plain = []
        blocks.append(CollapsibleBlock(lines[start], _blocks(inside, levels - 1), len(inside)))
    if plain:
        blocks.append(CollapsibleBlock("\n".join(plain)))
    return blocks

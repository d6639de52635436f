"""Where a search is: a position for each server that it walks through, in the token's words too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from django_cachex.cache.cluster.keys import SLOTS

CURSOR = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
CURSORS = range(1, 2**64)
RUN = re.compile(r"[0-9a-f]*", re.ASCII)
RUN_LENGTH = 16
ANY_RUN = "0"
"""Of a walk that began anew already."""

RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)

Slots = frozenset[int]
"""Of a cluster; those of which a walk is to find the keys."""

ALL: Slots = frozenset()
"""Stands for every slot: of a server that is no cluster's."""


@dataclass
class Walk:
    """The way of one search through one server."""

    node: str = ""
    """The address of a cluster's node; empty for the only server there is."""

    cursor: int = 0
    """Where `SCAN` goes on, 0 before its first."""

    slots: Slots = field(default=ALL)
    again: bool = False
    """Whether only keys of `slots` are new: the others of this node were walked through before."""

    is_lost: bool = False
    """Whether the node did not answer when it was asked last."""

    run: str = ""
    """The start of the server's `run_id`; empty where that is not known."""

    def begins_anew(self, run_id: str) -> bool:
        """Take note of the server's run; return whether the walk is at its start again.

        A server hashes keys by a seed of its own: after a restart, or on a replica that took over,
        keys that a cursor has passed are elsewhere. That happens once in a walk: it comes to an end
        behind a proxy, too, that asks another server each time.
        """
        if self.run == ANY_RUN:
            return False
        run, before = run_id[:RUN_LENGTH] if RUN.fullmatch(run_id) else "", self.run
        self.run = run
        if not (self.cursor and run and before) or run == before:
            return False
        self.cursor, self.run = 0, ANY_RUN
        return True


def write_token(walks: Sequence[Walk]) -> str:
    """Return the page token of what is left to walk; empty for nothing."""
    if not walks:
        return ""
    if walks[0].node:
        return json.dumps([_written(walk) for walk in walks], separators=(",", ":"))
    return "@".join(filter(None, [str(walks[0].cursor), walks[0].run]))


def read_token(token: str, is_cluster: bool) -> list[Walk]:
    """Return what is left to walk; raise ValueError for what is none of our tokens."""
    try:
        if is_cluster:
            return [_read(*fields) for fields in json.loads(token)]
        cursor, _at, run = token.partition("@")
        return [Walk(cursor=_cursor(cursor), run=_run(run))]
    except (TypeError, ValueError, KeyError, RecursionError):
        raise ValueError(_("No listing of this cache has stopped there.")) from None


def _written(walk: Walk) -> list[object]:
    flags = walk.again + 2 * walk.is_lost
    return [walk.node, str(walk.cursor), write_slots(walk.slots), flags, walk.run]


def _read(node: str, cursor: str, slots: str, flags: int, run: str = "") -> Walk:
    if not isinstance(node, str) or flags not in range(4):
        raise ValueError(node)
    at = 0 if cursor == "0" else _cursor(cursor)
    return Walk(node, at, read_slots(slots), bool(flags & 1), bool(flags & 2), _run(run))


def _cursor(text: str) -> int:
    if CURSOR.fullmatch(text) is None or int(text) not in CURSORS:
        raise ValueError(text)
    return int(text)


def _run(text: str) -> str:
    if RUN.fullmatch(text) is None:
        raise ValueError(text)
    return text


def write_slots(slots: Iterable[int]) -> str:
    """Return slots as ranges: ``0-5460 7000``."""
    ranges: list[list[int]] = []
    for slot in sorted(slots):
        if ranges and slot == ranges[-1][1] + 1:
            ranges[-1][1] = slot
        else:
            ranges.append([slot, slot])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def read_slots(text: str) -> Slots:
    """Return the slots in ranges; raise ValueError for what is none."""
    slots: set[int] = set()
    for part in text.split():
        found = RANGE.fullmatch(part)
        if found is None:
            raise ValueError(text)
        first = int(found[1])
        last = int(found[2] or first)
        if not first <= last < SLOTS:
            raise ValueError(text)
        slots.update(range(first, last + 1))
    return frozenset(slots)

"""Which node has which slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.cluster.keys import SLOTS
from django_cachex.cache.server import Server

NodeAt = Callable[[str, int], Server]
"""Returns the node that listens on a host and a port."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotMap:
    """Who has which slot, as some node said at some time."""

    owners: Sequence[Server | None]
    """By slot."""

    primaries: Sequence[tuple[int, Server]]
    """Those that have any slot, each with its lowest, in the order of these."""

    replicas: Sequence[Server] = ()
    """Those that stand ready to take over."""

    def following(self, slot: int) -> int | None:
        """Return the lowest slot of the primary after the one that has `slot`."""
        return next((lowest for lowest, _node in self.primaries if lowest > slot), None)

    def at_or_after(self, slot: int) -> tuple[int, Server] | None:
        """Return who has `slot`; if nobody, who comes next, and its lowest slot."""
        owner = self.owners[slot]
        if owner is not None:
            return slot, owner
        return next((entry for entry in self.primaries if entry[0] > slot), None)


NO_SLOTS = SlotMap((None,) * SLOTS, ())


def slot_map(reply: Sequence[Sequence[Any]], node_at: NodeAt, asked: str) -> SlotMap:
    """Read what CLUSTER SLOTS replied: ``[[start, end, [host, port, …], …], …]``.

    A node that does not know how it is called leaves its host out: it is where it was `asked`.
    """
    owners: list[Server | None] = [None] * SLOTS
    lowest: dict[Server, int] = {}
    others: dict[Server, None] = {}

    def at(host: bytes | None, port: int, *_more: Any) -> Server:
        return node_at(host.decode() if host and host != b"?" else asked, int(port))

    for start, end, primary, *replicas in reply:
        node = at(*primary)
        owners[start : end + 1] = [node] * (end + 1 - start)
        lowest[node] = min(start, lowest.get(node, SLOTS))
        others.update(dict.fromkeys(at(*replica) for replica in replicas))
    primaries = sorted(((slot, node) for node, slot in lowest.items()), key=_slot)
    return SlotMap(owners, primaries, tuple(others))


def _slot(entry: tuple[int, Server]) -> int:
    return entry[0]

"""The servers that a search walks through: one, or the primaries of a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster
from django_cachex.cache.cluster.keys import slot_of
from django_cachex.cache.cluster.nodes import WHERE
from django_cachex.cache.cluster.slots import SlotMap
from django_cachex.cache.server import Server
from django_cachex.cache.topologies import Target
from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import execute_all, parse_raw
from django_cachex.inspectors.valkey.replies import checked, permitted, required
from django_cachex.inspectors.valkey.walks import Walk, read_token

NODES = Command(("CLUSTER", "NODES"), parse_raw, idempotent=True)


class Primaries(Protocol):
    """What a search asks for its servers."""

    def begin(self) -> list[Walk]:
        """Return the walks of a search that finds all keys."""

    def resume(self, token: str) -> list[Walk]:
        """Return the walks that are left; raise ValueError for none of our tokens."""

    def servers(self) -> Mapping[str, Target]:
        """Return all servers by the names that walks have for them."""

    def server(self, walk: Walk) -> Target:
        """Return whom to ask; raise `ServerUnavailable` where it is not known any more."""

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        """Return the keys that this walk, and no other, is to find."""

    def moved(self, walk: Walk) -> list[Walk]:
        """Return the walks for what has left a server while it was walked through."""

    def successors(self, walk: Walk) -> list[Walk]:
        """Return the walks instead of one whose server does not answer: none, if none took over."""


class OnePrimary:
    """The only server there is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self) -> list[Walk]:
        return [Walk()]

    def resume(self, token: str) -> list[Walk]:
        return read_token(token, is_cluster=False)

    def servers(self) -> Mapping[str, Target]:
        return {"": self._client.server}

    def server(self, walk: Walk) -> Target:
        return self._client.server

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        return keys

    def moved(self, walk: Walk) -> list[Walk]:
        return []

    def successors(self, walk: Walk) -> list[Walk]:
        return []


def primaries(client: Client) -> Primaries:
    """Return the servers behind a client."""
    server = client.server
    return ManyPrimaries(server) if isinstance(server, Cluster) else OnePrimary(client)


class ManyPrimaries:
    """The primaries of a cluster, each of which is walked through for the slots that it has.

    A slot may move meanwhile, keys before the cursor of the one node to where the other's cursor
    has passed. So a node that was walked through is asked which of its slots are elsewhere now, or
    on their way: those are looked for there, from the beginning.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._servers: dict[str, Server] = {}

    def begin(self) -> list[Walk]:
        owners = self._owners()
        return walks(owners, owners, again=False)

    def resume(self, token: str) -> list[Walk]:
        left = read_token(token, is_cluster=True)
        owners = self._owners()
        kept: list[Walk] = []
        for walk in left:
            # Who took over from a primary that is none any more is walked through as a whole.
            instead = [] if walk.node in self._servers else walks(owners, walk.slots)
            kept += instead or [walk]
        return kept

    def servers(self) -> Mapping[str, Target]:
        return self._servers

    def server(self, walk: Walk) -> Target:
        if walk.node not in self._servers:
            raise ServerUnavailable(f"{walk.node} is no primary of this cluster any more.")
        return self._servers[walk.node]

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        if not walk.again:
            return keys
        return [stored for stored in keys if slot_of(stored) in walk.slots]

    def moved(self, walk: Walk) -> list[Walk]:
        node = self._servers[walk.node]
        slots, nodes = node.run(execute_all([WHERE, checked(NODES)]))
        found = self._cluster.read_slots(required(slots), node)
        owners = self._named(found)
        addresses = {entry[2][2]: owners[entry[0]] for entry in slots if len(entry[2]) > 2}
        moving = Moving.read(permitted(nodes) or b"")
        for slot, target in moving.away.items():
            owners[slot] = addresses.get(target, owners.get(slot, walk.node))
        # A slot that is still arriving was walked through where it comes from.
        here = {slot for slot in walk.slots if owners.get(slot, walk.node) == walk.node}
        return walks(owners, walk.slots - here - moving.arriving)

    def successors(self, walk: Walk) -> list[Walk]:
        owners = self._owners(but=self._servers.get(walk.node))
        if any(owners.get(slot, walk.node) == walk.node for slot in walk.slots):
            return []
        return walks(owners, walk.slots)

    def _owners(self, but: Server | None = None) -> dict[int, str]:
        return self._named(self._cluster.located(but))

    def _named(self, found: SlotMap) -> dict[int, str]:
        """Return the addresses of the nodes by slot, having made their acquaintance."""
        addresses = {node: node.address for _slot, node in found.primaries}
        self._servers.update((address, node) for node, address in addresses.items())
        return {slot: addresses[node] for slot, node in enumerate(found.owners) if node is not None}


def walks(owners: Mapping[int, str], slots: Iterable[int], again: bool = True) -> list[Walk]:
    """Return a walk for each node that has any of the slots."""
    by_node: dict[str, set[int]] = {}
    for slot in slots:
        if slot in owners:
            by_node.setdefault(owners[slot], set()).add(slot)
    return [Walk(node, slots=frozenset(theirs), again=again) for node, theirs in by_node.items()]


@dataclass(frozen=True)
class Moving:
    """The slots that are on their way from a node to others, and from others to it."""

    away: Mapping[int, bytes]
    """By slot, the ids of the other nodes."""

    arriving: frozenset[int]

    @classmethod
    def read(cls, nodes: bytes) -> Moving:
        """Read what is written so in a node's own line of its CLUSTER NODES.

        https://valkey.io/commands/cluster-nodes/#special-slot-entries
        """
        own = next((line for line in nodes.splitlines() if b"myself" in line), b"")
        away = re.findall(rb"\[([0-9]+)->-([0-9a-f]+)\]", own)
        arriving = re.findall(rb"\[([0-9]+)-<-[0-9a-f]+\]", own)
        return cls({int(slot): target for slot, target in away}, frozenset(map(int, arriving)))

"""The nodes of a cluster and the slots that they serve."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.cluster.routing import NO_SLOTS, SlotMap, slot_map
from django_cachex.cache.configuration import parsed
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import Part, Plan
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import (
    CachexError,
    CommandError,
    Redirection,
    ServerUnavailable,
    SlotUnavailable,
)

PATIENCE = 1.0
"""Seconds in which the nodes are not asked again where the slots are because one is down."""

WHERE = Command(("CLUSTER", "SLOTS"), parse_raw, idempotent=True)


class Nodes:
    """The nodes that are known, all of them reached as those of LOCATION are."""

    def __init__(
        self,
        driver: str,
        urls: Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
    ) -> None:
        self._driver, self._options, self._overrides = driver, options, overrides
        self._url = urls[0]
        self._seeds = [Server.of(driver, url, options, overrides) for url in urls]
        for seed in self._seeds:
            refuse_what_a_cluster_lacks(seed)
        self.slots: SlotMap = NO_SLOTS
        """What was read last."""
        self._read_at = 0.0

    @property
    def address(self) -> str:
        """The nodes of LOCATION, as ``host:port/0,host:port/0``; never a credential."""
        return ",".join(seed.address for seed in self._seeds)

    def owner(self, slot: int) -> Server:
        """Return who has `slot`; raise `SlotUnavailable` where nobody has."""
        node = self.slots.owners[slot]
        if node is None:
            raise SlotUnavailable(f"CLUSTERDOWN No node of {self.address} has slot {slot}.")
        return node

    def named(self, error: Redirection, asked: Server) -> Server:
        """Return the node that `error` names, which `asked` answered."""
        host, port = error.target
        return self.at(host or host_of(asked), port)

    def known(self) -> Plan[None]:
        """Ask where the slots are, if nobody did yet; raise what is wrong where none answers."""
        if not self.slots.primaries:
            reasons = yield from self._read(())
            if not self.slots.primaries:
                raise nobody_knows(reasons)

    def again(self, but: Server | None = None) -> Plan[None]:
        """Ask where the slots are now, of all nodes but one; as `known` where none says."""
        reasons = yield from self._read((), but)
        if not self.slots.primaries:
            raise nobody_knows(reasons)

    def moved(self, node: Server) -> Plan[None]:
        """Ask `node`, which has more slots than was known, then others, where the slots are."""
        yield from self._read((node,))

    def successor(self, lost: Server) -> Plan[None]:
        """Ask the others who has the slots of a node that is down, unless that was done lately.

        None is asked first each time: one that is cut off from the others knows of no successor.
        """
        if not 0 <= time.monotonic() - self._read_at < PATIENCE:
            others = [node for _slot, node in self.slots.primaries]
            random.shuffle(others)
            yield from self._read(others, lost)

    def _read(self, first: Sequence[Server], but: Server | None = None) -> Plan[list[CachexError]]:
        """Ask until one answers; return what the others said, and keep what is known if all did."""
        self._read_at = time.monotonic()  # Others need not ask meanwhile.
        reasons: list[CachexError] = []
        known = [node for _slot, node in self.slots.primaries]
        for node in dict.fromkeys([*first, *known, *self.slots.replicas, *self._seeds]):
            if node is but:
                continue
            [reply] = yield [Part(node, WHERE)]
            if isinstance(reply, CachexError):
                reasons.append(reply)
                continue
            found = slot_map(reply, self.at, host_of(node))
            if found.primaries:
                self._learn(found)
                break
        self._read_at = time.monotonic()
        return reasons

    def _learn(self, found: SlotMap) -> None:
        """Keep who has which slot, and no connections to those that have none any more."""
        before, self.slots = self.slots, found
        for node in {node for _slot, node in before.primaries}.difference(
            node for _slot, node in found.primaries
        ):
            node.close_unused()

    def at(self, host: str, port: int) -> Server:
        """Return the node at an address, reached as the first of LOCATION is."""
        parts = urlsplit(self._url)
        credentials, at, _host = parts.netloc.rpartition("@")
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        url = parts._replace(netloc=f"{credentials}{at}{place}").geturl()
        return Server.of(self._driver, url, self._options, self._overrides)


def nobody_knows(reasons: Sequence[CachexError]) -> CachexError:
    """Return the error for a cluster none of whose nodes says where the slots are."""
    refusals = [reason for reason in reasons if isinstance(reason, CommandError)]
    if refusals:
        return refusals[0]
    text = " ".join(dict.fromkeys(map(str, reasons))) or "No node has any slot."
    return ServerUnavailable(f"The cluster cannot be reached: {text}")


def host_of(server: Server) -> str:
    host, _, _port = server.address.rpartition("/")[0].rpartition(":")
    return host


def refuse_what_a_cluster_lacks(seed: Server) -> None:
    """Raise ImproperlyConfigured for a unix socket and for a database that no cluster has."""
    configuration = seed.configuration
    found = {**configuration.options, **parsed(configuration.driver, configuration.url)}
    if "path" in found or int(found.get("db") or 0):
        raise ImproperlyConfigured(
            "LOCATION must name nodes of the cluster by host and port, and no database but 0."
        )

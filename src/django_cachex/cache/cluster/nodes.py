"""The nodes of a cluster and the slots that they serve."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.cluster.routing import EMPTY_SLOT_MAP, SlotMap, parse_slot_map
from django_cachex.cache.configuration import parse_configured_url
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import MultiServerOperation, ServerCall
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import (
    CachexError,
    CommandError,
    Redirection,
    ServerUnavailable,
    SlotUnavailable,
)

REFRESH_INTERVAL = 1.0
"""Seconds in which the nodes are not asked again where the slots are because one is down."""

CLUSTER_SLOTS = Command(("CLUSTER", "SLOTS"), parse_raw, idempotent=True)


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
        self._seeds = [Server.for_url(driver, url, options, overrides) for url in urls]
        for seed in self._seeds:
            validate_cluster_url(seed)
        self.slots: SlotMap = EMPTY_SLOT_MAP
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

    def get_redirect_target(self, error: Redirection, asked: Server) -> Server:
        """Return the node that `error` names, which `asked` answered."""
        host, port = error.target
        return self.get_node(host or get_host(asked), port)

    def ensure_slots(self) -> MultiServerOperation[None]:
        """Ask where the slots are, if nobody did yet; raise what is wrong where none answers."""
        if not self.slots.primaries:
            errors = yield from self._read_slots(())
            if not self.slots.primaries:
                raise cluster_unreachable_error(errors)

    def refresh(self, exclude: Server | None = None) -> MultiServerOperation[None]:
        """Ask where the slots are now, of all nodes but one; as `known` where none says."""
        errors = yield from self._read_slots((), exclude)
        if not self.slots.primaries:
            raise cluster_unreachable_error(errors)

    def on_moved(self, node: Server) -> MultiServerOperation[None]:
        """Ask `node`, which has more slots than was known, then others, where the slots are."""
        yield from self._read_slots((node,))

    def find_successor(self, lost: Server) -> MultiServerOperation[None]:
        """Ask the others who has the slots of a node that is down, unless that was done lately.

        None is asked first each time: one that is cut off from the others knows of no successor.
        """
        if not 0 <= time.monotonic() - self._read_at < REFRESH_INTERVAL:
            others = [node for _slot, node in self.slots.primaries]
            random.shuffle(others)
            yield from self._read_slots(others, lost)

    def _read_slots(
        self, first: Sequence[Server], exclude: Server | None = None
    ) -> MultiServerOperation[list[CachexError]]:
        """Ask until one answers; return what the others said, and keep what is known if all did."""
        self._read_at = time.monotonic()  # Others need not ask meanwhile.
        errors: list[CachexError] = []
        known = [node for _slot, node in self.slots.primaries]
        for node in dict.fromkeys([*first, *known, *self.slots.replicas, *self._seeds]):
            if node is exclude:
                continue
            [reply] = yield [ServerCall(node, CLUSTER_SLOTS)]
            if isinstance(reply, CachexError):
                errors.append(reply)
                continue
            found = parse_slot_map(reply, self.get_node, get_host(node))
            if found.primaries:
                self._update_slots(found)
                break
        self._read_at = time.monotonic()
        return errors

    def _update_slots(self, found: SlotMap) -> None:
        """Keep who has which slot, and no connections to those that have none any more."""
        before, self.slots = self.slots, found
        for node in {node for _slot, node in before.primaries}.difference(
            node for _slot, node in found.primaries
        ):
            node.close_unused()

    def get_node(self, host: str, port: int) -> Server:
        """Return the node at an address, reached as the first of LOCATION is."""
        parts = urlsplit(self._url)
        credentials, at, _host = parts.netloc.rpartition("@")
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        url = parts._replace(netloc=f"{credentials}{at}{place}").geturl()
        return Server.for_url(self._driver, url, self._options, self._overrides)


def cluster_unreachable_error(errors: Sequence[CachexError]) -> CachexError:
    """Return the error for a cluster none of whose nodes says where the slots are."""
    misdirections = [reason for reason in errors if isinstance(reason, CommandError)]
    if misdirections:
        return misdirections[0]
    text = " ".join(dict.fromkeys(map(str, errors))) or "No node has any slot."
    return ServerUnavailable(f"The cluster cannot be reached: {text}")


def get_host(server: Server) -> str:
    host, _, _port = server.address.rpartition("/")[0].rpartition(":")
    return host


def validate_cluster_url(seed: Server) -> None:
    """Raise ImproperlyConfigured for a unix socket and for a database that no cluster has."""
    configuration = seed.configuration
    found = {
        **configuration.options,
        **parse_configured_url(configuration.driver, configuration.url),
    }
    if "path" in found or int(found.get("db") or 0):
        raise ImproperlyConfigured(
            "LOCATION must name nodes of the cluster by host and port, and no database but 0."
        )

"""The nodes of a cluster and the slots that they serve."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.cluster.routing import EMPTY_SLOT_MAP, SlotMap, parse_slot_map
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import MultiServerOperation, ServerCall
from django_cachex.cache.options import validate_cluster_database
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import (
    CachexError,
    CommandError,
    Redirection,
    ServerUnavailable,
    SlotUnavailable,
)

MIN_REFRESH_INTERVAL = 1.0
"""Minimum number of seconds between two reads of the slots because a node is down."""

CLUSTER_SLOTS = Command(("CLUSTER", "SLOTS"), parse_raw, idempotent=True)


class Nodes:
    """The known nodes of a cluster. All have the same options as the nodes in LOCATION."""

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
        """The slots that were read last."""
        self._read_at = 0.0

    @property
    def address(self) -> str:
        """The nodes in LOCATION, as ``host:port/0,host:port/0``, without credentials."""
        return ",".join(seed.address for seed in self._seeds)

    def owner(self, slot: int) -> Server:
        """Return the node that serves `slot`; raise `SlotUnavailable` if none does."""
        node = self.slots.owners[slot]
        if node is None:
            raise SlotUnavailable(f"CLUSTERDOWN No node of {self.address} has slot {slot}.")
        return node

    def get_redirect_target(self, error: Redirection, asked: Server) -> Server:
        """Return the node that the node `asked` redirects to with `error`."""
        host, port = error.target
        return self.get_node(host or get_host(asked), port)

    def ensure_slots(self) -> MultiServerOperation[None]:
        """Read the slots if they aren't known yet; raise an error if no node responds."""
        if not self.slots.primaries:
            errors = yield from self._read_slots(())
            if not self.slots.primaries:
                raise cluster_unreachable_error(errors)

    def refresh(self, exclude: Server | None = None) -> MultiServerOperation[None]:
        """Read the slots again, from any node except `exclude`; raise as `ensure_slots` does."""
        errors = yield from self._read_slots((), exclude)
        if not self.slots.primaries:
            raise cluster_unreachable_error(errors)

    def on_moved(self, node: Server) -> MultiServerOperation[None]:
        """Read the slots again after a redirection to `node`, from this node first."""
        yield from self._read_slots((node,))

    def find_successor(self, lost: Server) -> MultiServerOperation[None]:
        """Read the slots from other nodes after one was lost, unless this was done recently.

        The order is random, because a node that can't reach the others doesn't know the successor.
        """
        if not 0 <= time.monotonic() - self._read_at < MIN_REFRESH_INTERVAL:
            others = [node for _slot, node in self.slots.primaries]
            random.shuffle(others)
            yield from self._read_slots(others, lost)

    def _read_slots(
        self, first: Sequence[Server], exclude: Server | None = None
    ) -> MultiServerOperation[list[CachexError]]:
        """Read the slots from the first node that responds, and return the errors of the others.

        If none responds, the known slots are kept.
        """
        self._read_at = time.monotonic()  # Other callers don't need to read them in the meantime.
        errors: list[CachexError] = []
        primaries = [node for _slot, node in self.slots.primaries]
        for node in dict.fromkeys([*first, *primaries, *self.slots.replicas, *self._seeds]):
            if node is exclude:
                continue
            [reply] = yield [ServerCall(node, CLUSTER_SLOTS)]
            if isinstance(reply, CachexError):
                errors.append(reply)
                continue
            slot_map = parse_slot_map(reply, self.get_node, get_host(node))
            if slot_map.primaries:
                self._update_slots(slot_map)
                break
        self._read_at = time.monotonic()
        return errors

    def _update_slots(self, slot_map: SlotMap) -> None:
        """Store the slots, and close unused connections to nodes that no longer serve any."""
        before, self.slots = self.slots, slot_map
        for node in {node for _slot, node in before.primaries}.difference(
            node for _slot, node in slot_map.primaries
        ):
            node.close_unused()

    def get_node(self, host: str, port: int) -> Server:
        """Return the node at an address, with the URL parameters of the first one in LOCATION."""
        parts = urlsplit(self._url)
        credentials, at, _host = parts.netloc.rpartition("@")
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        url = parts._replace(netloc=f"{credentials}{at}{place}").geturl()
        return Server.for_url(self._driver, url, self._options, self._overrides)


def cluster_unreachable_error(errors: Sequence[CachexError]) -> CachexError:
    """Return the error for a cluster whose slots could not be read from any node."""
    refusals = [error for error in errors if isinstance(error, CommandError)]
    if refusals:
        return refusals[0]
    text = " ".join(dict.fromkeys(map(str, errors))) or "No node serves any slots."
    return ServerUnavailable(f"The cluster is not available: {text}")


def get_host(server: Server) -> str:
    host, _, _port = server.address.rpartition("/")[0].rpartition(":")
    return host


def validate_cluster_url(seed: Server) -> None:
    """Raise ImproperlyConfigured for a Unix socket or a database number other than 0."""
    options = seed.configuration.effective_options
    if "path" in options:
        raise ImproperlyConfigured(
            "LOCATION must contain the host and port of nodes of the cluster."
        )
    validate_cluster_database(options)

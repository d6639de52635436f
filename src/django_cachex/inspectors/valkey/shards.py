"""Servers among which a client distributes keys, such as the `ShardClient` of django-redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from django_cachex.cache.cluster.cluster import Cluster, ClusterClient
from django_cachex.cache.cluster.routing import SlotMap
from django_cachex.cache.configuration import parse_locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.steps import Steps
from django_cachex.commands.command import EncodableArg
from django_cachex.exceptions import CachexError

FIND_SHARD = "find_shard"
"""The option with the function that returns the number of the server that has a stored key."""


class Shards(Cluster):
    """A cluster in which each server has one slot, which never moves."""

    def __init__(
        self, servers: Sequence[Server], find_shard: Callable[[EncodableArg], int]
    ) -> None:
        self._seeds = list(servers)
        self.slots = SlotMap(self._seeds, list(enumerate(servers)), find_slot=find_shard)

    def _read_slots(
        self, first: Sequence[Server], exclude: Server | None = None
    ) -> Steps[list[CachexError]]:
        yield from ()  # There is nothing to read.
        return []


class ShardsClient(ClusterClient):
    """The client of sharded servers. LOCATION names all of them."""

    @classmethod
    def from_options(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        own = {name: value for name, value in options.items() if name != FIND_SHARD}
        servers = [
            Server.for_url(driver, url, own, overrides or {}) for url in parse_locations(location)
        ]
        return cls(Shards(servers, options[FIND_SHARD]))

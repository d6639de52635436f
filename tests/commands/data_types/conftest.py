"""Surfaces over drivers, servers and topologies: a thin diagonal always, the whole on request."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from django_cachex import cache as backends
from django_cachex.cache.backends import ServerCache
from tests import servers
from tests.commands.data_types.surfaces import SENDS, Surface, close_loop

SERVERS = {"valkey": (7, 2), "redis": (7, 0), "redis_62": (6, 2)}
"""Servers by fixture, and which version of Redis they are compatible with."""

PREFIX = "pre*fix{slot}"
"""In a cluster all keys of a case are in one slot; elsewhere the prefix is one like others."""


@dataclass(frozen=True)
class Combination:
    """Who sends how to whom."""

    send: str
    driver: str
    server: str
    in_cluster: bool = False
    version: int | None = None
    compressor: str | None = None

    def __str__(self) -> str:
        place = f"{self.server}-cluster" if self.in_cluster else self.server
        version = "v1" if self.version is None else f"v{self.version}"
        parts = [self.send, self.driver, place, version, self.compressor or ""]
        return "-".join(filter(None, parts)).replace(" ", "-")


ALWAYS = [
    Combination("blocking", "valkey", "valkey", version=7),
    Combination("awaited", "redis", "redis", compressor="zlib"),
    Combination("piped", "redis", "redis_62", version=0),
    Combination("transacted", "valkey", "valkey", in_cluster=True),
]
ALL = [
    Combination(*parts)
    for parts in itertools.product(SENDS, ["valkey", "redis"], SERVERS, [False, True], [None, 7])
]
LATER = [one for one in ALL if one not in ALWAYS]


@pytest.fixture(scope="session")
def cluster_of_redises() -> Iterator[servers.Server]:
    with servers.cluster(program=servers.redis_server()) as nodes:
        yield nodes[0]


@pytest.fixture(scope="session")
def cluster_of_old_redises() -> Iterator[servers.Server]:
    with servers.cluster(program=servers.redis_62_server()) as nodes:
        yield nodes[0]


CLUSTERS = {
    "valkey": "cluster_of_valkeys",
    "redis": "cluster_of_redises",
    "redis_62": "cluster_of_old_redises",
}


@pytest.fixture(scope="session", autouse=True)
def _one_loop() -> Iterator[None]:
    yield
    close_loop()


@pytest.fixture(
    params=[
        *(pytest.param(one, id=str(one)) for one in ALWAYS),
        *(pytest.param(one, id=str(one), marks=pytest.mark.slow) for one in LATER),
    ]
)
def c(request: pytest.FixtureRequest) -> Surface:
    """One way to run commands, on an empty server."""
    chosen: Combination = request.param
    server = request.getfixturevalue(f"{chosen.server}_process")
    if chosen.in_cluster:
        server = request.getfixturevalue(CLUSTERS[chosen.server])
    return Surface(
        emptied(cache_on(server, chosen.driver, chosen.in_cluster, chosen.compressor)),
        SENDS[chosen.send],
        SERVERS[chosen.server],
        chosen.version,
    )


def cache_on(
    server: servers.Server, driver: str, in_cluster: bool = False, compressor: str | None = None
) -> ServerCache:
    """Return a cache on a server; with a compressor, no value is too small for it."""
    kind = f"{driver.title()}{'Cluster' if in_cluster else ''}Cache"
    found: type[ServerCache] = getattr(backends, kind)
    options = {"compressor": (compressor, {"min_size": 0})} if compressor else {}
    return found(f"redis://{server.address}", {"KEY_PREFIX": PREFIX, "OPTIONS": options})


def emptied(cache: ServerCache) -> ServerCache:
    cache.client.flushdb()
    return cache

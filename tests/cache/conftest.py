"""Caches of both drivers on a real server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_cachex.cache import RedisCache, RedisClusterCache, ValkeyCache, ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from tests.cache.surfaces import Awaited, Queued, Surface, Transacted
from tests.servers import Server

BACKENDS: dict[str, type[ServerCache]] = {"valkey": ValkeyCache, "redis": RedisCache}
CLUSTERS: dict[str, type[ServerCache]] = {
    "valkey": ValkeyClusterCache,
    "redis": RedisClusterCache,
}

MakeCache = Callable[..., ServerCache]


def url(server: Server, database: int = 0, scheme: str = "redis") -> str:
    return f"{scheme}://{server.address}/{database}"


@pytest.fixture(params=["valkey", "redis"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_cache(driver: str, valkey_server: Server) -> MakeCache:
    """Make caches of one driver on an empty server; arguments are those of CACHES."""

    def make(location: Any = None, **params: Any) -> ServerCache:
        return BACKENDS[driver](location or url(valkey_server), params)

    return make


@pytest.fixture
def cache(make_cache: MakeCache) -> ServerCache:
    return make_cache()


# Every form of a command. Always run: one form by each driver, on each kind of server.

FORMS = {"blocking": Surface, "awaited": Awaited, "queued": Queued, "transacted": Transacted}
ALWAYS = [
    ("blocking", "valkey", "valkey_server"),
    ("awaited", "redis", "valkey_server"),
    ("queued", "redis", "redis_server"),
    ("transacted", "valkey", "cluster_of_valkeys"),
]
ALL = itertools.product(FORMS, BACKENDS, ["valkey_server", "redis_server", "cluster_of_valkeys"])
LATER = [one for one in ALL if one not in ALWAYS]


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def surface_of(request: pytest.FixtureRequest, form: str, driver: str, place: str) -> Surface:
    server = request.getfixturevalue(place)
    kind = (CLUSTERS if place.startswith("cluster") else BACKENDS)[driver]
    cache = kind(url(server), {})
    cache.flush_db()
    if form == "awaited":
        return Awaited(cache, request.getfixturevalue("runner"))
    return FORMS[form](cache)


@pytest.fixture(
    params=[*ALWAYS, *(pytest.param(one, marks=pytest.mark.slow) for one in LATER)],
    ids="-".join,
)
def on(request: pytest.FixtureRequest) -> Surface:
    """One form of all commands of a cache, which is empty."""
    return surface_of(request, *request.param)


@pytest.fixture(params=["blocking", "awaited", "transacted"])
def on_cluster(request: pytest.FixtureRequest) -> Surface:
    """One form of all commands of a cache in a cluster."""
    return surface_of(request, request.param, "valkey", "cluster_of_valkeys")

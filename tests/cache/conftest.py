"""Caches of both drivers on a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.cache import RedisCache, ValkeyCache
from django_cachex.cache.backends import ServerCache
from tests.servers import Server

BACKENDS: dict[str, type[ServerCache]] = {"valkey": ValkeyCache, "redis": RedisCache}

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

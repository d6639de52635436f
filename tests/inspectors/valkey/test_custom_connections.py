"""Django's RedisCache with classes of a project that decide what its connections reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import BlockingConnectionPool, ConnectionPool, RedisCluster
from redis.connection import Connection
from redis.sentinel import Sentinel

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import EditStatus, SetValue
from tests import servers
from tests.inspectors.contract import listed

DJANGO = "django.core.cache.backends.redis.RedisCache"


class ProjectConnection(Connection):
    """Connections as a project may make them, with a password from somewhere."""

    def __init__(self, *, vault: str, **options: Any) -> None:
        super().__init__(**{**options, "password": vault})


class VaultPool(ConnectionPool):
    """A pool that looks up where the server is: `LOCATION` is only a name."""

    server = ""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> VaultPool:
        host, _colon, port = cls.server.partition(":")
        vault = {"vault": "hunter2", "connection_class": ProjectConnection}
        return cls(host=host, port=int(port), db=3, **vault, **options)


class ClusterCacheClient(RedisCacheClient):
    """The usual recipe for a cluster."""

    def get_client(self, key: Any = None, *, write: bool = False) -> RedisCluster:
        return RedisCluster.from_url(self._servers[0])


class ClusterCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ClusterCacheClient


Configure = Callable[..., Inspector]


@pytest.fixture
def configure(settings: Any) -> Iterator[Configure]:
    def configure(location: str, backend: str = DJANGO, **options: Any) -> Inspector:
        settings.CACHES = {
            "default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}
        }
        return inspector_for("default")

    yield configure
    caches.close_all()


def check_that_it_works(inspector: Inspector) -> None:
    """List, read, edit and flush what the cache itself stores."""
    names = {b":1:key:%d" % number for number in range(20)}
    for number in range(20):
        inspector.cache.set(f"key:{number}", "before", 60)
    assert listed(inspector) == names
    key_value = inspector.read(b":1:key:7")
    assert key_value is not None
    result = inspector.apply(b":1:key:7", SetValue("after", key_value.expected))
    assert result.status is EditStatus.DONE
    assert inspector.cache.get("key:7") == "after"
    assert all(info.ttl and info.ttl > 0 for info in inspector.describe(sorted(names)))
    assert inspector.info()
    inspector.flush()
    assert listed(inspector) == set()


def test_a_sentinel_pool_is_followed(configure: Configure) -> None:
    with servers.sentinel(replicas=0) as fleet:
        inspector = configure(
            "redis://cache/2",
            pool_class="redis.sentinel.SentinelConnectionPool",
            service_name=fleet.name,
            sentinel_manager=Sentinel([("127.0.0.1", fleet.sentinel.port)]),
        )
        check_that_it_works(inspector)
        assert inspector.location == "redis://cache/2"
        assert f"redis://{fleet.name}/2" in str(inspector.notes()[0])


def test_the_servers_of_a_cluster_client_are_all_listed(
    configure: Configure, cluster_of_valkeys: servers.Server
) -> None:
    backend = f"{__name__}.ClusterCache"
    inspector = configure(f"redis://{cluster_of_valkeys.address}", backend)
    assert inspector.status().keys is not None
    inspector.flush()
    check_that_it_works(inspector)
    # A new page knows before it connects that this is a cluster.
    again = inspector_for("default")
    assert len(again.notes()) == 2
    assert cluster_of_valkeys.address in str(again.notes()[0])


def test_a_pool_of_the_project_is_asked_for_its_server_and_connections(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.valkey("--requirepass", "hunter2") as server:
        monkeypatch.setattr(VaultPool, "server", server.address)
        inspector = configure("redis://cache", pool_class=f"{__name__}.VaultPool")
        check_that_it_works(inspector)
        shown = repr([inspector.configuration(), inspector.info(), inspector.notes()])
        assert f"redis://{server.address}/3" in shown
        assert "hunter2" not in shown


def test_a_pool_of_redis_py_is_not_asked(
    configure: Configure, valkey_server: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(RedisCacheClient, "_get_connection_pool", asked.append)
    location = f"redis://{valkey_server.address}/0"
    inspector = configure(location, pool_class=BlockingConnectionPool, timeout=1)
    assert inspector.status().keys == 0
    assert not inspector.notes()
    assert not asked


def test_a_client_that_fails_is_down_and_says_why(configure: Configure) -> None:
    inspector = configure("redis://missing", pool_class=f"{__name__}.VaultPool")
    assert not inspector.notes()
    with pytest.raises(ValueError, match="invalid literal"):
        inspector.status()

"""The driver's clients, made from the settings of a cache, for packages that need one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import redis
import valkey
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import (
    RedisClusterCache,
    RedisSentinelCache,
    ValkeyClusterCache,
    ValkeySentinelCache,
)
from django_cachex.cache.backends import ServerCache
from tests import servers
from tests.cache.conftest import BACKENDS, EACH_DRIVER, Certificate, MakeCache, url
from tests.servers import Server

SENTINELS = {"valkey": ValkeySentinelCache, "redis": RedisSentinelCache}
CLUSTERS = {"valkey": ValkeyClusterCache, "redis": RedisClusterCache}
CLIENTS = {"valkey": valkey.Valkey, "redis": redis.Redis}
CLUSTER_CLIENTS = {"valkey": valkey.ValkeyCluster, "redis": redis.RedisCluster}
PASSWORD = "p w@/"


async def assert_clients_reach(cache: ServerCache, kind: type) -> None:
    """Assert that both clients read and write what the cache stores."""
    cache.set("number", 5)
    client = cache.driver_client()
    assert isinstance(client, kind)
    assert client.incr(":1:number") == 6
    client.close()
    async with cache.adriver_client() as asynchronous:
        assert await asynchronous.get(":1:number") == b"6"
        await close_sentinels(asynchronous)
    assert cache.get("number") == 6


async def close_sentinels(client: Any) -> None:
    """Close the connections to sentinels, which the driver's client leaves open."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for sentinel in manager.sentinels if manager else ():
        await sentinel.aclose()


@EACH_DRIVER
def test_threads_share_a_client_with_the_settings_of_the_cache(
    make_cache: MakeCache, valkey_server: Server, driver: str
) -> None:
    options = {"socket_timeout": 7, "client_name": "orders", "health_check_interval": 9}
    cache = make_cache(url(valkey_server, 3), OPTIONS={**options, "serializer": "json"})
    client = cache.driver_client()
    client.set("raw", b"\xff")
    assert cache.client.get(b"raw") == client.get("raw") == b"\xff"
    given = client.connection_pool.connection_kwargs
    assert given["db"] == 3
    assert {name: given[name] for name in options} == options
    assert given["socket_connect_timeout"] == 5
    assert cache.driver_client() is client
    assert make_cache(url(valkey_server, 4)).driver_client() is not client
    client.close()
    assert client.exists("raw") == 1, "closing it only closes its connections"
    client.close()


@EACH_DRIVER
async def test_a_pool_that_is_chosen_is_used(
    make_cache: MakeCache, valkey_server: Server, driver: str
) -> None:
    pool = f"{driver}.BlockingConnectionPool"
    async_pool = f"{driver}.asyncio.BlockingConnectionPool"
    options = {"pool_class": pool, "async_pool_class": async_pool, "timeout": 1}
    cache = make_cache(url(valkey_server), OPTIONS={**options, "max_connections": 3})
    await assert_clients_reach(cache, CLIENTS[driver])
    blocking, asynchronous = cache.driver_client(), cache.adriver_client()
    for client in (blocking, asynchronous):
        made = client.connection_pool
        assert (type(made).__name__, made.max_connections) == ("BlockingConnectionPool", 3)
        assert made.timeout == 1
    await asynchronous.aclose()


@EACH_DRIVER
async def test_tls_and_credentials_reach_the_server(driver: str, certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    port = servers.free_port()
    options = [*servers._tls(*certificate), "--tls-port", str(port), "--requirepass", PASSWORD]
    with servers.valkey(*options, program=program) as server:
        given = {"ssl_ca_certs": certificate[0]}
        location = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/2"
        await assert_clients_reach(BACKENDS[driver](location, {"OPTIONS": given}), CLIENTS[driver])
        socket = f"unix://{server.folder / 's'}?db=2"
        await assert_clients_reach(
            BACKENDS[driver](socket, {"OPTIONS": {"password": PASSWORD}}), CLIENTS[driver]
        )


@EACH_DRIVER
async def test_sentinel_names_the_primary(driver: str, certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with servers.sentinel(replicas=0, program=program, tls=certificate) as fleet:
        options = {
            "sentinels": [("127.0.0.1", fleet.sentinel.port)],
            "ssl_ca_certs": certificate[0],
            "read_replicas": True,
        }
        cache = SENTINELS[driver]("rediss://mymaster/1", {"OPTIONS": options})
        await assert_clients_reach(cache, CLIENTS[driver])


@EACH_DRIVER
async def test_a_cluster_has_its_own_client(driver: str, certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with servers.cluster(
        *("--requirepass", PASSWORD), program=program, tls=certificate, password=PASSWORD
    ) as nodes:
        options = {"ssl_ca_certs": certificate[0], "password": PASSWORD}
        cache = CLUSTERS[driver](f"rediss://{nodes[0].address}", {"OPTIONS": options})
        await assert_clients_reach(cache, CLUSTER_CLIENTS[driver])


def test_settings_that_are_wrong_are_named(make_cache: MakeCache) -> None:
    cache = make_cache("redis//127.0.0.1")
    for make in (cache.driver_client, cache.adriver_client):
        with pytest.raises(ImproperlyConfigured, match="LOCATION"):
            make()

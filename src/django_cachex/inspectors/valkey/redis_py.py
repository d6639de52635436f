"""What a client of redis-py connects to, as settings of this package's clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import ClusterClient
from django_cachex.cache.configuration import format_host
from django_cachex.cache.options import INEFFECTIVE_DRIVER_OPTIONS, RETRY_OPTIONS
from django_cachex.cache.sentinel import SentinelClient

ADDRESS_OPTIONS: Final = frozenset({"host", "port", "path", "db", "ssl"})
"""Options that become a URL."""

OBJECTS_OF_CLIENT: Final = frozenset(
    {"connection_class", "connection_pool", "driver_info", "redis_connect_func"}
)
"""Options that belong to one client or pool of redis-py."""

UNSHARED_OPTIONS: Final = (
    ADDRESS_OPTIONS | OBJECTS_OF_CLIENT | INEFFECTIVE_DRIVER_OPTIONS | RETRY_OPTIONS
)


@dataclass(frozen=True)
class Destination:
    """What connections reach: arguments of `Client.from_settings`."""

    client_class: type[Client]
    urls: Sequence[str] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)


def find_destination(redis_client: Any) -> Destination:
    """Return what a `redis.Redis` or `redis.RedisCluster` connects to."""
    nodes = getattr(redis_client, "nodes_manager", None)
    if nodes is not None:
        return cluster_destination(nodes)
    pool = redis_client.connection_pool
    is_sentinel = hasattr(pool, "sentinel_manager")
    return sentinel_destination(pool) if is_sentinel else pool_destination(pool)


def pool_destination(pool: Any) -> Destination:
    """Return what the connections of a pool reach, made by their own class if it isn't redis-py's.

    A pool may override the URL that it was made from.
    """
    given, options = pool.connection_kwargs, select_shared_options(pool.connection_kwargs)
    connection_class = pool.connection_class
    if is_custom(connection_class):
        options["connection_class"] = connection_class
    if "path" in given:
        url = f"unix://{quote(given['path'])}?db={given.get('db') or 0}"
    else:
        scheme = "rediss" if uses_tls(given, connection_class) else "redis"
        # In a URL of TLS, the driver's own class would take precedence.
        scheme = "redis" if is_custom(connection_class) else scheme
        url = f"{server_url(scheme, given)}/{given.get('db') or 0}"
    return Destination(Client, [url], options)


def sentinel_destination(pool: Any) -> Destination:
    """Return the service that the connections of a `SentinelConnectionPool` reach."""
    given = pool.connection_kwargs
    scheme = "rediss" if uses_tls(given, pool.connection_class) else "redis"
    watchers = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    sentinel_options = {
        **select_shared_options(pool.sentinel_manager.sentinel_kwargs or {}),
        "ssl": any(uses_tls(one, one.get("connection_class")) for one in watchers),
    }
    return Destination(
        SentinelClient,
        [f"{scheme}://{quote(str(pool.service_name))}/{given.get('db') or 0}"],
        {
            **select_shared_options(given),
            "sentinels": [(one["host"], one["port"]) for one in watchers],
            "sentinel_kwargs": sentinel_options,
        },
    )


def cluster_destination(nodes_manager: Any) -> Destination:
    """Return the cluster whose nodes a `RedisCluster` knows."""
    given = nodes_manager.connection_kwargs
    scheme = "rediss" if uses_tls(given, given.get("connection_class")) else "redis"
    urls = [
        server_url(scheme, {"host": node.host, "port": node.port})
        for node in nodes_manager.startup_nodes.values()
    ]
    return Destination(ClusterClient, urls, select_shared_options(given))


def server_url(scheme: str, address: Mapping[str, Any]) -> str:
    host = format_host(str(address.get("host") or "localhost"))
    return f"{scheme}://{host}:{address.get('port') or 6379}"


def select_shared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that mean the same for our own connections."""
    return {n: v for n, v in options.items() if n not in UNSHARED_OPTIONS and v is not None}


def is_custom(connection_class: type) -> bool:
    """Return whether a class of connections is another package's or the project's."""
    return connection_class.__module__.partition(".")[0] != "redis"


def uses_tls(options: Mapping[str, Any], connection_class: type | None) -> bool:
    names = {ancestor.__name__ for ancestor in getattr(connection_class, "__mro__", ())}
    return bool(options.get("ssl")) or "SSLConnection" in names

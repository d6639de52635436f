"""Django's memcached backends: keys by exact name, on connections of our own that do not hang."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from django_cachex.conf import limits
from django_cachex.inspectors.base import Support, file_id, resolve_addresses
from django_cachex.inspectors.limited import LimitedInspector

MEMCACHED_PORT = 11211

PYMEMCACHE_BACKEND = "django.core.cache.backends.memcached.PyMemcacheCache"


class MemcachedInspector(LimitedInspector):
    """A server that may hang, asked with the admin's patience by a cache object of its own."""

    support = Support.WRAPPED
    may_block = True

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, make_private_cache(alias, cache, params), params)
        weakref.finalize(self, self.cache.close)

    def storage_ids(self) -> frozenset[str]:
        servers = getattr(self.cache, "_servers", ())
        return frozenset(one for server in servers for one in server_ids(str(server)))


def server_ids(server: str) -> frozenset[str]:
    """Return where a server is, of those that LOCATION names: a host with its port, or a socket."""
    path = server.removeprefix("unix:")
    if path.startswith("/"):
        return frozenset((file_id(path),))
    host, _colon, port = server.rpartition(":")
    if not host or not port.isdecimal():
        host, port = server, str(MEMCACHED_PORT)
    return resolve_addresses(host.strip("[]"), int(port)) or frozenset((server,))


def make_private_cache(alias: str, cache: BaseCache, params: Mapping[str, Any]) -> BaseCache:
    """Return another cache object of an alias, which no other thread uses.

    The client of pymemcache waits for ever by default; that of pylibmc has time limits in other
    units under other names, and keeps those of the settings.
    """
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(cache).__mro__]
    if PYMEMCACHE_BACKEND not in kinds:
        return caches.create_connection(alias)
    patience = {"timeout": limits().timeout, "connect_timeout": limits().timeout}
    changed = {**params, "OPTIONS": {**params.get("OPTIONS", {}), **patience}}
    make: Any = type(cache)
    own: BaseCache = make(changed.pop("LOCATION", ""), changed)
    return own

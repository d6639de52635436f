"""Inspector of Django's memcached backends, with its own connections and timeouts."""

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
    """Uses its own cache object with the admin's timeouts, because the server may hang."""

    support = Support.WRAPPED
    may_block = True

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, make_private_cache(alias, cache, params), params)
        weakref.finalize(self, self.cache.close)

    def fetch_store_ids(self) -> frozenset[str]:
        servers = getattr(self.cache, "_servers", ())
        return frozenset(one for server in servers for one in server_ids(str(server)))


def server_ids(server: str) -> frozenset[str]:
    """Return the addresses of a server in `LOCATION`: a host with an optional port, or a socket."""
    path = server.removeprefix("unix:")
    if path.startswith("/"):
        return frozenset((file_id(path),))
    host, _colon, port = server.rpartition(":")
    if not host or not port.isdecimal():
        host, port = server, str(MEMCACHED_PORT)
    return resolve_addresses(host.strip("[]"), int(port)) or frozenset((server,))


def make_private_cache(alias: str, cache: BaseCache, params: Mapping[str, Any]) -> BaseCache:
    """Return another cache object of an alias that no other thread uses.

    By default, pymemcache never times out, so timeouts are added. pylibmc has timeouts with other
    names and units, so the settings are kept.
    """
    paths = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(cache).__mro__]
    if PYMEMCACHE_BACKEND not in paths:
        return caches.create_connection(alias)
    timeouts = {"timeout": limits().timeout, "connect_timeout": limits().timeout}
    new_params = {**params, "OPTIONS": {**params.get("OPTIONS", {}), **timeouts}}
    cache_class: Any = type(cache)
    private: BaseCache = cache_class(new_params.pop("LOCATION", ""), new_params)
    return private

"""Caches that store in one database, and which stored keys may be which cache's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.drivers import load
from django_cachex.cache.keyspace import VERSIONS, Keyspace, keyspace, prefix
from django_cachex.commands.exceptions import OpaqueKeysError

KEY = "key"
"""What is made a stored key of, to see whose it may be."""

LOOPBACK = ("127.0.0.1:", "::1:", "[::1]:")


@dataclass(frozen=True)
class Neighbour:
    """An alias whose keys are on a server: with a backend of ours, or Django's for Redis."""

    alias: str
    # Any: Django's backend has no public names for its servers and its serializer.
    cache: Any
    serializer: Any
    address: str
    """Which database it stores in; the obvious spellings of one are alike."""

    def made(self, key: Any, version: Any) -> bytes:
        """Return the stored key that application code means by a key and a version."""
        return str(self.cache.make_key(key, version=version)).encode("utf-8", "surrogatepass")

    @cached_property
    def examples(self) -> list[bytes]:
        """Some of its stored keys, of its own version and of others."""
        return [self.made(KEY, version) for version in (self.cache.version, 2, *VERSIONS)]

    @cached_property
    def space(self) -> Keyspace | bytes | None:
        """What its keys begin with, in every version or in its own; None where nobody can tell."""
        try:
            return keyspace(self.made, self.cache.version)
        except OpaqueKeysError:
            pass
        try:
            return prefix(self.made, self.cache.version)
        except OpaqueKeysError:
            return None

    def shared_with(self, other: Neighbour) -> bytes | None:
        """Return a stored key of another alias that is one of this alias's too, or None."""
        return next((stored for stored in other.examples if self.holds(stored)), None)

    def holds(self, stored: bytes) -> bool:
        """Return whether a stored key is what this alias makes of some key in some version."""
        if isinstance(self.space, Keyspace):
            return self.space.holds(stored)
        return self.space is not None and stored.startswith(self.space)


def pairs() -> Iterator[tuple[Neighbour, Neighbour]]:
    """Yield each two aliases that store in one database, in both orders."""
    found = [one for one in map(neighbour, settings.CACHES) if one is not None]
    for one, other in permutations(found, 2):
        if one.address == other.address:
            yield one, other


def neighbour(alias: str) -> Neighbour | None:
    """Return an alias with a backend that is known here, unless its settings do not work."""
    try:
        cache: Any = caches[alias]
        if isinstance(cache, ServerCache) and not cache.refusal:
            address = str(cache.client.server.address)
            found = Neighbour(alias, cache, cache.serializer, alike(address))
        elif isinstance(cache, DjangoRedisCache):
            address = address_of(cache)
            client: Any = cache._cache
            found = Neighbour(alias, cache, client._serializer, alike(address))
        else:
            return None
        _ = found.examples, found.space
    except Exception:
        return None  # A stranger's constructor or KEY_FUNCTION may raise anything.
    return found


def address_of(cache: Any) -> str:
    """Return the database of a cache of Django's, of the first server, which takes the writes."""
    options = {
        name: cache._options[name] for name in ("host", "port", "db") if cache._options.get(name)
    }
    return Configuration(load("redis"), cache._servers[0], options).address


def alike(address: str) -> str:
    """Return an address with one name for this machine."""
    for spelling in LOOPBACK:
        if address.startswith(spelling):
            return f"localhost:{address.removeprefix(spelling)}"
    return address

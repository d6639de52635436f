"""The contenders: our backends, others, the two drivers, and a bare socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import redis
import valkey
from django.core.cache import CacheHandler

from benchmarks.calls.addresses import TIMEOUT, Address
from benchmarks.calls.samples import Entries, Sample
from benchmarks.calls.stores import BareSocket, PickleClient, RawClient, Store

KEY_PREFIX = ":1:"
"""The prefix of stored keys with Django's default settings."""


class Contender(Protocol):
    """A cache or client to measure."""

    @property
    def name(self) -> str: ...
    def open(self, address: Address, database: int) -> Store: ...
    def entries(self, sample: Sample) -> Entries: ...


@dataclass(frozen=True, eq=False)
class Backend:
    """A Django cache backend."""

    name: str
    path: str
    scheme: str
    options: Mapping[str, Any] = field(default_factory=lambda: {"socket_timeout": TIMEOUT})

    def open(self, address: Address, database: int) -> Any:
        """Return a new cache, with new connections unless the backend shares a pool."""
        settings = {
            "BACKEND": self.path,
            "LOCATION": address.url(self.scheme, database),
            "OPTIONS": dict(self.options),
        }
        return CacheHandler({"default": settings})["default"]

    def entries(self, sample: Sample) -> Entries:
        return Entries("", sample.value)


@dataclass(frozen=True)
class RawContender:
    """A contender that gets stored keys and pickled values."""

    name: str
    open: Callable[[Address, int], Store]

    def entries(self, sample: Sample) -> Entries:
        return Entries(KEY_PREFIX, sample.pickled)


def valkey_client(address: Address, database: int) -> Any:
    url = address.url("valkey", database)
    return valkey.Valkey.from_url(url, socket_timeout=TIMEOUT)


def redis_client(address: Address, database: int) -> Any:
    url = address.url("redis", database)
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT)


SOCKET_TIMEOUT = {"SOCKET_TIMEOUT": TIMEOUT}

OUR_VALKEY = Backend("ValkeyCache (ours)", "django_cachex.cache.ValkeyCache", "valkey")
OUR_REDIS = Backend("RedisCache (ours)", "django_cachex.cache.RedisCache", "redis")
OURS = OUR_VALKEY, OUR_REDIS
DJANGO = Backend("Django's RedisCache", "django.core.cache.backends.redis.RedisCache", "redis")
DJANGO_REDIS = Backend("django-redis", "django_redis.cache.RedisCache", "redis", SOCKET_TIMEOUT)
DJANGO_VALKEY = Backend(
    "django-valkey", "django_valkey.cache.ValkeyCache", "valkey", SOCKET_TIMEOUT
)
VALKEY = RawContender("raw valkey-py", lambda *where: RawClient(valkey_client(*where)))
REDIS = RawContender("raw redis-py", lambda *where: RawClient(redis_client(*where)))
BARE = RawContender("bare socket", BareSocket)

VALKEY_AND_PICKLE = RawContender(
    "valkey-py and pickle", lambda *where: PickleClient(valkey_client(*where))
)
REDIS_AND_PICKLE = RawContender(
    "redis-py and pickle", lambda *where: PickleClient(redis_client(*where))
)

CONTENDERS: tuple[Contender, ...] = (
    *OURS,
    DJANGO,
    DJANGO_REDIS,
    DJANGO_VALKEY,
    VALKEY,
    REDIS,
    BARE,
)

"""Who is compared: our backends, others, the two drivers, a bare socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import redis
import valkey
from django.core.cache import CacheHandler

from benchmarks.calls.addresses import TIMEOUT, Address
from benchmarks.calls.samples import Entries, Sample
from benchmarks.calls.stores import Bare, Raw, RawAndPickle, Store

MADE_PREFIX = ":1:"
"""What Django puts before a key, unless it is told otherwise."""


class Contender(Protocol):
    """Somebody who is measured."""

    @property
    def name(self) -> str: ...
    def open(self, address: Address, database: int) -> Store: ...
    def entries(self, sample: Sample) -> Entries: ...


@dataclass(frozen=True, eq=False)
class Backend:
    """A cache backend of Django."""

    name: str
    path: str
    scheme: str
    options: Mapping[str, Any] = field(default_factory=lambda: {"socket_timeout": TIMEOUT})

    def open(self, address: Address, database: int) -> Any:
        """Return a new cache, with connections of its own where the backend has no pool for all."""
        settings = {
            "BACKEND": self.path,
            "LOCATION": address.url(self.scheme, database),
            "OPTIONS": dict(self.options),
        }
        return CacheHandler({"default": settings})["default"]

    def entries(self, sample: Sample) -> Entries:
        return Entries("", sample.value)


@dataclass(frozen=True)
class Pickled:
    """What takes stored keys and values that are pickled already."""

    name: str
    open: Callable[[Address, int], Store]

    def entries(self, sample: Sample) -> Entries:
        return Entries(MADE_PREFIX, sample.pickled)


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
VALKEY = Pickled("raw valkey-py", lambda *where: Raw(valkey_client(*where)))
REDIS = Pickled("raw redis-py", lambda *where: Raw(redis_client(*where)))
BARE = Pickled("bare socket", Bare)

VALKEY_AND_PICKLE = Pickled(
    "valkey-py and pickle", lambda *where: RawAndPickle(valkey_client(*where))
)
REDIS_AND_PICKLE = Pickled("redis-py and pickle", lambda *where: RawAndPickle(redis_client(*where)))

CONTENDERS: tuple[Contender, ...] = (
    *OURS,
    DJANGO,
    DJANGO_REDIS,
    DJANGO_VALKEY,
    VALKEY,
    REDIS,
    BARE,
)

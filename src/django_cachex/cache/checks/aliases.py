"""Check aliases that share a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import default_key_func
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from django.core.checks import CheckMessage, Warning
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.codecs import can_run_code, list_serializers
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.connection.drivers import load_driver
from django_cachex.cache.keys import PROBE_VERSIONS, Keyspace, find_keyspace, find_prefix
from django_cachex.exceptions import KeyFunctionNotSupported

KEY = "key"
"""What is made a stored key of, to see whose it may be."""

LOOPBACK = ("127.0.0.1:", "::1:", "[::1]:")


@dataclass(frozen=True)
class AliasOnServer:
    """An alias whose keys are on a server: with a backend of ours, or Django's for Redis."""

    alias: str
    # Any: Django's backend has no public names for its servers and its serializer.
    cache: Any
    serializer: Any
    address: str
    """Which database it stores in; the obvious spellings of one are alike."""

    def make_key(self, key: Any, version: Any) -> bytes:
        """Return the stored key that application code means by a key and a version."""
        return str(self.cache.make_key(key, version=version)).encode("utf-8", "surrogatepass")

    @cached_property
    def example_keys(self) -> list[bytes]:
        """Some of its stored keys, of its own version and of others."""
        return [self.make_key(KEY, version) for version in (self.cache.version, 2, *PROBE_VERSIONS)]

    @cached_property
    def key_range(self) -> Keyspace | bytes | None:
        """What its keys begin with, in every version or in its own; None where nobody can tell."""
        try:
            return find_keyspace(self.make_key, self.cache.version)
        except KeyFunctionNotSupported:
            pass
        try:
            return find_prefix(self.make_key, self.cache.version)
        except KeyFunctionNotSupported:
            return None

    def find_shared_key(self, other: AliasOnServer) -> bytes | None:
        """Return a stored key of another alias that is one of this alias's too, or None."""
        return next((stored for stored in other.example_keys if self.contains(stored)), None)

    def contains(self, stored: bytes) -> bool:
        """Return whether a stored key is what this alias makes of some key in some version."""
        if isinstance(self.key_range, Keyspace):
            return self.key_range.contains(stored)
        return self.key_range is not None and stored.startswith(self.key_range)


def iter_pairs() -> Iterator[tuple[AliasOnServer, AliasOnServer]]:
    """Yield each two aliases that store in one database, in both orders."""
    found = [one for one in map(load_alias, settings.CACHES) if one is not None]
    for one, other in permutations(found, 2):
        if one.address == other.address:
            yield one, other


def load_alias(alias: str) -> AliasOnServer | None:
    """Return an alias with a backend that is known here, unless its settings do not work."""
    try:
        cache: Any = caches[alias]
        if isinstance(cache, ServerCache) and not cache.refusal:
            address = str(cache.client.server.address)
            found = AliasOnServer(alias, cache, cache.serializer, normalize_host(address))
        elif isinstance(cache, DjangoRedisCache):
            address = get_django_address(cache)
            client: Any = cache._cache
            found = AliasOnServer(alias, cache, client._serializer, normalize_host(address))
        else:
            return None
        _ = found.example_keys, found.key_range
    except Exception:
        return None  # A stranger's constructor or KEY_FUNCTION may raise anything.
    return found


def get_django_address(cache: Any) -> str:
    """Return the database of a cache of Django's, of the first server, which takes the writes."""
    options = {
        name: cache._options[name] for name in ("host", "port", "db") if cache._options.get(name)
    }
    return Configuration(load_driver("redis"), cache._servers[0], options).address


def normalize_host(address: str) -> str:
    """Return an address with one name for this machine."""
    for spelling in LOOPBACK:
        if address.startswith(spelling):
            return f"localhost:{address.removeprefix(spelling)}"
    return address


def check_prefixes(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of two aliases on one database of which one's keys look like the other's.

    With the prefixes ``p`` and ``p:1``, ``p:1:2:key`` is the key ``key`` of the second in version
    2, and the key ``2:key`` of the first in version 1: clearing the first clears the second too.
    Two that call all keys alike are meant to share them.
    """
    return [
        get_overlap_warning(outer, inner, shared)
        for outer, inner in iter_pairs()
        if outer.example_keys != inner.example_keys and (shared := outer.find_shared_key(inner))
    ]


def get_overlap_warning(outer: AliasOnServer, inner: AliasOnServer, shared: bytes) -> CheckMessage:
    names = {"one": outer.alias, "two": inner.alias, "key": shared.decode(errors="replace")}
    return Warning(
        _("“%(key)s” is a key of the cache “%(two)s” and of the cache “%(one)s”.") % names,
        hint=_("Both store in one database. %(advice)s")
        % {"advice": get_overlap_hint(outer, inner)},
        obj=f"CACHES[{inner.alias!r}]",
        id="django_cachex.W001",
    )


def get_overlap_hint(outer: AliasOnServer, inner: AliasOnServer) -> str:
    """Return what tells the keys of two aliases apart."""
    names = {"one": outer.alias, "two": inner.alias, "start": f"{outer.cache.key_prefix}:"}
    if any(one.cache.key_func is not default_key_func for one in (outer, inner)):
        return (
            _(
                "Give “%(one)s” or “%(two)s” a database of its own, or a KEY_FUNCTION that puts a "
                "prefix before every key which no key of the other begins with."
            )
            % names
        )
    return (
        _(
            "Give “%(two)s” a KEY_PREFIX that does not begin with “%(start)s” and a number, or a "
            "database of its own."
        )
        % names
    )


def check_unpickling(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of an alias that unpickles, without looking, what another may store in another format.

    ``PickleSerializer`` looks first: it reads nothing but what begins as it writes.
    """
    return [
        Warning(
            _(
                "The cache “%(reader)s” unpickles what the cache “%(writer)s” stores, which is no "
                "pickle: whoever chooses a value may make it one that runs code."
            )
            % {"reader": reader.alias, "writer": writer.alias},
            hint=_(
                "Give them prefixes that cannot be confused, or databases of their own; or let "
                "“%(reader)s” read with django_cachex.cache.serializers.PickleSerializer."
            )
            % {"reader": reader.alias},
            obj=f"CACHES[{reader.alias!r}]",
            id="django_cachex.W006",
        )
        for reader, writer in find_unsafe_readers()
    ]


def find_unsafe_readers() -> Iterator[tuple[AliasOnServer, AliasOnServer]]:
    """Yield aliases that read pickles without looking, each with one that stores others there."""
    for reader, writer in iter_pairs():
        if not is_unpickling(reader) or is_pickle_writer(list_serializers(writer.serializer)[0]):
            continue
        if reader.find_shared_key(writer) or writer.find_shared_key(reader):
            yield reader, writer


def is_unpickling(one: AliasOnServer) -> bool:
    """Return whether an alias hands to `pickle` whatever is stored."""
    return any(
        can_run_code(each) and is_pickle_writer(each) for each in list_serializers(one.serializer)
    )


def is_pickle_writer(serializer: Any) -> bool:
    """Return whether a serializer writes pickles, found out by letting it write."""
    try:
        data = serializer.dumps({"probe": [1, None]})
    except Exception:
        return False  # A stranger's serializer may raise anything.
    return isinstance(data, bytes) and data[:1] in (b"\x80", b"(", b"}") and data[-1:] == b"."

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
"""An example of a key, whose stored keys are compared."""

LOOPBACK = ("127.0.0.1:", "::1:", "[::1]:")


@dataclass(frozen=True)
class AliasOnServer:
    """An alias with a backend of this package, or Django's Redis backend."""

    alias: str
    # Any, because Django's backend only has private names for its servers and its serializer.
    cache: Any
    serializer: Any
    address: str
    """The database, with one name for the local host."""

    def make_key(self, key: Any, version: Any) -> bytes:
        """Return the stored key for a key and a version."""
        return str(self.cache.make_key(key, version=version)).encode("utf-8", "surrogatepass")

    @cached_property
    def example_keys(self) -> list[bytes]:
        """Examples of stored keys, of the alias's version and others."""
        return [self.make_key(KEY, version) for version in (self.cache.version, 2, *PROBE_VERSIONS)]

    @cached_property
    def key_range(self) -> Keyspace | bytes | None:
        """The keys of all versions, or the prefix of its own version; None if neither is known."""
        try:
            return find_keyspace(self.make_key, self.cache.version)
        except KeyFunctionNotSupported:
            pass
        try:
            return find_prefix(self.make_key, self.cache.version)
        except KeyFunctionNotSupported:
            return None

    def find_shared_key(self, other: AliasOnServer) -> bytes | None:
        """Return a stored key of another alias that may also be one of this alias, or None."""
        return next((stored for stored in other.example_keys if self.contains(stored)), None)

    def contains(self, stored: bytes) -> bool:
        """Return whether a stored key may belong to this alias, in any version."""
        if isinstance(self.key_range, Keyspace):
            return self.key_range.contains(stored)
        return self.key_range is not None and stored.startswith(self.key_range)


def iter_alias_pairs() -> Iterator[tuple[AliasOnServer, AliasOnServer]]:
    """Yield the pairs of aliases in the same database, in both orders."""
    aliases = [one for one in map(load_alias, settings.CACHES) if one is not None]
    for one, other in permutations(aliases, 2):
        if one.address == other.address:
            yield one, other


def load_alias(alias: str) -> AliasOnServer | None:
    """Return an alias if its backend is known and its settings are valid, otherwise None."""
    try:
        cache: Any = caches[alias]
        if isinstance(cache, ServerCache) and not cache._config_error:
            address = str(cache.client.server.address)
            loaded = AliasOnServer(alias, cache, cache._serializer, normalize_host(address))
        elif isinstance(cache, DjangoRedisCache):
            address = get_django_address(cache)
            client: Any = cache._cache
            loaded = AliasOnServer(alias, cache, client._serializer, normalize_host(address))
        else:
            return None
        _ = loaded.example_keys, loaded.key_range
    except Exception:
        return None  # A custom constructor or KEY_FUNCTION may raise any exception.
    return loaded


def get_django_address(cache: Any) -> str:
    """Return the database of a cache with Django's backend, on its first server, the primary."""
    options = {
        name: cache._options[name] for name in ("host", "port", "db") if cache._options.get(name)
    }
    return Configuration(load_driver("redis"), cache._servers[0], options).address


def normalize_host(address: str) -> str:
    """Return an address with "localhost" in place of a loopback address."""
    for spelling in LOOPBACK:
        if address.startswith(spelling):
            return f"localhost:{address.removeprefix(spelling)}"
    return address


def check_prefixes(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about two aliases in one database if keys of one look like keys of the other.

    For example, with the prefixes ``p`` and ``p:1``, the stored key ``p:1:2:key`` is the key
    ``key`` of the second alias in version 2, and the key ``2:key`` of the first in version 1.
    Clearing the first alias also clears the second. Two aliases whose stored keys are the same are
    assumed to share them on purpose.
    """
    return [
        get_overlap_warning(outer, inner, shared)
        for outer, inner in iter_alias_pairs()
        if outer.example_keys != inner.example_keys and (shared := outer.find_shared_key(inner))
    ]


def get_overlap_warning(outer: AliasOnServer, inner: AliasOnServer, shared: bytes) -> CheckMessage:
    names = {"one": outer.alias, "two": inner.alias, "key": shared.decode(errors="replace")}
    return Warning(
        _("“%(key)s” is a key of the cache “%(two)s” and of the cache “%(one)s”.") % names,
        hint=_("Both use the same database. %(hint)s") % {"hint": get_overlap_hint(outer, inner)},
        obj=f"CACHES[{inner.alias!r}]",
        id="django_cachex.W001",
    )


def get_overlap_hint(outer: AliasOnServer, inner: AliasOnServer) -> str:
    """Return the hint about how to keep the keys of two aliases apart."""
    names = {"one": outer.alias, "two": inner.alias, "start": f"{outer.cache.key_prefix}:"}
    if any(one.cache.key_func is not default_key_func for one in (outer, inner)):
        return (
            _(
                "Use another database for “%(one)s” or “%(two)s”, or a KEY_FUNCTION that adds a "
                "prefix that no key of the other cache starts with."
            )
            % names
        )
    return (
        _(
            "Use a KEY_PREFIX for “%(two)s” that doesn't start with “%(start)s” and a number, or "
            "another database."
        )
        % names
    )


def check_unpickling(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about an alias that unpickles data of another alias that stores another format.

    ``PickleSerializer`` is safe, because it only reads data that start like its own.
    """
    return [
        Warning(
            _(
                "The cache “%(reader)s” unpickles the data of the cache “%(writer)s”, which are "
                "not pickles. A user who can choose a value could make it a pickle that runs code."
            )
            % {"reader": reader.alias, "writer": writer.alias},
            hint=_(
                "Use different prefixes or databases for them, or use the serializer "
                "django_cachex.cache.serializers.PickleSerializer for “%(reader)s”."
            )
            % {"reader": reader.alias},
            obj=f"CACHES[{reader.alias!r}]",
            id="django_cachex.W006",
        )
        for reader, writer in find_unsafe_readers()
    ]


def find_unsafe_readers() -> Iterator[tuple[AliasOnServer, AliasOnServer]]:
    """Yield pairs of an alias that unpickles unchecked data, and one that stores other formats."""
    for reader, writer in iter_alias_pairs():
        if not is_unpickling(reader) or is_pickle_writer(list_serializers(writer.serializer)[0]):
            continue
        if reader.find_shared_key(writer) or writer.find_shared_key(reader):
            yield reader, writer


def is_unpickling(one: AliasOnServer) -> bool:
    """Return whether an alias passes unchecked data to `pickle`."""
    return any(
        can_run_code(each) and is_pickle_writer(each) for each in list_serializers(one.serializer)
    )


def is_pickle_writer(serializer: Any) -> bool:
    """Return whether a serializer writes pickles, which is tested with an example."""
    try:
        data = serializer.dumps({"probe": [1, None]})
    except Exception:
        return False  # A custom serializer may raise any exception.
    return isinstance(data, bytes) and data[:1] in (b"\x80", b"(", b"}") and data[-1:] == b"."

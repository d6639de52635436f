"""System checks for CACHES. They don't connect to servers, and no message contains a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import MEMCACHE_MAX_KEY_LENGTH, default_key_func
from django.core.cache.backends.redis import RedisCache as DjangoRedisCache
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation.trans_null import gettext_noop as _  # The other needs settings.

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.codecs import (
    COMPRESSOR,
    SERIALIZER,
    can_run_code,
    list_serializers,
    load_plugins,
)
from django_cachex.cache.configuration import Configuration, parse_locations
from django_cachex.cache.connection.drivers import Driver, load_driver
from django_cachex.cache.keys import PROBE_VERSIONS, Keyspace, find_keyspace, find_prefix
from django_cachex.cache.migration import (
    CLIENT_SETTINGS,
    REVERSE_KEY_FUNCTION_HINT,
    SETTING_HINTS,
    get_reading_packages,
)
from django_cachex.cache.options import (
    ALIAS_SETTINGS,
    SENTINEL_OPTIONS,
    describe_option_error,
    find_errors,
    find_warnings,
    normalize_options,
    parse_url,
    validate_cache_options,
    validate_cluster_database,
)
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampede import parse_protection
from django_cachex.exceptions import ConfigError, KeyFunctionNotSupported

T = TypeVar("T")


def make_message(error: ConfigError, alias: str | None = None) -> CheckMessage:
    """Return the message of a check for an error or a warning, perhaps about an alias."""
    message = Warning if error.is_warning else Error
    obj = f"CACHES[{alias!r}]" if alias is not None else None
    return message(error.message, hint=error.hint, obj=obj, id=error.id)


@register(Tags.caches)
def check_caches(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the settings of caches with a backend of this package."""
    messages: list[CheckMessage] = []
    for alias, params in settings.CACHES.items():
        if backend := import_backend(params.get("BACKEND")):
            for error in find_cache_errors(backend, params, alias):
                message = make_message(error, alias)
                if message not in messages:  # Several servers may have the same error.
                    messages.append(message)
    return messages


def import_backend(path: Any) -> type[ServerCache] | None:
    """Return the class of a BACKEND if it is one of this package or a subclass."""
    try:
        backend = import_string(path)
    except Exception:  # A module may raise any exception. Django's own check reports it.
        return None
    return backend if isinstance(backend, type) and issubclass(backend, ServerCache) else None


def find_cache_errors(
    backend: type[ServerCache], params: Mapping[str, Any], alias: str
) -> list[ConfigError]:
    """Return the errors and warnings about one cache."""
    given, errors = params.get("OPTIONS", {}), list[ConfigError]()
    if not isinstance(given, Mapping):
        collect_error(errors, validate_cache_options, given)
        return errors
    options = collect_error(errors, normalize_options, given)
    if options is None:
        return errors
    params = {**params, "OPTIONS": options}
    if driver := collect_error(errors, load_driver, backend._driver):
        errors.extend(find_server_errors(backend, driver, params.get("LOCATION", ""), options))
    collect_error(errors, load_plugins, SERIALIZER, options)
    collect_error(errors, load_plugins, COMPRESSOR, options)
    collect_error(errors, validate_protection, options)
    errors.extend(find_alias_warnings(backend, params, alias))
    if all(error.is_warning for error in errors):
        errors.extend(find_creation_error(backend, params))
    return errors


def collect_error(errors: list[ConfigError], function: Callable[..., T], *args: Any) -> T | None:
    """Return the result of a function, or add the error that it raises to `errors`."""
    try:
        return function(*args)
    except ConfigError as error:
        errors.append(error)
        return None


def find_server_errors(
    backend: type[ServerCache], driver: Driver, location: Any, options: Mapping[str, Any]
) -> list[ConfigError]:
    """Return the errors and warnings about LOCATION, and about OPTIONS for each of its URLs."""
    errors: list[ConfigError] = []
    urls = collect_error(errors, parse_locations, location, driver.name) or []
    parsed = {url: collect_error(errors, parse_url, driver, url) for url in urls}
    # TLS connections have the most options, and both drivers support this scheme.
    valid = {url: found for url, found in parsed.items() if found is not None} or {"rediss://": {}}
    servers = [{**options, **found} for found in valid.values()]
    if getattr(backend, "_topology", None) == "cluster":
        for server in servers:
            collect_error(errors, validate_cluster_database, server)
    else:
        errors.extend(find_database_warning(servers))
    for url in valid:
        errors.extend(find_errors(driver, url, options))
        errors.extend(find_warnings(driver, url, options))
    return errors


def find_database_warning(servers: list[dict[str, Any]]) -> Iterator[ConfigError]:
    """Yield a warning if a primary and its replicas have different database numbers."""
    numbers = sorted({str(options.get("db") or 0) for options in servers})
    if len(numbers) > 1:
        yield ConfigError(
            "django_cachex.W101",
            _("The URLs in LOCATION have different database numbers: %(numbers)s."),
            _(
                "The URLs after the first are read replicas, which have the same data under the "
                "same number. Use the same number in all URLs."
            ),
            numbers=", ".join(numbers),
        )


def validate_protection(options: Mapping[str, Any]) -> None:
    """Raise ConfigError if the options of stampede protection are invalid."""
    try:
        parse_protection(options.get("stampede_protection"))
    except ImproperlyConfigured as error:
        message = _("“stampede_protection” is invalid.")
        raise ConfigError("django_cachex.E115", message, "%(reason)s", reason=error) from error


def find_alias_warnings(
    backend: type[ServerCache], params: Mapping[str, Any], alias: str
) -> Iterator[ConfigError]:
    """Yield warnings about settings that have no effect, or an effect on every key."""
    options = params.get("OPTIONS", {})
    if not issubclass(backend._client_class, SentinelClient):
        for name in sorted(SENTINEL_OPTIONS & options.keys()):
            yield ConfigError(
                "django_cachex.W106",
                _("“%(name)s” has no effect on %(backend)s."),
                _('Use "BACKEND": "%(path)s", or remove the option.'),
                name=name,
                backend=backend.__name__,
                path=f"django_cachex.cache.{backend._driver.capitalize()}SentinelCache",
            )
    if params.get("REVERSE_KEY_FUNCTION"):
        yield ConfigError(
            "django_cachex.W105",
            _("REVERSE_KEY_FUNCTION has no effect."),
            REVERSE_KEY_FUNCTION_HINT,
        )
    for name in sorted(ALIAS_SETTINGS & options.keys()):
        yield ConfigError(
            "django_cachex.W104",
            _("%(name)s has no effect in OPTIONS."),
            _("Move it next to OPTIONS: CACHES[%(alias)r][%(name)r]."),
            name=name,
            alias=alias,
        )
    prefix = str(params.get("KEY_PREFIX", ""))
    message = None
    if re.search(r"[\x00-\x20\x7f]", prefix):
        message = _("KEY_PREFIX contains a space or a control character.")
    elif len(f"{prefix}:1:") >= MEMCACHE_MAX_KEY_LENGTH:
        message = _("KEY_PREFIX is too long.")
    if message and params.get("KEY_FUNCTION") is None:
        yield ConfigError(
            "django_cachex.W102",
            message,
            _(
                "Django warns about every such key, because memcached doesn't allow it. Use a "
                "short prefix of letters, digits and punctuation. Entries that are stored under "
                "the old prefix will not be found."
            ),
        )


def find_creation_error(
    backend: type[ServerCache], params: Mapping[str, Any]
) -> Iterator[ConfigError]:
    """Yield the error that no other check finds, by creating the cache."""
    others = {name: value for name, value in params.items() if name != "BACKEND"}
    try:
        text = str(backend(others.pop("LOCATION", ""), others)._config_error or "")
    except Exception as raised:  # The constructor of a subclass may raise any exception.
        text = describe_option_error(raised)
    if text:
        yield ConfigError(
            "django_cachex.E100",
            _("This cache can't be created: %(reason)s"),
            _("Correct its settings in CACHES."),
            reason=text,
        )


@register(Tags.caches)
def check_migration_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about settings of django-redis and django-valkey that have no effect on our caches.

    There is no warning if another cache still uses the package.
    """
    backends = {name: str(params.get("BACKEND", "")) for name, params in settings.CACHES.items()}
    ours = ", ".join(f"CACHES[{name!r}]" for name, path in backends.items() if import_backend(path))
    used = {path.partition(".")[0] for path in backends.values()}
    message = _("%(name)s has no effect on %(aliases)s.")
    return [
        make_message(ConfigError("django_cachex.W105", message, hint, name=name, aliases=ours))
        for name, hint in SETTING_HINTS.items()
        if ours and used.isdisjoint(get_reading_packages(name)) and getattr(settings, name, None)
    ]


@register(Tags.caches)
def check_client_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about packages that would take the driver's client from one of our caches."""
    paths = {alias: params.get("BACKEND") for alias, params in settings.CACHES.items()}
    ours = {alias for alias, path in paths.items() if import_backend(path)}
    message = _(
        "%(name)s names the cache “%(alias)s”, which isn't a cache of django-redis, "
        "so no client can be taken from it."
    )
    return [
        make_message(
            ConfigError("django_cachex.W107", message, one.hint, name=one.name, alias=alias)
        )
        for one in CLIENT_SETTINGS
        for alias in sorted(ours.intersection(one.find_aliases(getattr(settings, one.name, None))))
    ]


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
            serializer, address = cache._serializer, str(cache.client.server.address)
        elif isinstance(cache, DjangoRedisCache):
            client: Any = cache._cache
            serializer, address = client._serializer, get_django_address(cache)
        else:
            return None
        loaded = AliasOnServer(alias, cache, serializer, normalize_host(address))
        loaded.example_keys, loaded.key_range  # noqa: B018  # They call the KEY_FUNCTION.
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


@register(Tags.caches)
def check_prefixes(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about two aliases in one database if keys of one look like keys of the other.

    For example, with the prefixes ``p`` and ``p:1``, the stored key ``p:1:2:key`` is the key
    ``key`` of the second alias in version 2, and the key ``2:key`` of the first in version 1.
    Clearing the first alias also clears the second. Two aliases whose stored keys are the same are
    assumed to share them on purpose.
    """
    return [
        make_message(overlap_warning(outer, inner, shared), inner.alias)
        for outer, inner in iter_alias_pairs()
        if outer.example_keys != inner.example_keys and (shared := outer.find_shared_key(inner))
    ]


def overlap_warning(outer: AliasOnServer, inner: AliasOnServer, shared: bytes) -> ConfigError:
    """Return the warning about a key of two aliases, with a hint about how to keep them apart."""
    if any(one.cache.key_func is not default_key_func for one in (outer, inner)):
        hint = _(
            "Both use the same database. Use another database for “%(one)s” or “%(two)s”, or a "
            "KEY_FUNCTION that adds a prefix that no key of the other cache starts with."
        )
    else:
        hint = _(
            "Both use the same database. Use a KEY_PREFIX for “%(two)s” that doesn't start with "
            "“%(start)s” and a number, or another database."
        )
    return ConfigError(
        "django_cachex.W001",
        _("“%(key)s” is a key of the cache “%(two)s” and of the cache “%(one)s”."),
        hint,
        key=shared.decode(errors="replace"),
        one=outer.alias,
        two=inner.alias,
        start=f"{outer.cache.key_prefix}:",
    )


@register(Tags.caches)
def check_unpickling(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about an alias that unpickles data of another alias that stores another format.

    ``PickleSerializer`` is safe, because it only reads data that starts like its own.
    """
    message = _(
        "The cache “%(reader)s” unpickles the data of the cache “%(writer)s”, which is not "
        "pickled. A user who can choose a value could make it a pickle that runs code."
    )
    hint = _(
        "Use different prefixes or databases for them, or use the serializer "
        "django_cachex.cache.serializers.PickleSerializer for “%(reader)s”."
    )
    return [
        make_message(
            ConfigError(
                "django_cachex.W006", message, hint, reader=reader.alias, writer=writer.alias
            ),
            reader.alias,
        )
        for reader, writer in iter_alias_pairs()
        if unpickles_unchecked(reader)
        and not writes_pickles(list_serializers(writer.serializer)[0])
        and (reader.find_shared_key(writer) or writer.find_shared_key(reader))
    ]


def unpickles_unchecked(one: AliasOnServer) -> bool:
    """Return whether an alias passes unchecked data to `pickle`."""
    return any(
        can_run_code(each) and writes_pickles(each) for each in list_serializers(one.serializer)
    )


def writes_pickles(serializer: Any) -> bool:
    """Return whether a serializer writes pickles, which is tested with an example."""
    try:
        data = serializer.dumps({"probe": [1, None]})
    except Exception:
        return False  # A custom serializer may raise any exception.
    # The example starts with \x80 in protocols 2 to 5, with `(` in 0, and with `}` in 1.
    return isinstance(data, bytes) and data[:1] in (b"\x80", b"(", b"}") and data[-1:] == b"."

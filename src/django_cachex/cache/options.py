"""Which names OPTIONS may have: ours, Django's, and those of the driver's classes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.drivers import Driver
from django_cachex.cache.equivalents import equivalents

CULLING = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "cull_frequency"})
"""Accepted as by Django's RedisCache, and without effect: the server decides what to evict."""
BESIDE = frozenset({"TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"})
"""Settings of the alias that people write into OPTIONS, where nobody reads them."""
OWN = frozenset(
    {"serializer", "ignore_exceptions", "ignore_counter_exceptions", "breaker"}
    | {"sentinels", "sentinel_kwargs", "read_replicas"}
)
CACHE_OPTIONS = CULLING | BESIDE | OWN
"""What is no business of the driver's."""

BLOCKING_ONLY = frozenset({"pool_class", "parser_class", "connection_class", "queue_class"})
"""Classes of the blocking half of a driver, which its other half is not told of."""
ASYNC_ONLY = frozenset({"async_pool_class", "async_parser_class"})
WAITING = frozenset({"timeout", "queue_class"})
"""What only a BlockingConnectionPool takes."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Parameters:
    """What a class takes when it is called."""

    names: frozenset[str]
    others: bool
    """Whether it takes any other name as well."""


@functools.cache
def parameters(kind: type) -> Parameters:
    """Return what `kind` and, as long as each passes others on, its bases take."""
    names: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        taken = inspect.signature(vars(base)["__init__"]).parameters
        names.update(name for name, one in taken.items() if one.kind in NAMED)
        if all(one.kind is not one.VAR_KEYWORD for one in taken.values()):
            return Parameters(frozenset(names - {"self"}), False)
    return Parameters(frozenset(names - {"self"}), True)


@dataclass(frozen=True)
class Half:
    """The blocking or the asynchronous half of a driver: the classes that will be called."""

    pool: type
    connection: type

    def refuses(self, name: str) -> bool:
        taken = parameters(self.connection)
        return not taken.others and name not in self.names()

    def names(self) -> frozenset[str]:
        return parameters(self.pool).names | parameters(self.connection).names


def blocking_half(driver: Driver, url: str, options: Mapping[str, Any]) -> Half:
    module = driver.blocking
    pool = class_of(options.get("pool_class"), module.ConnectionPool)
    connection = class_of(options.get("connection_class"), connection_for(module, url))
    return Half(pool, connection)


def async_half(driver: Driver, url: str, options: Mapping[str, Any]) -> Half:
    module = driver.awaitable
    pool = class_of(options.get("async_pool_class"), module.ConnectionPool)
    return Half(pool, connection_for(module, url))


def class_of(given: Any, default: type) -> type:
    """Return the class that an option names; `default` where it names none."""
    try:
        found = import_string(given) if isinstance(given, str) else given
    except Exception:  # Modules may raise anything. A check of its own says so.
        return default
    return found if isinstance(found, type) else default


def connection_for(module: ModuleType, url: str) -> type:
    """Return the class that the driver takes for `url`, by its scheme."""
    try:
        found: type = module.parse_url(url).get("connection_class", module.Connection)
    except ValueError:
        found = module.Connection
    return found


def unknown(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names, in OPTIONS and in the query of the URL, that nobody takes."""
    half = blocking_half(driver, url, options)
    ours = CACHE_OPTIONS | ASYNC_ONLY | {"pool_class"}
    for name in map(str, {**options, **in_url(driver, url)}):
        if name not in ours and half.refuses(name):
            yield name


def unknown_to_loops(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that only the blocking half of the driver takes."""
    blocking, loops = blocking_half(driver, url, options), async_half(driver, url, options)
    ours = CACHE_OPTIONS | ASYNC_ONLY | BLOCKING_ONLY | WAITING
    for name in map(str, {**options, **in_url(driver, url)}):
        if name not in ours and loops.refuses(name) and not blocking.refuses(name):
            yield name


def in_url(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options that `url` holds, nothing for one that the driver does not understand."""
    try:
        found: dict[str, Any] = dict(driver.blocking.parse_url(url))
    except ValueError:
        return {}
    found.pop("connection_class", None)
    return found


def refuse_unknown(driver: Driver, url: str, options: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured for the first name that nobody takes, saying what to write."""
    for name in unknown(driver, url, options):
        raise ImproperlyConfigured(f"OPTIONS[{name!r}] is unknown. {advice(name, driver, url)}")


def advice(name: str, driver: Driver, url: str) -> str:
    """Return what to write in place of an option that is unknown."""
    if found := equivalents().get(name):
        return found
    if name == "compressor":
        return _(
            "Compression is not supported in this version. Leave the option out, or write a "
            "serializer that compresses in dumps() and decompresses in loads()."
        )
    if name.startswith("ssl_"):
        scheme = f"{driver.name}s" if driver.name == "valkey" else "rediss"
        return _("TLS takes a LOCATION that begins with %(scheme)s://.") % {"scheme": scheme}
    if name in WAITING:
        return _('It belongs to a pool that waits: write "pool_class": "%(pool)s" as well.') % {
            "pool": f"{driver.name}.BlockingConnectionPool"
        }
    known = blocking_half(driver, url, {}).names() | OWN | ASYNC_ONLY | {"pool_class"}
    if near := get_close_matches(name.lower(), sorted(known), n=1):
        return _('Did you mean "%(name)s"?') % {"name": near[0]}
    return _("Leave it out: neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }

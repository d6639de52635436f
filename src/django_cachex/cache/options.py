"""Which names OPTIONS may have: ours, Django's, and those of the driver's classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from django_cachex.cache.drivers import Driver
from django_cachex.cache.equivalents import equivalents
from django_cachex.cache.halves import async_half, blocking_half, parameters

CULLING = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "cull_frequency"})
"""Accepted as by Django's RedisCache, and without effect: the server decides what to evict."""
BESIDE = frozenset({"TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"})
"""Settings of the alias that people write into OPTIONS, where nobody reads them."""
OF_CACHES = frozenset(
    {"serializer", "compressor", "ignore_exceptions", "ignore_counter_exceptions"}
    | {"ignore_unreadable_values", "stampede_protection"}
)
"""What caches may differ in that share their connections."""
OF_SERVERS = frozenset({"breaker", "sentinels", "sentinel_kwargs", "read_replicas"})
OWN = OF_CACHES | OF_SERVERS
CACHE_OPTIONS = CULLING | BESIDE | OWN
"""What is no business of the driver's."""

BLOCKING_ONLY = frozenset({"pool_class", "parser_class", "connection_class", "queue_class"})
"""Classes of the blocking half of a driver, which its other half is not told of."""
ASYNC_ONLY = frozenset({"async_pool_class", "async_parser_class"})
TIMEOUTS = ("socket_timeout", "socket_connect_timeout")
WAITING = frozenset({"timeout", "queue_class"})
"""What only a BlockingConnectionPool takes."""


def of_connections(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a cache's OPTIONS that connections depend on."""
    apart = CULLING | BESIDE | OF_CACHES
    return {name: value for name, value in options.items() if name not in apart}


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


def wrong_numbers(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of timeouts and limits with which no connection could be made."""
    for name in TIMEOUTS:
        if not is_timeout(options.get(name)):
            yield name
    if not is_limit(options.get("max_connections")):
        yield "max_connections"


def refuse_wrong_numbers(options: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured for the first timeout or limit that makes no sense."""
    for name in wrong_numbers(options):
        raise ImproperlyConfigured(f"OPTIONS[{name!r}] must be a number above zero, or None.")


def is_timeout(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0


def is_limit(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def advice(name: str, driver: Driver, url: str) -> str:
    """Return what to write in place of an option that is unknown."""
    if found := (equivalents() | _of_pools(driver)).get(name):
        return found
    of_other_urls = parameters(driver.blocking.SSLConnection).names
    if name in of_other_urls or name == "ssl":
        return _of_other_urls(name, driver)
    known = blocking_half(driver, url, {}).names() | of_other_urls | OWN | ASYNC_ONLY
    if near := get_close_matches(name.lower(), sorted(known | {"pool_class"}), n=1):
        return _('Did you mean "%(name)s"?') % {"name": near[0]}
    return _("Leave it out: neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }


def _of_pools(driver: Driver) -> dict[str, str]:
    waiting = _('It belongs to a pool that waits: write "pool_class": "%(pool)s" as well.') % {
        "pool": f"{driver.name}.BlockingConnectionPool"
    }
    return dict.fromkeys(WAITING, waiting)


def _of_other_urls(name: str, driver: Driver) -> str:
    if not name.startswith("ssl"):
        return _("Leave it out: connections over a unix socket do not take it.")
    scheme = "valkeys" if driver.name == "valkey" else "rediss"
    return _("TLS takes a LOCATION that begins with %(scheme)s://.") % {"scheme": scheme}

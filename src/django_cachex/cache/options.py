"""OPTIONS, and the query of the URL: what is wrong with them, and what to write instead.

Whoever uses a cache is told of the first fault; the system checks tell of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.drivers import Driver
from django_cachex.cache.effects import RETRIES, UNUSED
from django_cachex.cache.equivalents import equivalents
from django_cachex.cache.halves import async_half, blocking_half, parameters
from django_cachex.cache.roles import ROLES, wrong_class
from django_cachex.cache.translation import gettext as _
from django_cachex.cache.values import VALUES, shown

CULLING = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "cull_frequency"})
"""Accepted as by Django's RedisCache, and without effect: the server decides what to evict."""
BESIDE = frozenset({"TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"})
"""Settings of the alias that people write into OPTIONS, where nobody reads them."""
FLAGS = frozenset({"ignore_exceptions", "ignore_counter_exceptions", "ignore_unreadable_values"})
OF_CACHES = FLAGS | {"serializer", "compressor", "stampede_protection"}
"""What caches may differ in that share their connections."""
OF_SENTINEL = frozenset({"sentinels", "sentinel_kwargs", "read_replicas"})
OWN = OF_CACHES | OF_SENTINEL | {"breaker"}
CACHE_OPTIONS = CULLING | BESIDE | OWN
"""What is no business of the driver's."""

BLOCKING_ONLY = frozenset({"pool_class", "parser_class", "connection_class"})
"""Classes of the blocking half of a driver, which its other half is not told of."""
ASYNC_ONLY = frozenset({"async_pool_class", "async_parser_class"})
IN_OPTIONS = CACHE_OPTIONS | BLOCKING_ONLY | ASYNC_ONLY
"""What the query of a URL cannot hold."""
WAITING = frozenset({"timeout", "queue_class"})
"""What only a BlockingConnectionPool takes."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with an option. No part of it holds a secret."""

    id: str
    message: str
    hint: str


def of_connections(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a cache's OPTIONS that connections depend on."""
    apart = CULLING | BESIDE | OF_CACHES
    return {name: value for name, value in options.items() if name not in apart}


def parse(driver: Driver, url: str) -> dict[str, Any]:
    """Return what `url` says; raise ValueError where the driver does not understand it.

    The drivers take no notice of what should be the number of a database, and is none.
    """
    found: dict[str, Any] = dict(driver.blocking.parse_url(url))
    if "path" not in found and not re.fullmatch("/*[0-9]*/*", unquote(urlsplit(url).path)):
        raise ValueError("The path of the URL is no number.")
    return found


def in_url(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options that `url` holds, nothing for one that is not understood."""
    try:
        found = parse(driver, url)
    except ValueError:
        return {}
    found.pop("connection_class", None)
    return found


def refuse(driver: Driver, url: str, options: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured for the first fault."""
    refuse_first(faults(driver, url, options))


def refuse_first(found: Iterator[Fault]) -> None:
    for fault in found:
        raise ImproperlyConfigured(f"{fault.message} {fault.hint}")


def faults(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with OPTIONS and the query of `url`, which wins over them."""
    from_url = {n: value for n, value in in_url(driver, url).items() if n not in IN_OPTIONS}
    found = {**options, **from_url}
    yield from wrong_protocol(options, from_url)
    yield from wrong_names(driver, url, options)
    for name in ROLES:
        if options.get(name) is not None and (wrong := wrong_class(driver, name, options[name])):
            yield Fault("django_cachex.E110", *wrong)
    yield from wrong_values(found)
    yield from two_credentials(found)


def wrong_protocol(options: Mapping[str, Any], from_url: Mapping[str, Any]) -> Iterator[Fault]:
    if options.get("decode_responses") or "decode_responses" in from_url:
        yield Fault(
            "django_cachex.E100",
            _("Remove decode_responses: cached values are bytes, decoding them breaks them."),
            _("It changes nothing that the application sees."),
        )
    if any(str(one.get("protocol") or 2) != "2" for one in (options, from_url)):
        yield Fault(
            "django_cachex.E100",
            _("Remove protocol, or set it to 2: replies are read as RESP2."),
            _("It changes nothing that the application sees."),
        )


def wrong_names(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the names that nobody takes, or not in that place."""
    half, theirs = blocking_half(driver, url, options), equivalents()
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    for name in map(str, {**options, **query}):
        if name in theirs:
            yield Fault(
                "django_cachex.E108",
                _("“%(name)s” is an option of django-redis or django-valkey.") % {"name": name},
                theirs[name],
            )
        elif name in query.keys() & IN_OPTIONS:
            yield Fault(
                "django_cachex.E107",
                _("The query of a URL cannot hold “%(name)s”.") % {"name": name},
                _("Write it into OPTIONS."),
            )
        elif name not in IN_OPTIONS | UNUSED and half.refuses(name):
            yield Fault(
                "django_cachex.E107",
                _("There is no option “%(name)s”.") % {"name": name},
                suggestion(name, driver, url),
            )


def unknown_to_loops(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that only the blocking half of the driver takes."""
    blocking, loops = blocking_half(driver, url, options), async_half(driver, url, options)
    for name in map(str, {**options, **in_url(driver, url)}):
        if name in IN_OPTIONS | WAITING | UNUSED:
            continue
        if loops.refuses(name) and not blocking.refuses(name):
            yield name


def wrong_values(options: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the values that would fail when they are used."""
    for name, value in options.items():
        wanted = VALUES.get(name)
        if value is None or not wanted or wanted.is_right(value):
            continue
        yield Fault(
            wanted.id,
            _("“%(name)s” must be %(what)s, not %(value)s.")
            % {"name": name, "what": wanted.what, "value": shown(value)},
            str(wanted.instead) % {"name": name},
        )


def two_credentials(options: Mapping[str, Any]) -> Iterator[Fault]:
    beside = [name for name in ("username", "password") if options.get(name)]
    if beside and options.get("credential_provider"):
        yield Fault(
            "django_cachex.E117",
            _("“credential_provider” and %(names)s exclude each other.")
            % {"names": ", ".join(f"“{name}”" for name in beside)},
            _("Take the user and the password out of LOCATION and OPTIONS, or the provider."),
        )


def suggestion(name: str, driver: Driver, url: str) -> str:
    """Return what to write in place of an option that is unknown."""
    if name in WAITING:
        return _('It belongs to a pool that waits: write "pool_class": "%(pool)s" as well.') % {
            "pool": f"{driver.name}.BlockingConnectionPool"
        }
    of_other_urls = parameters(driver.blocking.SSLConnection).names
    if name in of_other_urls or name == "ssl":
        return _of_other_urls(name, driver)
    known = blocking_half(driver, url, {}).names() | of_other_urls | OWN | ASYNC_ONLY
    known = (known | {"pool_class"}) - UNUSED - RETRIES
    if near := get_close_matches(name.lower(), sorted(known), n=1):
        return _('Did you mean "%(name)s"?') % {"name": near[0]}
    return _("Leave it out: neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }


def _of_other_urls(name: str, driver: Driver) -> str:
    if not name.startswith("ssl"):
        return _("Leave it out: connections over a unix socket do not take it.")
    scheme = "valkeys" if driver.name == "valkey" else "rediss"
    return _("TLS takes a LOCATION that begins with %(scheme)s://.") % {"scheme": scheme}

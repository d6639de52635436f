"""Validate OPTIONS and the query of a URL."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from django_cachex.cache.codecs import path_advice
from django_cachex.cache.connection.drivers import Driver, async_half, blocking_half, parameters
from django_cachex.cache.migration import equivalents
from django_cachex.cache.utils import gettext
from django_cachex.cache.utils import gettext_lazy as _

Text = str | Promise

SHORTEST, LONGEST = 0.001, 365 * 86_400
"""Seconds of a timeout: what is less the kernel takes for none, what is much more it refuses."""


@dataclass(frozen=True)
class Value:
    """What the value of an option must be; None always will do."""

    is_right: Callable[[Any], bool]
    what: Text
    instead: Text
    id: str = "django_cachex.E116"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_timeout(value: Any) -> bool:
    return is_number(value) and math.isfinite(value) and SHORTEST <= value <= LONGEST


def is_patience(value: Any) -> bool:
    return is_number(value) and 0 <= value <= LONGEST


def is_limit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_whole(value: Any) -> bool:
    """Return whether this is a number, or its digits, as the query of a URL has them."""
    return str(value).isdecimal() and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str | bytes) or is_number(value)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool | int)


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def has(method: str) -> Callable[[Any], bool]:
    """Return what tells whether an object, and no class, has `method`."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


_timeout = Value(
    is_timeout,
    _("a number of seconds above zero, from 0.001 to a year"),
    _('Write "%(name)s": 2, or None to wait for ever.'),
    "django_cachex.E112",
)
_whole = Value(is_whole, _("a whole number"), _('Write "%(name)s" with a number.'))
_text = Value(is_text, _("a text"), _('Write "%(name)s" with a text in quotes.'))
_flag = Value(is_flag, _("True or False"), _('Write "%(name)s": True, or leave it out.'))
_function = Value(
    callable, _("a function"), _('Import the function, and write "%(name)s": function.')
)
_mapping = Value(is_mapping, _("a dict"), _('Write "%(name)s": {…}, or leave it out.'))

VALUES: Mapping[str, Value] = {
    **dict.fromkeys(["socket_timeout", "socket_connect_timeout"], _timeout),
    "timeout": Value(
        is_patience,
        _("a number of seconds, at most a year"),
        _('Write "%(name)s": 2, or None to wait for ever.'),
        "django_cachex.E112",
    ),
    "max_connections": Value(
        is_limit,
        _("a whole number above zero"),
        _("Leave it out, or write how many connections a process may have at most."),
        "django_cachex.E113",
    ),
    **dict.fromkeys(["db", "port"], _whole),
    **dict.fromkeys(
        ["username", "password", "host", "path", "client_name", "lib_name", "lib_version"], _text
    ),
    **dict.fromkeys(
        [
            *("ignore_exceptions", "ignore_counter_exceptions", "ignore_unreadable_values"),
            *("breaker", "read_replicas", "socket_keepalive"),
        ],
        _flag,
    ),
    **dict.fromkeys(["redis_connect_func", "valkey_connect_func"], _function),
    **dict.fromkeys(["socket_keepalive_options", "sentinel_kwargs"], _mapping),
    "credential_provider": Value(
        has("get_credentials"),
        _("an object with get_credentials()"),
        _('Import its class, and write "%(name)s": Provider().'),
    ),
    "retry": Value(
        has("call_with_retry"),
        _("a Retry of the driver"),
        _('Import its class, and write "%(name)s": Retry(…).'),
    ),
}
"""By the name of the option, those of ours and of the drivers."""


def shown(value: Any) -> str:
    """Return a number as it is written; of all else, which may be a secret, what it is."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


RETRIES = frozenset({"retry", "retry_on_error", "retry_on_timeout"})
"""These reach the driver: they say how often it tries to connect."""

CLIENT_CACHE = frozenset(
    {"cache_allow_list", "cache_deny_list", "cache_enabled", "cache_factory", "cache_max_size"}
    | {"cache_policy", "cache_ttl", "client_cache"}
)
OF_CLIENTS = frozenset(
    {"event_dispatcher", "himport_registry", "legacy_responses", "maint_notifications_config"}
    | {"maint_notifications_pool_handler", "maintenance_notification_hash", "maintenance_state"}
    | {"orig_host_address", "orig_socket_connect_timeout", "orig_socket_timeout"}
    | {"oss_cluster_maint_notifications_handler"}
)
PACKING = frozenset({"command_packer", "encoder_class", "encoding", "encoding_errors"})
UNUSED = CLIENT_CACHE | OF_CLIENTS | PACKING | {"health_check_interval", "queue_class"}
UNUSED |= {"socket_read_size"}
"""What drivers are not told: some of it they would refuse, with this protocol."""


def effect(name: str) -> str:
    """Return how much effect the option `name`, one of the above, has, as a sentence."""
    if name in RETRIES:
        return gettext("“%(name)s” has an effect while connecting, and none on commands.") % {
            "name": name
        }
    return gettext("“%(name)s” has no effect.") % {"name": name}


def unused_option_hint(name: str) -> str:
    """Return what to do about the option `name`, which is one of the above."""
    if name in RETRIES:
        return gettext(
            "Leave it out, unless connecting is to be tried again. Where a connection breaks, "
            "commands that do no harm twice are sent again; nothing is after a timeout."
        )
    if name == "health_check_interval":
        return gettext(
            "Leave it out: a connection that has rested for a second is looked at before it is "
            "used again, and replaced if it is lost."
        )
    if name == "socket_read_size":
        return gettext("Leave it out: replies are read 64 kB at a time.")
    if name == "queue_class":
        return gettext("Leave it out: connections are kept by the cache itself.")
    if name in CLIENT_CACHE:
        return gettext("Leave it out: replies are not kept in the client.")
    if name in PACKING:
        return gettext(
            "Leave it out: commands are packed by the cache itself, text as UTF-8, and values go "
            "through the serializer."
        )
    return gettext("Leave it out: it is for the driver's own clients.")


OTHER = {"valkey": "redis", "redis": "valkey"}

METHODS = {
    "pool_class": ("from_url", "disconnect"),
    "connection_class": ("connect", "disconnect"),
    "parser_class": ("on_connect", "read_response"),
}
"""What they must have; the last method is a coroutine's in those for event loops."""
ROLES = (*METHODS, "async_pool_class", "async_parser_class")


def imported(given: Any) -> Any:
    """Return what an option names by its dotted path, or is."""
    return import_string(given) if isinstance(given, str) else given


def wrong_class(driver: Driver, name: str, given: Any) -> tuple[str, str] | None:
    """Return what is wrong with the class that an option names, and what to do; None if nothing."""
    try:
        found = imported(given)
    except Exception as error:  # Importing a module may raise anything.
        problem = gettext("“%(name)s” cannot be imported: %(reason)s")
        return problem % {"name": name, "reason": reason(error)}, hint(error)
    if belongs_to(OTHER[driver.name], found):
        problem = gettext(
            "“%(name)s” is a class of %(other)s-py, and this cache uses %(driver)s-py."
        )
        names = {"name": name, "other": OTHER[driver.name], "driver": driver.name}
        return problem % names, instead(driver, name, found.__name__)
    if not fits(name, found):
        problem = gettext("“%(name)s” is no class that %(driver)s-py could use there.")
        return problem % {"name": name, "driver": driver.name}, instead(driver, name)
    return None


def fits(name: str, found: Any) -> bool:
    """Return whether `found` is a class with the methods that are called, of the right half."""
    methods = METHODS[name.removeprefix("async_")]
    if not isinstance(found, type) or not all(hasattr(found, one) for one in methods):
        return False
    return inspect.iscoroutinefunction(getattr(found, methods[-1])) is name.startswith("async_")


def instead(driver: Driver, name: str, class_name: str | None = None) -> str:
    usual = {"pool_class": "ConnectionPool", "connection_class": "Connection"}
    module = f"{driver.name}.{'asyncio.' if name.startswith('async_') else ''}connection"
    class_name = class_name or usual.get(name.removeprefix("async_"), "DefaultParser")
    return gettext('Write "%(name)s": "%(path)s", or leave it out.') % {
        "name": name,
        "path": f"{module}.{class_name}",
    }


def belongs_to(package: str, found: Any) -> bool:
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(base.__module__.partition(".")[0] == package for base in bases)


def reason(error: Exception) -> str:
    """Return what went wrong; not in the words of strangers, who may quote anything."""
    name = type(error).__name__
    ours = isinstance(error, ImportError | ImproperlyConfigured)
    return f"{name}: {error}" if ours else name


def hint(error: Exception) -> str:
    """Return what to do about a dotted path that leads to no usable object."""
    if isinstance(error, ImportError):
        return path_advice(error)
    return gettext("Import it in a shell: that shows where it fails.")


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
            gettext("Remove decode_responses: cached values are bytes, decoding them breaks them."),
            gettext("It changes nothing that the application sees."),
        )
    if any(str(one.get("protocol") or 2) != "2" for one in (options, from_url)):
        yield Fault(
            "django_cachex.E100",
            gettext("Remove protocol, or set it to 2: replies are read as RESP2."),
            gettext("It changes nothing that the application sees."),
        )


def wrong_names(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the names that nobody takes, or not in that place."""
    half, theirs = blocking_half(driver, url, options), equivalents()
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    for name in map(str, {**options, **query}):
        if name in theirs:
            yield Fault(
                "django_cachex.E108",
                gettext("“%(name)s” is an option of django-redis or django-valkey.")
                % {"name": name},
                theirs[name],
            )
        elif name in query.keys() & IN_OPTIONS:
            yield Fault(
                "django_cachex.E107",
                gettext("The query of a URL cannot hold “%(name)s”.") % {"name": name},
                gettext("Write it into OPTIONS."),
            )
        elif name not in IN_OPTIONS | UNUSED and half.refuses(name):
            yield Fault(
                "django_cachex.E107",
                gettext("There is no option “%(name)s”.") % {"name": name},
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
            gettext("“%(name)s” must be %(what)s, not %(value)s.")
            % {"name": name, "what": wanted.what, "value": shown(value)},
            str(wanted.instead) % {"name": name},
        )


def two_credentials(options: Mapping[str, Any]) -> Iterator[Fault]:
    beside = [name for name in ("username", "password") if options.get(name)]
    if beside and options.get("credential_provider"):
        yield Fault(
            "django_cachex.E117",
            gettext("“credential_provider” and %(names)s exclude each other.")
            % {"names": ", ".join(f"“{name}”" for name in beside)},
            gettext("Take the user and the password out of LOCATION and OPTIONS, or the provider."),
        )


def suggestion(name: str, driver: Driver, url: str) -> str:
    """Return what to write in place of an option that is unknown."""
    if name in WAITING:
        return gettext(
            'It belongs to a pool that waits: write "pool_class": "%(pool)s" as well.'
        ) % {"pool": f"{driver.name}.BlockingConnectionPool"}
    of_other_urls = parameters(driver.blocking.SSLConnection).names
    if name in of_other_urls or name == "ssl":
        return _of_other_urls(name, driver)
    known = blocking_half(driver, url, {}).names() | of_other_urls | OWN | ASYNC_ONLY
    known = (known | {"pool_class"}) - UNUSED - RETRIES
    if near := get_close_matches(name.lower(), sorted(known), n=1):
        return gettext('Did you mean "%(name)s"?') % {"name": near[0]}
    return gettext("Leave it out: neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }


def _of_other_urls(name: str, driver: Driver) -> str:
    if not name.startswith("ssl"):
        return gettext("Leave it out: connections over a unix socket do not take it.")
    scheme = "valkeys" if driver.name == "valkey" else "rediss"
    return gettext("TLS takes a LOCATION that begins with %(scheme)s://.") % {"scheme": scheme}

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

from django_cachex.cache.codecs import path_hint
from django_cachex.cache.connection.drivers import (
    Driver,
    get_async_classes,
    get_parameters,
    get_sync_classes,
)
from django_cachex.cache.migration import get_option_hints
from django_cachex.cache.utils import gettext
from django_cachex.cache.utils import gettext_lazy as _

Text = str | Promise

MIN_TIMEOUT, MAX_TIMEOUT = 0.001, 365 * 86_400
"""Seconds of a timeout: what is less the kernel takes for none, what is much more it refuses."""


@dataclass(frozen=True)
class OptionRule:
    """What the value of an option must be; None always will do."""

    is_valid: Callable[[Any], bool]
    expected: Text
    hint: Text
    id: str = "django_cachex.E116"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_timeout(value: Any) -> bool:
    return is_number(value) and math.isfinite(value) and MIN_TIMEOUT <= value <= MAX_TIMEOUT


def is_pool_timeout(value: Any) -> bool:
    return is_number(value) and 0 <= value <= MAX_TIMEOUT


def is_positive_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_whole_number(value: Any) -> bool:
    """Return whether this is a number, or its digits, as the query of a URL has them."""
    return str(value).isdecimal() and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str | bytes) or is_number(value)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool | int)


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def requires_method(method: str) -> Callable[[Any], bool]:
    """Return what tells whether an object, and no class, has `method`."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


_timeout = OptionRule(
    is_timeout,
    _("a number of seconds above zero, from 0.001 to a year"),
    _('Write "%(name)s": 2, or None to wait for ever.'),
    "django_cachex.E112",
)
_whole_number = OptionRule(
    is_whole_number, _("a whole number"), _('Write "%(name)s" with a number.')
)
_text = OptionRule(is_text, _("a text"), _('Write "%(name)s" with a text in quotes.'))
_flag = OptionRule(is_flag, _("True or False"), _('Write "%(name)s": True, or leave it out.'))
_function = OptionRule(
    callable, _("a function"), _('Import the function, and write "%(name)s": function.')
)
_mapping = OptionRule(is_mapping, _("a dict"), _('Write "%(name)s": {…}, or leave it out.'))

OPTION_RULES: Mapping[str, OptionRule] = {
    **dict.fromkeys(["socket_timeout", "socket_connect_timeout"], _timeout),
    "timeout": OptionRule(
        is_pool_timeout,
        _("a number of seconds, at most a year"),
        _('Write "%(name)s": 2, or None to wait for ever.'),
        "django_cachex.E112",
    ),
    "max_connections": OptionRule(
        is_positive_integer,
        _("a whole number above zero"),
        _("Leave it out, or write how many connections a process may have at most."),
        "django_cachex.E113",
    ),
    **dict.fromkeys(["db", "port"], _whole_number),
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
    "credential_provider": OptionRule(
        requires_method("get_credentials"),
        _("an object with get_credentials()"),
        _('Import its class, and write "%(name)s": Provider().'),
    ),
    "retry": OptionRule(
        requires_method("call_with_retry"),
        _("a Retry of the driver"),
        _('Import its class, and write "%(name)s": Retry(…).'),
    ),
}
"""By the name of the option, those of ours and of the drivers."""


def safe_repr(value: Any) -> str:
    """Return a number as it is written; of all else, which may be a secret, what it is."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


RETRY_OPTIONS = frozenset({"retry", "retry_on_error", "retry_on_timeout"})
"""These reach the driver: they say how often it tries to connect."""

CLIENT_CACHE_OPTIONS = frozenset(
    {"cache_allow_list", "cache_deny_list", "cache_enabled", "cache_factory", "cache_max_size"}
    | {"cache_policy", "cache_ttl", "client_cache"}
)
CLIENT_OPTIONS = frozenset(
    {"event_dispatcher", "himport_registry", "legacy_responses", "maint_notifications_config"}
    | {"maint_notifications_pool_handler", "maintenance_notification_hash", "maintenance_state"}
    | {"orig_host_address", "orig_socket_connect_timeout", "orig_socket_timeout"}
    | {"oss_cluster_maint_notifications_handler"}
)
ENCODING_OPTIONS = frozenset({"command_packer", "encoder_class", "encoding", "encoding_errors"})
UNUSED_OPTIONS = (
    CLIENT_CACHE_OPTIONS
    | CLIENT_OPTIONS
    | ENCODING_OPTIONS
    | {"health_check_interval", "queue_class"}
)
UNUSED_OPTIONS |= {"socket_read_size"}
"""What drivers are not told: some of it they would refuse, with this protocol."""


def describe_effect(name: str) -> str:
    """Return how much effect the option `name`, one of the above, has, as a sentence."""
    if name in RETRY_OPTIONS:
        return gettext("“%(name)s” has an effect while connecting, and none on commands.") % {
            "name": name
        }
    return gettext("“%(name)s” has no effect.") % {"name": name}


def unused_option_hint(name: str) -> str:
    """Return what to do about the option `name`, which is one of the above."""
    if name in RETRY_OPTIONS:
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
    if name in CLIENT_CACHE_OPTIONS:
        return gettext("Leave it out: replies are not kept in the client.")
    if name in ENCODING_OPTIONS:
        return gettext(
            "Leave it out: commands are packed by the cache itself, text as UTF-8, and values go "
            "through the serializer."
        )
    return gettext("Leave it out: it is for the driver's own clients.")


OTHER_DRIVER = {"valkey": "redis", "redis": "valkey"}

REQUIRED_METHODS = {
    "pool_class": ("from_url", "disconnect"),
    "connection_class": ("connect", "disconnect"),
    "parser_class": ("on_connect", "read_response"),
}
"""What they must have; the last method is a coroutine's in those for event loops."""
CLASS_OPTIONS = (*REQUIRED_METHODS, "async_pool_class", "async_parser_class")


def import_class(given: Any) -> Any:
    """Return what an option names by its dotted path, or is."""
    return import_string(given) if isinstance(given, str) else given


def check_class(driver: Driver, name: str, given: Any) -> tuple[str, str] | None:
    """Return what is wrong with the class that an option names, and what to do; None if nothing."""
    try:
        found = import_class(given)
    except Exception as error:  # Importing a module may raise anything.
        problem = gettext("“%(name)s” cannot be imported: %(reason)s")
        return problem % {"name": name, "reason": describe_error(error)}, import_hint(error)
    if is_from_package(OTHER_DRIVER[driver.name], found):
        problem = gettext(
            "“%(name)s” is a class of %(other)s-py, and this cache uses %(driver)s-py."
        )
        names = {"name": name, "other": OTHER_DRIVER[driver.name], "driver": driver.name}
        return problem % names, suggest_class(driver, name, found.__name__)
    if not is_usable_class(name, found):
        problem = gettext("“%(name)s” is no class that %(driver)s-py could use there.")
        return problem % {"name": name, "driver": driver.name}, suggest_class(driver, name)
    return None


def is_usable_class(name: str, found: Any) -> bool:
    """Return whether `found` is a class with the methods that are called, of the right half."""
    methods = REQUIRED_METHODS[name.removeprefix("async_")]
    if not isinstance(found, type) or not all(hasattr(found, one) for one in methods):
        return False
    return inspect.iscoroutinefunction(getattr(found, methods[-1])) is name.startswith("async_")


def suggest_class(driver: Driver, name: str, class_name: str | None = None) -> str:
    usual = {"pool_class": "ConnectionPool", "connection_class": "Connection"}
    module = f"{driver.name}.{'asyncio.' if name.startswith('async_') else ''}connection"
    class_name = class_name or usual.get(name.removeprefix("async_"), "DefaultParser")
    return gettext('Write "%(name)s": "%(path)s", or leave it out.') % {
        "name": name,
        "path": f"{module}.{class_name}",
    }


def is_from_package(package: str, found: Any) -> bool:
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(base.__module__.partition(".")[0] == package for base in bases)


def describe_error(error: Exception) -> str:
    """Return what went wrong; not in the words of strangers, who may quote anything."""
    name = type(error).__name__
    ours = isinstance(error, ImportError | ImproperlyConfigured)
    return f"{name}: {error}" if ours else name


def import_hint(error: Exception) -> str:
    """Return what to do about a dotted path that leads to no usable object."""
    if isinstance(error, ImportError):
        return path_hint(error)
    return gettext("Import it in a shell: that shows where it fails.")


IGNORED_OPTIONS = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "cull_frequency"})
"""Accepted as by Django's RedisCache, and without effect: the server decides what to evict."""
ALIAS_SETTINGS = frozenset({"TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"})
"""Settings of the alias that people write into OPTIONS, where nobody reads them."""
FLAG_OPTIONS = frozenset(
    {"ignore_exceptions", "ignore_counter_exceptions", "ignore_unreadable_values"}
)
CACHE_OPTIONS = FLAG_OPTIONS | {"serializer", "compressor", "stampede_protection"}
"""What caches may differ in that share their connections."""
SENTINEL_OPTIONS = frozenset({"sentinels", "sentinel_kwargs", "read_replicas"})
OUR_OPTIONS = CACHE_OPTIONS | SENTINEL_OPTIONS | {"breaker"}
NOT_FOR_DRIVER = IGNORED_OPTIONS | ALIAS_SETTINGS | OUR_OPTIONS
"""What is no business of the driver's."""

SYNC_CLASS_OPTIONS = frozenset({"pool_class", "parser_class", "connection_class"})
"""Classes of the blocking half of a driver, which its other half is not told of."""
ASYNC_CLASS_OPTIONS = frozenset({"async_pool_class", "async_parser_class"})
NOT_IN_URL = NOT_FOR_DRIVER | SYNC_CLASS_OPTIONS | ASYNC_CLASS_OPTIONS
"""What the query of a URL cannot hold."""
BLOCKING_POOL_OPTIONS = frozenset({"timeout", "queue_class"})
"""What only a BlockingConnectionPool takes."""


@dataclass(frozen=True)
class ConfigError:
    """What is wrong with an option. No part of it holds a secret."""

    id: str
    message: str
    hint: str


def get_connection_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a cache's OPTIONS that connections depend on."""
    apart = IGNORED_OPTIONS | ALIAS_SETTINGS | CACHE_OPTIONS
    return {name: value for name, value in options.items() if name not in apart}


def parse_url(driver: Driver, url: str) -> dict[str, Any]:
    """Return what `url` says; raise ValueError where the driver does not understand it.

    The drivers take no notice of what should be the number of a database, and is none.
    """
    found: dict[str, Any] = dict(driver.sync_module.parse_url(url))
    if "path" not in found and not re.fullmatch("/*[0-9]*/*", unquote(urlsplit(url).path)):
        raise ValueError("The path of the URL is no number.")
    return found


def get_url_options(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options that `url` holds, nothing for one that is not understood."""
    try:
        found = parse_url(driver, url)
    except ValueError:
        return {}
    found.pop("connection_class", None)
    return found


def validate_options(driver: Driver, url: str, options: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured for the first fault."""
    raise_first(find_errors(driver, url, options))


def raise_first(found: Iterator[ConfigError]) -> None:
    for error in found:
        raise ImproperlyConfigured(f"{error.message} {error.hint}")


def find_errors(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield what is wrong with OPTIONS and the query of `url`, which wins over them."""
    from_url = {
        n: value for n, value in get_url_options(driver, url).items() if n not in NOT_IN_URL
    }
    found = {**options, **from_url}
    yield from find_protocol_errors(options, from_url)
    yield from find_name_errors(driver, url, options)
    for name in CLASS_OPTIONS:
        if options.get(name) is not None and (wrong := check_class(driver, name, options[name])):
            yield ConfigError("django_cachex.E110", *wrong)
    yield from find_value_errors(found)
    yield from find_credential_errors(found)


def find_protocol_errors(
    options: Mapping[str, Any], from_url: Mapping[str, Any]
) -> Iterator[ConfigError]:
    if options.get("decode_responses") or "decode_responses" in from_url:
        yield ConfigError(
            "django_cachex.E100",
            gettext("Remove decode_responses: cached values are bytes, decoding them breaks them."),
            gettext("It changes nothing that the application sees."),
        )
    if any(str(one.get("protocol") or 2) != "2" for one in (options, from_url)):
        yield ConfigError(
            "django_cachex.E100",
            gettext("Remove protocol, or set it to 2: replies are read as RESP2."),
            gettext("It changes nothing that the application sees."),
        )


def find_name_errors(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield the names that nobody takes, or not in that place."""
    classes, hints = get_sync_classes(driver, url, options), get_option_hints()
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    for name in map(str, {**options, **query}):
        if name in hints:
            yield ConfigError(
                "django_cachex.E108",
                gettext("“%(name)s” is an option of django-redis or django-valkey.")
                % {"name": name},
                hints[name],
            )
        elif name in query.keys() & NOT_IN_URL:
            yield ConfigError(
                "django_cachex.E107",
                gettext("The query of a URL cannot hold “%(name)s”.") % {"name": name},
                gettext("Write it into OPTIONS."),
            )
        elif name not in NOT_IN_URL | UNUSED_OPTIONS and classes.rejects(name):
            yield ConfigError(
                "django_cachex.E107",
                gettext("There is no option “%(name)s”.") % {"name": name},
                suggest_option(name, driver, url),
            )


def find_sync_only_options(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that only the blocking half of the driver takes."""
    sync_classes, async_classes = (
        get_sync_classes(driver, url, options),
        get_async_classes(driver, url, options),
    )
    for name in map(str, {**options, **get_url_options(driver, url)}):
        if name in NOT_IN_URL | BLOCKING_POOL_OPTIONS | UNUSED_OPTIONS:
            continue
        if async_classes.rejects(name) and not sync_classes.rejects(name):
            yield name


def find_value_errors(options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield the values that would fail when they are used."""
    for name, value in options.items():
        rule = OPTION_RULES.get(name)
        if value is None or not rule or rule.is_valid(value):
            continue
        yield ConfigError(
            rule.id,
            gettext("“%(name)s” must be %(what)s, not %(value)s.")
            % {"name": name, "what": rule.expected, "value": safe_repr(value)},
            str(rule.hint) % {"name": name},
        )


def find_credential_errors(options: Mapping[str, Any]) -> Iterator[ConfigError]:
    names = [name for name in ("username", "password") if options.get(name)]
    if names and options.get("credential_provider"):
        yield ConfigError(
            "django_cachex.E117",
            gettext("“credential_provider” and %(names)s exclude each other.")
            % {"names": ", ".join(f"“{name}”" for name in names)},
            gettext("Take the user and the password out of LOCATION and OPTIONS, or the provider."),
        )


def suggest_option(name: str, driver: Driver, url: str) -> str:
    """Return what to write in place of an option that is unknown."""
    if name in BLOCKING_POOL_OPTIONS:
        return gettext(
            'It belongs to a pool that waits: write "pool_class": "%(pool)s" as well.'
        ) % {"pool": f"{driver.name}.BlockingConnectionPool"}
    of_other_urls = get_parameters(driver.sync_module.SSLConnection).names
    if name in of_other_urls or name == "ssl":
        return _suggest_other_url(name, driver)
    known = (
        get_sync_classes(driver, url, {}).option_names()
        | of_other_urls
        | OUR_OPTIONS
        | ASYNC_CLASS_OPTIONS
    )
    known = (known | {"pool_class"}) - UNUSED_OPTIONS - RETRY_OPTIONS
    if near := get_close_matches(name.lower(), sorted(known), n=1):
        return gettext('Did you mean "%(name)s"?') % {"name": near[0]}
    return gettext("Leave it out: neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }


def _suggest_other_url(name: str, driver: Driver) -> str:
    if not name.startswith("ssl"):
        return gettext("Leave it out: connections over a unix socket do not take it.")
    scheme = "valkeys" if driver.name == "valkey" else "rediss"
    return gettext("TLS takes a LOCATION that begins with %(scheme)s://.") % {"scheme": scheme}

"""Validation of OPTIONS and of the query of a URL.

A cache raises the first error when it is used; the system checks list all of them.
"""

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
from django_cachex.cache.connection.sync import MAX_TIMEOUT, MIN_TIMEOUT
from django_cachex.cache.migration import get_option_hints
from django_cachex.cache.utils import gettext
from django_cachex.cache.utils import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class OptionRule:
    """A rule for the value of an option. None is always valid."""

    is_valid: Callable[[Any], bool]
    expected: Text
    hint: Text
    id: str = "django_cachex.E116"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_timeout(value: Any) -> bool:
    """Return whether a socket can use `value` as a timeout.

    Sockets treat shorter timeouts as zero and reject much longer ones.
    """
    return is_number(value) and math.isfinite(value) and MIN_TIMEOUT <= value <= MAX_TIMEOUT


def is_pool_timeout(value: Any) -> bool:
    return is_number(value) and 0 <= value <= MAX_TIMEOUT


def is_positive_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_whole_number(value: Any) -> bool:
    """Return whether `value` is a whole number, or its digits, as in the query of a URL."""
    return str(value).isdecimal() and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    return isinstance(value, str | bytes) or is_number(value)


def is_flag(value: Any) -> bool:
    return isinstance(value, bool | int)


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def requires_method(method: str) -> Callable[[Any], bool]:
    """Return a function that checks that a value is an object, not a class, with `method`."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


TIMEOUT_RULE = OptionRule(
    is_timeout,
    _("a number of seconds between 0.001 and 31,536,000 (one year)"),
    _('Use a number, such as "%(name)s": 2, or None to wait forever.'),
    "django_cachex.E112",
)
WHOLE_NUMBER_RULE = OptionRule(
    is_whole_number, _("a whole number"), _('Use a whole number for "%(name)s".')
)
TEXT_RULE = OptionRule(is_text, _("a string"), _('Use a string for "%(name)s".'))
FLAG_RULE = OptionRule(
    is_flag, _("True or False"), _('Use "%(name)s": True, or remove the option.')
)
FUNCTION_RULE = OptionRule(
    callable, _("a function"), _('Import the function and use "%(name)s": function.')
)
MAPPING_RULE = OptionRule(
    is_mapping, _("a dictionary"), _('Use "%(name)s": {…}, or remove the option.')
)

OPTION_RULES: Mapping[str, OptionRule] = {
    **dict.fromkeys(["socket_timeout", "socket_connect_timeout"], TIMEOUT_RULE),
    "timeout": OptionRule(
        is_pool_timeout,
        _("a number of seconds, at most a year"),
        _('Use a number, such as "%(name)s": 2, or None to wait forever.'),
        "django_cachex.E112",
    ),
    "max_connections": OptionRule(
        is_positive_integer,
        _("a positive whole number"),
        _("Use the maximum number of connections of a process, or remove the option."),
        "django_cachex.E113",
    ),
    **dict.fromkeys(["db", "port"], WHOLE_NUMBER_RULE),
    **dict.fromkeys(
        ["username", "password", "host", "path", "client_name", "lib_name", "lib_version"],
        TEXT_RULE,
    ),
    **dict.fromkeys(
        [
            "ignore_exceptions",
            "ignore_counter_exceptions",
            "ignore_unreadable_values",
            "breaker",
            "read_replicas",
            "socket_keepalive",
        ],
        FLAG_RULE,
    ),
    **dict.fromkeys(["redis_connect_func", "valkey_connect_func"], FUNCTION_RULE),
    **dict.fromkeys(["socket_keepalive_options", "sentinel_kwargs"], MAPPING_RULE),
    "credential_provider": OptionRule(
        requires_method("get_credentials"),
        _("an object with a method get_credentials()"),
        _('Import its class and use "%(name)s": Provider().'),
    ),
    "retry": OptionRule(
        requires_method("call_with_retry"),
        _("a Retry object of the driver"),
        _('Import its class and use "%(name)s": Retry(…).'),
    ),
}
"""The rules by the name of the option, for options of this package and of the drivers."""


def safe_repr(value: Any) -> str:
    """Return a number as it is; for other values, which may be secret, only their type."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


RETRY_OPTIONS = frozenset({"retry", "retry_on_error", "retry_on_timeout"})
"""Options that are passed to the driver, but only have an effect while it connects."""

CLIENT_CACHE_OPTIONS = frozenset(
    {
        "cache_allow_list",
        "cache_deny_list",
        "cache_enabled",
        "cache_factory",
        "cache_max_size",
        "cache_policy",
        "cache_ttl",
        "client_cache",
    }
)
DRIVER_CLIENT_OPTIONS = frozenset(
    {
        "event_dispatcher",
        "himport_registry",
        "legacy_responses",
        "maint_notifications_config",
        "maint_notifications_pool_handler",
        "maintenance_notification_hash",
        "maintenance_state",
        "orig_host_address",
        "orig_socket_connect_timeout",
        "orig_socket_timeout",
        "oss_cluster_maint_notifications_handler",
    }
)
ENCODING_OPTIONS = frozenset({"command_packer", "encoder_class", "encoding", "encoding_errors"})
INEFFECTIVE_DRIVER_OPTIONS = (
    CLIENT_CACHE_OPTIONS
    | DRIVER_CLIENT_OPTIONS
    | ENCODING_OPTIONS
    | {"health_check_interval", "queue_class", "socket_read_size"}
)
"""Options of the drivers that have no effect on this cache.

They are not passed to the drivers, which would reject some of them with RESP2."""


def describe_effect(name: str) -> str:
    """Return a sentence about an option in `RETRY_OPTIONS` or `INEFFECTIVE_DRIVER_OPTIONS`."""
    if name in RETRY_OPTIONS:
        return gettext("“%(name)s” only has an effect while connecting, not on commands.") % {
            "name": name
        }
    return gettext("“%(name)s” has no effect.") % {"name": name}


def unused_option_hint(name: str) -> str:
    """Return the hint for an option in `RETRY_OPTIONS` or `INEFFECTIVE_DRIVER_OPTIONS`."""
    if name in RETRY_OPTIONS:
        return gettext(
            "Remove it, unless connecting should be retried. If a connection is lost, idempotent "
            "commands are sent again. After a timeout, no command is sent again."
        )
    if name == "health_check_interval":
        return gettext(
            "Remove it. A connection that was idle for a second is checked before it is used "
            "again, and replaced if it is lost."
        )
    if name == "socket_read_size":
        return gettext("Remove it. Replies are read in pieces of 64 kB.")
    if name == "queue_class":
        return gettext("Remove it. The cache has its own connection pool.")
    if name in CLIENT_CACHE_OPTIONS:
        return gettext("Remove it. There is no client-side caching.")
    if name in ENCODING_OPTIONS:
        return gettext(
            "Remove it. The cache encodes commands itself: text as UTF-8, and values with the "
            "serializer."
        )
    return gettext("Remove it. It is only for the driver's own clients.")


OTHER_DRIVER = {"valkey": "redis", "redis": "valkey"}

REQUIRED_METHODS = {
    "pool_class": ("from_url", "disconnect"),
    "connection_class": ("connect", "disconnect"),
    "parser_class": ("on_connect", "read_response"),
}
"""The methods that the class must have. In asyncio classes, the last is a coroutine function."""
CLASS_OPTIONS = (*REQUIRED_METHODS, "async_pool_class", "async_parser_class")


def import_class(value: Any) -> Any:
    """Return the value of an option, which may be a dotted path."""
    return import_string(value) if isinstance(value, str) else value


def check_class(driver: Driver, name: str, given: Any) -> tuple[str, str] | None:
    """Return a message and a hint if the class that an option names can't be used, or None."""
    try:
        value = import_class(given)
    except Exception as error:  # Importing a module may raise any exception.
        problem = gettext("“%(name)s” can't be imported: %(reason)s")
        return problem % {"name": name, "reason": describe_option_error(error)}, import_hint(error)
    if is_from_package(OTHER_DRIVER[driver.name], value):
        problem = gettext(
            "“%(name)s” is a class of %(other)s-py, but this cache uses %(driver)s-py."
        )
        names = {"name": name, "other": OTHER_DRIVER[driver.name], "driver": driver.name}
        return problem % names, suggest_class(driver, name, value.__name__)
    if not is_usable_class(name, value):
        problem = gettext("“%(name)s” is not a class that %(driver)s-py can use for this option.")
        return problem % {"name": name, "driver": driver.name}, suggest_class(driver, name)
    return None


def is_usable_class(name: str, value: Any) -> bool:
    """Return whether `value` is a class with the required methods, and asynchronous if needed."""
    methods = REQUIRED_METHODS[name.removeprefix("async_")]
    if not isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        return False
    return inspect.iscoroutinefunction(getattr(value, methods[-1])) is name.startswith("async_")


def suggest_class(driver: Driver, name: str, class_name: str | None = None) -> str:
    usual = {"pool_class": "ConnectionPool", "connection_class": "Connection"}
    module = f"{driver.name}.{'asyncio.' if name.startswith('async_') else ''}connection"
    class_name = class_name or usual.get(name.removeprefix("async_"), "DefaultParser")
    return gettext('Use "%(name)s": "%(path)s", or remove the option.') % {
        "name": name,
        "path": f"{module}.{class_name}",
    }


def is_from_package(package: str, value: Any) -> bool:
    bases = value.__mro__ if isinstance(value, type) else ()
    return any(base.__module__.partition(".")[0] == package for base in bases)


def describe_option_error(error: Exception) -> str:
    """Return a description of an error, without the text of exceptions of other packages.

    That text may contain secrets.
    """
    name = type(error).__name__
    is_safe_to_show = isinstance(error, ImportError | ImproperlyConfigured)
    return f"{name}: {error}" if is_safe_to_show else name


def import_hint(error: Exception) -> str:
    """Return the hint for a dotted path that could not be imported."""
    if isinstance(error, ImportError):
        return path_hint(error)
    return gettext("Import it in a shell to see the error.")


INEFFECTIVE_DJANGO_OPTIONS = frozenset(
    {"MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "cull_frequency"}
)
"""Options that Django's RedisCache accepts. They have no effect: the server evicts keys."""
ALIAS_SETTINGS = frozenset({"TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"})
"""Settings of an alias that have no effect in OPTIONS."""
FAILURE_OPTIONS = frozenset(
    {"ignore_exceptions", "ignore_counter_exceptions", "ignore_unreadable_values"}
)
CACHE_OPTIONS = FAILURE_OPTIONS | {"serializer", "compressor", "stampede_protection"}
"""Options of a cache that don't depend on its connections."""
SENTINEL_OPTIONS = frozenset({"sentinels", "sentinel_kwargs", "read_replicas"})
OWN_OPTIONS = CACHE_OPTIONS | SENTINEL_OPTIONS | {"breaker"}
NOT_FOR_DRIVER = INEFFECTIVE_DJANGO_OPTIONS | ALIAS_SETTINGS | OWN_OPTIONS
"""Options and misplaced settings that the drivers don't know."""

SYNC_CLASS_OPTIONS = frozenset({"pool_class", "parser_class", "connection_class"})
"""Classes for blocking connections, which are not passed to the asyncio classes of the driver."""
ASYNC_CLASS_OPTIONS = frozenset({"async_pool_class", "async_parser_class"})
NOT_IN_URL = NOT_FOR_DRIVER | SYNC_CLASS_OPTIONS | ASYNC_CLASS_OPTIONS
"""Options that are not allowed in the query of a URL."""
BLOCKING_POOL_OPTIONS = frozenset({"timeout", "queue_class"})
"""Options that only a BlockingConnectionPool accepts."""


@dataclass(frozen=True)
class ConfigError:
    """An error in OPTIONS or in the query of a URL. It never contains a secret."""

    id: str
    message: str
    hint: str


def get_connection_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a cache's OPTIONS that its connections depend on."""
    others = INEFFECTIVE_DJANGO_OPTIONS | ALIAS_SETTINGS | CACHE_OPTIONS
    return {name: value for name, value in options.items() if name not in others}


def parse_url(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options in `url`; raise ValueError if the driver can't parse it.

    The drivers ignore a path that is not a database number, so this is checked here.
    """
    options: dict[str, Any] = dict(driver.sync_module.parse_url(url))
    if "path" not in options and not re.fullmatch("/*[0-9]*/*", unquote(urlsplit(url).path)):
        raise ValueError("The path of the URL is not a number.")
    return options


def get_url_options(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options in `url`, or an empty dictionary if it can't be parsed."""
    try:
        options = parse_url(driver, url)
    except ValueError:
        return {}
    options.pop("connection_class", None)
    return options


def validate_options(driver: Driver, url: str, options: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured for the first error."""
    raise_first(find_errors(driver, url, options))


def raise_first(errors: Iterator[ConfigError]) -> None:
    for error in errors:
        raise ImproperlyConfigured(f"{error.message} {error.hint}")


def find_errors(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield the errors in OPTIONS and in the query of `url`, which takes precedence."""
    from_url = {
        n: value for n, value in get_url_options(driver, url).items() if n not in NOT_IN_URL
    }
    combined = {**options, **from_url}
    yield from find_protocol_errors(options, from_url)
    yield from find_unknown_options(driver, url, options)
    for name in CLASS_OPTIONS:
        if options.get(name) is not None and (problem := check_class(driver, name, options[name])):
            yield ConfigError("django_cachex.E110", *problem)
    yield from find_value_errors(combined)
    yield from find_credential_errors(combined)


def find_protocol_errors(
    options: Mapping[str, Any], from_url: Mapping[str, Any]
) -> Iterator[ConfigError]:
    if options.get("decode_responses") or "decode_responses" in from_url:
        yield ConfigError(
            "django_cachex.E100",
            gettext("Remove decode_responses: cached values are bytes, which can't be decoded."),
            gettext("This changes nothing for the application."),
        )
    if any(str(given.get("protocol") or 2) != "2" for given in (options, from_url)):
        yield ConfigError(
            "django_cachex.E100",
            gettext("Remove protocol, or set it to 2: replies are read as RESP2."),
            gettext("This changes nothing for the application."),
        )


def find_unknown_options(
    driver: Driver, url: str, options: Mapping[str, Any]
) -> Iterator[ConfigError]:
    """Yield errors about options that don't exist, or aren't allowed in a URL."""
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
                gettext("“%(name)s” is not allowed in the query of a URL.") % {"name": name},
                gettext("Move it to OPTIONS."),
            )
        elif name not in NOT_IN_URL | INEFFECTIVE_DRIVER_OPTIONS and classes.rejects(name):
            yield ConfigError(
                "django_cachex.E107",
                gettext("There is no option “%(name)s”.") % {"name": name},
                suggest_option(name, driver, url),
            )


def find_sync_only_options(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of options that only the driver's blocking classes accept."""
    sync_classes, async_classes = (
        get_sync_classes(driver, url, options),
        get_async_classes(driver, url, options),
    )
    for name in map(str, {**options, **get_url_options(driver, url)}):
        if name in NOT_IN_URL | BLOCKING_POOL_OPTIONS | INEFFECTIVE_DRIVER_OPTIONS:
            continue
        if async_classes.rejects(name) and not sync_classes.rejects(name):
            yield name


def find_value_errors(options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield errors about values that would fail when they are used."""
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
            gettext("“credential_provider” can't be combined with %(names)s.")
            % {"names": ", ".join(f"“{name}”" for name in names)},
            gettext(
                "Remove the user name and the password from LOCATION and OPTIONS, or remove the "
                "provider."
            ),
        )


def suggest_option(name: str, driver: Driver, url: str) -> str:
    """Return a hint about what to use in place of an unknown option."""
    if name in BLOCKING_POOL_OPTIONS:
        return gettext('It is an option of another pool. Also use "pool_class": "%(pool)s".') % {
            "pool": f"{driver.name}.BlockingConnectionPool"
        }
    tls_options = get_parameters(driver.sync_module.SSLConnection).names
    if name in tls_options or name == "ssl":
        return _suggest_other_url(name, driver)
    names = (
        get_sync_classes(driver, url, {}).option_names()
        | tls_options
        | OWN_OPTIONS
        | ASYNC_CLASS_OPTIONS
    )
    names = (names | {"pool_class"}) - INEFFECTIVE_DRIVER_OPTIONS - RETRY_OPTIONS
    if near := get_close_matches(name.lower(), sorted(names), n=1):
        return gettext('Did you mean "%(name)s"?') % {"name": near[0]}
    return gettext("Remove it. Neither the cache nor %(driver)s-py has such an option.") % {
        "driver": driver.name
    }


def _suggest_other_url(name: str, driver: Driver) -> str:
    if not name.startswith("ssl"):
        return gettext("Remove it. Connections to a Unix socket don't have this option.")
    scheme = "valkeys" if driver.name == "valkey" else "rediss"
    return gettext("For TLS, LOCATION must start with %(scheme)s://.") % {"scheme": scheme}

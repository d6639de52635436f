"""The names of options, and the rules for LOCATION and OPTIONS.

A violated rule is reported as a `ConfigError`. A cache raises the first one when it is used; the
system checks report all of them.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation.trans_null import gettext_noop as _  # The other needs settings.

from django_cachex.cache.connection.drivers import (
    Driver,
    get_async_classes,
    get_parameters,
    get_sync_classes,
)
from django_cachex.cache.connection.sync import MAX_TIMEOUT, MIN_TIMEOUT
from django_cachex.cache.migration import OPTION_HINTS, RENAMED_OPTIONS, is_their_option
from django_cachex.exceptions import ConfigError

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

REQUIRED_METHODS = {
    "pool_class": ("from_url", "disconnect"),
    "connection_class": ("connect", "disconnect"),
    "parser_class": ("on_connect", "read_response"),
}
"""The methods that the class must have. In asyncio classes, the last is a coroutine function."""
SYNC_CLASS_OPTIONS = frozenset(REQUIRED_METHODS)
"""Classes for blocking connections, which are not passed to the asyncio classes of the driver."""
ASYNC_CLASS_OPTIONS = frozenset({"async_pool_class", "async_parser_class"})
CLASS_OPTIONS = (*REQUIRED_METHODS, "async_pool_class", "async_parser_class")

NOT_IN_URL = NOT_FOR_DRIVER | SYNC_CLASS_OPTIONS | ASYNC_CLASS_OPTIONS
"""Options that are not allowed in the query of a URL."""
BLOCKING_POOL_OPTIONS = frozenset({"timeout", "queue_class"})
"""Options that only a BlockingConnectionPool accepts."""

RETRY_OPTIONS = frozenset({"retry", "retry_on_error", "retry_on_timeout"})
"""Options that are passed to the driver, but only have an effect while it connects."""

INEFFECTIVE_DRIVER_HINTS: Mapping[str, str] = {
    **dict.fromkeys(
        [
            *("cache_allow_list", "cache_deny_list", "cache_enabled", "cache_factory"),
            *("cache_max_size", "cache_policy", "cache_ttl", "client_cache"),
        ],
        _("Remove it. There is no client-side caching."),
    ),
    **dict.fromkeys(
        [
            *("event_dispatcher", "himport_registry", "legacy_responses"),
            *("maint_notifications_config", "maint_notifications_pool_handler"),
            *("maintenance_notification_hash", "maintenance_state", "orig_host_address"),
            *("orig_socket_connect_timeout", "orig_socket_timeout"),
            "oss_cluster_maint_notifications_handler",
        ],
        _("Remove it. It is only for the driver's own clients."),
    ),
    **dict.fromkeys(
        ["command_packer", "encoder_class", "encoding", "encoding_errors"],
        _(
            "Remove it. The cache encodes commands itself: text as UTF-8, and values with the "
            "serializer."
        ),
    ),
    "health_check_interval": _(
        "Remove it. A connection that was idle for a second is checked before it is used again, "
        "and replaced if it is lost."
    ),
    "queue_class": _("Remove it. The cache has its own connection pool."),
    "socket_read_size": _("Remove it. Replies are read in pieces of 64 kB."),
}
INEFFECTIVE_DRIVER_OPTIONS = frozenset(INEFFECTIVE_DRIVER_HINTS)
"""Options of the drivers that have no effect on this cache.

They are not passed to the drivers, which would reject some of them with RESP2."""


def normalize_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return OPTIONS with names in lower case, which may be given in any case.

    Names that Django has in upper case, and those of options of other packages, are kept.

    Raises:
        ConfigError: an option is given in two spellings.
    """
    normalized: dict[str, Any] = {}
    for given, value in options.items():
        kept = given in INEFFECTIVE_DJANGO_OPTIONS | ALIAS_SETTINGS or is_their_option(given, value)
        name = given if kept else str(given).lower()
        if name in normalized:
            raise ConfigError(
                "django_cachex.E118",
                _("The option “%(name)s” is given in two spellings."),
                _('Remove one of them, and write "%(name)s" in lower case.'),
                name=name,
            )
        normalized[name] = value
    return normalized


def get_connection_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a cache's OPTIONS that its connections depend on."""
    others = INEFFECTIVE_DJANGO_OPTIONS | ALIAS_SETTINGS | CACHE_OPTIONS
    return {name: value for name, value in options.items() if name not in others}


@dataclass(frozen=True)
class OptionRule:
    """A rule for the value of an option. None is always valid."""

    is_valid: Callable[[Any], bool]
    message: str
    hint: str
    id: str = "django_cachex.E116"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_timeout(value: Any) -> bool:
    """Return whether a socket can use `value` as a timeout.

    Sockets treat shorter timeouts as zero and reject much longer ones.
    """
    return is_number(value) and math.isfinite(value) and MIN_TIMEOUT <= value <= MAX_TIMEOUT


def requires_method(method: str) -> Callable[[Any], bool]:
    """Return a function that checks that a value is an object, not a class, with `method`."""
    return lambda value: not isinstance(value, type) and callable(getattr(value, method, None))


TIMEOUT_HINT = _('Use a number, such as "%(name)s": 2, or None to wait forever.')

OPTION_RULES: Mapping[str, OptionRule] = {
    **dict.fromkeys(
        ["socket_timeout", "socket_connect_timeout"],
        OptionRule(
            is_timeout,
            _(
                "“%(name)s” must be a number of seconds between 0.001 and 31,536,000 (one year), "
                "not %(value)s."
            ),
            TIMEOUT_HINT,
            "django_cachex.E112",
        ),
    ),
    "timeout": OptionRule(
        lambda value: is_number(value) and 0 <= value <= MAX_TIMEOUT,
        _("“%(name)s” must be a number of seconds, at most a year, not %(value)s."),
        TIMEOUT_HINT,
        "django_cachex.E112",
    ),
    "max_connections": OptionRule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
        _("“%(name)s” must be a positive whole number, not %(value)s."),
        _("Use the maximum number of connections of a process, or remove the option."),
        "django_cachex.E113",
    ),
    **dict.fromkeys(
        ["db", "port"],
        OptionRule(
            # From the query of a URL, the number is text.
            lambda value: str(value).isdecimal() and not isinstance(value, bool),
            _("“%(name)s” must be a whole number, not %(value)s."),
            _('Use a whole number for "%(name)s".'),
        ),
    ),
    **dict.fromkeys(
        ["username", "password", "host", "path", "client_name", "lib_name", "lib_version"],
        OptionRule(
            lambda value: isinstance(value, str | bytes) or is_number(value),
            _("“%(name)s” must be a string, not %(value)s."),
            _('Use a string for "%(name)s".'),
        ),
    ),
    "ignore_exceptions": OptionRule(
        lambda value: isinstance(value, int) or value == "all",
        _("“%(name)s” must be True, False or “all”, not %(value)s."),
        _('Use "%(name)s": True, or "all" to do what django-redis and django-valkey do.'),
    ),
    **dict.fromkeys(
        [
            *("ignore_counter_exceptions", "ignore_unreadable_values", "breaker"),
            *("read_replicas", "socket_keepalive"),
        ],
        OptionRule(
            lambda value: isinstance(value, int),
            _("“%(name)s” must be True or False, not %(value)s."),
            _('Use "%(name)s": True, or remove the option.'),
        ),
    ),
    **dict.fromkeys(
        ["redis_connect_func", "valkey_connect_func"],
        OptionRule(
            callable,
            _("“%(name)s” must be a function, not %(value)s."),
            _('Import the function and use "%(name)s": function.'),
        ),
    ),
    **dict.fromkeys(
        ["socket_keepalive_options", "sentinel_kwargs"],
        OptionRule(
            lambda value: isinstance(value, Mapping),
            _("“%(name)s” must be a dictionary, not %(value)s."),
            _('Use "%(name)s": {…}, or remove the option.'),
        ),
    ),
    "credential_provider": OptionRule(
        requires_method("get_credentials"),
        _("“%(name)s” must be an object with a method get_credentials(), not %(value)s."),
        _('Import its class and use "%(name)s": Provider().'),
    ),
    "retry": OptionRule(
        requires_method("call_with_retry"),
        _("“%(name)s” must be a Retry object of the driver, not %(value)s."),
        _('Import its class and use "%(name)s": Retry(…).'),
    ),
}
"""The rules by the name of the option, for options of this package and of the drivers."""


def find_value_errors(options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield errors about values that would fail when they are used."""
    for name, value in options.items():
        rule = OPTION_RULES.get(name)
        if value is None or not rule or rule.is_valid(value):
            continue
        # Values other than numbers may be secret.
        shown = repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
        yield ConfigError(rule.id, rule.message, rule.hint, name=name, value=shown)


def find_credential_errors(options: Mapping[str, Any]) -> Iterator[ConfigError]:
    names = [name for name in ("username", "password") if options.get(name)]
    if names and options.get("credential_provider"):
        yield ConfigError(
            "django_cachex.E117",
            _("“credential_provider” can't be combined with %(names)s."),
            _(
                "Remove the user name and the password from LOCATION and OPTIONS, or remove the "
                "provider."
            ),
            names=", ".join(f"“{name}”" for name in names),
        )


def validate_cache_options(options: Any) -> None:
    """Raise ConfigError if OPTIONS is not a dictionary, or has an invalid option of the cache."""
    if not isinstance(options, Mapping):
        raise ConfigError(
            "django_cachex.E102",
            _("OPTIONS must be a dictionary."),
            _('Use a dictionary, such as "OPTIONS": {"socket_timeout": 2}.'),
        )
    if flags := FAILURE_OPTIONS & options.keys():
        for error in find_value_errors({name: options[name] for name in flags}):
            raise error


def validate_options(driver: Driver, url: str, options: Mapping[str, Any]) -> None:
    """Raise the first error of `find_errors`."""
    for error in find_errors(driver, url, options):
        raise error


def validate_cluster_database(options: Mapping[str, Any]) -> None:
    """Raise ConfigError for a database number that a cluster doesn't have."""
    if str(options.get("db") or 0) != "0":
        raise ConfigError(
            "django_cachex.E106",
            _("A cluster only has database 0."),
            _("Remove the number from LOCATION, and “db” from OPTIONS."),
        )


def find_errors(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield the errors in OPTIONS and in the query of `url`, which takes precedence."""
    from_url = {n: v for n, v in parse_url(driver, url).items() if n not in NOT_IN_URL}
    combined = {**options, **from_url}
    yield from find_protocol_errors(options, from_url)
    yield from find_unknown_options(driver, url, options)
    yield from find_class_errors(driver, options)
    yield from find_value_errors(combined)
    yield from find_credential_errors(combined)


def find_protocol_errors(
    options: Mapping[str, Any], from_url: Mapping[str, Any]
) -> Iterator[ConfigError]:
    if options.get("decode_responses") or "decode_responses" in from_url:
        yield ConfigError(
            "django_cachex.E100",
            _(
                "“decode_responses” is not supported: cached values are bytes, which may not be "
                "text."
            ),
            _("Remove it. This changes nothing for the application."),
        )
    if any(str(given.get("protocol") or 2) != "2" for given in (options, from_url)):
        yield ConfigError(
            "django_cachex.E100",
            _("“protocol” can only be 2: replies are read as RESP2."),
            _("Remove it, or set it to 2. This changes nothing for the application."),
        )


def find_unknown_options(
    driver: Driver, url: str, options: Mapping[str, Any]
) -> Iterator[ConfigError]:
    """Yield errors about options that don't exist, or aren't allowed in a URL."""
    classes = get_sync_classes(driver, url, options)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    # In ``redis://user:12?34@host``, the query is the end of the password.
    may_be_password = "@" in parts.query and "@" not in parts.netloc
    for name in map(str, {**options, **query}):
        if name in OPTION_HINTS:
            yield ConfigError(
                "django_cachex.E108",
                _("“%(name)s” is an option of django-redis or django-valkey."),
                OPTION_HINTS[name],
                name=name,
                new=RENAMED_OPTIONS.get(name),
            )
        elif name in query.keys() & NOT_IN_URL:
            yield ConfigError(
                "django_cachex.E107",
                _("“%(name)s” is not allowed in the query of a URL."),
                _("Move it to OPTIONS."),
                name=name,
            )
        elif name not in NOT_IN_URL | INEFFECTIVE_DRIVER_OPTIONS and classes.rejects(name):
            is_secret = may_be_password and name in query
            yield (
                invalid_url_error(driver.name)
                if is_secret
                else unknown_option_error(name, driver, url)
            )


def unknown_option_error(name: str, driver: Driver, url: str) -> ConfigError:
    """Return the error about an option that doesn't exist, with a hint about what to use."""
    other = ""
    tls_options = get_parameters(driver.sync_module.SSLConnection).names
    if name in BLOCKING_POOL_OPTIONS:
        hint = _('It is an option of another pool. Also use "pool_class": "%(other)s".')
        other = f"{driver.name}.BlockingConnectionPool"
    elif name.startswith("ssl") and name in tls_options | {"ssl"}:
        hint = _("For TLS, LOCATION must start with %(other)s://.")
        other = "valkeys" if driver.name == "valkey" else "rediss"
    elif name in tls_options:
        hint = _("Remove it. Connections to a Unix socket don't have this option.")
    elif near := get_close_matches(name.lower(), list_option_names(driver, url), n=1):
        hint, other = _('Did you mean "%(other)s"?'), near[0]
    else:
        hint = _("Remove it. Neither the cache nor %(driver)s-py has such an option.")
    message = _("There is no option “%(name)s”.")
    return ConfigError(
        "django_cachex.E107", message, hint, name=name, other=other, driver=driver.name
    )


def list_option_names(driver: Driver, url: str) -> list[str]:
    """Return the names of all options that have an effect."""
    accepted = get_sync_classes(driver, url, {}).option_names()
    names = accepted | get_parameters(driver.sync_module.SSLConnection).names | OWN_OPTIONS
    names |= ASYNC_CLASS_OPTIONS | {"pool_class"}
    return sorted(names - INEFFECTIVE_DRIVER_OPTIONS - RETRY_OPTIONS)


def find_warnings(driver: Driver, url: str, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield warnings about options that have no effect on some or all connections."""
    given = {**options, **parse_url(driver, url)}
    sync_classes = get_sync_classes(driver, url, options)
    async_classes = get_async_classes(driver, url, options)
    for name in map(str, given):
        if name in RETRY_OPTIONS:
            yield ConfigError(
                "django_cachex.W106",
                _("“%(name)s” only has an effect while connecting, not on commands."),
                _(
                    "Remove it, unless connecting should be retried. If a connection is lost, "
                    "idempotent commands are sent again. After a timeout, no command is sent again."
                ),
                name=name,
            )
        if name in INEFFECTIVE_DRIVER_HINTS:
            hint = INEFFECTIVE_DRIVER_HINTS[name]
            yield ConfigError("django_cachex.W106", _("“%(name)s” has no effect."), hint, name=name)
        elif name in NOT_IN_URL | BLOCKING_POOL_OPTIONS or sync_classes.rejects(name):
            continue
        elif async_classes.rejects(name):
            yield ConfigError(
                "django_cachex.W103",
                _("The asyncio connections of %(driver)s-py don't have the option “%(name)s”."),
                _("Remove it, or don't use the asynchronous methods of this cache."),
                driver=driver.name,
                name=name,
            )


OTHER_DRIVER = {"valkey": "redis", "redis": "valkey"}
USUAL_CLASSES = {
    "pool_class": "ConnectionPool",
    "connection_class": "Connection",
    "parser_class": "DefaultParser",
}


def import_object(value: Any) -> Any:
    """Return the object that a dotted path names; return other objects unchanged."""
    return import_string(value) if isinstance(value, str) else value


def import_error(id: str, name: str, error: Exception) -> ConfigError:
    """Return the error for an option whose dotted path can't be imported."""
    module = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ImportError):
        hint = _("Import it in a shell to see the error.")
    elif isinstance(error, ModuleNotFoundError) and module:
        hint = _("Install the package that contains the module “%(module)s”, or correct the path.")
    else:
        hint = _("Correct the path. It consists of the module, a dot, and the class.")
    reason, message = describe_option_error(error), _("“%(name)s” can't be imported: %(reason)s.")
    return ConfigError(id, message, hint, name=name, reason=reason, module=module)


def describe_option_error(error: Exception) -> str:
    """Return a description of an error, without the text of exceptions of other packages.

    That text may contain secrets.
    """
    name = type(error).__name__
    is_safe_to_show = isinstance(error, ImportError | ImproperlyConfigured)
    return f"{name}: {error}" if is_safe_to_show else name


def find_class_errors(driver: Driver, options: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield errors about options whose class can't be used."""
    for name in CLASS_OPTIONS:
        if options.get(name) is not None:
            yield from find_class_error(driver, name, options[name])


def find_class_error(driver: Driver, name: str, given: Any) -> Iterator[ConfigError]:
    try:
        value = import_object(given)
    except Exception as error:  # Importing a module may raise any exception.
        yield import_error("django_cachex.E110", name, error)
        return
    kind, other = name.removeprefix("async_"), OTHER_DRIVER[driver.name]
    class_name = USUAL_CLASSES[kind]
    bases = value.__mro__ if isinstance(value, type) else ()
    if any(base.__module__.partition(".")[0] == other for base in bases):
        message = _("“%(name)s” is a class of %(other)s-py, but this cache uses %(driver)s-py.")
        class_name = value.__name__
    elif not is_usable_class(name, value):
        message = _("“%(name)s” is not a class that %(driver)s-py can use for this option.")
    else:
        return
    module = f"{driver.name}.{'asyncio.' if name != kind else ''}connection"
    hint = _('Use "%(name)s": "%(path)s", or remove the option.')
    path = f"{module}.{class_name}"
    yield ConfigError(
        "django_cachex.E110", message, hint, name=name, path=path, other=other, driver=driver.name
    )


def is_usable_class(name: str, value: Any) -> bool:
    """Return whether `value` is a class with the required methods, and asynchronous if needed."""
    methods = REQUIRED_METHODS[name.removeprefix("async_")]
    if not isinstance(value, type) or not all(hasattr(value, method) for method in methods):
        return False
    return inspect.iscoroutinefunction(getattr(value, methods[-1])) is name.startswith("async_")


SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")
TLS_SCHEMES = ("valkeys", "rediss")
SCHEME_ALIASES = {"valkey": "redis", "valkeys": "rediss"}

_match_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match
# These patterns don't match anything that could contain a password, so matches may be quoted.
_match_address = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?(/[0-9]*)?").fullmatch
_match_path = re.compile(r"(?:unix:)?(/[\w./-]+)").fullmatch


def parse_url(driver: Driver, url: str) -> dict[str, Any]:
    """Return the options in `url`, without the class of its connections.

    Raises:
        ConfigError: the driver can't parse it, or it has an invalid database. The drivers ignore a
            path that is not a number.
    """
    options = _parse(driver, url)
    if options is None:
        # The error of the driver isn't shown: it may quote a part of the password.
        raise url_error(driver, url)
    return options


def _parse(driver: Driver, url: str) -> dict[str, Any] | None:
    try:
        options: dict[str, Any] = dict(driver.sync_module.parse_url(url))
        path = unquote(urlsplit(url).path)
    except ValueError:
        return None
    options.pop("connection_class", None)
    return options if "path" in options or re.fullmatch("/*[0-9]*/*", path) else None


def url_error(driver: Driver, url: str) -> ConfigError:
    """Return the error for a URL that the driver can't parse."""
    match = _match_scheme(url)
    if not match:
        return not_a_url_error(driver.name, url)
    if _parse(driver, f"{match[1]}://") is None:
        return scheme_error(driver, match[1])
    query = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    pairs = [urlencode([pair]) for pair in query]
    invalid = [pair for pair in pairs if _parse(driver, f"{match[1]}://?{pair}") is None]
    if invalid:
        return ConfigError(
            "django_cachex.E104",
            _("LOCATION has an invalid value for %(names)s."),
            _("Correct the value in the query of the URL."),
            names=", ".join(pair.partition("=")[0] for pair in invalid),
        )
    return invalid_url_error(driver.name)


def invalid_url_error(driver_name: str) -> ConfigError:
    """Return the error for a URL that may contain a password that isn't percent-encoded."""
    return ConfigError(
        "django_cachex.E104",
        _("LOCATION is not a URL that %(driver)s-py understands."),
        _(
            "Use a URL such as %(driver)s://user:password@host:6379/0. In a password, the "
            "characters / ? # @ : , ; must be percent-encoded."
        ),
        driver=driver_name,
    )


def not_a_url_error(driver_name: str, text: str) -> ConfigError:
    """Return the error for text that is not a URL, which may be an address or a socket's path."""
    url = f"{driver_name}://127.0.0.1:6379/0"
    if path := _match_path(text):
        url = f"unix://{path[1]}?db=0"
    elif address := _match_address(text):
        url = f"{driver_name}://{address[1]}{address[2] or ':6379'}{address[3] or '/0'}"
    return ConfigError(
        "django_cachex.E104", _("LOCATION is not a URL."), _('Use "LOCATION": "%(url)s".'), url=url
    )


def scheme_error(driver: Driver, scheme: str) -> ConfigError:
    known = [f"{name}://" for name in SCHEMES if _parse(driver, f"{name}://") is not None]
    return ConfigError(
        "django_cachex.E105",
        _("%(driver)s-py doesn't support the scheme %(scheme)s:// in LOCATION."),
        _("Use %(alternative)s:// instead, which connects to the same server.")
        if scheme in SCHEME_ALIASES
        else _("It supports %(known)s."),
        driver=driver.name,
        scheme=scheme,
        alternative=SCHEME_ALIASES.get(scheme),
        known=", ".join(known),
    )

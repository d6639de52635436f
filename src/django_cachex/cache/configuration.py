"""The configuration of connections, made from LOCATION and OPTIONS."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.connection.drivers import (
    AsyncDriverConnection,
    Driver,
    DriverConnection,
    DriverPool,
    get_sync_classes,
    load_driver,
)
from django_cachex.cache.connection.protocol import DriverPacker, get_codec
from django_cachex.cache.connection.sync import MAX_TIMEOUT, ExchangeLimits
from django_cachex.cache.options import (
    ASYNC_CLASS_OPTIONS,
    CLASS_OPTIONS,
    INEFFECTIVE_DRIVER_OPTIONS,
    NOT_FOR_DRIVER,
    SYNC_CLASS_OPTIONS,
    import_object,
    invalid_url_error,
    not_a_url_error,
    parse_url,
    validate_options,
)

CONNECT_TIMEOUT = 5.0
DEFAULT_MAX_CONNECTIONS = 64
"""The maximum number of connections of one process, for all its threads, to one server."""
DEFAULT_POOL_TIMEOUT = 5.0
"""Seconds that a thread waits for a connection if all are in use."""

EXCHANGE_LIMITS = "exchange_limits"
"""The name of the `ExchangeLimits` of exchanges in `overrides`."""

# The seconds of silence before the first keepalive probe, the seconds between probes, and the
# number of unanswered probes after which the connection is closed, if the platform supports them.
_KEEPALIVE_VALUES = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
KEEPALIVE_OPTIONS: Mapping[str, Any] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, name): value
        for name, value in _KEEPALIVE_VALUES.items()
        if hasattr(socket, name)
    },
}
"""Keepalive probes prevent load balancers and firewalls from dropping idle connections, and detect
connections that are lost."""

# The options that choose a class of pools, and those that only such a class accepts.
POOL_OPTIONS = frozenset({"pool_class", "async_pool_class", "timeout", "queue_class"})


@dataclass(frozen=True)
class Configuration:
    """All settings that connections to a server depend on."""

    driver: Driver
    # Both may contain a password, so they are not part of repr().
    url: str = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    uses_breaker: bool = True
    """Whether the server has a circuit breaker."""
    exchange_limits: ExchangeLimits | None = None
    """The limits of an exchange on a blocking connection, in addition to the socket's timeout."""

    @cached_property
    def effective_options(self) -> Mapping[str, Any]:
        """The options and those in the URL, which take precedence."""
        return {**self.options, **parse_url(self.driver, self.url)}

    @property
    def address(self) -> str:
        """The database, as ``host:port/db`` or ``path?db=…``, without credentials."""
        options = self.effective_options
        if "path" in options:
            return f"{options['path']}?db={options.get('db', 0)}"
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        return f"{host}:{port}/{options.get('db', 0)}"

    @cached_property
    def _pool(self) -> DriverPool:
        options = {name: v for name, v in self.options.items() if name not in ASYNC_CLASS_OPTIONS}
        if not get_sync_classes(self.driver, self.url, options).rejects("command_packer"):
            options.setdefault("command_packer", DriverPacker(get_codec(self.driver.name)))
        pool_class: Any = options.pop("pool_class", None) or self.driver.sync_module.ConnectionPool
        pool: DriverPool = pool_class.from_url(self.url, **options)
        return pool

    def connection(self) -> DriverConnection:
        """Return a new blocking connection with the options of the pool, without connecting it."""
        connection: DriverConnection = self._pool.connection_class(**self._pool.connection_kwargs)
        return connection

    def async_connection(self) -> AsyncDriverConnection:
        """Return a new asyncio connection, without connecting it."""
        with self.map_errors():
            pool = self._async_pool()
            connection: AsyncDriverConnection = pool.connection_class(**pool.connection_kwargs)
        return connection

    def connect(self, connection: DriverConnection) -> None:
        """Connect a connection that `connection` has returned."""
        connection.connect()

    async def aconnect(self, connection: AsyncDriverConnection) -> None:
        """Connect a connection that `async_connection` has returned."""
        await connection.connect()

    @contextmanager
    def map_errors(self) -> Iterator[None]:
        """Raise ImproperlyConfigured for exceptions from the constructors of the driver's classes.

        The message doesn't contain their text, which may include secrets.
        """
        try:
            yield
        except Exception as error:
            raise ImproperlyConfigured(
                f"{self.driver.name}-py can't create a connection with these OPTIONS and this "
                f"LOCATION: {type(error).__name__}."
            ) from error

    @property
    def max_connections(self) -> int:
        """The maximum number of blocking connections of a process."""
        maximum: int = getattr(self._pool, "max_connections", DEFAULT_MAX_CONNECTIONS)
        is_set = self.effective_options.get("max_connections")
        return maximum if is_set else min(maximum, DEFAULT_MAX_CONNECTIONS)

    @property
    def pool_timeout(self) -> float:
        """Seconds to wait for a connection if all are in use."""
        seconds = getattr(self._pool, "timeout", DEFAULT_POOL_TIMEOUT)
        return MAX_TIMEOUT if seconds is None else seconds

    def _async_pool(self) -> DriverPool:
        pool_class: Any = self.options.get("async_pool_class") or self._async_twin()
        options = {
            name: value
            for name, value in self.options.items()
            if name not in SYNC_CLASS_OPTIONS | ASYNC_CLASS_OPTIONS
        }
        if not issubclass(pool_class, self.driver.async_module.BlockingConnectionPool):
            options.pop("timeout", None)
        if "async_parser_class" in self.options:
            options["parser_class"] = self.options["async_parser_class"]
        if "retry" in options:
            options["retry"] = self._async_retry(options["retry"])
        pool: DriverPool = pool_class.from_url(self.url, **options)
        return pool

    def _async_twin(self) -> type:
        """Return the driver's asyncio pool class that corresponds to the blocking one."""
        chosen = self.options.get("pool_class")
        blocking_class = self.driver.sync_module.BlockingConnectionPool
        is_blocking = isinstance(chosen, type) and issubclass(chosen, blocking_class)
        name = "BlockingConnectionPool" if is_blocking else "ConnectionPool"
        async_class: type = getattr(self.driver.async_module, name)
        return async_class

    def _async_retry(self, retry: Any) -> Any:
        """Return the asyncio version of the driver's `Retry`, whose attributes are private."""
        if isinstance(retry, self.driver.async_module.Retry):
            return retry
        return self.driver.async_module.Retry(retry._backoff, retry._retries)


def configure(
    driver_name: str, url: str, options: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Configuration:
    """Validate the settings of an alias and return its configuration.

    `overrides` take precedence over `options` and the query of `url`. They may include
    `exchange_limits`.

    Raises:
        ConfigError: a setting is invalid.
        ImproperlyConfigured: the driver rejects the settings.
    """
    driver = load_driver(driver_name)
    url = strip_query_options(url, frozenset(overrides))
    given = {**options, **{n: value for n, value in overrides.items() if n != EXCHANGE_LIMITS}}
    validate_options(driver, url, given)
    excluded = NOT_FOR_DRIVER | INEFFECTIVE_DRIVER_OPTIONS | {"decode_responses"}
    driver_options = {name: value for name, value in given.items() if name not in excluded}
    for name in driver_options.keys() & CLASS_OPTIONS:
        driver_options[name] = import_object(driver_options[name])
    driver_options.setdefault("socket_connect_timeout", CONNECT_TIMEOUT)
    if not get_sync_classes(driver, url, driver_options).rejects("socket_keepalive"):
        driver_options = {**KEEPALIVE_OPTIONS, **driver_options}
    url = strip_query_options(url, INEFFECTIVE_DRIVER_OPTIONS)
    configuration = Configuration(
        driver,
        url,
        driver_options | {"protocol": 2},
        uses_breaker=bool(options.get("breaker", True)),
        exchange_limits=overrides.get(EXCHANGE_LIMITS),
    )
    with configuration.map_errors():
        configuration.connection()
    return configuration


def parse_locations(location: str | Sequence[str], driver_name: str = "redis") -> list[str]:
    """Return the URLs in a LOCATION: that of the primary, then those of its read replicas.

    Raises:
        ConfigError: it is neither text nor a list of texts, or is empty, or a password contains a
            separator. The hint has a URL for the driver.
    """
    is_list = isinstance(location, Sequence) and not isinstance(location, str)
    urls = list(location) if is_list else re.split("[;,]", str(location or ""))
    if not urls or not all(isinstance(url, str) and url for url in urls):
        raise not_a_url_error(driver_name, "")
    if len(urls) > 1 and any("@" in url and "://" not in url for url in urls):
        raise invalid_url_error(driver_name)  # The separator is a part of a password.
    return urls


def format_host(host: str) -> str:
    """Return a host as a URL contains it, with brackets around an IPv6 address."""
    return f"[{host}]" if ":" in host else host


def strip_query_options(url: str, names: frozenset[str]) -> str:
    """Return `url` without the options `names` in its query, which would take precedence."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # It is rejected later, without quoting it.
    query = parse_qsl(parts.query, keep_blank_values=True)
    remaining = [(name, value) for name, value in query if name not in names]
    return url if remaining == query else urlunsplit(parts._replace(query=urlencode(remaining)))


def make_hashable(value: Any) -> Any:
    """Return a hashable object for the value of an option, which is equal for equal values."""
    if isinstance(value, Mapping):
        return "mapping", frozenset((name, make_hashable(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return "sequence", tuple(make_hashable(item) for item in value)
    if isinstance(value, (set, frozenset)):
        return "set", frozenset(make_hashable(item) for item in value)
    try:
        hash(value)
    except TypeError:
        return "object", id(value)
    return type(value), value

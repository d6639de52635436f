"""The drivers valkey-py and redis-py, and the options that their classes accept."""

from __future__ import annotations

import asyncio
import functools
import inspect
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from django.utils.module_loading import import_string
from django.utils.translation.trans_null import gettext_noop as _  # The other needs settings.

from django_cachex.exceptions import ConfigError


class DriverConnection(Protocol):
    """A driver's connection to one server."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...


class AsyncDriverConnection(Protocol):
    """A driver's connection to one server, on an event loop."""

    socket_timeout: float | None

    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = False) -> None: ...


class DriverPool(Protocol):
    """A driver's connection pool. Only its settings for creating connections are used."""

    connection_class: Any
    connection_kwargs: dict[str, Any]


# All uses of the drivers' private attributes. The drivers have no public way to get the socket or
# the streams of a connection.


def get_socket(connection: Any) -> socket.socket:
    """Return the socket of a blocking connection that is connected."""
    sock: socket.socket = connection._sock
    return sock


def shut_down_socket(connection: Any) -> None:
    """End the operation that another thread waits for on a blocking connection."""
    sock = connection._sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def detach_streams(connection: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return the streams of an asyncio connection, and remove them from it."""
    streams = connection._reader, connection._writer
    connection._reader = connection._writer = None
    return streams


@dataclass(frozen=True, slots=True)
class Driver:
    """An imported driver."""

    name: str
    sync_module: ModuleType
    """The module with the driver's blocking connections and pools."""
    async_module: ModuleType
    """The same module for asyncio."""
    errors: ModuleType
    error: type[Exception]
    """The base class of the driver's exceptions."""


# The name of each driver's base exception.
ERROR_CLASSES = {"valkey": "ValkeyError", "redis": "RedisError"}


@functools.cache
def load_driver(name: str) -> Driver:
    """Import the driver `name`; raise ConfigError if it is not installed."""
    try:
        sync_module = import_module(f"{name}.connection")
    except ImportError as missing:
        raise ConfigError(
            "django_cachex.E103",
            _("This cache needs the driver %(driver)s-py, which is not installed."),
            _("Run: pip install %(driver)s"),
            driver=name,
        ) from missing
    async_module = import_module(f"{name}.asyncio.connection")
    errors = import_module(f"{name}.exceptions")
    return Driver(name, sync_module, async_module, errors, getattr(errors, ERROR_CLASSES[name]))


NAMED_PARAMETERS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class AcceptedParameters:
    """The parameters of a class's constructor."""

    names: frozenset[str]
    accepts_any: bool
    """Whether it accepts any other keyword argument as well."""


@functools.cache
def get_parameters(kind: type) -> AcceptedParameters:
    """Return the parameters of `kind`, and of its bases as long as each passes on `**kwargs`."""
    names: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        own = inspect.signature(vars(base)["__init__"]).parameters
        names.update(name for name, one in own.items() if one.kind in NAMED_PARAMETERS)
        if all(one.kind is not one.VAR_KEYWORD for one in own.values()):
            return AcceptedParameters(frozenset(names - {"self"}), False)
    return AcceptedParameters(frozenset(names - {"self"}), True)


@dataclass(frozen=True)
class DriverClasses:
    """The classes of a driver that an alias uses, either the blocking or the asyncio ones."""

    pool: type
    connection: type

    def rejects(self, name: str) -> bool:
        """Return whether neither class accepts the option `name`."""
        accepted = get_parameters(self.connection)
        return not accepted.accepts_any and name not in self.option_names()

    def option_names(self) -> frozenset[str]:
        """Return the names of all options that the two classes accept."""
        return get_parameters(self.pool).names | get_parameters(self.connection).names


def get_sync_classes(driver: Driver, url: str, options: Mapping[str, Any]) -> DriverClasses:
    module = driver.sync_module
    pool = resolve_class(options.get("pool_class"), module.ConnectionPool)
    connection = resolve_class(options.get("connection_class"), get_connection_class(module, url))
    return DriverClasses(pool, connection)


def get_async_classes(driver: Driver, url: str, options: Mapping[str, Any]) -> DriverClasses:
    module = driver.async_module
    pool = resolve_class(options.get("async_pool_class"), module.ConnectionPool)
    return DriverClasses(pool, get_connection_class(module, url))


def resolve_class(given: Any, default: type) -> type:
    """Return the class that an option names, or `default` if it doesn't name a class."""
    try:
        value = import_string(given) if isinstance(given, str) else given
    except Exception:  # A module may raise any exception. Another check reports it.
        return default
    return value if isinstance(value, type) else default


def get_connection_class(module: ModuleType, url: str) -> type:
    """Return the connection class that the driver uses for the scheme of `url`."""
    try:
        value = module.parse_url(url).get("connection_class")
    except ValueError:
        value = None
    return value if isinstance(value, type) else module.Connection

"""The drivers valkey-py and redis-py, and the parameters that their classes take."""

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

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string


class Connection(Protocol):
    """A driver's connection to one server."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...


class AsyncConnection(Protocol):
    """A driver's connection to one server, on an event loop."""

    socket_timeout: float | None

    async def connect(self) -> None: ...
    async def disconnect(self, nowait: bool = False) -> None: ...


class Pool(Protocol):
    """A driver's pool, which is asked how its connections are made, and for nothing else."""

    connection_class: Any
    connection_kwargs: dict[str, Any]


# The private attributes of the drivers that are used, all here: there is no public way from a
# connection that is connected to what it is connected by.


def socket_of(connection: Any) -> socket.socket:
    """Return the socket of a blocking connection that is connected."""
    found: socket.socket = connection._sock
    return found


def disconnect_from_outside(connection: Any) -> None:
    """End whatever another thread waits for on a blocking connection."""
    sock = connection._sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def taken_from(connection: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return what a connection reads and writes with, which from now on is not its own."""
    taken = connection._reader, connection._writer
    connection._reader = connection._writer = None
    return taken


@dataclass(frozen=True, slots=True)
class Driver:
    """One of the drivers, imported."""

    name: str
    blocking: ModuleType
    """Its module of connections and pools."""
    awaitable: ModuleType
    """The same on event loops."""
    errors: ModuleType
    error: type[Exception]
    """The base of its errors."""
    lease: tuple[str, ...]
    """What `get_connection` wants to be told: valkey-py a command's name, redis-py nothing."""


# How each driver spells what the other has too.
SPELLINGS = {"valkey": ("ValkeyError", ("",)), "redis": ("RedisError", ())}


@functools.cache
def load(name: str) -> Driver:
    """Import the driver `name`; raise ImproperlyConfigured where it is not installed."""
    error, lease = SPELLINGS[name]
    try:
        blocking = import_module(f"{name}.connection")
    except ImportError as missing:
        raise ImproperlyConfigured(
            f"This cache needs the driver {name}: pip install {name}"
        ) from missing
    awaitable = import_module(f"{name}.asyncio.connection")
    errors = import_module(f"{name}.exceptions")
    return Driver(name, blocking, awaitable, errors, getattr(errors, error), lease)


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
        found = module.parse_url(url).get("connection_class")
    except ValueError:
        found = None
    return found if isinstance(found, type) else module.Connection

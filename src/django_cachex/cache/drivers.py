"""The two drivers, valkey-py and redis-py: a name and the modules it imports.

Their connections and pools have one API; the protocols here name all of it that is used.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured


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

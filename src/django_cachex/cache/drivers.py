"""The two drivers, valkey-py and redis-py: a name and the modules it imports.

Their connections and pools have one API; the protocols here name all of it that is used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured


class Connection(Protocol):
    """A driver's connection to one server."""

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]: ...
    def send_packed_command(self, command: list[bytes]) -> None: ...
    def read_response(self) -> Any: ...
    def disconnect(self) -> None: ...


class Pool(Protocol):
    """A driver's pool of connections."""

    def get_connection(self, *command: str) -> Connection: ...
    def release(self, connection: Connection) -> None: ...
    def disconnect(self) -> None: ...


class AsyncConnection(Protocol):
    """A driver's connection to one server, on an event loop."""

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]: ...
    async def send_packed_command(self, command: list[bytes]) -> None: ...
    async def read_response(self) -> Any: ...
    async def disconnect(self, nowait: bool = False) -> None: ...


class AsyncPool(Protocol):
    """A driver's pool of connections, on an event loop."""

    async def get_connection(self, *command: str) -> AsyncConnection: ...
    async def release(self, connection: AsyncConnection) -> None: ...
    async def disconnect(self) -> None: ...


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

"""One way to call a cache for both of its halves, so that a fault is written down once."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.connection.server import Server
from django_cachex.commands import Command
from django_cachex.commands.command import Operation, parse_raw

WHO = Command(("CLIENT", "ID"), int)
# Holds the connection without an answer for as long as no test lasts.
HANG = Command(("BLPOP", b"nothing", 30), parse_raw)


class Caller(Protocol):
    """Calls the methods of a cache, blocking or awaited, and returns what they return."""

    cache: ServerCache

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return what the method `name`, or its asynchronous twin, returns."""

    def run(self, command: Command[Any] | Operation[Any]) -> Any:
        """Return the result of a request, or of the steps of an operation."""

    def settle(self) -> None:
        """Let an event loop see what happened to its connections meanwhile."""

    def close(self) -> None:
        """Close the connections."""


def server_of(cache: ServerCache) -> Server:
    """Return the one server that `cache` asks."""
    server = cache.client.server
    assert isinstance(server, Server)
    return server


class Blocking:
    def __init__(self, cache: ServerCache) -> None:
        self.cache = cache

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.cache, name)(*args, **kwargs)

    def run(self, command: Command[Any] | Operation[Any]) -> Any:
        return self.cache.client.run(command)

    def settle(self) -> None:
        """A thread looks when it calls."""

    def close(self) -> None:
        server_of(self.cache).after_fork()  # Lets go of all connections.


class Awaiting:
    """Calls on one event loop, which stands still between the calls."""

    def __init__(self, cache: ServerCache) -> None:
        self.cache = cache
        self._runner = asyncio.Runner()

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._runner.run(getattr(self.cache, f"a{name}")(*args, **kwargs))

    def run(self, command: Command[Any] | Operation[Any]) -> Any:
        return self._runner.run(self.cache.client.arun(command))

    def settle(self) -> None:
        async def turn() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        self._runner.run(turn())

    def close(self) -> None:
        self._runner.close()
        server_of(self.cache).after_fork()


CALLERS: dict[str, type[Blocking] | type[Awaiting]] = {"blocking": Blocking, "awaited": Awaiting}

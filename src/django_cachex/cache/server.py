"""Servers and their connections: leased from the driver's pools, which all caches share.

Caches are made per thread and per task; what is expensive lives here, once for a process and a
configuration, and once more for each event loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from django_cachex.cache.configuration import Configuration, configure, frozen
from django_cachex.cache.drivers import AsyncPool, Pool
from django_cachex.cache.errors import translated
from django_cachex.cache.exchange import aexchange, exchange, leaves_open
from django_cachex.commands.exceptions import ReadOnlyError
from django_cachex.commands.request import Request, Steps, conversation

T = TypeVar("T")


class Server:
    """One configured server. `Server.of` returns the same one for the same configuration."""

    __slots__ = ("_async_pools", "_driver", "_pool", "configuration")

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._driver = configuration.driver
        self._pool: Pool | None = None
        self._async_pools: dict[asyncio.AbstractEventLoop, LoopPool] = {}

    @classmethod
    def of(
        cls,
        driver: str,
        url: str,
        options: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Server:
        """Return the server at `url`, reached through `driver` ("valkey" or "redis").

        `options` are the driver's, as in OPTIONS; `overrides` win over them and over the URL.
        Nothing is connected yet. Raise ImproperlyConfigured for what cannot work.
        """
        name = driver, url, frozen(options or {}), frozen(overrides or {})
        server = _registry.servers.get(name)
        if server is None:
            server = cls(configure(driver, url, options or {}, overrides or {}))
            with _registry.lock:
                server = _registry.servers.setdefault(name, server)
        return server

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._driver.name} {self.address}>"

    @property
    def address(self) -> str:
        """Which database this is, as ``host:port/db`` or ``path?db=…``; never a credential."""
        return self.configuration.address

    def run(self, command: Request[T] | Steps[T]) -> T:
        """Send a request, or all steps of an operation over one connection; return the result.

        Raise `CommandError` for what the server refuses, `ServerUnavailable`, `ServerTimeout`.
        """
        talk = conversation(command)
        try:
            return self._converse(talk, next(talk))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except self._driver.error as error:
            raise translated(error, self._driver) from error

    async def arun(self, command: Request[T] | Steps[T]) -> T:
        """Do what `run` does, on the running event loop."""
        talk = conversation(command)
        try:
            return await self._aconverse(talk, next(talk))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except self._driver.error as error:
            raise translated(error, self._driver) from error

    def _converse(self, talk: Steps[T], requests: Sequence[Request[Any]]) -> T:
        pool = self._pool or self._new_pool()
        connection = pool.get_connection(*self._driver.lease)
        discard = False
        try:
            while True:
                replies = exchange(connection, requests, self._driver)
                discard = leaves_open(requests, discard)
                requests = talk.send(replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except ReadOnlyError:
            discard = True  # After a failover, the same name leads to another server.
            raise
        finally:
            if discard:
                connection.disconnect()
            pool.release(connection)

    async def _aconverse(self, talk: Steps[T], requests: Sequence[Request[Any]]) -> T:
        pool = await self._loop_pool()
        connection = await pool.get_connection(*self._driver.lease)
        discard = False
        try:
            while True:
                replies = await aexchange(connection, requests, self._driver)
                discard = leaves_open(requests, discard)
                requests = talk.send(replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except ReadOnlyError:
            discard = True  # As above.
            raise
        finally:
            if discard:
                await connection.disconnect(nowait=True)
            await pool.release(connection)

    def _new_pool(self) -> Pool:
        with _registry.lock:
            if self._pool is None:
                self._pool = self.configuration.pool()
            return self._pool

    async def _loop_pool(self) -> AsyncPool:
        """Return the pool of the running loop, which closes it when it shuts down."""
        loop = asyncio.get_running_loop()
        found = self._async_pools.get(loop)
        if found is None:
            self._forget_closed_loops()
            pool = self.configuration.async_pool()
            closer = self._closing(loop, pool)
            found = self._async_pools[loop] = LoopPool(pool, closer)
            await anext(closer)
        return found.pool

    async def _closing(
        self, loop: asyncio.AbstractEventLoop, pool: AsyncPool
    ) -> AsyncGenerator[None]:
        """Wait for the loop's end: asyncio closes running generators before it closes a loop."""
        try:
            yield
        finally:
            self._async_pools.pop(loop, None)
            await pool.disconnect()

    def _forget_closed_loops(self) -> None:
        """Drop the pools of loops that ended without shutting down their generators."""
        for loop in [loop for loop in list(self._async_pools) if loop.is_closed()]:
            self._async_pools.pop(loop, None)

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._pool = None  # The driver's connections close without a word in a child.
        _registry.inherited.extend(self._async_pools.values())
        self._async_pools = {}


class LoopPool(NamedTuple):
    """The pool of one event loop, and the generator that closes it."""

    pool: AsyncPool
    closer: AsyncGenerator[None]


class Registry:
    """All servers of this process, by configuration."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.servers: dict[Any, Server] = {}
        self.inherited: list[LoopPool] = []
        """Pools of event loops that run in the parent: collecting them would disturb those."""

    def after_fork(self) -> None:
        """Start anew in a child, where another thread's lock would never be released."""
        self.lock = threading.Lock()
        for server in self.servers.values():
            server.after_fork()


_registry = Registry()
os.register_at_fork(after_in_child=_registry.after_fork)

"""Servers and the ways to them, which all caches of a process share.

Caches are made per thread and per task; what is expensive lives here, once for a process and a
configuration, and once more for each event loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from django_cachex.cache.configuration import Configuration, configure, frozen
from django_cachex.cache.errors import broken, translated
from django_cachex.cache.line import Line
from django_cachex.cache.loops import Loops
from django_cachex.cache.pool import Lines
from django_cachex.cache.resp import checked, codec_for, packed
from django_cachex.commands.exceptions import CachexError, ReadOnlyError, ServerUnavailable
from django_cachex.commands.request import Request, Steps, advance, leaves_open

T = TypeVar("T")


class Server:
    """One configured server. `Server.of` returns the same one for the same configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._driver = configuration.driver
        self._codec = codec_for(self._driver.name)
        self.after_fork()

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
        if isinstance(command, Request):
            return command.read(self._ask(command))
        return self._converse(command)

    async def arun(self, command: Request[T] | Steps[T]) -> T:
        """Do what `run` does, on the running event loop."""
        return await self._loops.here().run(command)

    def _ask(self, request: Request[Any]) -> Any:
        """Return the raw reply to `request`; send it again where that is harmless and of use."""
        data = self._codec.pack(checked(request.words))
        lines = self._lines
        while True:
            line = lines.lease() if request.idempotent else self._open_line()
            try:
                reply = line.ask(data)
            except BaseException as error:
                lines.drop(line)
                if isinstance(error, OSError):
                    self._give_up_unless(line.reused and request.idempotent, error)
                    continue
                raise
            if isinstance(reply, CachexError):
                self._give_back_unless_moved(line, reply)
                raise reply
            lines.give_back(line)
            return reply

    def _converse(self, steps: Steps[T]) -> T:
        try:
            requests = next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        line, clean = self._open_line(), False
        try:
            while True:
                data, clean = packed(requests, self._codec.pack), False
                replies = line.ask_all(data, len(requests))
                clean = not leaves_open(requests)
                requests = advance(steps, requests, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except (ReadOnlyError, ServerUnavailable):
            clean = False
            raise
        except OSError as error:
            raise broken(error, self.address) from error
        finally:
            (self._lines.give_back if clean else self._lines.drop)(line)

    def _open_line(self) -> Line:
        """Lease a connection whose other end is there, for what must not be sent twice."""
        while (line := self._lines.lease()).reused and not line.is_open():
            self._lines.drop(line)
        return line

    def _give_up_unless(self, harmless: bool, error: OSError) -> None:
        """Raise our error, unless sending again, on a new connection, is harmless and may help."""
        failure = broken(error, self.address)
        if not harmless or isinstance(error, (BlockingIOError, TimeoutError)):
            raise failure from error
        self._lines.drop_free()

    def _give_back_unless_moved(self, line: Line, reply: CachexError) -> None:
        """After a failover the same name leads to another server: then connect anew."""
        moved = isinstance(reply, (ReadOnlyError, ServerUnavailable))
        (self._lines.drop if moved else self._lines.give_back)(line)

    def _connect(self) -> Line:
        connection = self.configuration.connection()
        try:
            connection.connect()
            return Line(connection, self._codec)
        except self._driver.error as error:
            raise translated(error, self._driver) from error

    def after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        limit, patience = self.configuration.limit, self.configuration.patience
        # The driver's connections close without a word in a child.
        self._lines = Lines(self._connect, limit, patience)
        self._loops = Loops(self.configuration, self._codec)


class Registry:
    """All servers of this process, by configuration."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.servers: dict[Any, Server] = {}
        self.inherited: list[Loops] = []
        """Ways of event loops that run in the parent: collecting them would disturb those."""

    def after_fork(self) -> None:
        """Start anew in a child, where another thread's lock would never be released."""
        self.lock = threading.Lock()
        for server in self.servers.values():
            self.inherited.append(server._loops)
            server.after_fork()


_registry = Registry()
os.register_at_fork(after_in_child=_registry.after_fork)

"""The client of a server and its replicas."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.configuration import POOL_OPTIONS, parse_locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.migration import UnsupportedClientMethods
from django_cachex.cache.operations import Endpoint
from django_cachex.cache.pipeline import Pipeline
from django_cachex.commands.all import AllCommands
from django_cachex.commands.cache_api import CacheOperationsMixin
from django_cachex.commands.command import Command, Operation, add_key_note, execute_all
from django_cachex.commands.scan import ScanIterMixin
from django_cachex.commands.server_versions import raise_if_unsupported
from django_cachex.commands.strings import StringCommands
from django_cachex.exceptions import CachexError, CommandError, ServerUnavailable

T = TypeVar("T")


class Client(
    StringCommands,
    CacheOperationsMixin,
    AllCommands[bytes],
    ScanIterMixin[bytes],
    UnsupportedClientMethods,
):
    """Commands on one server. What may be read from a replica is read from a random one, or from
    the primary if that one does not answer.

    Keys are stored keys, values are raw bytes. Without a timeout, `set` and `add` store for good.
    """

    def __init__(self, server: Endpoint, replicas: Sequence[Endpoint] = ()) -> None:
        self.server = server
        self.replicas = tuple(replicas)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.server.address}>"

    @classmethod
    def from_settings(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> Self:
        """Return the client that CACHES describes, on connections apart from the application's.

        `driver` is "valkey" or "redis"; `location` and `options` are LOCATION and OPTIONS as
        Django's RedisCache takes them, of which the pool's class is left out; `overrides` are
        options of the driver that win over all, such as ``socket_timeout=2``. Equal arguments
        share their connections. Raise ImproperlyConfigured for what cannot work.
        """
        own = {n: v for n, v in (options or {}).items() if n not in POOL_OPTIONS}
        own["breaker"] = False  # Whoever asks this way wants an attempt.
        return cls.from_options(driver, location, own, overrides)

    @classmethod
    def from_options(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the client that CACHES describes, on the application's own connections.

        Classes of other topologies make something else of LOCATION and OPTIONS.
        """
        urls = parse_locations(location)
        server, *replicas = (Server.for_url(driver, url, options, overrides) for url in urls)
        return cls(server, replicas)

    @property
    def primary(self) -> Self:
        """This client without the replicas: it reads what has just been written."""
        return type(self)(self.server)

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation over one connection; return the result.

        Raise `CommandError` for what the server refuses, `ServerUnavailable`, `ServerTimeout`.
        """
        try:
            if self.replicas and isinstance(command, Command) and command.readonly:
                return self._run_on_replica(command)
            return self.server.run(command)
        except CommandError as error:
            if isinstance(command, Command):
                raise_if_unsupported(command.args, error)
            raise
        except Exception as error:
            self._add_key_note(command, error)
            raise

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop."""
        try:
            if self.replicas and isinstance(command, Command) and command.readonly:
                return await self._arun_on_replica(command)
            return await self.server.arun(command)
        except CommandError as error:
            if isinstance(command, Command):
                raise_if_unsupported(command.args, error)
            raise
        except Exception as error:
            self._add_key_note(command, error)
            raise

    def _add_key_note(self, command: Command[Any] | Operation[Any], error: Exception) -> None:
        """Say of which key the value is that cannot be decoded."""
        if isinstance(command, Command) and not isinstance(error, CachexError):
            add_key_note(command, error)

    def collect(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Send `commands` in one round trip; return their results in order.

        Where the server refused a command, a `CommandError` stands in place of its result.
        """
        return self.server.run(execute_all(commands)) if commands else []

    async def acollect(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Do what `collect` does, on the running event loop."""
        return await self.server.arun(execute_all(commands)) if commands else []

    def pipeline(self, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline, which with `transaction` runs as one."""
        return Pipeline(self, self, transaction)

    def _run_on_replica(self, command: Command[T]) -> T:
        """Ask a replica, and the primary where that does not answer."""
        try:
            return random.choice(self.replicas).run(command)
        except ServerUnavailable:
            return self.server.run(command)

    async def _arun_on_replica(self, command: Command[T]) -> T:
        """Do what `_read` does, on the running event loop."""
        try:
            return await random.choice(self.replicas).arun(command)
        except ServerUnavailable:
            return await self.server.arun(command)


class MisconfiguredClient:
    """Raises, whatever it is asked.

    Django's own system checks make every cache. If that raised, `manage.py check` would end before
    it could say what is wrong.
    """

    def __init__(self, error: ImproperlyConfigured) -> None:
        self._error = error

    def __getattr__(self, name: str) -> NoReturn:
        raise self._error.with_traceback(None)

"""The client of a server and its read replicas."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.configuration import POOL_OPTIONS, parse_locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.migration import UnsupportedClientMethods
from django_cachex.cache.options import normalize_options
from django_cachex.cache.pipeline import Pipeline
from django_cachex.cache.steps import Endpoint
from django_cachex.commands import AllCommands
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
    """The commands of one server, with stored keys and raw values.

    Read-only commands are sent to a random replica if there are any, and to the primary if the
    replica is not available. By default, `set` and `add` store values without a timeout.
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
        """Return a client for settings as in CACHES, with other connections than the cache's.

        Clients with equal arguments share their connections.

        Args:
            driver: "valkey" or "redis".
            location: the LOCATION of a cache.
            options: the OPTIONS of a cache. The classes of pools are ignored.
            overrides: options that take precedence over all others, such as ``socket_timeout=2``.

        Raises:
            ImproperlyConfigured: the settings are invalid.
        """
        given = normalize_options(options or {})
        own = {n: v for n, v in given.items() if n not in POOL_OPTIONS}
        own["breaker"] = False  # Every call makes an attempt.
        return cls.from_options(driver, location, own, overrides)

    @classmethod
    def from_options(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return a client for settings as in CACHES, which shares the cache's connections.

        Subclasses for other topologies interpret LOCATION and OPTIONS differently.
        """
        urls = parse_locations(location)
        server, *replicas = (Server.for_url(driver, url, options, overrides) for url in urls)
        return cls(server, replicas)

    @property
    def primary(self) -> Self:
        """This client without the replicas, to read values that have just been written."""
        return type(self)(self.server)

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or all steps of an operation on one connection, and return the result.

        Raises:
            CommandError: the server returned an error.
            ServerUnavailable: the server could not be reached, or the connection was lost.
            ServerTimeout: the server did not respond in time.
        """
        try:
            if self.replicas and isinstance(command, Command) and command.readonly:
                return self._run_on_replica(command)
            return self.server.run(command)
        except Exception as error:
            explain(command, error)
            raise

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop."""
        try:
            if self.replicas and isinstance(command, Command) and command.readonly:
                return await self._arun_on_replica(command)
            return await self.server.arun(command)
        except Exception as error:
            explain(command, error)
            raise

    _run, _arun = run, arun  # The methods of commands send with these.

    def collect(self, commands: Sequence[Command[Any]]) -> list[Any]:
        """Send `commands` in one round trip and return their results in order.

        If the server refuses a command, the result is the `CommandError`.
        """
        return self.server.run(execute_all(commands)) if commands else []

    def pipeline(self, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline, which runs as a transaction if `transaction` is True."""
        return Pipeline(self, transaction)

    def _run_on_replica(self, command: Command[T]) -> T:
        """Run a command on a replica, or on the primary if the replica is not available."""
        try:
            return random.choice(self.replicas).run(command)
        except ServerUnavailable:
            return self.server.run(command)

    async def _arun_on_replica(self, command: Command[T]) -> T:
        """Do the same as `_run_on_replica`, on the running event loop."""
        try:
            return await random.choice(self.replicas).arun(command)
        except ServerUnavailable:
            return await self.server.arun(command)


def explain(command: Command[Any] | Operation[Any], error: Exception) -> None:
    """Raise an error that names the versions if the server is too old for `command`.

    If a value can't be decoded, add its key to the exception.
    """
    if isinstance(command, Command):
        if isinstance(error, CommandError):
            raise_if_unsupported(command.args, error)
        elif not isinstance(error, CachexError):
            add_key_note(command, error)


class MisconfiguredClient:
    """The client of a cache with invalid settings. Any use raises the error.

    The constructor of a cache can't raise it: Django's own checks create all caches, so
    `manage.py check` would stop before it could report the problem.
    """

    def __init__(self, error: ImproperlyConfigured) -> None:
        self._error = error

    def __getattr__(self, name: str) -> NoReturn:
        raise self._error.with_traceback(None)

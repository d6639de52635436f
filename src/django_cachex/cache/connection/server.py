"""Servers, whose connections are shared by all caches of a process."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from django.core.signals import setting_changed

from django_cachex.cache import tracing
from django_cachex.cache.configuration import Configuration, configure, make_hashable
from django_cachex.cache.connection.circuit_breaker import CircuitBreaker, NullCircuitBreaker
from django_cachex.cache.connection.errors import (
    is_rejected_by_replica,
    is_rejection,
    map_os_error,
)
from django_cachex.cache.connection.event_loops import EventLoopRegistry
from django_cachex.cache.connection.opening import connect_deadline, connection_attempt
from django_cachex.cache.connection.protocol import (
    ServerCodec,
    encode_integers,
    get_codec,
    pack_commands,
)
from django_cachex.cache.connection.sync import (
    BoundedSyncConnection,
    ConnectionPool,
    SyncConnection,
)
from django_cachex.commands.args import block_timeout
from django_cachex.commands.command import (
    Command,
    Operation,
    feed_replies,
    is_stateful,
    single,
    throw,
)
from django_cachex.exceptions import (
    AccessDenied,
    CachexError,
    ReadOnlyError,
    ServerTimeout,
    ServerUnavailable,
)

T = TypeVar("T")

# After these errors, a new connection is opened: after a failover, the same name leads to another
# server.
RECONNECT_ERRORS = ReadOnlyError, ServerUnavailable


class Server:
    """A configured server.

    `Server.for_url` returns the same object for the same configuration.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._driver = configuration.driver
        self._codec = ServerCodec(get_codec(self._driver.name))
        self.after_fork()

    @classmethod
    def for_url(
        cls,
        driver: str,
        url: str,
        options: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Server:
        """Return the server at `url`, without connecting to it.

        Args:
            driver: "valkey" or "redis".
            url: a URL as in LOCATION.
            options: options as in OPTIONS.
            overrides: options that take precedence over `options` and the URL.

        Raises:
            ImproperlyConfigured: an option or the URL is invalid.
        """
        key = driver, url, make_hashable(options or {}), make_hashable(overrides or {})
        return registry.get_or_create(
            key, lambda: cls(configure(driver, url, options or {}, overrides or {}))
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._driver.name} {self.address}>"

    @property
    def address(self) -> str:
        """The database, as ``host:port/db`` or ``path?db=…``, without credentials."""
        return self.configuration.address

    @property
    def host_and_port(self) -> str:
        """The address without the database, of a server that is not at a socket."""
        return self.address.rpartition("/")[0]

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or all steps of an operation on one connection, and return the result.

        Raises:
            CommandError: the server returned an error.
            ServerUnavailable: the server could not be reached, or the connection was lost.
            ServerTimeout: the server did not respond in time.
        """
        if type(command) is not Command:
            return self._run_operation(single(command) if isinstance(command, Command) else command)
        if tracing.wrappers:
            with tracing.trace((command,), self.address):
                reply = self._execute(command)
            return command.parse(reply)
        return command.parse(self._execute(command))

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop."""
        return await self._event_loops.for_running_loop().run(command)

    def close_unused(self) -> None:
        """Close the connections that aren't in use."""
        self._pool.disconnect_idle()
        self._event_loops.drain_connections()

    def _execute(self, command: Command[Any]) -> Any:
        """Return the raw reply to `command`. Send it again if that is safe and may help."""
        data = self._codec.pack(encode_integers(command.args))
        pool, breaker = self._pool, self.breaker
        if breaker.retry_at:
            self._begin_attempt()
        repeated = False
        while True:
            connection = pool.acquire() if command.idempotent else self._acquire_healthy()
            try:
                reply = connection.execute(data)
            except BaseException as error:
                pool.discard(connection)
                self._raise_unless_retryable(command.idempotent, connection, error)
                continue
            if breaker.failures:
                breaker.reset()
            if isinstance(reply, CachexError):
                if isinstance(reply, ReadOnlyError) and not repeated:
                    repeated = not connection.reused
                    self._reconnect(connection)
                    continue
                (pool.discard if isinstance(reply, RECONNECT_ERRORS) else pool.release)(connection)
                if self._codec.learn_fallback(command, reply):
                    return self._execute(command)
                raise reply
            pool.release(connection)
            return reply

    def _begin_attempt(self) -> None:
        """Check the open circuit breaker; if it allows an attempt, use new connections for it."""
        self.breaker.check(self.address)
        self._pool.disconnect_idle()

    def _raise_unless_retryable(
        self, idempotent: bool, connection: SyncConnection, error: BaseException
    ) -> None:
        """Raise the mapped error, unless sending the command again is safe and may help."""
        if not isinstance(error, OSError):
            self.breaker.end_attempt()
            raise error
        failure = self._record_failure(connection, error)
        if not (idempotent and connection.reused) or isinstance(failure, ServerTimeout):
            raise failure from error
        self._pool.disconnect_idle()

    def _record_failure(self, connection: SyncConnection, error: OSError) -> ServerUnavailable:
        """Return the package's exception for `error`, and handle a timeout."""
        failure = map_os_error(error, self.address)
        if isinstance(failure, ServerTimeout):
            self.breaker.record_failure(failure, connection.reused)
            self._disconnect_silent(connection.timeout)
        else:
            self.breaker.end_attempt()
        return failure

    def _disconnect_silent(self, seconds: float) -> None:
        """Stop using connections that have received nothing for `seconds`, after one was silent."""
        self._pool.disconnect_idle(time.monotonic() - seconds)
        self._event_loops.drain_connections(seconds)

    def _reconnect(self, connection: SyncConnection) -> None:
        """Use new connections from now on: after a failover, the name leads to another server."""
        self._pool.discard(connection)
        self._pool.disconnect_idle()

    def _run_operation(self, operation: Operation[T]) -> T:
        connection, is_reusable, can_resend = None, False, True
        try:
            commands = next(operation)
            if self.breaker.retry_at:
                self._begin_attempt()
            connection = self._acquire_healthy()
            while True:
                is_reusable = False
                replies = self._exchange(connection, commands)
                if can_resend and is_rejected_by_replica(commands, replies):
                    can_resend = connection.reused
                    self._reconnect(connection)
                    connection = self._acquire_healthy()
                    continue
                can_resend = can_resend and is_rejection(replies)
                is_reusable = not is_stateful(commands)
                commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except RECONNECT_ERRORS as error:
            is_reusable = False
            return throw(operation, error)
        except AccessDenied as error:  # While connecting, unless the operation has raised it.
            return throw(operation, error)
        finally:
            if connection is not None:
                (self._pool.release if is_reusable else self._pool.discard)(connection)

    def _exchange(self, connection: SyncConnection, commands: Sequence[Command[Any]]) -> list[Any]:
        """Send `commands` in one write and return their raw replies."""
        data = pack_commands(commands, self._codec.pack)
        with tracing.trace(commands, self.address) if tracing.wrappers else nullcontext():
            try:
                replies = connection.execute_many(data, len(commands), block_timeout(commands))
                for number in self._codec.find_commands_to_resend(commands, replies):
                    replies[number] = connection.execute(
                        pack_commands([commands[number]], self._codec.pack)
                    )
            except BaseException as error:
                if not isinstance(error, OSError):
                    self.breaker.end_attempt()
                    raise
                raise self._record_failure(connection, error) from error
        if self.breaker.failures:
            self.breaker.reset()
        return replies

    def _acquire_healthy(self) -> SyncConnection:
        """Acquire a connection after checking it, for commands that can't be sent twice."""
        while (connection := self._pool.acquire()).reused and not connection.is_healthy():
            self._pool.discard(connection)
        return connection

    def _connect(self) -> SyncConnection:
        configuration, limits = self.configuration, self.configuration.exchange_limits
        connection = configuration.connection()
        with connection_attempt(connection, self._driver, self.breaker):
            if limits is None:
                configuration.connect(connection)
                return SyncConnection(connection, self._codec)
            with connect_deadline(limits.timeout, connection, self.address):
                configuration.connect(connection)
            return BoundedSyncConnection(connection, self._codec, limits)

    def after_fork(self) -> None:
        """Start without connections: those of the parent process belong to the parent."""
        self.breaker = CircuitBreaker() if self.configuration.uses_breaker else NullCircuitBreaker()
        # In a child process, the driver's connections close without sending anything.
        self._pool = ConnectionPool(
            self._connect, self.configuration.max_connections, self.configuration.pool_timeout
        )
        self._event_loops = EventLoopRegistry(
            self.configuration, self._codec, self.breaker, self._disconnect_silent
        )


class Registry:
    """All servers of this process, by configuration.

    It needs no lock, which an interrupt could leave locked: `dict.setdefault` is atomic.
    """

    def __init__(self) -> None:
        self.servers: dict[Any, Server] = {}
        self.last_caches: Any = ()
        """The value of CACHES after the last change that was made by tests."""
        self.parent_event_loops: list[EventLoopRegistry] = []
        """The connections of event loops of the parent process.

        They are kept because deleting them would close connections that the parent uses.
        """

    def get_or_create(self, key: Any, make: Callable[[], Server]) -> Server:
        """Return the server of `key`, which is created if there is none."""
        server = self.servers.get(key)
        return self.servers.setdefault(key, make()) if server is None else server

    def after_fork(self) -> None:
        """Start without connections in a child process."""
        for server in self.servers.values():
            self.parent_event_loops.append(server._event_loops)
            server.after_fork()

    def close_unused(self, *, setting: str, value: Any = None, **kwargs: Any) -> None:
        """Close unused connections when tests change CACHES."""
        if setting != "CACHES" or make_hashable(value) == self.last_caches:
            return
        self.last_caches = make_hashable(value)
        for server in list(self.servers.values()):
            server.close_unused()


registry = Registry()

os.register_at_fork(after_in_child=registry.after_fork)
setting_changed.connect(registry.close_unused)
atexit.register(registry.close_unused, setting="CACHES")

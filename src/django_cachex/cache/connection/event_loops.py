"""The asyncio connections to one server, for each event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from django_cachex.cache import tracing
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.connection.aio import (
    LARGE_MESSAGE_SIZE,
    AsyncConnection,
    ConnectionCongested,
)
from django_cachex.cache.connection.circuit_breaker import CircuitBreaker
from django_cachex.cache.connection.errors import is_rejected_by_replica, is_rejection
from django_cachex.cache.connection.opening import connection_attempt
from django_cachex.cache.connection.protocol import ServerCodec, encode_integers, pack_commands
from django_cachex.commands.args import block_timeout, is_blocking
from django_cachex.commands.command import (
    Command,
    Operation,
    feed_replies,
    is_repeatable,
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


MAX_IDLE = 4
"""The maximum number of idle dedicated connections.

It is also the maximum number of dedicated connections that are used for large commands and for
retries at the same time."""

SilenceCallback = Callable[[float], None]
"""Called with the timeout in seconds, after a connection was silent for that long."""


class EventLoopRegistry:
    """The `AsyncServer` of each event loop, for one server."""

    def __init__(
        self,
        configuration: Configuration,
        codec: ServerCodec,
        breaker: CircuitBreaker,
        on_silence: SilenceCallback,
    ) -> None:
        self.configuration = configuration
        self.codec = codec
        self.breaker = breaker
        self.on_silence = on_silence
        self._servers: dict[asyncio.AbstractEventLoop, AsyncServer] = {}

    def for_running_loop(self) -> AsyncServer:
        """Return the `AsyncServer` of the running event loop."""
        loop = asyncio.get_running_loop()
        server = self._servers.get(loop)
        if server is None:
            self._forget_closed()
            server = self._servers[loop] = AsyncServer(loop, self)
        return server

    def drain_connections(self, seconds: float = 0) -> None:
        """Stop using connections, of any loop, as `AsyncServer.drain_connections` does."""
        for loop, server in list(self._servers.items()):
            with suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(server.drain_connections, seconds)

    def _forget_closed(self) -> None:
        """Remove the servers of loops that were closed without shutting down their generators."""
        for loop in [loop for loop in list(self._servers) if loop.is_closed()]:
            self._servers.pop(loop, None)

    def __len__(self) -> int:
        return len(self._servers)


class AsyncServer:
    """The connections of one event loop to a server: a shared one, and dedicated ones.

    A dedicated connection is used for operations that change the state of a connection, for
    blocking commands, and for commands so large that they would delay others. It is also used to
    send a command again if a connection was lost while several callers were waiting, because one of
    their commands may be the cause.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, registry: EventLoopRegistry) -> None:
        self._loop = loop
        self._configuration = registry.configuration
        self._codec = registry.codec
        self._breaker = registry.breaker
        self._on_silence = registry.on_silence
        self._address = registry.configuration.address
        self._shared: AsyncConnection | None = None
        self._connecting: asyncio.Task[AsyncConnection] | None = None
        self._idle: list[AsyncConnection] = []
        self._dedicated_limit = asyncio.Semaphore(MAX_IDLE)
        self._loop_end_hook = self._close_at_loop_end(registry._servers)

    async def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or all steps of an operation, and return the result."""
        if not isinstance(command, Command):
            return await self._run_operation(command)
        if is_blocking(command):
            return await self._run_operation(single(command))
        if tracing.wrappers:
            with tracing.trace((command,), self._address):
                reply = await self._execute(command)
            return command.parse(reply)
        return command.parse(await self._execute(command))

    async def _execute(self, command: Command[Any]) -> Any:
        """Return the raw reply to `command`. Send it again if that is safe and may help."""
        data = self._codec.pack(encode_integers(command.args))
        breaker = self._breaker
        if breaker.retry_at:
            self._begin_attempt()
        repeated = False
        while True:
            reply, reused = await self._send(data, command.idempotent)
            if breaker.failures:
                breaker.reset()
            if isinstance(reply, CachexError):
                if isinstance(reply, (ReadOnlyError, ServerUnavailable)):
                    self.drain_connections()
                if isinstance(reply, ReadOnlyError) and not repeated:
                    repeated = not reused
                    continue
                if self._codec.learn_fallback(command, reply):
                    return await self._execute(command)
                raise reply
            return reply

    def _begin_attempt(self) -> None:
        """Check the open circuit breaker; if it allows an attempt, use new connections for it."""
        self._breaker.check(self._address)
        self.drain_connections()

    async def _send(self, data: bytes, idempotent: bool, expected: int = 0) -> tuple[Any, bool]:
        """Send packed commands; return the reply, and whether the connection was used before.

        They are sent again on a dedicated connection if that is safe and may help.
        """
        if len(data) > LARGE_MESSAGE_SIZE:
            return await self._send_dedicated(data, idempotent, expected)
        while True:
            connection, reused = None, False
            try:
                connection = await (
                    self._shared_connection() if idempotent else self._healthy_connection()
                )
                reused = connection.reused
                return await connection.send(data, idempotent, expected), reused
            except ConnectionCongested:
                continue
            except BaseException as error:
                self._record_failure(connection, reused, error)
                if not (idempotent and can_retry_elsewhere(connection, reused, error)):
                    raise
            return await self._send_dedicated(data, idempotent, expected)

    async def _send_dedicated(
        self, data: bytes, idempotent: bool, expected: int
    ) -> tuple[Any, bool]:
        """Do the same as `_send`, on a dedicated connection."""
        async with self._dedicated_limit:
            while True:
                dedicated, reused, is_reusable = None, False, False
                try:
                    dedicated = await self._dedicated_connection()
                    reused = dedicated.reused
                    reply = await dedicated.send(data, expected=expected)
                    is_reusable = True
                    return reply, reused
                except BaseException as error:
                    self._record_failure(dedicated, reused, error)
                    if not (idempotent and can_retry_elsewhere(dedicated, reused, error)):
                        raise
                finally:
                    if dedicated is not None:
                        self._release(dedicated, is_reusable)

    def _record_failure(
        self, connection: AsyncConnection | None, reused: bool, error: BaseException
    ) -> None:
        """Handle an error that occurred on a connection, or while opening one."""
        if connection is not None and isinstance(error, ServerTimeout):
            self._breaker.record_failure(error, reused)
            self.drain_connections(connection.timeout)
            self._on_silence(connection.timeout)
        else:
            self._breaker.end_attempt()

    async def _run_operation(self, operation: Operation[T]) -> T:
        dedicated: AsyncConnection | None = None
        is_reusable, can_resend = False, True
        try:
            commands = next(operation)
            if self._breaker.retry_at:
                self._begin_attempt()
            while True:
                if dedicated is None and needs_dedicated_connection(commands):
                    dedicated = await self._dedicated_connection()
                is_reusable = False
                replies, reused = await self._exchange(dedicated, commands)
                if can_resend and is_rejected_by_replica(commands, replies):
                    can_resend = reused
                    self._reconnect(dedicated)
                    dedicated = None
                    continue
                can_resend = can_resend and is_rejection(replies)
                is_reusable = not is_stateful(commands)
                commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except (AccessDenied, ReadOnlyError, ServerUnavailable) as error:
            is_reusable = is_reusable and isinstance(error, AccessDenied)
            self._drain_after(error)
            return throw(operation, error)
        finally:
            if dedicated is not None:
                self._release(dedicated, is_reusable)

    def _drain_after(self, error: CachexError) -> None:
        """Stop using the connections after an error that new ones may not have."""
        if not isinstance(error, AccessDenied):
            self.drain_connections()

    def _reconnect(self, dedicated: AsyncConnection | None) -> None:
        """Use new connections from now on, also in place of `dedicated`."""
        if dedicated is not None:
            dedicated.close()
        self.drain_connections()

    def drain_connections(self, seconds: float = 0) -> None:
        """Stop using the connections that have received nothing for `seconds`; all by default.

        After a failover, the same name leads to another server. If one connection is silent, others
        probably are, too.
        """
        before = self._loop.time() - seconds if seconds else math.inf
        if self._shared is not None and self._shared.last_received < before:
            self._shared.drain()
        for connection in [one for one in self._idle if one.last_received < before]:
            self._idle.remove(connection)
            connection.close()

    def _release(self, dedicated: AsyncConnection, is_reusable: bool) -> None:
        if is_reusable and not dedicated.closed:
            self._keep_idle(dedicated)
        else:
            dedicated.close()

    def _keep_idle(self, dedicated: AsyncConnection) -> None:
        if self._connecting is None and (self._shared is None or self._shared.closed):
            self._shared = dedicated
        elif len(self._idle) < MAX_IDLE:
            self._idle.append(dedicated)
        else:
            dedicated.close()

    async def _exchange(
        self, dedicated: AsyncConnection | None, commands: Sequence[Command[Any]]
    ) -> tuple[list[Any], bool]:
        """Send `commands` with no others in between.

        Return their raw replies, and whether the connection was used before.
        """
        data = pack_commands(commands, self._codec.pack)
        with tracing.trace(commands, self._address) if tracing.wrappers else nullcontext():
            if dedicated is None:
                replies, reused = await self._exchange_shared(data, commands)
            else:
                reused = dedicated.reused
                try:
                    replies = await dedicated.send_all(data, len(commands), block_timeout(commands))
                    for number in self._codec.find_commands_to_resend(commands, replies):
                        again = pack_commands([commands[number]], self._codec.pack)
                        replies[number] = await dedicated.send(again)
                except BaseException as error:
                    self._record_failure(dedicated, reused, error)
                    raise
        if self._breaker.failures:
            self._breaker.reset()
        return replies, reused

    async def _exchange_shared(
        self, data: bytes, commands: Sequence[Command[Any]]
    ) -> tuple[list[Any], bool]:
        """Do the same as `_exchange`, on the shared connection."""
        repeatable = is_repeatable(commands)
        replies, reused = await self._send(data, repeatable, len(commands))
        for number in self._codec.find_commands_to_resend(commands, replies):
            again = pack_commands([commands[number]], self._codec.pack)
            replies[number], reused = await self._send(again, commands[number].idempotent)
        return replies, reused

    async def _healthy_connection(self) -> AsyncConnection:
        """Return the shared connection after checking it, for commands that can't be sent twice."""
        while not (connection := await self._shared_connection()).is_open():
            connection.close()
        return connection

    async def _shared_connection(self) -> AsyncConnection:
        connection = self._shared
        if connection is None or connection.closed:
            connection = await self._connect_shared()
            if connection.closed:  # Another task closed it before this one continued.
                connection = await self._connect_shared()
        return connection

    async def _dedicated_connection(self) -> AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
            connection.close()
        # A separate task is needed because the drivers swallow a cancellation while they connect.
        connecting = self._loop.create_task(self._connect())
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._keep_connected)
            raise

    def _keep_connected(self, connecting: asyncio.Task[AsyncConnection]) -> None:
        """Keep a connection whose caller was cancelled, for other callers."""
        if not connecting.cancelled() and connecting.exception() is None:
            self._keep_idle(connecting.result())

    async def _connect_shared(self) -> AsyncConnection:
        """Open the shared connection. One task connects, and all others wait for it."""
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(self._set_shared)
        return await asyncio.shield(self._connecting)

    def _set_shared(self, task: asyncio.Task[AsyncConnection]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._shared = task.result()

    async def _connect(self) -> AsyncConnection:
        await anext(self._loop_end_hook, None)  # Registers the generator with the event loop.
        driver_connection = self._configuration.async_connection()
        try:
            with connection_attempt(driver_connection, self._configuration.driver, self._breaker):
                await self._configuration.aconnect(driver_connection)
        except asyncio.CancelledError:
            await driver_connection.disconnect(nowait=True)
            raise
        connection = AsyncConnection(driver_connection, self._codec, self._address)
        if connection.closed:
            raise ServerUnavailable(f"{self._address} closed the connection at once.")
        return connection

    async def _close_at_loop_end(
        self, servers: dict[asyncio.AbstractEventLoop, AsyncServer]
    ) -> AsyncGenerator[None]:
        """Close all connections when the event loop ends.

        asyncio closes running generators before it closes a loop.
        """
        try:
            while True:
                yield
        finally:
            servers.pop(self._loop, None)
            for connection in (self._shared, *self._idle):
                if connection is not None:
                    await connection.aclose()


def can_retry_elsewhere(
    connection: AsyncConnection | None, reused: bool, error: BaseException
) -> bool:
    """Return whether sending a command again may help.

    That is the case if the connection was lost, and was either used before or shared.
    """
    lost = isinstance(error, ServerUnavailable) and not isinstance(error, ServerTimeout)
    return lost and connection is not None and (reused or connection.was_shared)


def needs_dedicated_connection(commands: Sequence[Command[Any]]) -> bool:
    """Return whether `commands` change the state of the connection, or block it."""
    return is_stateful(commands) or any(is_blocking(command) for command in commands)

"""The connections to one server from each event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from django_cachex.cache import tracing
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.connection.aio import LARGE, Overtaken, Stream
from django_cachex.cache.connection.circuit_breaker import Breaker
from django_cachex.cache.connection.errors import changed_nothing, refused, translated
from django_cachex.cache.connection.forks import greetings
from django_cachex.cache.connection.protocol import ServerCodec, checked, packed
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
from django_cachex.exceptions import CachexError, ReadOnlyError, ServerTimeout, ServerUnavailable

T = TypeVar("T")


SPARE = 4
"""Connections to be had to oneself that are kept, at most, while nobody has them; and as many, at
most, are in use for what is large and what is sent again."""

Suspect = Callable[[float], None]
"""Is told that a connection was silent for so many seconds."""


class Loops:
    """Finds the running loop's way to a server."""

    def __init__(
        self, configuration: Configuration, codec: ServerCodec, breaker: Breaker, suspect: Suspect
    ) -> None:
        self._configuration = configuration
        self._codec = codec
        self._breaker = breaker
        self._suspect = suspect
        self._ways: dict[asyncio.AbstractEventLoop, Way] = {}

    def here(self) -> Way:
        """Return the way of the running loop."""
        loop = asyncio.get_running_loop()
        found = self._ways.get(loop)
        if found is None:
            self._forget_closed()
            found = Way(
                loop, self._configuration, self._codec, self._breaker, self._suspect, self._ways
            )
            self._ways[loop] = found
        return found

    def leave(self, seconds: float) -> None:
        """Use no connection any more, of any loop, on which nothing was heard for so long."""
        for loop, way in list(self._ways.items()):
            with suppress(RuntimeError):  # It is closed.
                loop.call_soon_threadsafe(way.leave, seconds)

    def _forget_closed(self) -> None:
        """Drop the ways of loops that ended without shutting down their generators."""
        for loop in [loop for loop in list(self._ways) if loop.is_closed()]:
            self._ways.pop(loop, None)

    def close_unused(self) -> None:
        """Have each loop close, in its own turn, the connections that nobody waits on."""
        for loop, way in list(self._ways.items()):
            with suppress(RuntimeError):  # It was closed meanwhile.
                loop.call_soon_threadsafe(way.leave)

    def __len__(self) -> int:
        return len(self._ways)


class Way:
    """One shared connection, and others for what needs one to itself.

    That are conversations, commands that wait, what is so large that others would wait for it, and
    what is sent again after a connection broke on which several waited: one of them may be why.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        configuration: Configuration,
        codec: ServerCodec,
        breaker: Breaker,
        suspect: Suspect,
        ways: dict[asyncio.AbstractEventLoop, Way],
    ) -> None:
        self._loop = loop
        self._configuration = configuration
        self._codec = codec
        self._breaker = breaker
        self._suspect = suspect
        self._address = configuration.address
        self._shared: Stream | None = None
        self._connecting: asyncio.Task[Stream] | None = None
        self._spare: list[Stream] = []
        self._apart = asyncio.Semaphore(SPARE)
        self._closer = self._closing(ways)

    async def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or all steps of an operation; return the result."""
        if not isinstance(command, Command):
            return await self._converse(command)
        if is_blocking(command):
            return await self._converse(single(command))
        if tracing.wrappers:
            with tracing.around((command,), self._address):
                reply = await self._ask(command)
            return command.parse(reply)
        return command.parse(await self._ask(command))

    async def _ask(self, command: Command[Any]) -> Any:
        """Return the raw reply to `command`; send it again where that is harmless and of use."""
        data = self._codec.pack(checked(command.args))
        breaker = self._breaker
        if breaker.until:
            self._attempt()
        repeated = False
        while True:
            reply, reused = await self._reply(data, command.idempotent)
            if breaker.failures:
                breaker.reset()
            if isinstance(reply, CachexError):
                if isinstance(reply, (ReadOnlyError, ServerUnavailable)):
                    self.leave()
                if isinstance(reply, ReadOnlyError) and not repeated:
                    repeated = not reused
                    continue
                if self._codec.learns(command, reply):
                    return await self._ask(command)
                raise reply
            return reply

    def _attempt(self) -> None:
        """Go on if it is time for an attempt, which is made on a new connection."""
        self._breaker.check(self._address)
        self.leave()

    async def _reply(self, data: bytes, idempotent: bool, wanted: int = 0) -> tuple[Any, bool]:
        """Send what is packed; return the reply, and whether its connection was used before.

        Send it again where that is harmless and may help.
        """
        if len(data) > LARGE:
            return await self._reply_apart(data, idempotent, wanted)
        while True:
            stream, reused = None, False
            try:
                stream = await (self._usable() if idempotent else self._open())
                reused = stream.reused
                return await stream.send(data, idempotent, wanted), reused
            except Overtaken:
                continue
            except BaseException as error:
                self._failed(stream, reused, error)
                if not (idempotent and may_be_others_fault(stream, reused, error)):
                    raise
            return await self._reply_apart(data, idempotent, wanted)

    async def _reply_apart(self, data: bytes, idempotent: bool, wanted: int) -> tuple[Any, bool]:
        """Do what `_reply` does, on a connection that nobody else uses meanwhile."""
        async with self._apart:
            while True:
                own, reused, clean = None, False, False
                try:
                    own = await self._own()
                    reused = own.reused
                    reply = await own.send(data, wanted=wanted)
                    clean = True
                    return reply, reused
                except BaseException as error:
                    self._failed(own, reused, error)
                    if not (idempotent and may_be_others_fault(own, reused, error)):
                        raise
                finally:
                    if own is not None:
                        self._give_back(own, clean)

    def _failed(self, stream: Stream | None, reused: bool, error: BaseException) -> None:
        """Draw the consequences of what went wrong on a connection, or before there was any."""
        if stream is not None and isinstance(error, ServerTimeout):
            self._breaker.failed(error, reused)
            self.leave(stream.timeout)
            self._suspect(stream.timeout)
        else:
            self._breaker.lapsed()

    async def _converse(self, operation: Operation[T]) -> T:
        own: Stream | None = None
        clean, unchanged = False, True
        try:
            commands = next(operation)
            if self._breaker.until:
                self._attempt()
            while True:
                if own is None and needs_its_own(commands):
                    own = await self._own()
                clean = False
                replies, reused = await self._exchange(own, commands)
                if unchanged and refused(commands, replies):
                    unchanged = reused
                    self._leave(own)
                    own = None
                    continue
                unchanged = unchanged and changed_nothing(replies)
                clean = not is_stateful(commands)
                commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except (ReadOnlyError, ServerUnavailable) as error:
            clean = False
            self.leave()
            return throw(operation, error)
        finally:
            if own is not None:
                self._give_back(own, clean)

    def _leave(self, own: Stream | None) -> None:
        """Connect anew from now on, and instead of `own`, too."""
        if own is not None:
            own.close()
        self.leave()

    def leave(self, seconds: float = 0) -> None:
        """Connect anew from now on, but keep connections on which something was heard so lately.

        After a failover the same name leads to another server; where a connection is silent, others
        are likely to be.
        """
        before = self._loop.time() - seconds if seconds else math.inf
        if self._shared is not None and self._shared.heard < before:
            self._shared.retire()
        for stream in [one for one in self._spare if one.heard < before]:
            self._spare.remove(stream)
            stream.close()

    def _give_back(self, own: Stream, clean: bool) -> None:
        if clean and not own.closed:
            self._spare_one(own)
        else:
            own.close()

    def _spare_one(self, own: Stream) -> None:
        if self._connecting is None and (self._shared is None or self._shared.closed):
            self._shared = own
        elif len(self._spare) < SPARE:
            self._spare.append(own)
        else:
            own.close()

    async def _exchange(
        self, own: Stream | None, commands: Sequence[Command[Any]]
    ) -> tuple[list[Any], bool]:
        """Return the raw replies to `commands`, which go out with nobody else's between, and
        whether their connection was used before."""
        data = packed(commands, self._codec.pack)
        with tracing.around(commands, self._address) if tracing.wrappers else nullcontext():
            if own is None:
                replies, reused = await self._exchange_shared(data, commands)
            else:
                reused = own.reused
                try:
                    replies = await own.send_all(data, len(commands), block_timeout(commands))
                    for number in self._codec.refused(commands, replies):
                        again = packed([commands[number]], self._codec.pack)
                        replies[number] = await own.send(again)
                except BaseException as error:
                    self._failed(own, reused, error)
                    raise
        if self._breaker.failures:
            self._breaker.reset()
        return replies, reused

    async def _exchange_shared(
        self, data: bytes, commands: Sequence[Command[Any]]
    ) -> tuple[list[Any], bool]:
        """Do what `_exchange` does, on a connection that others use meanwhile."""
        repeatable = is_repeatable(commands)
        replies, reused = await self._reply(data, repeatable, len(commands))
        for number in self._codec.refused(commands, replies):
            again = packed([commands[number]], self._codec.pack)
            replies[number], reused = await self._reply(again, commands[number].idempotent)
        return replies, reused

    async def _open(self) -> Stream:
        """Return the shared connection, its other end there, for what must not be sent twice."""
        while not (stream := await self._usable()).is_open():
            stream.close()
        return stream

    async def _usable(self) -> Stream:
        stream = self._shared
        if stream is None or stream.closed:
            stream = await self._connect_shared()
            if stream.closed:  # Left by another task before this one had its turn.
                stream = await self._connect_shared()
        return stream

    async def _own(self) -> Stream:
        while self._spare:
            stream = self._spare.pop()
            if stream.is_open():
                return stream
            stream.close()
        # In a task of its own: the drivers swallow a cancellation while they connect.
        connecting = self._loop.create_task(self._connect())
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._keep)
            raise

    def _keep(self, connecting: asyncio.Task[Stream]) -> None:
        """Keep for others a connection whose caller was cancelled."""
        if not connecting.cancelled() and connecting.exception() is None:
            self._spare_one(connecting.result())

    async def _connect_shared(self) -> Stream:
        """Return the shared connection, for which one task connects and all others wait."""
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    def _connected(self, task: asyncio.Task[Stream]) -> None:
        self._connecting = None
        if not task.cancelled() and task.exception() is None:
            self._shared = task.result()

    async def _connect(self) -> Stream:
        await anext(self._closer, None)  # From now on the loop knows what to close at its end.
        connection = self._configuration.async_connection()
        driver = self._configuration.driver
        over_tls = isinstance(connection, driver.awaitable.SSLConnection)
        try:
            with greetings.going_on() if over_tls else nullcontext():
                await connection.connect()
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            raise
        except driver.error as error:
            failure = translated(error, driver)
            self._breaker.heard(failure)
            raise failure from error
        stream = Stream(connection, self._codec, self._address)
        if stream.closed:
            raise ServerUnavailable(f"{self._address} hung up at once.")
        return stream

    async def _closing(self, ways: dict[asyncio.AbstractEventLoop, Way]) -> AsyncGenerator[None]:
        """Wait for the loop's end: asyncio closes running generators before it closes a loop."""
        try:
            while True:
                yield
        finally:
            ways.pop(self._loop, None)
            for stream in (self._shared, *self._spare):
                if stream is not None:
                    await stream.aclose()


def may_be_others_fault(stream: Stream | None, reused: bool, error: BaseException) -> bool:
    """Return whether a connection was lost that was old, or on which others waited as well."""
    lost = isinstance(error, ServerUnavailable) and not isinstance(error, ServerTimeout)
    return lost and stream is not None and (reused or stream.in_company)


def needs_its_own(commands: Sequence[Command[Any]]) -> bool:
    """Return whether `commands` change what the connection is, or keep it waiting."""
    return is_stateful(commands) or any(is_blocking(command) for command in commands)

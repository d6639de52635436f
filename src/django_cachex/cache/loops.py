"""The ways to one server from event loops: few connections each, shared by all its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from django_cachex.cache import tracing
from django_cachex.cache.breaker import Breaker
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.errors import translated
from django_cachex.cache.resp import checked, packed
from django_cachex.cache.stream import Stream
from django_cachex.cache.substitutes import ServerCodec
from django_cachex.commands.exceptions import (
    CachexError,
    ReadOnlyError,
    ServerTimeout,
    ServerUnavailable,
)
from django_cachex.commands.request import (
    Request,
    Steps,
    advance,
    alone,
    failed,
    leaves_open,
)
from django_cachex.commands.waiting import blocks, waiting_time

T = TypeVar("T")

SPARE = 4
"""Connections to be had to oneself that are kept, at most, while nobody has them."""


class Loops:
    """Finds the running loop's way to a server."""

    def __init__(self, configuration: Configuration, codec: ServerCodec, breaker: Breaker) -> None:
        self._configuration = configuration
        self._codec = codec
        self._breaker = breaker
        self._ways: dict[asyncio.AbstractEventLoop, Way] = {}

    def here(self) -> Way:
        """Return the way of the running loop."""
        loop = asyncio.get_running_loop()
        found = self._ways.get(loop)
        if found is None:
            self._forget_closed()
            found = Way(loop, self._configuration, self._codec, self._breaker, self._ways)
            self._ways[loop] = found
        return found

    def _forget_closed(self) -> None:
        """Drop the ways of loops that ended without shutting down their generators."""
        for loop in [loop for loop in list(self._ways) if loop.is_closed()]:
            self._ways.pop(loop, None)

    def close_unused(self) -> None:
        """Have each loop close, in its own turn, the connections that nobody waits on."""
        for loop, way in list(self._ways.items()):
            with suppress(RuntimeError):  # It was closed meanwhile.
                loop.call_soon_threadsafe(way._leave)

    def __len__(self) -> int:
        return len(self._ways)


class Way:
    """One shared connection, and others for conversations that need one to themselves."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        configuration: Configuration,
        codec: ServerCodec,
        breaker: Breaker,
        ways: dict[asyncio.AbstractEventLoop, Way],
    ) -> None:
        self._loop = loop
        self._configuration = configuration
        self._codec = codec
        self._breaker = breaker
        self._address = configuration.address
        self._shared: Stream | None = None
        self._connecting: asyncio.Task[Stream] | None = None
        self._spare: list[Stream] = []
        self._closer = self._closing(ways)

    async def run(self, command: Request[T] | Steps[T]) -> T:
        """Send a request, or all steps of an operation; return the result."""
        if not isinstance(command, Request):
            return await self._converse(command)
        if blocks(command):
            return await self._converse(alone(command))
        return command.read(await self._ask(command))

    async def _ask(self, request: Request[Any]) -> Any:
        """Return the raw reply to `request`; send it again where that is harmless and of use."""
        if tracing.wrappers:
            with tracing.around((request,), self._address):
                return await self._ask_once_or_twice(request)
        return await self._ask_once_or_twice(request)

    async def _ask_once_or_twice(self, request: Request[Any]) -> Any:
        data = self._codec.pack(checked(request.words))
        breaker = self._breaker
        if breaker.until:
            breaker.check(self._address)
        while True:
            stream = await (self._usable() if request.idempotent else self._open())
            again = stream.reused and request.idempotent
            try:
                reply = await stream.send(data)
            except ServerUnavailable as error:
                if again and not isinstance(error, ServerTimeout):
                    continue
                breaker.failed(error)
                raise
            if breaker.failures:
                breaker.reset()
            if isinstance(reply, CachexError):
                if isinstance(reply, (ReadOnlyError, ServerUnavailable)):
                    stream.retire()
                return await self._in_other_words(request, reply)
            return reply

    async def _in_other_words(self, request: Request[Any], refusal: CachexError) -> Any:
        """Ask again if there are others for what the server lacks; raise `refusal` if not."""
        if self._codec.learns(request, refusal):
            return await self._ask_once_or_twice(request)
        raise refusal

    async def _converse(self, steps: Steps[T]) -> T:
        own: Stream | None = None
        clean = False
        try:
            requests = next(steps)
            if self._breaker.until:
                self._breaker.check(self._address)
            while True:
                if own is None and needs_its_own(requests):
                    own = await self._own()
                clean = False
                replies = await self._exchange(own or await self._open(), requests)
                clean = not leaves_open(requests)
                requests = advance(steps, requests, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except (ReadOnlyError, ServerUnavailable) as error:
            clean = False
            self._leave()
            return failed(steps, error)
        finally:
            if own is not None:
                self._give_back(own, clean)

    def _leave(self) -> None:
        """Connect anew from now on: after a failover the same name leads to another server."""
        if self._shared is not None:
            self._shared.retire()
        while self._spare:
            self._spare.pop().close()

    def _give_back(self, own: Stream, clean: bool) -> None:
        if clean and not own.closed:
            self._spare_one(own)
        else:
            own.close()

    def _spare_one(self, own: Stream) -> None:
        if len(self._spare) < SPARE:
            self._spare.append(own)
        else:
            own.close()

    async def _exchange(self, stream: Stream, requests: Sequence[Request[Any]]) -> list[Any]:
        """Return the raw replies to `requests`, which go out with nobody else's between."""
        data = packed(requests, self._codec.pack)
        try:
            with tracing.around(requests, self._address) if tracing.wrappers else nullcontext():
                replies = await stream.send_all(data, len(requests), waiting_time(requests))
                for number in self._codec.refused(requests, replies):
                    again = packed([requests[number]], self._codec.pack)
                    replies[number] = await stream.send(again)
        except ServerUnavailable as error:
            self._breaker.failed(error)
            raise
        if self._breaker.failures:
            self._breaker.reset()
        return replies

    async def _open(self) -> Stream:
        """Return the shared connection, its other end there, for what must not be sent twice."""
        while not (stream := await self._usable()).is_open():
            stream.close()
        return stream

    async def _usable(self) -> Stream:
        stream = self._shared
        return stream if stream and not stream.closed else await self._connect_shared()

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
        try:
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


def needs_its_own(requests: Sequence[Request[Any]]) -> bool:
    """Return whether `requests` change what the connection is, or keep it waiting."""
    return leaves_open(requests) or any(blocks(request) for request in requests)

"""A connection on an event loop that many tasks use at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from django_cachex.cache.drivers import AsyncConnection, taken_from
from django_cachex.cache.errors import ProtocolError
from django_cachex.cache.line import LONGEST, looking_at
from django_cachex.cache.resp import MISSING, Codec
from django_cachex.commands.exceptions import ServerTimeout, ServerUnavailable


class Awaited:
    """A caller who waits for so many replies, until the loop's clock says `until`."""

    __slots__ = ("future", "replies", "until", "wanted")

    def __init__(self, future: asyncio.Future[Any], wanted: int, until: float) -> None:
        self.future = future
        self.wanted = wanted
        self.replies: list[Any] = []
        self.until = until


class Stream(asyncio.Protocol):
    """Sends what tasks want sent in one turn of the loop in one write; replies come in order.

    A caller who is cancelled disturbs nobody: the reply is read, and dropped.
    """

    def __init__(self, connection: AsyncConnection, codec: Codec, address: str) -> None:
        self._address = address
        self._reader = codec.reader()
        self._loop = asyncio.get_running_loop()
        self._timeout = connection.socket_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[Awaited] = deque()
        self._outgoing: list[bytes] = []
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.closed = False
        """Whether nothing more can be sent."""
        self.reused = False
        """Whether anything was answered on it before."""
        reader, self._writer = taken_from(connection)  # Kept: else Python closes the transport.
        self._transport = self._writer.transport
        self._transport.set_protocol(self)
        if reader.at_eof():  # Nobody would tell us.
            self.close()
        self._something_to_read = looking_at(self._transport.get_extra_info("socket"))

    def is_open(self) -> bool:
        """Return whether the other end is there, as far as can be told; look past a busy loop."""
        try:
            return not self.closed and (bool(self._waiting) or not self._something_to_read())
        except (OSError, ValueError):
            return False

    def send(self, data: bytes) -> asyncio.Future[Any]:
        """Send one packed command; return what becomes its reply, maybe one of our exceptions."""
        return self._send(data, 0)

    def send_all(self, data: bytes, count: int, longer: float = 0) -> asyncio.Future[list[Any]]:
        """Send `count` packed commands with nobody else's between; return their replies to be.

        They may take so many seconds `longer` than the connection's timeout: on such a connection
        nobody else waits.
        """
        future = self._send(data, count)
        if longer and self._timeout and not self.closed:
            self._stop_the_clock()
            until = self._loop.time() + self._timeout + min(longer, LONGEST)
            self._waiting[-1].until = until
            self._timer = self._loop.call_at(until, self._look_at_the_clock)
            future.add_done_callback(self._stop_the_clock)
        return future

    def _send(self, data: bytes, wanted: int) -> asyncio.Future[Any]:
        loop = self._loop
        future = loop.create_future()
        if self.closed:
            future.set_exception(self._lost_it("it is closed"))
            return future
        until = 0.0
        if self._timeout:
            until = loop.time() + self._timeout
            if self._timer is None:
                self._timer = loop.call_at(until, self._look_at_the_clock)
        self._waiting.append(Awaited(future, wanted, until))
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(data)
        return future

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        # A retired stream still sends for those who were there before.
        if not self._transport.is_closing():
            self._transport.write(b"".join(outgoing))

    # What the transport tells.

    def data_received(self, data: bytes) -> None:
        reader, waiting = self._reader, self._waiting
        reader.feed(data, 0, len(data))
        self.reused = True
        try:
            while (reply := reader.gets()) is not MISSING:
                if not waiting:
                    raise ProtocolError("The server answered what nobody asked.")
                first = waiting[0]
                if first.wanted:
                    first.replies.append(reply)
                    if len(first.replies) < first.wanted:
                        continue
                    reply = first.replies
                waiting.popleft()
                if not first.future.done():
                    first.future.set_result(reply)
        except ProtocolError as error:
            self._fail(error)
        if self.closed and not waiting:
            self.close()

    def eof_received(self) -> None:
        """Let the transport close itself."""

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(self._lost_it(error or "the server closed it"))
        if not self._lost.done():
            self._lost.set_result(None)

    def _lost_it(self, why: object) -> ServerUnavailable:
        return ServerUnavailable(f"The connection to {self._address} broke: {why}.")

    # How it ends.

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        until = self._waiting[0].until
        if until <= self._loop.time():
            self._fail(ServerTimeout(f"{self._address} did not answer in time."))
        else:
            self._timer = self._loop.call_at(until, self._look_at_the_clock)

    def _fail(self, error: ServerUnavailable) -> None:
        self.close()
        waiting, self._waiting = self._waiting, deque()
        for awaited in waiting:
            if not awaited.future.done():
                awaited.future.set_exception(type(error)(*error.args))

    def retire(self) -> None:
        """Take no new callers; those who wait are answered first."""
        self.closed = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close at once: whoever waits is told that the connection broke."""
        self.closed = True
        self._stop_the_clock()
        self._transport.abort()

    def _stop_the_clock(self, _done: object = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def aclose(self) -> None:
        """Close, and wait until the transport has done so."""
        self.close()
        await self._lost

"""A connection of an event loop, which many tasks use at once."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any

from django_cachex.cache.connection.drivers import AsyncConnection, taken_from
from django_cachex.cache.connection.errors import ProtocolError
from django_cachex.cache.connection.protocol import MISSING, Codec
from django_cachex.cache.connection.sync import LONGEST, looking_at
from django_cachex.exceptions import ServerTimeout, ServerUnavailable

LARGE = 262_144
"""Bytes from which on a command or a reply keeps others waiting, where the way is slow. No more are
handed to the transport at once: so it is seen whether they go out."""

SLOW = 0.1
"""Seconds for which a large reply may do so."""


class Overtaken(ServerUnavailable):
    """A large reply is in the way: ask again on another connection."""


class Awaited:
    """A caller who waits for so many replies, until the loop's clock says `until`, or longer while
    anything moves; whether it may ask again on another connection is `movable`."""

    __slots__ = ("future", "movable", "replies", "until", "wanted")

    def __init__(
        self, future: asyncio.Future[Any], wanted: int, until: float, movable: bool
    ) -> None:
        self.future = future
        self.wanted = wanted
        self.replies: list[Any] = []
        self.until = until
        self.movable = movable


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
        self._unsent: deque[memoryview] = deque()
        self._paused = False
        self._moved = 0.0
        """When anything was last received, or a piece of what is large went out."""
        self._incomplete, self._began = 0, 0.0
        """Bytes of the reply that is being received, and since when."""
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.heard = self._loop.time()
        """When anything was last received, the greeting at first, by the loop's clock."""
        self.closed = False
        """Whether nothing more can be sent."""
        self.reused = False
        """Whether anything was answered on it before."""
        self.in_company = False
        """Whether several waited when it broke."""
        reader, self._writer = taken_from(connection)  # Kept: else Python closes the transport.
        self._transport = self._writer.transport
        self._transport.set_protocol(self)
        if reader.at_eof():  # Nobody would tell us.
            self.close()
        self._something_to_read = looking_at(self._transport.get_extra_info("socket"))

    @property
    def timeout(self) -> float:
        """Within how many seconds something is to be heard, infinitely many for no end."""
        return self._timeout or math.inf

    def is_open(self) -> bool:
        """Return whether the other end is there, as far as can be told; look past a busy loop."""
        try:
            return not self.closed and (bool(self._waiting) or not self._something_to_read())
        except (OSError, ValueError):
            return False

    def send(self, data: bytes, movable: bool = False, wanted: int = 0) -> asyncio.Future[Any]:
        """Send what is packed, with nobody else's between; return what becomes the reply.

        That may be one of our exceptions; where several are `wanted` it is the list of all. Who is
        `movable` may be told to ask again elsewhere, by `Overtaken`.
        """
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
        self._waiting.append(Awaited(future, wanted, until, movable))
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(data)
        return future

    def send_all(self, data: bytes, count: int, longer: float = 0) -> asyncio.Future[list[Any]]:
        """Send `count` packed commands; return their replies to be.

        They may take so many seconds `longer` than the connection's timeout: on such a connection
        nobody else waits.
        """
        future = self.send(data, wanted=count)
        if longer and self._timeout and not self.closed:
            self._stop_the_clock()
            until = self._loop.time() + self._timeout + min(longer, LONGEST)
            self._waiting[-1].until = until
            self._timer = self._loop.call_at(until, self._look_at_the_clock)
            future.add_done_callback(self._stop_the_clock)
        return future

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        data = b"".join(outgoing)
        # A retired stream still sends for those who were there before.
        if len(data) > LARGE or self._unsent:
            self._unsent.append(memoryview(data))
            self._pour()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def _pour(self) -> None:
        """Hand on pieces of what is large as long as the transport takes them."""
        while self._unsent and not self._paused and not self._transport.is_closing():
            data = self._unsent.popleft()
            if len(data) > LARGE:
                self._unsent.appendleft(data[LARGE:])
            self._transport.write(data[:LARGE])
            self._moved = self._loop.time()

    # What the transport tells.

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pour()

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        count = len(waiting)
        self._reader.feed(data, 0, len(data))
        self.reused = True
        self.heard = self._moved = self._loop.time()
        try:
            self._give_out()
        except ProtocolError as error:
            self._fail(error)
        if len(waiting) < count:
            self._incomplete = 0
        else:
            self._let_pass(len(data))
        if self.closed and not waiting:
            self.close()

    def _give_out(self) -> None:
        """Give the replies that are complete to those who wait for them."""
        gets, waiting = self._reader.gets, self._waiting
        while (reply := gets()) is not MISSING:
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

    def _let_pass(self, count: int) -> None:
        """Let those who may ask elsewhere, where a large reply comes too slowly to wait for it."""
        if not self._incomplete:
            self._began = self.heard
        self._incomplete += count
        if self._incomplete > LARGE and self.heard - self._began > SLOW and not self.closed:
            self.closed = True
            for awaited in list(self._waiting)[1:]:
                if awaited.movable and not awaited.future.done():
                    awaited.future.set_exception(Overtaken())

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
        """Tell those whose time is up, while nothing moves; the others have their own time."""
        self._timer = None
        now, timeout = self._loop.time(), self._timeout or 0
        silent = self._moved + timeout <= now
        for awaited in self._waiting:
            if awaited.future.done() and self.closed:
                continue
            if not silent or awaited.until > now:
                self._timer = self._loop.call_at(
                    max(awaited.until, self._moved + timeout), self._look_at_the_clock
                )
                return
            self.closed = True
            if not awaited.future.done():
                awaited.future.set_exception(
                    ServerTimeout(f"{self._address} did not answer in time.")
                )
        if self.closed:
            self.close()

    def _fail(self, error: ServerUnavailable) -> None:
        self.close()
        waiting, self._waiting = self._waiting, deque()
        self.in_company = len(waiting) > 1
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

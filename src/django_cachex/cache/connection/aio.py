"""Asyncio connections, which many tasks can use at the same time."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any

from django_cachex.cache.connection.drivers import AsyncDriverConnection, detach_streams
from django_cachex.cache.connection.errors import ProtocolError
from django_cachex.cache.connection.protocol import INCOMPLETE, RESPCodec
from django_cachex.cache.connection.sync import MAX_TIMEOUT, make_readability_poller
from django_cachex.exceptions import ServerTimeout, ServerUnavailable

LARGE_MESSAGE_SIZE = 262_144
"""Bytes from which on a command or a reply delays others noticeably on a slow network.

Larger commands are written to the transport in chunks of this size, which shows whether the server
still reads them."""

SLOW_REPLY_TIME = 0.1
"""Seconds that a large reply may delay other commands."""


class ConnectionCongested(ServerUnavailable):
    """A large reply blocks the connection. The command should be sent on another one."""


class PendingReply:
    """A future for the reply to a command, or for the list of replies to several commands.

    `expected` is the number of replies in the list, 0 for a single reply. `deadline` is a time of
    the event loop's clock, which is extended while data is transferred. `can_move` is whether the
    command may be sent again on another connection.
    """

    __slots__ = ("can_move", "deadline", "expected", "future", "replies")

    def __init__(
        self, future: asyncio.Future[Any], expected: int, deadline: float, can_move: bool
    ) -> None:
        self.future = future
        self.expected = expected
        self.replies: list[Any] = []
        self.deadline = deadline
        self.can_move = can_move


class AsyncConnection(asyncio.Protocol):
    """A connection that many tasks share.

    The commands of one iteration of the event loop are sent in one write; replies arrive in order.
    If a task is cancelled, the reply to its command is read and discarded, so other tasks aren't
    affected.
    """

    def __init__(self, connection: AsyncDriverConnection, codec: RESPCodec, address: str) -> None:
        self._address = address
        self._reader = codec.reader()
        self._loop = asyncio.get_running_loop()
        self._timeout = connection.socket_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._pending: deque[PendingReply] = deque()
        self._outgoing: list[bytes] = []
        self._unsent: deque[memoryview] = deque()
        self._paused = False
        self._last_progress = 0.0
        """The time when data was last received, or a chunk of a large command was written."""
        self._partial_size, self._partial_since = 0, 0.0
        """The number of bytes of an incomplete reply, and the time when the first arrived."""
        self._disconnected: asyncio.Future[None] = self._loop.create_future()
        self.last_received = self._loop.time()
        """The time when data was last received, by the event loop's clock."""
        self.closed = False
        """Whether no more commands can be sent."""
        self.reused = False
        """Whether a reply was received on this connection before."""
        self.was_shared = False
        """Whether several callers were waiting when the connection was lost."""
        # The reference to the writer prevents Python from closing the transport.
        reader, self._writer = detach_streams(connection)
        self._transport = self._writer.transport
        self._transport.set_protocol(self)
        if reader.at_eof():  # In this case the transport calls no method of this class.
            self.close()
        self._is_readable = make_readability_poller(self._transport.get_extra_info("socket"))

    @property
    def timeout(self) -> float:
        """The connection's timeout in seconds, infinity for none."""
        return self._timeout or math.inf

    def is_open(self) -> bool:
        """Return whether the server hasn't closed the connection, as far as the socket shows.

        The socket is checked directly, because a busy event loop may not have noticed it yet.
        """
        try:
            return not self.closed and (bool(self._pending) or not self._is_readable())
        except (OSError, ValueError):
            return False

    def send(self, data: bytes, can_move: bool = False, expected: int = 0) -> asyncio.Future[Any]:
        """Send packed commands with no others in between, and return a future for the reply.

        Args:
            data: the packed commands.
            can_move: whether `ConnectionCongested` may be raised, so that the caller sends the
                command on another connection.
            expected: the number of replies to return as a list, or 0 for a single reply.

        Returns:
            A future. An error reply is returned as an exception, not raised.
        """
        loop = self._loop
        future = loop.create_future()
        if self.closed:
            future.set_exception(self._connection_lost_error("it is closed"))
            return future
        deadline = 0.0
        if self._timeout:
            deadline = loop.time() + self._timeout
            if self._timer is None:
                self._timer = loop.call_at(deadline, self._check_timeouts)
        self._pending.append(PendingReply(future, expected, deadline, can_move))
        if not self._outgoing:
            loop.call_soon(self._flush)
        self._outgoing.append(data)
        return future

    def send_all(
        self, data: bytes, count: int, extra_timeout: float = 0
    ) -> asyncio.Future[list[Any]]:
        """Send `count` packed commands and return a future for the list of their replies.

        `extra_timeout` seconds are added to the connection's timeout. It may only be used if no
        other caller waits on this connection.
        """
        future = self.send(data, expected=count)
        if extra_timeout and self._timeout and not self.closed:
            self._cancel_timer()
            deadline = self._loop.time() + self._timeout + min(extra_timeout, MAX_TIMEOUT)
            self._pending[-1].deadline = deadline
            self._timer = self._loop.call_at(deadline, self._check_timeouts)
            future.add_done_callback(self._cancel_timer)
        return future

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        data = b"".join(outgoing)
        # A connection that is being drained still sends the commands of earlier callers.
        if len(data) > LARGE_MESSAGE_SIZE or self._unsent:
            self._unsent.append(memoryview(data))
            self._write_chunks()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def _write_chunks(self) -> None:
        """Write chunks of large commands until the transport's buffer is full."""
        while self._unsent and not self._paused and not self._transport.is_closing():
            data = self._unsent.popleft()
            if len(data) > LARGE_MESSAGE_SIZE:
                self._unsent.appendleft(data[LARGE_MESSAGE_SIZE:])
            self._transport.write(data[:LARGE_MESSAGE_SIZE])
            self._last_progress = self._loop.time()

    # The methods that the transport calls (`asyncio.Protocol`).

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._write_chunks()

    def data_received(self, data: bytes) -> None:
        pending = self._pending
        count = len(pending)
        self._reader.feed(data, 0, len(data))
        self.reused = True
        self.last_received = self._last_progress = self._loop.time()
        try:
            self._deliver_replies()
        except ProtocolError as error:
            self._fail(error)
        if len(pending) < count:
            self._partial_size = 0
        else:
            self._release_movable(len(data))
        if self.closed and not pending:
            self.close()

    def _deliver_replies(self) -> None:
        """Set the results of the futures whose replies are complete."""
        gets, pending = self._reader.gets, self._pending
        while (reply := gets()) is not INCOMPLETE:
            if not pending:
                raise ProtocolError("Connection out of sync: unexpected reply.")
            first = pending[0]
            if first.expected:
                first.replies.append(reply)
                if len(first.replies) < first.expected:
                    continue
                reply = first.replies
            pending.popleft()
            if not first.future.done():
                first.future.set_result(reply)

    def _release_movable(self, count: int) -> None:
        """If a large reply arrives too slowly, let callers move to another connection."""
        if not self._partial_size:
            self._partial_since = self.last_received
        self._partial_size += count
        if (
            self._partial_size > LARGE_MESSAGE_SIZE
            and self.last_received - self._partial_since > SLOW_REPLY_TIME
            and not self.closed
        ):
            self.closed = True
            for pending_reply in list(self._pending)[1:]:
                if pending_reply.can_move and not pending_reply.future.done():
                    pending_reply.future.set_exception(ConnectionCongested())

    def eof_received(self) -> None:
        """Return None, so that the transport closes itself."""

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(self._connection_lost_error(error or "the server closed it"))
        if not self._disconnected.done():
            self._disconnected.set_result(None)

    def _connection_lost_error(self, why: object) -> ServerUnavailable:
        return ServerUnavailable(f"The connection to {self._address} was lost: {why}.")

    # Timeouts, errors and closing.

    def _check_timeouts(self) -> None:
        """Raise `ServerTimeout` for callers whose deadline has passed while no data moved."""
        self._timer = None
        now, timeout = self._loop.time(), self._timeout or 0
        silent = self._last_progress + timeout <= now
        for pending_reply in self._pending:
            if pending_reply.future.done() and self.closed:
                continue
            if not silent or pending_reply.deadline > now:
                self._timer = self._loop.call_at(
                    max(pending_reply.deadline, self._last_progress + timeout), self._check_timeouts
                )
                return
            self.closed = True
            if not pending_reply.future.done():
                pending_reply.future.set_exception(
                    ServerTimeout(f"{self._address} did not answer in time.")
                )
        if self.closed:
            self.close()

    def _fail(self, error: ServerUnavailable) -> None:
        self.close()
        pending, self._pending = self._pending, deque()
        self.was_shared = len(pending) > 1
        for pending_reply in pending:
            if not pending_reply.future.done():
                pending_reply.future.set_exception(type(error)(*error.args))

    def drain(self) -> None:
        """Accept no more commands, and close once all pending replies have arrived."""
        self.closed = True
        if not self._pending:
            self.close()

    def close(self) -> None:
        """Close at once. Callers that are waiting get an error."""
        self.closed = True
        self._cancel_timer()
        self._transport.abort()

    def _cancel_timer(self, _done: object = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def aclose(self) -> None:
        """Close, and wait until the transport is closed."""
        self.close()
        await self._disconnected

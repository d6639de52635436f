"""Blocking connections, and the pool that threads take them from."""

from __future__ import annotations

import functools
import math
import select
import socket
import struct
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django_cachex.cache.connection.drivers import DriverConnection, get_socket
from django_cachex.cache.connection.errors import ProtocolError
from django_cachex.cache.connection.protocol import INCOMPLETE, RESPCodec
from django_cachex.exceptions import ReplyTooLarge, ServerTimeout

BUFFER_SIZE = 65_536
"""Bytes that are sent or received at once. Large values are transferred fastest in this size."""

MIN_TIMEOUT: Final = 0.001
"""The shortest timeout in seconds. For a socket, zero means no timeout."""

MAX_TIMEOUT: Final = 365 * 86_400
"""One year in seconds, which stands for "no timeout". Sockets reject much larger numbers."""

# The kernel enforces the timeout of plain sockets. Python would call poll() before each operation,
# which is slower.
HAS_KERNEL_TIMEOUTS = sys.platform in ("linux", "darwin")


class SyncConnection:
    """A connection that one thread uses at a time.

    Its methods raise OSError for network errors and `ProtocolError` for invalid replies. After any
    exception, the connection must be closed. Otherwise, the next caller might read the reply to
    this command.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_connection",
        "_is_readable",
        "_reader",
        "_recv_into",
        "_send",
        "_sock",
        "_timeout",
        "last_used",
        "reused",
        "slot",
    )

    def __init__(self, connection: DriverConnection, codec: RESPCodec) -> None:
        self._connection = connection
        self._sock = sock = get_socket(connection)
        self._reader = codec.reader()
        self._buffer = bytearray(BUFFER_SIZE)
        self._recv_into: Callable[[bytearray], int] = sock.recv_into
        self._send: Callable[[bytes], None] = sock.sendall
        self._is_readable = make_readability_poller(sock)
        self._timeout = sock.gettimeout()
        self.reused = False
        """Whether a command was completed on this connection before."""
        self.last_used = 0.0
        """The time of the last completed command, in seconds of `time.monotonic`."""
        self.slot: object = None
        """The connection's `PoolSlot`."""
        if self._timeout:
            set_timeout(sock, self._timeout)
            if sock.gettimeout():  # In Python, the timeout of `sendall` is for all data together.
                self._send = functools.partial(send_in_chunks, sock)

    @property
    def timeout(self) -> float:
        """The connection's timeout in seconds, infinity for none."""
        return self._timeout or math.inf

    def execute(self, data: bytes) -> Any:
        """Send one packed command and return its reply, or an exception for an error reply."""
        self._send(data)
        reader, buffer = self._reader, self._buffer
        gets = reader.gets
        while True:
            length = self._recv_into(buffer)  # As in `_receive`; a call costs time.
            if not length:
                raise ConnectionResetError("the server closed it")
            reader.feed(buffer, 0, length)
            if (reply := gets()) is not INCOMPLETE:
                break
        if gets() is not INCOMPLETE:
            raise ProtocolError("Connection out of sync: unexpected reply.")
        return reply

    def _receive(self) -> None:
        """Wait for data and pass it to the reader."""
        length = self._recv_into(self._buffer)
        if not length:
            raise ConnectionResetError("the server closed it")
        self._reader.feed(self._buffer, 0, length)

    def execute_many(self, data: bytes, count: int, extra_timeout: float = 0) -> list[Any]:
        """Send `count` packed commands in one write and return their replies.

        `extra_timeout` seconds are added to the connection's timeout for this call.
        """
        replies: list[Any] = []
        timeout = self._timeout if extra_timeout else None
        if timeout:
            set_timeout(self._sock, timeout + extra_timeout)
        self._send(data)
        gets = self._reader.gets
        while len(replies) < count:
            self._receive()
            replies += iter(gets, INCOMPLETE)
        if timeout:
            set_timeout(self._sock, timeout)
        if len(replies) > count:
            raise ProtocolError("Connection out of sync: unexpected reply.")
        return replies

    def is_healthy(self) -> bool:
        """Return whether the server has neither closed the connection nor sent unexpected data."""
        try:
            return not self._is_readable()
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close the connection, in any state."""
        self._connection.disconnect()


def make_readability_poller(sock: Any) -> Callable[[], Any]:
    """Return a function whose result is true if `sock` has data to read, without waiting for it."""
    if not hasattr(select, "poll"):  # With gevent, and on Windows.
        return lambda: select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return functools.partial(poll.poll, 0)


def send_in_chunks(sock: Any, data: bytes) -> None:
    """Send `data`. The timeout starts again with each chunk, as it does in the kernel."""
    if len(data) <= BUFFER_SIZE:
        sock.sendall(data)
        return
    view = memoryview(data)
    for start in range(0, len(data), BUFFER_SIZE):
        sock.sendall(view[start : start + BUFFER_SIZE])


def set_timeout(sock: Any, seconds: float) -> None:
    """Set the timeout for sending and for receiving on `sock`, in seconds; infinity for none.

    The kernel enforces the timeout, except with TLS and with gevent.
    """
    seconds = min(seconds, MAX_TIMEOUT)
    plain = type(sock) is socket.socket and type(sock).__module__ == "socket"
    if not (HAS_KERNEL_TIMEOUTS and plain):
        sock.settimeout(seconds)
        return
    whole, part = divmod(seconds, 1)
    timeval = struct.pack("@ll", int(whole), int(part * 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
    sock.settimeout(None)


HEALTH_CHECK_INTERVAL = 1.0
"""Seconds that a connection may be idle before it is checked when it is used again."""


class PoolSlot:
    """The right to open one connection.

    The pool only has weak references to slots, so a slot is free again as soon as its connection is
    gone, whatever went wrong.
    """

    __slots__ = ("__weakref__",)


class Waiter:
    """A thread in the queue. It receives a connection, or a slot to open one."""

    __slots__ = ("connection", "served", "slot")

    def __init__(self) -> None:
        self.connection: SyncConnection | None = None
        self.slot: PoolSlot | None = None
        # No `threading.Event`: an interrupt could leave the lock inside it locked.
        self.served = threading.Lock()
        self.served.acquire()


class ConnectionPool:
    """A pool of connections to one server, for all threads of the process.

    The connection that was used last is reused first. If none is idle, the pool opens a new one, up
    to `max_connections`. Threads that have to wait are served in the order of their arrival, before
    any other thread.

    `list.append` and `list.pop` are atomic, so no lock is needed while there are idle connections.

    A signal handler may raise an exception after any function that is written in C. From Python
    3.14 on, this includes the time between acquiring a lock and entering its `with` block.
    The pool therefore doesn't use `with` for its lock.
    """

    def __init__(
        self, connect: Callable[[], SyncConnection], max_connections: int, timeout: float
    ) -> None:
        self._connect = connect
        self._max_connections = max_connections
        self._acquire_timeout = timeout
        self._idle: list[SyncConnection] = []
        self._slots: weakref.WeakSet[PoolSlot] = weakref.WeakSet()
        self._waiters: deque[Waiter] = deque()
        self._serve_lock = threading.RLock()  # An RLock can only be released by its owner.

    def acquire(self) -> SyncConnection:
        """Return a connection for this thread alone.

        Raises:
            ServerTimeout: all connections were in use until the timeout.
            CachexError: a new connection could not be opened.
        """
        if self._waiters:
            return self._wait_for_connection()
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._wait_for_connection()
        if (
            time.monotonic() - connection.last_used > HEALTH_CHECK_INTERVAL
            and not connection.is_healthy()
        ):
            self.discard(connection)
            return self.acquire()
        return connection

    def release(self, connection: SyncConnection) -> None:
        """Make `connection` available to other threads. All its replies must have been read."""
        connection.reused = True
        connection.last_used = time.monotonic()
        self._idle.append(connection)
        if self._waiters:
            self._serve_waiters()

    def discard(self, connection: SyncConnection) -> None:
        """Close `connection` and free its slot."""
        connection.close()
        connection.slot = None
        if self._waiters:
            self._serve_waiters()

    def disconnect_idle(self, before: float = math.inf) -> None:
        """Close the idle connections that were last used before a time of `time.monotonic`.

        By default, all idle connections are closed. If one connection is dead, the others probably
        are, too.
        """
        for connection in list(self._idle):
            if connection.last_used < before:
                try:
                    self._idle.remove(connection)
                except ValueError:
                    continue  # Another thread has acquired it.
                self.discard(connection)

    def _wait_for_connection(self) -> SyncConnection:
        waiter = Waiter()
        self._waiters.append(waiter)
        # A connection that was released before this thread joined the queue is still idle.
        self._serve_waiters()
        if not waiter.served.acquire(timeout=self._acquire_timeout):
            try:
                self._waiters.remove(waiter)
            except ValueError:  # Another thread is serving this one at the moment.
                waiter.served.acquire(timeout=self._acquire_timeout)
        if waiter.connection is None and waiter.slot is None:
            seconds = f"{self._acquire_timeout:g}"
            raise ServerTimeout(
                f"All {self._max_connections} connections were in use for {seconds} s."
            )
        return waiter.connection or self._connect_in_slot(waiter)

    def _serve_waiters(self) -> None:
        """Give idle connections and free slots to the threads in the queue."""
        try:
            if self._serve_lock.acquire(timeout=self._acquire_timeout):
                while self._waiters and self._serve_next():
                    pass
        finally:
            # No other call may come before the release, because a signal handler could raise there.
            try:  # noqa: SIM105  # `suppress` would be such a call.
                self._serve_lock.release()
            except RuntimeError:
                pass  # The lock was not acquired.

    def _serve_next(self) -> bool:
        """Give a connection or a slot to the first thread in the queue.

        Return whether there was a thread, and something to give.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            if len(self._slots) >= self._max_connections:
                return False
            connection = None
        try:
            waiter = self._waiters.popleft()
        except IndexError:  # The thread has given up waiting.
            if connection is not None:
                self._idle.append(connection)
            return False
        if connection is None:
            waiter.slot = PoolSlot()
            self._slots.add(waiter.slot)
        waiter.connection = connection
        waiter.served.release()
        return True

    def _connect_in_slot(self, waiter: Waiter) -> SyncConnection:
        try:
            connection = self._connect()
            connection.slot = waiter.slot
            return connection
        finally:
            waiter.slot = None
            if self._waiters:
                self._serve_waiters()


REPLY_START_SIZE: Final = 512
"""Bytes of a reply that `ReplyTooLarge` keeps."""


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """The limits of one exchange: of commands that are sent together, and their replies."""

    timeout: float
    """The time from the first byte that is sent to the last one that is received.

    Connecting may take the same time again.
    """

    max_reply_bytes: int
    """The maximum size of all replies together. Reading stops if the replies are larger."""


class BoundedSyncConnection(SyncConnection):
    """A connection with limits for the duration of an exchange and the size of its replies.

    The timeout of a socket starts again with each byte, and doesn't limit the size of a reply. In
    addition to the exceptions of `SyncConnection`, methods raise `ReplyTooLarge`.
    """

    __slots__ = ("_deadline", "_has_short_timeout", "_limits", "_received", "_reply_start")

    def __init__(
        self, connection: DriverConnection, codec: RESPCodec, limits: ExchangeLimits
    ) -> None:
        super().__init__(connection, codec)
        self._limits = limits
        self._send, self._recv_into = self._send_bounded, self._recv_bounded
        self._has_short_timeout = False

    def execute(self, data: bytes) -> Any:
        self._start_exchange()
        return super().execute(data)

    def execute_many(self, data: bytes, count: int, extra_timeout: float = 0) -> list[Any]:
        self._start_exchange(extra_timeout)
        return super().execute_many(data, count, extra_timeout)

    def _start_exchange(self, extra_timeout: float = 0) -> None:
        self._deadline = time.monotonic() + self._limits.timeout + extra_timeout
        self._received, self._reply_start = 0, b""
        if self._has_short_timeout and self._timeout:
            set_timeout(self._sock, self._timeout)
            self._has_short_timeout = False

    def _send_bounded(self, data: bytes) -> None:
        if len(data) <= BUFFER_SIZE:
            self._sock.sendall(data)
            return
        remaining = memoryview(data)
        while remaining:
            self._limit_timeout()
            self._sock.sendall(remaining[:BUFFER_SIZE])
            remaining = remaining[BUFFER_SIZE:]

    def _recv_bounded(self, buffer: bytearray) -> int:
        if self._received:
            self._limit_timeout()
        length = self._sock.recv_into(buffer)
        if not self._received:
            self._reply_start = bytes(buffer[: min(length, REPLY_START_SIZE)])
        self._received += length
        if self._received > self._limits.max_reply_bytes:
            raise ReplyTooLarge(self._limits.max_reply_bytes, self._reply_start)
        return length

    def _limit_timeout(self) -> None:
        """Reduce the socket's timeout to the time that remains."""
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the exchange took too long")
        set_timeout(self._sock, max(remaining, MIN_TIMEOUT))
        self._has_short_timeout = True

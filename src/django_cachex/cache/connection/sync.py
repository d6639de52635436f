"""Connections of threads, and the pool that lends them out."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django_cachex.cache.connection.drivers import Connection, disconnect_from_outside, socket_of
from django_cachex.cache.connection.errors import ProtocolError
from django_cachex.cache.connection.protocol import MISSING, Codec
from django_cachex.exceptions import ReplyTooLarge, ServerTimeout

AT_ONCE = 65_536
"""Bytes: large values arrive fastest in pieces of this size."""

LONGEST = 365 * 86_400
"""Seconds, a year, that stand for no end: the clocks of sockets take so many."""

# The kernel watches over the time of plain sockets: Python would poll before each send and receive.
KERNEL_TIMEOUTS = sys.platform in ("linux", "darwin")


class Line:
    """A connection in use by one thread at a time.

    Its methods raise OSError for what goes wrong on the way, `ProtocolError` for nonsense. After
    any exception it must be closed: a reply left unread would be the next caller's data.
    """

    __slots__ = (
        *("__weakref__", "_buffer", "_connection", "_reader", "_receive", "_send", "_sock"),
        *("_something_to_read", "_timeout", "place", "reused", "since"),
    )

    def __init__(self, connection: Connection, codec: Codec) -> None:
        self._connection = connection
        self._sock = sock = socket_of(connection)
        self._reader = codec.reader()
        self._buffer = bytearray(AT_ONCE)
        self._receive = sock.recv_into
        self._send: Callable[[bytes], None] = sock.sendall
        self._something_to_read = looking_at(sock)
        self._timeout = sock.gettimeout()
        self.reused = False
        """Whether an exchange went well on it before."""
        self.since = 0.0
        """When that was, by `time.monotonic`."""
        self.place: object = None
        """Its place among the connections that there may be."""
        if self._timeout:
            set_timeout(sock, self._timeout)
            if sock.gettimeout():  # Python's own is for all that is sent.
                self._send = functools.partial(send_in_pieces, sock)

    @property
    def timeout(self) -> float:
        """Within how many seconds something is to be heard, infinitely many for no end."""
        return self._timeout or math.inf

    def ask(self, data: bytes) -> Any:
        """Send one packed command; return its reply, which may be one of our exceptions."""
        self._send(data)
        gets = self._reader.gets
        self._wait()
        while (reply := gets()) is MISSING:
            self._wait()
        if gets() is not MISSING:
            raise ProtocolError("The server answered what nobody asked.")
        return reply

    def _wait(self) -> None:
        """Give the reader what comes next."""
        length = self._receive(self._buffer)
        if not length:
            raise ConnectionResetError("the server closed it")
        self._reader.feed(self._buffer, 0, length)

    def ask_all(self, data: bytes, count: int, longer: float = 0) -> list[Any]:
        """Send `count` packed commands in one write; return their replies.

        Each may take so many seconds `longer` than the connection's timeout.
        """
        replies: list[Any] = []
        if longer and self._timeout:
            set_timeout(self._sock, self._timeout + longer)
            replies = self.ask_all(data, count)
            set_timeout(self._sock, self._timeout)
            return replies
        self._send(data)
        gets = self._reader.gets
        while len(replies) < count:
            self._wait()
            replies += iter(gets, MISSING)
        if len(replies) > count:
            raise ProtocolError("The server answered what nobody asked.")
        return replies

    def is_open(self) -> bool:
        """Return whether the other end has neither hung up nor sent what nobody asked for."""
        try:
            return not self._something_to_read()
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close the connection, whatever happened on it."""
        self._connection.disconnect()


def looking_at(sock: Any) -> Callable[[], bool]:
    """Return a function that tells, without waiting, whether there is something to read."""
    if not hasattr(select, "poll"):  # Under gevent, and on Windows.
        return lambda: bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda: bool(poll.poll(0))


def send_in_pieces(sock: Any, data: bytes) -> None:
    """Send `data`; the clock begins anew with each piece, as it does in the kernel."""
    if len(data) <= AT_ONCE:
        sock.sendall(data)
        return
    view = memoryview(data)
    for start in range(0, len(data), AT_ONCE):
        sock.sendall(view[start : start + AT_ONCE])


def set_timeout(sock: Any, seconds: float) -> None:
    """Let a send or a receive on `sock` take so many seconds, infinitely many for no end.

    The kernel ends what takes longer, where it can: not for TLS, not under gevent.
    """
    seconds = min(seconds, LONGEST)
    plain = type(sock) is socket.socket and type(sock).__module__ == "socket"
    if not (KERNEL_TIMEOUTS and plain):
        sock.settimeout(seconds)
        return
    whole, part = divmod(seconds, 1)
    timeval = struct.pack("@ll", int(whole), int(part * 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
    sock.settimeout(None)


IDLE = 1.0
"""Seconds after which a connection is looked at before it is used again."""


class Place:
    """The right to one connection: it lapses when nobody refers to it, whatever went wrong."""

    __slots__ = ("__weakref__",)


class Waiter:
    """A thread in the queue: served with a connection, or with a place to open one."""

    __slots__ = ("line", "place", "served")

    def __init__(self) -> None:
        self.line: Line | None = None
        self.place: Place | None = None
        self.served = threading.Lock()  # An event has a lock within, which may be left held.
        self.served.acquire()


class Lines:
    """Leases connections, the last used first; opens one where none is free, up to a limit.

    Lists take and give in one step of the interpreter, so nobody waits for a lock while a
    connection is free. Those who wait are served in turn, before anybody else.

    A signal's handler may raise wherever a function in C has returned, so from Python 3.14 on
    between taking a lock and entering its `with` block.
    """

    def __init__(self, connect: Callable[[], Line], limit: int, patience: float) -> None:
        self._connect = connect
        self._limit = limit
        self._patience = patience
        self._free: list[Line] = []
        self._taken: weakref.WeakSet[Place] = weakref.WeakSet()
        self._queue: deque[Waiter] = deque()
        self._serving = threading.RLock()  # Only its owner can release it.

    def lease(self) -> Line:
        """Return a connection that nobody else uses.

        Raise `ServerTimeout` where none was to be had in time, and what connecting raises.
        """
        if self._queue:
            return self._wait_or_open()
        try:
            line = self._free.pop()
        except IndexError:
            return self._wait_or_open()
        if time.monotonic() - line.since > IDLE and not line.is_open():
            self.drop(line)
            return self.lease()
        return line

    def give_back(self, line: Line) -> None:
        """Let others use `line`, on which no reply may be left."""
        line.reused = True
        line.since = time.monotonic()
        self._free.append(line)
        if self._queue:
            self._serve()

    def drop(self, line: Line) -> None:
        """Close `line`, and make room for another."""
        line.close()
        line.place = None
        if self._queue:
            self._serve()

    def drop_free(self, before: float = math.inf) -> None:
        """Close what lies unused, or was last used before some time of `time.monotonic`.

        Where one connection was dead, the others are likely to be.
        """
        for line in list(self._free):
            if line.since < before:
                try:
                    self._free.remove(line)
                except ValueError:
                    continue  # Somebody was faster.
                self.drop(line)

    def _wait_or_open(self) -> Line:
        waiter = Waiter()
        self._queue.append(waiter)
        self._serve()  # Who gave back before this joined the queue served nobody.
        if not waiter.served.acquire(timeout=self._patience):
            try:
                self._queue.remove(waiter)
            except ValueError:  # It is being served this very moment.
                waiter.served.acquire(timeout=self._patience)
        if waiter.line is None and waiter.place is None:
            raise ServerTimeout(
                f"All {self._limit} connections were in use for {self._patience:g} s."
            )
        return waiter.line or self._open(waiter)

    def _serve(self) -> None:
        """Give those who wait what there is."""
        try:
            if self._serving.acquire(timeout=self._patience):
                while self._queue and self._serve_one():
                    pass
        finally:
            # Nothing may be called before the release: a handler could raise there.
            try:  # noqa: SIM105
                self._serving.release()
            except RuntimeError:
                pass  # It was not acquired.

    def _serve_one(self) -> bool:
        """Give who waits longest a connection, or a place for one; return whether there was any."""
        try:
            line = self._free.pop()
        except IndexError:
            if len(self._taken) >= self._limit:
                return False
            line = None
        try:
            waiter = self._queue.popleft()
        except IndexError:  # It went away.
            if line is not None:
                self._free.append(line)
            return False
        if line is None:
            waiter.place = Place()
            self._taken.add(waiter.place)
        waiter.line = line
        waiter.served.release()
        return True

    def _open(self, waiter: Waiter) -> Line:
        try:
            line = self._connect()
            line.place = waiter.place
            return line
        finally:
            waiter.place = None
            if self._queue:
                self._serve()


SHORTEST: Final = 0.001
"""Seconds: a socket takes nothing for no end."""

PATIENCE: Final = 0.1
"""Seconds between two attempts to hang up: a driver may still be looking for an address."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exchange may take."""

    seconds: float
    """From the first byte sent to the last received; for connecting, as many again."""

    reply_bytes: int
    """Of all its replies together: what is longer is not read to its end."""


class BoundedLine(Line):
    """A connection to a server that is not trusted to come to an end.

    The timeout of a socket begins anew with each byte, and a reply is as long as it is. Beside
    what `Line` raises, its methods raise `ReplyTooLarge`.
    """

    __slots__ = ("_bounds", "_head", "_is_shortened", "_received", "_until")

    def __init__(self, connection: Connection, codec: Codec, bounds: Bounds) -> None:
        super().__init__(connection, codec)
        self._bounds = bounds
        self._send = self._send_in_time
        self._is_shortened = False

    def ask(self, data: bytes) -> Any:
        self._begin()
        return super().ask(data)

    def ask_all(self, data: bytes, count: int, longer: float = 0) -> list[Any]:
        self._begin(longer)
        return super().ask_all(data, count, longer)

    def _begin(self, longer: float = 0) -> None:
        self._until = time.monotonic() + self._bounds.seconds + longer
        self._received, self._head = 0, b""
        if self._is_shortened and self._timeout:
            set_timeout(self._sock, self._timeout)
            self._is_shortened = False

    def _send_in_time(self, data: bytes) -> None:
        if len(data) <= AT_ONCE:
            self._sock.sendall(data)
            return
        left = memoryview(data)
        while left:
            self._shorten()
            self._sock.sendall(left[:AT_ONCE])
            left = left[AT_ONCE:]

    def _wait(self) -> None:
        if self._received:
            self._shorten()
        length = self._receive(self._buffer)
        if not length:
            raise ConnectionResetError("the server closed it")
        if not self._received:
            self._head = bytes(self._buffer[: min(length, 512)])
        self._received += length
        if self._received > self._bounds.reply_bytes:
            raise ReplyTooLarge(self._bounds.reply_bytes, self._head)
        self._reader.feed(self._buffer, 0, length)

    def _shorten(self) -> None:
        """Let the socket wait for no longer than is left of the time."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for all of it is over")
        set_timeout(self._sock, max(left, SHORTEST))
        self._is_shortened = True


@contextmanager
def within(seconds: float, connection: Connection, address: str) -> Iterator[None]:
    """Hang up on a connection that is not connected by then: the driver waits byte by byte.

    Raises `ServerTimeout` for what that leads to.
    """
    connected, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        while not connected.wait(PATIENCE if is_late.is_set() else seconds):
            is_late.set()
            disconnect_from_outside(connection)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except Exception as error:
        if not is_late.is_set():
            raise
        raise ServerTimeout(f"{address} did not answer in time.") from error
    finally:
        connected.set()

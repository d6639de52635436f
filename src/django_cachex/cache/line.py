"""A blocking connection: the driver opens it, the bytes on it are ours."""

from __future__ import annotations

import functools
import math
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from django_cachex.cache.drivers import Connection, socket_of
from django_cachex.cache.errors import ProtocolError
from django_cachex.cache.resp import MISSING, Codec

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

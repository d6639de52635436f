"""Connections whose exchanges end: each after a total time, with replies of a bounded size."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django_cachex.cache.drivers import Connection, disconnect_from_outside
from django_cachex.cache.line import AT_ONCE, Line, set_timeout
from django_cachex.cache.resp import Codec
from django_cachex.commands.exceptions import ReplyTooLarge, ServerTimeout

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

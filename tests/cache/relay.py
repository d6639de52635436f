"""A relay between a client and a server, which counts their turns and does what networks do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Closing sends a reset instead of an orderly end.
ABRUPTLY = struct.pack("ii", 1, 0)


class Link:
    """One connection through the relay."""

    def __init__(self, near: socket.socket, far: socket.socket, left: int | None) -> None:
        self.near = near
        self.far = far
        self.left = left
        """How many bytes of replies it passes before it hangs up; None for all."""
        self.silent = False
        """Whether nothing is passed on any more, and nobody told."""
        self.waiting = threading.Event()
        self.waiting.set()
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self, resets: bool = False) -> None:
        """Hang up on both ends.

        On the server first: nothing reaches it once the client may know that the link is gone.
        """
        for end in (self.far, self.near):
            with suppress(OSError):
                if resets and end is self.near:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
                    end.shutdown(socket.SHUT_RD)
                else:
                    end.shutdown(socket.SHUT_RDWR)
            end.close()


class Relay:
    """Passes bytes on. `turns` counts the round trips: writes that came after a reply."""

    def __init__(self, target: int, lifetime: Callable[[], int | None] = lambda: None) -> None:
        self.target = target
        self.lifetime = lifetime
        """Says of each new link how many bytes of replies it passes before it hangs up."""
        self.turns = 0
        self.connections = 0
        self.piece: int | None = None
        """How many bytes of a reply are written at once; None for as many as came."""
        self.resets = False
        """Whether hanging up resets the connection."""
        self.rate: float | None = None
        """How many bytes flow in a second, each way, on each link; None for as many as can."""
        self.flowing = threading.Event()
        """Whether replies are passed on; they wait while it is not set."""
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.links: list[Link] = []
        self.forgotten: list[Link] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.connections += 1
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                link = Link(near, far, self.lifetime())
                self.links.append(link)
                for work in (self._ask, self._answer):
                    threading.Thread(target=work, args=(link,), daemon=True).start()

    def _ask(self, link: Link) -> None:
        with suppress(OSError):
            while data := link.near.recv(self._at_once):
                if link.waiting.is_set():
                    link.waiting.clear()
                    self.turns += 1
                if not link.silent:
                    self._send(link.far, data)
        link.cut()

    def _answer(self, link: Link) -> None:
        with suppress(OSError):
            while data := link.far.recv(self._at_once):
                link.waiting.set()
                self.flowing.wait()
                if not link.silent and not self._pass_on(link, data):
                    break
        link.cut(self.resets)

    def _pass_on(self, link: Link, data: bytes) -> bool:
        """Write `data` in pieces; return whether the link lives on."""
        step = self.piece or len(data)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            if link.left is not None:
                piece = piece[: link.left]
                link.left -= len(piece)
            self._send(link.near, piece)
            if link.left == 0:
                return False
        return True

    @property
    def _at_once(self) -> int:
        return 1 << (16 if self.rate else 20)

    def _send(self, end: socket.socket, data: bytes) -> None:
        end.sendall(data)
        if self.rate:
            time.sleep(len(data) / self.rate)

    def silence(self) -> None:
        """Forget today's links, as a load balancer does: nothing passes, and nobody is told."""
        links, self.links = self.links, []
        for link in links:
            link.silent = True
        self.forgotten += links

    def hang_up_after(self, count: int) -> None:
        """Hang up on each of today's links after `count` more bytes of its replies, 1 at least."""
        for link in self.links:
            link.left = count

    def cut(self) -> None:
        """Hang up on everybody."""
        links, self.links = self.links, []
        for link in links:
            link.cut(self.resets)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.flowing.set()
        self.links += self.forgotten
        self.cut()


@contextmanager
def relay(target: int, lifetime: Callable[[], int | None] = lambda: None) -> Iterator[Relay]:
    """Run a relay to the port `target`."""
    between = Relay(target, lifetime)
    try:
        yield between
    finally:
        between.close()

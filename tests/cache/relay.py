"""A relay between a client and a server, which counts their turns and can stop answering."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes bytes on. `turns` counts the round trips: writes that came after a reply."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.turns = 0
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.connections += 1
                far = socket.create_connection(("127.0.0.1", self.target))
                self.sockets += near, far
                waiting = threading.Event()
                waiting.set()
                for pair in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=(*pair, waiting), daemon=True).start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, asks: bool, waiting: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                if asks and waiting.is_set():
                    waiting.clear()
                    self.turns += 1
                elif not asks:
                    waiting.set()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Hang up on everybody."""
        for end in self.sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.sockets = []

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """Run a relay to the port `target`."""
    between = Relay(target)
    try:
        yield between
    finally:
        between.close()

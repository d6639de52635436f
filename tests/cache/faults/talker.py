"""A server that says what a test wants it to say, right or wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django_cachex.cache.connection.protocol import INCOMPLETE, ReplyReader

Answer = Callable[[list[bytes]], bytes | None]

HANDSHAKE = frozenset((b"CLIENT", b"SELECT", b"AUTH", b"HELLO"))


def polite(words: list[bytes]) -> bytes:
    return b"+OK\r\n"


class Talker:
    """Answers each command with what `answer` returns for its words; None hangs up."""

    def __init__(self, answer: Answer, handshake: Answer = polite) -> None:
        self.answer = answer
        self.handshake = handshake
        self.connections = 0
        self.commands = 0
        """How many commands came after the handshakes."""
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                end, _ = self._listener.accept()
                self.connections += 1
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends.append(end)
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        reader = ReplyReader()
        with suppress(OSError):
            while data := end.recv(65_536):
                reader.feed(data)
                while (words := reader.gets()) is not INCOMPLETE:
                    reply = self._reply(words)
                    if reply is None:
                        return self._hang_up(end)
                    end.sendall(reply)
        self._hang_up(end)

    def _reply(self, words: list[bytes]) -> bytes | None:
        if words[0] in HANDSHAKE:
            return self.handshake(words)
        self.commands += 1
        return self.answer(words)

    def say(self, data: bytes) -> None:
        """Send `data` to everybody, whether they asked or not."""
        for end in self._ends:
            with suppress(OSError):
                end.sendall(data)

    def _hang_up(self, end: socket.socket) -> None:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            self._hang_up(end)


@contextmanager
def talker(answer: Answer, handshake: Answer = polite) -> Iterator[Talker]:
    """Run a server that answers with what `answer` returns."""
    server = Talker(answer, handshake)
    try:
        yield server
    finally:
        server.close()

"""A proxy that counts the round trips of a client, and may change what it hears."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

# A client that sends nothing for so long waits for an answer: it sends a request in one call.
QUIET = 0.05


class Proxy:
    """Passes on what a client says once the client has fallen silent: that is one round trip."""

    def __init__(self, port: int, changes: Mapping[bytes, bytes]) -> None:
        self.trips = 0
        self._changes = changes
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            said = b""
            while True:
                ready, _, _ = select.select([client, server], [], [], QUIET if said else None)
                if client in ready:
                    heard = client.recv(65536)
                    if not heard:
                        return
                    said += heard
                elif said:
                    self.trips += 1
                    server.sendall(said)
                    said = b""
                if server in ready:
                    client.sendall(self._changed(server.recv(65536)))

    def _changed(self, answer: bytes) -> bytes:
        for said, heard in self._changes.items():
            answer = answer.replace(said, heard)
        return answer


@contextmanager
def proxy(port: int, changes: Mapping[bytes, bytes] = MappingProxyType({})) -> Iterator[Proxy]:
    """Run a proxy in front of a port; `changes` is from what the server says to what is heard."""
    found = Proxy(port, changes)
    threading.Thread(target=found.serve, daemon=True).start()
    try:
        yield found
    finally:
        found.close()

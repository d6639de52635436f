"""The addresses of a server: TCP and a Unix socket."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from tests import servers

TIMEOUT = 5.0
"""Socket timeout of all contenders, in seconds."""


class Address(Protocol):
    """The address of a server."""

    name: ClassVar[str]

    def url(self, scheme: str, database: int) -> str: ...
    def connect(self) -> socket.socket: ...


@dataclass(frozen=True)
class Tcp:
    port: int
    name: ClassVar[str] = "TCP"

    def url(self, scheme: str, database: int) -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{database}"

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


@dataclass(frozen=True)
class Unix:
    path: Path
    name: ClassVar[str] = "unix socket"

    def url(self, scheme: str, database: int) -> str:
        return f"unix://{self.path}?db={database}"

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT)
        connection.connect(str(self.path))
        return connection


def addresses(server: servers.Server) -> tuple[Address, Address]:
    return Tcp(server.port), Unix(server.folder / "s")

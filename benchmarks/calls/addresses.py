"""The two ways to a server that are measured."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from tests import servers

TIMEOUT = 5.0
"""Seconds that everybody waits for a socket."""


class Address(Protocol):
    """Where a server is."""

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
        connected = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected


@dataclass(frozen=True)
class Unix:
    path: Path
    name: ClassVar[str] = "unix socket"

    def url(self, scheme: str, database: int) -> str:
        return f"unix://{self.path}?db={database}"

    def connect(self) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(TIMEOUT)
        connected.connect(str(self.path))
        return connected


def addresses(server: servers.Server) -> tuple[Address, Address]:
    return Tcp(server.port), Unix(server.folder / "s")

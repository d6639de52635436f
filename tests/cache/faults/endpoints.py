"""Servers that are stopped, killed and started again, plain and behind TLS."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import valkey

from tests import servers
from tests.cache.conftest import Certificate


@dataclass(frozen=True)
class Endpoint:
    """Where a cache finds a server, and how its connections are told and ended from outside."""

    server: servers.Server
    port: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        return "rediss" if self.options else "redis"

    def url(self, port: int | None = None) -> str:
        return f"{self.scheme}://127.0.0.1:{port or self.port}/0"

    def control(self) -> valkey.Valkey:
        """Return a plain client, to be closed, which no test counts among its own."""
        return valkey.Valkey(port=self.server.port, client_name="control")

    def connections(self, name: str) -> list[str]:
        """Return the ids of the connections that call themselves `name`."""
        with self.control() as control:
            return [one["id"] for one in control.client_list() if one["name"] == name]

    def blocked(self, name: str) -> int:
        """Return how many of the connections that call themselves `name` wait for their reply."""
        with self.control() as control:
            flags = [one["flags"] for one in control.client_list() if one["name"] == name]
        return sum("b" in one for one in flags)

    def kill_connections(self, name: str) -> int:
        """Have the server close the connections that call themselves `name`; return how many."""
        with self.control() as control:
            ids = [one["id"] for one in control.client_list() if one["name"] == name]
            return sum(control.client_kill_filter(_id=one) for one in ids)


class Phoenix:
    """A server of one test, which may be killed and started again where it was."""

    def __init__(self, certificate: Certificate | None, *options: str) -> None:
        self._stack = ExitStack()
        self._program: str | None = None
        self._options = list(options)
        self._tls: dict[str, Any] = {}
        self._port, self._tls_port = servers.free_port(), 0
        if certificate:
            self._program = servers.redis_server()
            if self._program is None:
                pytest.skip("redis-server is not installed: apt-get install redis-server")
            self._tls_port = servers.free_port()
            made, key = certificate
            self._tls = {"ssl_ca_certs": made}
            self._options += ["--tls-port", str(self._tls_port), "--tls-auth-clients", "no"]
            self._options += ["--tls-cert-file", made, "--tls-key-file", key]
            self._options += ["--tls-ca-cert-file", made]
        self.start()

    def start(self) -> None:
        running = servers.valkey(*self._options, program=self._program, port=self._port)
        server = self._stack.enter_context(running)
        self.endpoint = Endpoint(server, self._tls_port or self._port, self._tls)

    def kill(self) -> None:
        """End the server as a crash would; the kernel closes its connections."""
        self.endpoint.server.process.send_signal(signal.SIGKILL)
        self.endpoint.server.process.wait(5)
        self._stack.close()

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let the kernel go on taking what is sent, and nobody answer."""
        self.endpoint.server.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.endpoint.server.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._stack.close()


@contextmanager
def phoenix(certificate: Certificate | None, *options: str) -> Iterator[Phoenix]:
    """Run a server, behind TLS with a certificate, which the test may kill and restart."""
    server = Phoenix(certificate, *options)
    try:
        yield server
    finally:
        server.close()

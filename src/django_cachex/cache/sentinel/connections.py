"""The driver's connections, which find their server when they connect.

As Sentinel's guidelines for clients want it: ask one sentinel after the other, connect, and check
the role of what answers.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from django_cachex.cache.configuration import Configuration
from django_cachex.cache.drivers import AsyncConnection, Connection
from django_cachex.cache.sentinel.sentinels import Address, Sentinels
from django_cachex.cache.topologies import Plan, acarry_out, carry_out


@dataclass(frozen=True, kw_only=True)
class SentinelConfiguration(Configuration):
    """How to connect to whatever is the primary, or a replica, at that moment."""

    sentinels: Sentinels = field(repr=False)
    role: bytes
    """As the ROLE command says it."""

    @property
    def address(self) -> str:
        """Which database this is, as ``service@host:port,host:port/db``."""
        return f"{self.sentinels.address}/{super().address.rpartition('/')[2]}"

    def connection(self) -> Connection:
        """Return a new blocking connection that finds its server when it connects."""
        connection = self._pool.connection_class
        made: Connection = finding(connection)(self, **self._pool.connection_kwargs)
        return made

    def async_connection(self) -> AsyncConnection:
        """Return a new connection for the running event loop: see `connection`."""
        pool = self._async_pool()
        made: AsyncConnection = afinding(pool.connection_class)(self, **pool.connection_kwargs)
        return made

    def find(self) -> Plan[Address]:
        """Ask the sentinels where to connect."""
        return self.sentinels.primary() if self.role == b"master" else self.sentinels.replica()

    def check(self, role: bytes) -> None:
        """Raise the driver's ConnectionError where a primary was wanted, and `role` is none.

        A replica may have become the primary: that can be read from, too.
        """
        if self.role == b"master" and role != self.role:
            self.sentinels.distrust_first()
            raise self.driver.errors.ConnectionError(
                f"What a sentinel calls the primary of {self.sentinels.address} is a replica."
            )


@functools.cache
def finding(kind: Any) -> Any:
    """Return the driver's class `kind` of connections, finding their server on the way."""

    class FindingConnection(kind):  # type: ignore[misc]  # Of two drivers.
        def __init__(self, configuration: SentinelConfiguration, **kwargs: Any) -> None:
            self.configuration = configuration
            super().__init__(**kwargs)

        def connect(self) -> None:
            self.host, self.port = carry_out(self.configuration.find())
            super().connect()
            try:
                self.send_command("ROLE")
                self.configuration.check(self.read_response()[0])
            except self.configuration.driver.errors.ResponseError:
                return  # Not every user may ask for the role.
            except self.configuration.driver.error:
                self.disconnect()
                raise

    return FindingConnection


@functools.cache
def afinding(kind: Any) -> Any:
    """Do what `finding` does, for connections of an event loop."""

    class FindingConnection(kind):  # type: ignore[misc]  # Of two drivers.
        def __init__(self, configuration: SentinelConfiguration, **kwargs: Any) -> None:
            self.configuration = configuration
            super().__init__(**kwargs)

        async def connect(self) -> None:
            self.host, self.port = await acarry_out(self.configuration.find())
            await super().connect()
            try:
                await self.send_command("ROLE")
                self.configuration.check((await self.read_response())[0])
            except self.configuration.driver.errors.ResponseError:
                return  # Not every user may ask for the role.
            except self.configuration.driver.error:
                await self.disconnect()
                raise

    return FindingConnection

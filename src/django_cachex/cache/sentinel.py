"""Servers that Sentinel watches over."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client
from django_cachex.cache.configuration import Configuration, configure, frozen, locations
from django_cachex.cache.connection.drivers import AsyncConnection, Connection
from django_cachex.cache.connection.server import Server, shared
from django_cachex.cache.operations import Part, Plan, acarry_out, carry_out
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import CachexError, ServerUnavailable

Address = tuple[str, int]

UNUSABLE = frozenset({"s_down", "o_down", "disconnected"})


class Sentinels:
    """Those that watch over one service. The one that answered last is asked first."""

    def __init__(self, service: str, sentinels: Sequence[Server]) -> None:
        self.service = service
        self._order = tuple(sentinels)
        self.address = f"{service}@{','.join(host_and_port(one) for one in sentinels)}"

    def primary(self) -> Plan[Address]:
        """Find the primary; raise `ServerUnavailable` where no sentinel knows it."""
        found = yield from self._answer("GET-MASTER-ADDR-BY-NAME")
        return found[0].decode(), int(found[1])

    def replica(self) -> Plan[Address]:
        """Find a replica that is up, any of them; the primary where there is none."""
        listed = yield from self._answer("REPLICAS")
        usable = [address for flat in listed if (address := usable_address(flat))]
        return random.choice(usable) if usable else (yield from self.primary())

    def distrust_first(self) -> None:
        """Ask another sentinel next time: what the first one says is out of date."""
        first, *others = self._order
        self._order = (*others, first)

    def _answer(self, question: str) -> Plan[Any]:
        command = Command(("SENTINEL", question, self.service), parse_raw, idempotent=True)
        reasons = []
        for sentinel in self._order:
            [answer] = yield [Part(sentinel, command)]
            if isinstance(answer, CachexError):
                reasons.append(str(answer))
            elif answer is None:
                reasons.append(f"{host_and_port(sentinel)} does not know it.")
            else:
                others = (one for one in self._order if one is not sentinel)
                self._order = (sentinel, *others)
                return answer
        raise ServerUnavailable(f"No sentinel leads to {self.service}: {' '.join(reasons)}")


def usable_address(flat: Sequence[bytes]) -> Address | None:
    """Return where a replica is that Sentinel describes, None where it cannot be asked."""
    about = dict(zip(flat[::2], flat[1::2], strict=False))
    if UNUSABLE.intersection(about.get(b"flags", b"").decode().split(",")):
        return None
    return about[b"ip"].decode(), int(about[b"port"])


def host_and_port(server: Server) -> str:
    return server.address.rpartition("/")[0]


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


def sentinels(
    driver: str, url: str, options: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Sentinels:
    """Return the sentinels that OPTIONS names; raise ImproperlyConfigured where they are wrong.

    They are reached as the servers are, timeouts and TLS included, but for what `sentinel_kwargs`
    says otherwise; credentials are not shared.
    """
    alike = {n: v for n, v in options.items() if n.startswith(("socket_", "ssl_", "breaker"))}
    own = {**alike, **(options.get("sentinel_kwargs") or {})}
    tls = own.pop("ssl", urlsplit(url).scheme in ("rediss", "valkeys"))
    scheme = "rediss" if tls else "redis"
    if not tls:
        own = {name: value for name, value in own.items() if not name.startswith("ssl_")}
    limits = {n: v for n, v in overrides.items() if n.startswith(("socket_", "retry"))}
    servers = [
        Server.of(driver, f"{scheme}://{bracketed(host)}:{port}", own, limits)
        for host, port in addresses(options.get("sentinels"))
    ]
    return Sentinels(service_name(url), servers)


def addresses(given: Any) -> list[Address]:
    try:
        found = [(host, int(port)) for host, port in given]
    except (TypeError, ValueError):
        found = []
    if not found or not all(isinstance(host, str) and host for host, _port in found):
        raise ImproperlyConfigured(
            'OPTIONS["sentinels"] must name the sentinels, as in [("10.0.0.1", 26379), …].'
        )
    return found


def service_name(url: str) -> str:
    """Return the host of `url`, in which, for once, capitals matter."""
    name = urlsplit(url).netloc.rpartition("@")[2]
    if not name or re.search(r":\d*$", name):
        raise ImproperlyConfigured(
            "LOCATION must be the name of the service that Sentinel watches, without a port, as in "
            "valkey://mymaster/1."
        )
    return unquote(name)


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class SentinelServer(Server):
    """What Sentinel calls the primary of a service, or any of its replicas."""

    configuration: SentinelConfiguration

    @classmethod
    def of_service(
        cls,
        driver: str,
        url: str,
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
        role: bytes = b"master",
    ) -> SentinelServer:
        """Return the server of the service that is the host of `url`: see `Server.of`."""

        def make() -> SentinelServer:
            plain = configure(driver, url, options, overrides)
            found = sentinels(driver, url, options, overrides)
            parts = {part.name: getattr(plain, part.name) for part in fields(plain)}
            return cls(SentinelConfiguration(**parts, sentinels=found, role=role))

        return shared((cls, driver, url, frozen(options), frozen(overrides), role), make)


class SentinelClient(Client):
    """Commands on the primary of a service; with `read_replicas`, what may is read from others."""

    @classmethod
    def of(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        urls = locations(location)
        if len(urls) > 1:
            raise ImproperlyConfigured(
                "LOCATION must be one URL, whose host is the name of the service; the sentinels "
                "belong into OPTIONS."
            )
        of, over = SentinelServer.of_service, overrides or {}
        replicas = [of(driver, urls[0], options, over, b"slave")] * bool(
            options.get("read_replicas")
        )
        return cls(of(driver, urls[0], options, over), replicas)

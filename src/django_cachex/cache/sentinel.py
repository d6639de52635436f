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
from django_cachex.cache.configuration import (
    Configuration,
    configure,
    make_hashable,
    parse_locations,
)
from django_cachex.cache.connection.drivers import AsyncDriverConnection, DriverConnection
from django_cachex.cache.connection.server import Server, get_or_create
from django_cachex.cache.operations import (
    MultiServerOperation,
    ServerCall,
    arun_operation,
    run_operation,
)
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import CachexError, ServerUnavailable

Address = tuple[str, int]

UNUSABLE_FLAGS = frozenset({"s_down", "o_down", "disconnected"})


class Sentinels:
    """Those that watch over one service. The one that answered last is asked first."""

    def __init__(self, service: str, make_sentinels: Sequence[Server]) -> None:
        self.service = service
        self._order = tuple(make_sentinels)
        self.address = f"{service}@{','.join(get_host_and_port(one) for one in make_sentinels)}"

    def primary(self) -> MultiServerOperation[Address]:
        """Find the primary; raise `ServerUnavailable` where no sentinel knows it."""
        found = yield from self._query("GET-MASTER-ADDR-BY-NAME")
        return found[0].decode(), int(found[1])

    def replica(self) -> MultiServerOperation[Address]:
        """Find a replica that is up, any of them; the primary where there is none."""
        listed = yield from self._query("REPLICAS")
        usable = [address for flat in listed if (address := parse_replica_address(flat))]
        return random.choice(usable) if usable else (yield from self.primary())

    def rotate(self) -> None:
        """Ask another sentinel next time: what the first one says is out of date."""
        first, *others = self._order
        self._order = (*others, first)

    def _query(self, question: str) -> MultiServerOperation[Any]:
        command = Command(("SENTINEL", question, self.service), parse_raw, idempotent=True)
        reasons = []
        for sentinel in self._order:
            [answer] = yield [ServerCall(sentinel, command)]
            if isinstance(answer, CachexError):
                reasons.append(str(answer))
            elif answer is None:
                reasons.append(f"{get_host_and_port(sentinel)} does not know it.")
            else:
                others = (one for one in self._order if one is not sentinel)
                self._order = (sentinel, *others)
                return answer
        raise ServerUnavailable(f"No sentinel leads to {self.service}: {' '.join(reasons)}")


def parse_replica_address(flat: Sequence[bytes]) -> Address | None:
    """Return where a replica is that Sentinel describes, None where it cannot be asked."""
    about = dict(zip(flat[::2], flat[1::2], strict=False))
    if UNUSABLE_FLAGS.intersection(about.get(b"flags", b"").decode().split(",")):
        return None
    return about[b"ip"].decode(), int(about[b"port"])


def get_host_and_port(server: Server) -> str:
    return server.address.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class SentinelConfiguration(Configuration):
    """How to connect to whatever is the primary, or a replica, at that moment."""

    make_sentinels: Sentinels = field(repr=False)
    role: bytes
    """As the ROLE command says it."""

    @property
    def address(self) -> str:
        """Which database this is, as ``service@host:port,host:port/db``."""
        return f"{self.make_sentinels.address}/{super().address.rpartition('/')[2]}"

    def connection(self) -> DriverConnection:
        """Return a new blocking connection that finds its server when it connects."""
        connection = self._pool.connection_class
        made: DriverConnection = make_connection_class(connection)(
            self, **self._pool.connection_kwargs
        )
        return made

    def async_connection(self) -> AsyncDriverConnection:
        """Return a new connection for the running event loop: see `connection`."""
        pool = self._async_pool()
        made: AsyncDriverConnection = make_async_connection_class(pool.connection_class)(
            self, **pool.connection_kwargs
        )
        return made

    def find_address(self) -> MultiServerOperation[Address]:
        """Ask the sentinels where to connect."""
        return (
            self.make_sentinels.primary()
            if self.role == b"master"
            else self.make_sentinels.replica()
        )

    def check_role(self, role: bytes) -> None:
        """Raise the driver's ConnectionError where a primary was wanted, and `role` is none.

        A replica may have become the primary: that can be read from, too.
        """
        if self.role == b"master" and role != self.role:
            self.make_sentinels.rotate()
            raise self.driver.errors.ConnectionError(
                f"What a sentinel calls the primary of {self.make_sentinels.address} is a replica."
            )


@functools.cache
def make_connection_class(kind: Any) -> Any:
    """Return the driver's class `kind` of connections, finding their server on the way."""

    class SentinelConnection(kind):  # type: ignore[misc]  # Of two drivers.
        def __init__(self, configuration: SentinelConfiguration, **kwargs: Any) -> None:
            self.configuration = configuration
            super().__init__(**kwargs)

        def connect(self) -> None:
            self.host, self.port = run_operation(self.configuration.find_address())
            super().connect()
            try:
                self.send_command("ROLE")
                self.configuration.check_role(self.read_response()[0])
            except self.configuration.driver.errors.ResponseError:
                return  # Not every user may ask for the role.
            except self.configuration.driver.error:
                self.disconnect()
                raise

    return SentinelConnection


@functools.cache
def make_async_connection_class(kind: Any) -> Any:
    """Do what `finding` does, for connections of an event loop."""

    class SentinelConnection(kind):  # type: ignore[misc]  # Of two drivers.
        def __init__(self, configuration: SentinelConfiguration, **kwargs: Any) -> None:
            self.configuration = configuration
            super().__init__(**kwargs)

        async def connect(self) -> None:
            self.host, self.port = await arun_operation(self.configuration.find_address())
            await super().connect()
            try:
                await self.send_command("ROLE")
                self.configuration.check_role((await self.read_response())[0])
            except self.configuration.driver.errors.ResponseError:
                return  # Not every user may ask for the role.
            except self.configuration.driver.error:
                await self.disconnect()
                raise

    return SentinelConnection


def make_sentinels(
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
        Server.for_url(driver, f"{scheme}://{format_host(host)}:{port}", own, limits)
        for host, port in parse_addresses(options.get("sentinels"))
    ]
    return Sentinels(parse_service_name(url), servers)


def parse_addresses(given: Any) -> list[Address]:
    try:
        found = [(host, int(port)) for host, port in given]
    except (TypeError, ValueError):
        found = []
    if not found or not all(isinstance(host, str) and host for host, _port in found):
        raise ImproperlyConfigured(
            'OPTIONS["sentinels"] must name the sentinels, as in [("10.0.0.1", 26379), …].'
        )
    return found


def parse_service_name(url: str) -> str:
    """Return the host of `url`, in which, for once, capitals matter."""
    name = urlsplit(url).netloc.rpartition("@")[2]
    if not name or re.search(r":\d*$", name):
        raise ImproperlyConfigured(
            "LOCATION must be the name of the service that Sentinel watches, without a port, as in "
            "valkey://mymaster/1."
        )
    return unquote(name)


def format_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class SentinelServer(Server):
    """What Sentinel calls the primary of a service, or any of its replicas."""

    configuration: SentinelConfiguration

    @classmethod
    def for_service(
        cls,
        driver: str,
        url: str,
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
        role: bytes = b"master",
    ) -> SentinelServer:
        """Return the server of the service that is the host of `url`: see `Server.for_url`."""

        def make() -> SentinelServer:
            plain = configure(driver, url, options, overrides)
            found = make_sentinels(driver, url, options, overrides)
            parts = {part.name: getattr(plain, part.name) for part in fields(plain)}
            return cls(SentinelConfiguration(**parts, make_sentinels=found, role=role))

        return get_or_create(
            (cls, driver, url, make_hashable(options), make_hashable(overrides), role), make
        )


class SentinelClient(Client):
    """Commands on the primary of a service; with `read_replicas`, what may is read from others."""

    @classmethod
    def from_options(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        urls = parse_locations(location)
        if len(urls) > 1:
            raise ImproperlyConfigured(
                "LOCATION must be one URL, whose host is the name of the service; the sentinels "
                "belong into OPTIONS."
            )
        of, over = SentinelServer.for_service, overrides or {}
        replicas = [of(driver, urls[0], options, over, b"slave")] * bool(
            options.get("read_replicas")
        )
        return cls(of(driver, urls[0], options, over), replicas)

"""Servers that are monitored by Sentinel."""

from __future__ import annotations

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
    format_host,
    make_hashable,
    parse_locations,
)
from django_cachex.cache.connection.server import Server, registry
from django_cachex.cache.options import TLS_SCHEMES
from django_cachex.cache.steps import Call, Steps, arun_steps, run_steps
from django_cachex.commands.command import Command, parse_raw
from django_cachex.exceptions import CachexError, ServerUnavailable

Address = tuple[str, int]

UNUSABLE_FLAGS = frozenset({"s_down", "o_down", "disconnected"})


class Sentinels:
    """The sentinels of one service. The one that responded last is asked first."""

    def __init__(self, service: str, sentinels: Sequence[Server]) -> None:
        self.service = service
        self._sentinels = tuple(sentinels)
        self.address = f"{service}@{','.join(sentinel.host_and_port for sentinel in sentinels)}"

    def find_primary(self) -> Steps[Address]:
        """Find the primary; raise `ServerUnavailable` if no sentinel knows it."""
        reply = yield from self._query("GET-MASTER-ADDR-BY-NAME")
        return reply[0].decode(), int(reply[1])

    def find_replica(self) -> Steps[Address]:
        """Find a replica that is up, at random, or the primary if there is none."""
        replicas = yield from self._query("REPLICAS")
        usable = [address for flat in replicas if (address := parse_replica_address(flat))]
        return random.choice(usable) if usable else (yield from self.find_primary())

    def rotate(self) -> None:
        """Ask another sentinel first next time, because the first one's data is outdated."""
        first, *others = self._sentinels
        self._sentinels = (*others, first)

    def _query(self, subcommand: str) -> Steps[Any]:
        command = Command(("SENTINEL", subcommand, self.service), parse_raw, idempotent=True)
        reasons = []
        for sentinel in self._sentinels:
            try:
                reply = yield Call(sentinel, command)
            except CachexError as error:
                reasons.append(str(error))
                continue
            if reply is None:
                reasons.append(f"{sentinel.host_and_port} doesn't know this service.")
            else:
                others = (one for one in self._sentinels if one is not sentinel)
                self._sentinels = (sentinel, *others)
                return reply
        raise ServerUnavailable(
            f"No sentinel knows the servers of {self.service}. {' '.join(reasons)}"
        )


def parse_replica_address(flat: Sequence[bytes]) -> Address | None:
    """Return the address of a replica that Sentinel describes, or None if it can't be used."""
    properties = dict(zip(flat[::2], flat[1::2], strict=False))
    if UNUSABLE_FLAGS.intersection(properties.get(b"flags", b"").decode().split(",")):
        return None
    return properties[b"ip"].decode(), int(properties[b"port"])


@dataclass(frozen=True, kw_only=True)
class SentinelConfiguration(Configuration):
    """The configuration of connections to the current primary, or to a replica, of a service."""

    sentinels: Sentinels = field(repr=False)
    role: bytes
    """The role of the server, as the ROLE command returns it."""

    @property
    def address(self) -> str:
        """The database, as ``service@host:port,host:port/db``."""
        return f"{self.sentinels.address}/{super().address.rpartition('/')[2]}"

    def connect(self, connection: Any) -> None:
        """Ask Sentinel for the server, connect to it, and check its role."""
        connection.host, connection.port = run_steps(self.find_address())
        connection.connect()
        try:
            connection.send_command("ROLE")
            self.check_role(connection.read_response()[0])
        except self.driver.errors.ResponseError:
            return  # Not every user may ask for the role.
        except self.driver.error:
            connection.disconnect()
            raise

    async def aconnect(self, connection: Any) -> None:
        """Do the same as `connect`, on the running event loop."""
        connection.host, connection.port = await arun_steps(self.find_address())
        await connection.connect()
        try:
            await connection.send_command("ROLE")
            self.check_role((await connection.read_response())[0])
        except self.driver.errors.ResponseError:
            return
        except self.driver.error:
            await connection.disconnect()
            raise

    def find_address(self) -> Steps[Address]:
        """Ask the sentinels for the address of a server."""
        return (
            self.sentinels.find_primary()
            if self.role == b"master"
            else self.sentinels.find_replica()
        )

    def check_role(self, role: bytes) -> None:
        """Raise the driver's ConnectionError if the server should be a primary, but isn't one.

        If a replica has become the primary, it can still be read from.
        """
        if self.role == b"master" and role != self.role:
            self.sentinels.rotate()
            raise self.driver.errors.ConnectionError(
                f"The server that Sentinel calls the primary of {self.sentinels.address} is a "
                "replica."
            )


def make_sentinels(
    driver: str, url: str, options: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Sentinels:
    """Return the sentinels in OPTIONS; raise ImproperlyConfigured if they are invalid.

    They have the same timeouts and TLS options as the servers, unless `sentinel_kwargs` has others.
    Credentials are not shared.
    """
    common = {n: v for n, v in options.items() if n.startswith(("socket_", "ssl_", "breaker"))}
    own = {**common, **(options.get("sentinel_kwargs") or {})}
    tls = own.pop("ssl", urlsplit(url).scheme in TLS_SCHEMES)
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
        addresses = [(host, int(port)) for host, port in given]
    except (TypeError, ValueError):
        addresses = []
    if not addresses or not all(isinstance(host, str) and host for host, _port in addresses):
        raise ImproperlyConfigured(
            'OPTIONS["sentinels"] must be the addresses of the sentinels, such as '
            '[("10.0.0.1", 26379), …].'
        )
    return addresses


def parse_service_name(url: str) -> str:
    """Return the host of `url` without changing its case, because service names have upper case."""
    name = urlsplit(url).netloc.rpartition("@")[2]
    if not name or re.search(r":\d*$", name):
        raise ImproperlyConfigured(
            "LOCATION must contain the name of the service that Sentinel monitors, without a port, "
            "such as valkey://mymaster/1."
        )
    return unquote(name)


def get_service_server(
    driver: str, url: str, options: Mapping[str, Any], overrides: Mapping[str, Any], role: bytes
) -> Server:
    """Return the primary (master), or any replica (slave), of a service. See `Server.for_url`.

    The name of the service is the host of `url`.
    """

    def make() -> Server:
        plain = configure(driver, url, options, overrides)
        sentinels = make_sentinels(driver, url, options, overrides)
        values = {one.name: getattr(plain, one.name) for one in fields(plain)}
        return Server(SentinelConfiguration(**values, sentinels=sentinels, role=role))

    key = "sentinel", driver, url, make_hashable(options), make_hashable(overrides), role
    return registry.get_or_create(key, make)


class SentinelClient(Client):
    """The client of a service. With the option `read_replicas`, it reads from replicas."""

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
                "LOCATION must be one URL, whose host is the name of the service. The addresses of "
                "the sentinels belong in OPTIONS."
            )
        settings = driver, urls[0], options, overrides or {}
        replicas = [get_service_server(*settings, b"slave")] if options.get("read_replicas") else []
        return cls(get_service_server(*settings, b"master"), replicas)

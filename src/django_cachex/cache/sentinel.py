"""A primary and its replicas under the watch of Sentinel, which is asked where they are.

As its guidelines for clients want it: ask one sentinel after the other, connect, and check the
role of what answers.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Self, TypeVar
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client
from django_cachex.cache.configuration import Configuration, configure, frozen, locations
from django_cachex.cache.drivers import AsyncConnection, Connection
from django_cachex.cache.server import Server, shared
from django_cachex.cache.topologies import Part, Plan, acarry_out, carry_out, resumed
from django_cachex.commands.exceptions import (
    CachexError,
    CommandError,
    ReadOnlyError,
    ServerUnavailable,
)
from django_cachex.commands.request import Request, Steps, unread

T = TypeVar("T")
Address = tuple[str, int]

OWN_OPTIONS = frozenset({"sentinels", "sentinel_kwargs", "read_replicas"})
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
        request = Request(("SENTINEL", question, self.service), unread, idempotent=True)
        reasons = []
        for sentinel in self._order:
            [answer] = yield [Part(sentinel, request)]
            if isinstance(answer, CachexError):
                reasons.append(str(answer))
            elif answer is None:
                reasons.append(f"{host_and_port(sentinel)} does not know it.")
            else:
                others = (one for one in self._order if one is not sentinel)
                self._order = (sentinel, *others)
                return answer
        raise ServerUnavailable(f"No sentinel leads to {self.service}: {' '.join(reasons)}")


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


class Refused(ReadOnlyError):
    """A server that is a replica by now refused; nothing was changed on it before."""


class Attempt(Generic[T]):
    """An operation in steps that may go on, on another server, where this one is read-only."""

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._requests: Sequence[Request[Any]] | None = None

    def first(self) -> Steps[T]:
        """Do what the steps do; raise `Refused` where all could go on with `second`."""
        steps = self._steps
        try:
            requests = next(steps)
            while True:
                self._requests = requests
                try:
                    results = yield requests
                except ReadOnlyError as error:
                    if len(risky(requests)) <= 1:
                        raise Refused(*error.args) from error
                    requests = steps.throw(error)
                    break
                except CachexError as error:
                    requests = steps.throw(error)
                    if len(self._requests) > 1 or not isinstance(error, CommandError):
                        break
                else:
                    self._look_for_refusals(requests, results)
                    requests = steps.send(results)
                    break
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from resumed(steps, requests))

    def second(self) -> Steps[T]:
        """Go on with the step that was refused."""
        return resumed(self._steps, self._requests or ())

    def _look_for_refusals(self, requests: Sequence[Request[Any]], results: list[Any]) -> None:
        refused = {n for n, result in enumerate(results) if isinstance(result, ReadOnlyError)}
        if refused and refused.issuperset(risky(requests)):
            raise Refused(*results[min(refused)].args)


def risky(requests: Sequence[Request[Any]]) -> list[int]:
    """Return the numbers of those requests that must not be run twice."""
    return [number for number, request in enumerate(requests) if not request.idempotent]


class SentinelServer(Server):
    """What Sentinel calls the primary of a service, or any of its replicas.

    What is refused because the primary became a replica is sent once more, to the new primary:
    nothing was changed. Of an operation in several steps that holds for the first that is run.
    """

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
            own = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
            plain = configure(driver, url, own, overrides)
            found = sentinels(driver, url, options, overrides)
            parts = {part.name: getattr(plain, part.name) for part in fields(plain)}
            return cls(SentinelConfiguration(**parts, sentinels=found, role=role))

        return shared((cls, driver, url, frozen(options), frozen(overrides), role), make)

    def run(self, command: Request[T] | Steps[T]) -> T:
        if isinstance(command, Request):
            try:
                return super().run(command)
            except ReadOnlyError:
                self._lines.drop_free()
                return super().run(command)
        attempt = Attempt(command)
        try:
            return super().run(attempt.first())
        except Refused:
            self._lines.drop_free()
            return super().run(attempt.second())

    async def arun(self, command: Request[T] | Steps[T]) -> T:
        if isinstance(command, Request):
            try:
                return await super().arun(command)
            except ReadOnlyError:
                return await super().arun(command)
        attempt = Attempt(command)
        try:
            return await super().arun(attempt.first())
        except Refused:
            return await super().arun(attempt.second())


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


def usable_address(flat: Sequence[bytes]) -> Address | None:
    """Return where a replica is that Sentinel describes, None where it cannot be asked."""
    about = dict(zip(flat[::2], flat[1::2], strict=False))
    if UNUSABLE.intersection(about.get(b"flags", b"").decode().split(",")):
        return None
    return about[b"ip"].decode(), int(about[b"port"])


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def host_and_port(server: Server) -> str:
    return server.address.rpartition("/")[0]

"""Clients of the drivers, for packages that need one. Their connections are their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django_cachex.cache.configuration import (
    CONNECT_TIMEOUT,
    KEEPALIVE_OPTIONS,
    POOL_OPTIONS,
    make_hashable,
)
from django_cachex.cache.connection.drivers import get_parameters, load_driver
from django_cachex.cache.options import (
    ASYNC_CLASS_OPTIONS,
    NOT_FOR_DRIVER,
    SYNC_CLASS_OPTIONS,
    TLS_SCHEMES,
    import_object,
    parse_url,
)
from django_cachex.cache.sentinel import parse_addresses, parse_service_name


@dataclass(frozen=True)
class ClientSettings:
    """The settings of a cache, for the classes in one package of its driver."""

    driver_name: str
    package: str
    """The package with the classes: that of the driver, or its ``asyncio``."""
    urls: Sequence[str] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)

    @property
    def url(self) -> str:
        """The URL of the primary."""
        return self.urls[0]

    @property
    def class_options(self) -> frozenset[str]:
        """The names of options that choose the driver's classes, for this package."""
        is_async = self.package.endswith(".asyncio")
        return ASYNC_CLASS_OPTIONS if is_async else SYNC_CLASS_OPTIONS

    @property
    def connection_options(self) -> dict[str, Any]:
        """The options of connections; those of pools and classes are not among them."""
        others = NOT_FOR_DRIVER | POOL_OPTIONS | SYNC_CLASS_OPTIONS | ASYNC_CLASS_OPTIONS
        given = {name: value for name, value in self.options.items() if name not in others}
        return {"socket_connect_timeout": CONNECT_TIMEOUT, **KEEPALIVE_OPTIONS, **given}

    @property
    def classes(self) -> dict[str, Any]:
        """The classes that the options choose, such as `pool_class`."""
        return {
            name.removeprefix("async_"): import_object(self.options[name])
            for name in self.class_options
            if self.options.get(name)
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return a class of the driver; `name` contains the name of its client, as in ``%s``."""
        client_name = {"valkey": "Valkey", "redis": "Redis"}[self.driver_name]
        path = f"{self.package}.{module}" if module else self.package
        return getattr(import_module(path), name % {"client": client_name})


def make_server_client(settings: ClientSettings) -> Any:
    """Return a client of the server at the first URL."""
    classes = settings.classes
    pool_class = classes.pop("pool_class", None) or settings.find_class("", "ConnectionPool")
    options = {**settings.connection_options, **classes}
    if settings.url.startswith("unix:"):
        options = {name: one for name, one in options.items() if name not in KEEPALIVE_OPTIONS}
    accepted = get_parameters(pool_class).names
    options |= {n: v for n, v in settings.options.items() if n in POOL_OPTIONS & accepted}
    options.pop("pool_class", None)
    client_class = settings.find_class("", "%(client)s")
    return client_class.from_pool(pool_class.from_url(settings.url, **options))


def make_sentinel_client(settings: ClientSettings) -> Any:
    """Return a client of the current primary of a service, which the driver asks Sentinel for."""
    options = settings.connection_options
    shared = {n: v for n, v in options.items() if n.startswith(("socket_", "ssl_"))}
    own = settings.options.get("sentinel_kwargs") or {}
    is_tls = {"ssl": True} if urlsplit(settings.url).scheme in TLS_SCHEMES else {}
    sentinel_class = settings.find_class("sentinel", "Sentinel")
    sentinel = sentinel_class(
        parse_addresses(settings.options.get("sentinels")),
        sentinel_kwargs={**shared, **is_tls, **own},
    )
    from_url = parse_url(load_driver(settings.driver_name), settings.url)
    kwargs = {**options, **from_url, **is_tls}
    kwargs.pop("host", None)
    return sentinel.master_for(
        parse_service_name(settings.url), settings.find_class("", "%(client)s"), **kwargs
    )


def make_cluster_client(settings: ClientSettings) -> Any:
    """Return a client of the cluster that the nodes at the URLs belong to.

    The driver connects to it immediately, unless it is for asyncio. It begins with the first node.
    """
    client_class = settings.find_class("cluster", "%(client)sCluster")
    options = {n: v for n, v in settings.connection_options.items() if n != "db"}
    accepted = get_parameters(client_class)
    if not accepted.accepts_any:
        options = {name: value for name, value in options.items() if name in accepted.names}
    return client_class.from_url(settings.url, **options)


_clients: dict[Any, Any] = {}


def get_shared(make: Callable[[ClientSettings], Any], settings: ClientSettings) -> Any:
    """Return the client that all threads of the process share; the drivers' are thread-safe."""
    key = make, settings.package, tuple(settings.urls), make_hashable(settings.options)
    if key not in _clients:
        _clients.setdefault(key, make(settings))
    return _clients[key]

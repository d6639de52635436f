"""LOCATION and OPTIONS of a service that Sentinel watches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.sentinel.sentinels import Address, Sentinels
from django_cachex.cache.server import Server


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

"""A client of a service that Sentinel watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client
from django_cachex.cache.configuration import locations
from django_cachex.cache.sentinel.server import SentinelServer


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

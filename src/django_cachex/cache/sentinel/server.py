"""What Sentinel leads to, as a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django_cachex.cache.configuration import configure, frozen
from django_cachex.cache.sentinel.connections import SentinelConfiguration
from django_cachex.cache.sentinel.settings import sentinels
from django_cachex.cache.server import Server, shared


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

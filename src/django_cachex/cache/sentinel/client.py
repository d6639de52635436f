"""A client of a service that Sentinel watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client
from django_cachex.cache.configuration import locations
from django_cachex.cache.sentinel.server import SentinelServer
from django_cachex.commands.exceptions import ServerUnavailable
from django_cachex.commands.request import Request, Steps

T = TypeVar("T")


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

    def run(self, command: Request[T] | Steps[T]) -> T:
        """Do what `Client.run` does; read from the primary what no replica answers."""
        if not self._may_be_read_elsewhere(command):
            return super().run(command)
        try:
            return super().run(command)
        except ServerUnavailable:
            return self.server.run(command)

    async def arun(self, command: Request[T] | Steps[T]) -> T:
        """Do what `run` does, on the running event loop."""
        if not self._may_be_read_elsewhere(command):
            return await super().arun(command)
        try:
            return await super().arun(command)
        except ServerUnavailable:
            return await self.server.arun(command)

    def _may_be_read_elsewhere(self, command: Request[Any] | Steps[Any]) -> bool:
        return bool(self.replicas) and isinstance(command, Request) and command.replica

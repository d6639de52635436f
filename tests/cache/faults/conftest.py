"""Routes to a server: blocking and awaited, plain and behind TLS, in C and in Python."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from django_cachex.cache.connection.protocol import ReplyReader, RESPCodec, pack_command
from tests.cache.conftest import BACKENDS, Certificate
from tests.cache.faults.callers import CALLERS, Caller, server_of
from tests.cache.faults.endpoints import Endpoint, Phoenix, phoenix
from tests.conftest import flush
from tests.servers import Server, wait_until

IN_PYTHON = RESPCodec(pack_command, ReplyReader)

MakeCaller = Callable[..., Caller]

_numbers = itertools.count(1)

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Route:
    """How a cache gets to its server."""

    surface: str
    tls: bool = False
    codec: str = "C"


PLAIN = [
    pytest.param(Route("blocking"), id="blocking"),
    pytest.param(Route("awaited"), id="awaited"),
]
PARSED = [
    *PLAIN,
    pytest.param(Route("blocking", codec="Python"), id="blocking-in-python"),
    pytest.param(Route("awaited", codec="Python"), id="awaited-in-python"),
]
TLS = [
    pytest.param(Route("blocking", tls=True), id="blocking-tls"),
    pytest.param(Route("awaited", tls=True), id="awaited-tls"),
]


def along(routes: list[Any]) -> pytest.MarkDecorator:
    """Run a test along other routes than those in C, plain and behind TLS."""
    return pytest.mark.parametrize("route", routes, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the full campaign what differs only in who opened the connection."""
    for item in items:
        chosen = getattr(item, "callspec", None)
        if chosen is None or HERE not in item.path.parents:
            continue
        route: Route | None = chosen.params.get("route")
        if route not in (None, Route("blocking")) and chosen.params.get("driver") == "redis":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=[*PLAIN, *TLS])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Route:
    """A route, with its codec in the place of the one that is installed."""
    chosen: Route = request.param
    if chosen.codec == "Python":
        monkeypatch.setattr(
            "django_cachex.cache.connection.server.get_codec", lambda driver: IN_PYTHON
        )
    return chosen


@pytest.fixture(scope="session")
def tls_process(certificate: Certificate) -> Iterator[Phoenix]:
    with phoenix(certificate) as server:
        yield server


@pytest.fixture
def endpoint(route: Route, request: pytest.FixtureRequest, valkey_server: Server) -> Endpoint:
    """An empty server that all tests share."""
    if not route.tls:
        return Endpoint(valkey_server, valkey_server.port)
    found: Endpoint = request.getfixturevalue("tls_process").endpoint
    flush(found.server)
    return found


@pytest.fixture
def mortal(route: Route, request: pytest.FixtureRequest) -> Iterator[Phoenix]:
    """A server of this test's own, to be killed."""
    with phoenix(request.getfixturevalue("certificate") if route.tls else None) as server:
        yield server


def name_of(caller: Caller) -> str:
    """Return what the connections of `caller` call themselves."""
    return str(server_of(caller.cache).configuration.options["client_name"])


@pytest.fixture
def make_caller(driver: str) -> Iterator[MakeCaller]:
    """Make callers whose connections have a name of their own, and whose every call is tried."""
    made: list[Caller] = []

    def make(surface: str, location: str, **options: Any) -> Caller:
        options = {
            "client_name": f"caller-{os.getpid()}-{next(_numbers)}",
            "breaker": False,
            **options,
        }
        cache = BACKENDS[driver](location, {"OPTIONS": options, "TIMEOUT": 1000})
        caller = CALLERS[surface](cache)
        made.append(caller)
        return caller

    yield make
    for caller in made:
        caller.close()


@pytest.fixture
def caller(make_caller: MakeCaller, route: Route, endpoint: Endpoint) -> Caller:
    """A caller on the shared server."""
    return make_caller(route.surface, endpoint.url(), **endpoint.options)


@contextmanager
def once(ready: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Do `act` in a thread of its own as soon as `ready` is true, while the block runs."""
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            wait_until(ready, "the moment to act", 5)
            act()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if failures:
            raise failures[0]

"""Caches on a real server."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.cache import RedisCache, ValkeyCache
from django_cachex.cache.backends import ServerCache
from tests.servers import Server, find_program

BACKENDS: dict[str, type[ServerCache]] = {"valkey": ValkeyCache, "redis": RedisCache}

MakeCache = Callable[..., ServerCache]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def url(server: Server, database: int = 0, scheme: str = "redis") -> str:
    return f"{scheme}://{server.address}/{database}"


Certificate = tuple[str, str]
"""The paths of a certificate for 127.0.0.1 that is its own authority, and of its key."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    program = find_program("openssl")
    if program is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    folder = tmp_path_factory.mktemp("certificate")
    made, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = [program, *request, "-keyout", key, "-out", made]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


EACH_DRIVER = pytest.mark.parametrize("driver", BACKENDS)
"""For tests of what a driver has a part in: options, greetings, errors, and the bytes."""


@pytest.fixture
def driver() -> str:
    """One of the drivers. What a cache makes of its commands and replies is the same with both.

    `tests/django_suite` and `tests/commands` run with either.
    """
    return "valkey"


@pytest.fixture
def make_cache(driver: str, valkey_server: Server) -> MakeCache:
    """Make caches on an empty server; arguments are those of CACHES."""

    def make(location: Any = None, **params: Any) -> ServerCache:
        return BACKENDS[driver](location or url(valkey_server), params)

    return make


@pytest.fixture
def cache(make_cache: MakeCache) -> ServerCache:
    return make_cache()

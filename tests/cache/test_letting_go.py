"""Caches that settings name no more let go of their connections; so does a process that ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import valkey
from django.core.cache import caches
from django.test import override_settings

from django_cachex.commands import Command
from tests.cache.conftest import EACH_DRIVER, url
from tests.servers import Server, wait_until


@pytest.fixture
def connected(valkey_server: Server) -> Any:
    """How many connections the server has besides the one that asks."""
    with valkey.Valkey(port=valkey_server.port) as client:
        yield lambda: client.info("clients")["connected_clients"] - 1


def settings(driver: str, server: Server, **options: Any) -> Any:
    backend = f"django_cachex.cache.{driver.capitalize()}Cache"
    one = {"BACKEND": backend, "LOCATION": url(server), "OPTIONS": options}
    return override_settings(CACHES={"default": one})


def test_overridden_settings_leave_no_connection(
    driver: str, valkey_server: Server, connected: Callable[[], int]
) -> None:
    before = connected()
    for seconds in range(1, 6):
        with settings(driver, valkey_server, socket_timeout=seconds):
            caches["default"].set("key", seconds)
            assert caches["default"].get("key") == seconds
    wait_until(lambda: connected() <= before, "the end of connections", 5)


def test_settings_that_stay_the_same_close_nothing(driver: str, valkey_server: Server) -> None:
    name = Command(("CLIENT", "ID"), int)
    with settings(driver, valkey_server):
        before = caches["default"]._run(name)
        with settings(driver, valkey_server):
            assert caches["default"]._run(name) == before


async def test_nor_do_they_on_an_event_loop_that_goes_on(
    driver: str, valkey_server: Server, connected: Callable[[], int]
) -> None:
    before = connected()

    for seconds in range(1, 6):
        with settings(driver, valkey_server, socket_timeout=seconds):
            await caches["default"].aset("key", seconds)
            assert await caches["default"].ablpop(["nothing"], timeout=0.01) is None
    for _ in range(500):
        if connected() <= before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("Connections are left.")


def test_a_cache_in_use_goes_on(driver: str, valkey_server: Server) -> None:
    with settings(driver, valkey_server):
        cache = caches["default"]
        cache.set("key", 1)
        with settings(driver, valkey_server, socket_timeout=3):
            assert cache.get("key") == 1
        assert cache.get("key") == 1
        assert caches["default"].incr("key") == 2


SCRIPT = """
import asyncio, sys
from django.conf import settings
settings.configure(CACHES={"default": {"BACKEND": sys.argv[1], "LOCATION": sys.argv[2]}})
from django.core.cache import cache
from django_cachex.cache.connection import server
cache.set("key", 1)
asyncio.run(cache.aset("key", 2))
closed = server.Server.close_unused
server.Server.close_unused = lambda self: (closed(self), print(len(self._pool._idle), "left"))
"""


@EACH_DRIVER
def test_a_process_that_ends_closes_them(driver: str, valkey_server: Server) -> None:
    backend = f"django_cachex.cache.{driver.capitalize()}Cache"
    command = [sys.executable, "-W", "error", "-c", SCRIPT, backend, url(valkey_server)]
    # In development mode asyncio has a word about what a slow machine does.
    environment = {**os.environ, "PYTHONDEVMODE": ""}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (ended.stdout, ended.stderr) == ("0 left\n", "")

"""Servers that take what they are sent and do not answer: a call costs one timeout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from django_cachex.commands import ServerTimeout
from tests.cache.conftest import EACH_DRIVER
from tests.cache.faults.conftest import PLAIN, TLS, MakeCaller, Route, along
from tests.cache.faults.endpoints import Endpoint, Phoenix
from tests.cache.relay import relay
from tests.servers import silent

TIMEOUT = 0.5

CALLS = [("get", ("key",)), ("incr", ("key",))]


@contextmanager
def taking(least: float, most: float) -> Iterator[None]:
    """Check how many seconds the block takes."""
    begin = time.monotonic()
    yield
    assert least <= time.monotonic() - begin < most


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "reused"])
def test_a_call_costs_one_timeout(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint, fresh: bool
) -> None:
    with relay(endpoint.port) as between:
        location = endpoint.url(between.port)
        options = {**endpoint.options, "socket_timeout": TIMEOUT}
        if fresh:  # The first connection of the others may take its time, as TLS does.
            options["socket_connect_timeout"] = TIMEOUT
        for name, arguments in CALLS:
            caller = make_caller(route.surface, location, **options)
            if not fresh:
                caller.call("get", "key")
            between.flowing.clear()
            with pytest.raises(ServerTimeout), taking(TIMEOUT * 0.9, TIMEOUT * 1.9):
                caller.call(name, *arguments)
            between.flowing.set()


def test_a_value_that_the_server_does_not_take_costs_one_timeout(
    make_caller: MakeCaller, route: Route, mortal: Phoenix
) -> None:
    """The kernel's buffers fill up: it is the sending that has to end."""
    options = {**mortal.endpoint.options, "socket_timeout": TIMEOUT}
    caller = make_caller(route.surface, mortal.endpoint.url(), **options)
    caller.call("get", "key")
    mortal.freeze()
    with pytest.raises(ServerTimeout), taking(TIMEOUT * 0.9, TIMEOUT * 3):
        caller.call("set", "key", b"x" * 20_000_000)
    mortal.thaw()
    assert caller.call("get", "key") is None


@EACH_DRIVER
def test_a_server_that_never_says_hello_costs_one_timeout(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    with silent() as port:
        options = {**endpoint.options, "socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT}
        caller = make_caller(route.surface, endpoint.url(port), **options)
        with pytest.raises(ServerTimeout), taking(TIMEOUT * 0.9, TIMEOUT * 1.9):
            caller.call("get", "key")


@along([PLAIN[1], TLS[1]])
async def test_many_tasks_wait_together(make_caller: MakeCaller, endpoint: Endpoint) -> None:
    with relay(endpoint.port) as between:
        caller = make_caller(
            "awaited", endpoint.url(between.port), **endpoint.options, socket_timeout=TIMEOUT
        )
        cache = caller.cache

        await cache.aget("key")
        between.flowing.clear()
        with taking(TIMEOUT * 0.9, TIMEOUT * 3):
            calls = (cache.aget(f"key{number}") for number in range(200))
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in found} == {ServerTimeout}
        between.flowing.set()
        assert await cache.aget("key") is None


def test_a_patient_answer_is_waited_for(
    make_caller: MakeCaller, route: Route, endpoint: Endpoint
) -> None:
    """Each of many calls has its whole timeout, however long the connection has lived."""
    caller = make_caller(route.surface, endpoint.url(), **endpoint.options, socket_timeout=0.25)
    begin = time.monotonic()
    while time.monotonic() < begin + 0.45:
        caller.call("get", "key")

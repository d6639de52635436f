"""Exchanges of the admin come to an end, whatever a server sends, and however slowly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from django_cachex.cache.client import Client
from django_cachex.cache.connection.sync import ExchangeLimits
from django_cachex.commands import ReplyTooLarge, ServerTimeout
from django_cachex.commands.command import Command, parse_raw
from tests import servers
from tests.inspectors.valkey.conftest import Store

TIMEOUT = 0.4
DRIP = 0.05
"""Seconds between two bytes: well within any timeout of a socket."""


@contextmanager
def serving(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Start a server that does this on each of its connections, until the event."""
    ended = threading.Event()

    def served(client: socket.socket) -> None:
        with client, suppress(OSError):  # The other end hangs up.
            serve(client, ended)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                threading.Thread(target=served, args=[client], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


def dripping(quick: int) -> Callable[[socket.socket, threading.Event], None]:
    """Return what answers so many commands at once, and then byte by byte for ever."""

    def serve(client: socket.socket, ended: threading.Event) -> None:
        answered = 0
        while answered <= quick:
            commands = client.recv(65_536).count(b"*")
            if not commands:
                return
            client.sendall(b"+OK\r\n" * max(0, min(commands, quick - answered)))
            answered += commands
        client.sendall(b"+")
        while not ended.wait(DRIP):
            client.sendall(b"a")

    return serve


def sipping(client: socket.socket, ended: threading.Event) -> None:
    """Answer short commands; of long ones, read a little at a time."""
    while not ended.wait(DRIP):
        received = client.recv(32_768)
        if not received:
            return
        if len(received) < 4096:
            client.sendall(b"+OK\r\n" * received.count(b"*"))


@pytest.mark.parametrize("quick", [0, 1, 2, 3], ids=lambda quick: f"{quick} answered")
def test_a_server_that_sends_byte_by_byte_is_left_within_the_timeout(
    store: Store, settings: Any, quick: int
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": TIMEOUT}
    with serving(dripping(quick)) as port:
        inspector = store.inspect(f"{store.scheme}://127.0.0.1:{port}/0")
        failure: list[Exception] = []

        def ask() -> None:
            try:
                inspector.read(b"key")
            except Exception as error:
                failure.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(TIMEOUT * 10)
        assert not asking.is_alive()
        assert [type(one) for one in failure] == [ServerTimeout]


def test_a_connection_has_all_of_its_time_again_after_a_slow_answer(
    store: Store, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 5.0}
    inspector = store.inspect()
    store.raw.set(":1:large", "x" * 1_000_000)
    for _time in range(3):
        assert inspector.read(b":1:large") is not None
        assert inspector.client.collect([inspector.client._ping()])


@pytest.mark.parametrize("driver", ["valkey", "redis"])
def test_a_reply_beyond_the_bound_is_not_read(valkey_server: servers.Server, driver: str) -> None:
    limits = ExchangeLimits(timeout=5.0, max_reply_bytes=1_000_000)
    url = f"{driver}://{valkey_server.address}/0"
    client = Client.from_settings(driver, url, {}, socket_timeout=5.0, exchange_limits=limits)
    client.set("large", "x" * 2_000_000)
    client.set("small", "x" * 900_000)
    assert client.run(Command(("GET", "small"), parse_raw)) == b"x" * 900_000
    for ask in (client.run, lambda request: client.collect([request])):
        with pytest.raises(ReplyTooLarge, match="1,000,000 bytes") as failure:
            ask(Command(("GET", "large"), parse_raw))
        assert failure.value.head.startswith(b"$2000000\r\nxxx")
    assert client.run(Command(("GET", "small"), parse_raw)) == b"x" * 900_000


def test_large_requests_are_sent_whole(store: Store) -> None:
    inspector, large = store.inspect(), b"x" * 3_000_000
    inspector.client.set(b":1:large", large)
    assert store.raw.get(":1:large") == large


def test_what_is_sent_ends_in_time_too(store: Store, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": TIMEOUT}
    with serving(sipping) as port:
        inspector = store.inspect(f"{store.scheme}://127.0.0.1:{port}/0")
        started = time.monotonic()
        with pytest.raises(ServerTimeout):
            inspector.client.set(b"key", b"x" * 20_000_000)
        assert time.monotonic() - started < TIMEOUT * 10

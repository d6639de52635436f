"""Opening connections: errors and the time limit, and no forks during TLS handshakes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django_cachex.cache.connection.circuit_breaker import CircuitBreaker
from django_cachex.cache.connection.drivers import (
    AsyncDriverConnection,
    Driver,
    DriverConnection,
    shut_down_socket,
)
from django_cachex.cache.connection.errors import map_driver_error
from django_cachex.exceptions import ServerTimeout

DISCONNECT_RETRY_INTERVAL = 0.1
"""Seconds between two attempts to shut down a socket, which the driver may not have opened yet."""

MAX_FORK_DELAY = 1.0
"""The maximum number of seconds that a fork waits.

A handshake that takes longer is waiting for the server, and holds no lock meanwhile."""

POLL_INTERVAL = 0.0005


class HandshakeGuard:
    """Keeps TLS handshakes and forks apart: neither starts while the other is running.

    It uses sets, whose changes are atomic, and no locks: a fork or an interrupt could leave a lock
    locked.
    """

    def __init__(self) -> None:
        self._connecting: set[tuple[int, object]] = set()
        self._forking: set[int] = set()

    @contextmanager
    def handshake(self) -> Iterator[None]:
        """Make forks in other threads wait until the block, which does a handshake, has ended."""
        mark = threading.get_ident(), object()
        try:
            self._connecting.add(mark)
            while self._forking:
                self._connecting.discard(mark)
                time.sleep(POLL_INTERVAL)
                self._connecting.add(mark)
            yield
        finally:
            self._connecting.discard(mark)

    def before_fork(self) -> None:
        """Wait until no other thread is in a handshake, for at most `MAX_FORK_DELAY`."""
        mine = threading.get_ident()
        self._forking.add(mine)
        end = time.monotonic() + MAX_FORK_DELAY
        while any(thread != mine for thread, _mark in tuple(self._connecting)):
            if time.monotonic() > end:
                return
            time.sleep(POLL_INTERVAL)

    def after_fork(self) -> None:
        """Let handshakes start again."""
        self._forking.discard(threading.get_ident())

    def after_fork_in_child(self) -> None:
        """Forget the threads of the parent process."""
        self._connecting, self._forking = set(), set()


handshake_guard = HandshakeGuard()

os.register_at_fork(
    before=handshake_guard.before_fork,
    after_in_parent=handshake_guard.after_fork,
    after_in_child=handshake_guard.after_fork_in_child,
)


@contextmanager
def connection_attempt(
    connection: DriverConnection | AsyncDriverConnection, driver: Driver, breaker: CircuitBreaker
) -> Iterator[None]:
    """Keep forks away from the TLS handshake of a connection that the block opens.

    If the driver raises an exception, the package's exception for it is recorded and raised.
    """
    ssl_classes = driver.sync_module.SSLConnection, driver.async_module.SSLConnection
    over_tls = isinstance(connection, ssl_classes)
    try:
        with handshake_guard.handshake() if over_tls else nullcontext():
            yield
    except driver.error as error:
        failure = map_driver_error(error, driver)
        breaker.record_connect_error(failure)
        raise failure from error


@contextmanager
def connect_deadline(seconds: float, connection: DriverConnection, address: str) -> Iterator[None]:
    """Raise `ServerTimeout` if connecting in the `with` block takes longer than `seconds`.

    The driver only has a timeout for each byte of the handshake.
    """
    connected, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        while not connected.wait(DISCONNECT_RETRY_INTERVAL if is_late.is_set() else seconds):
            is_late.set()
            shut_down_socket(connection)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except Exception as error:
        if not is_late.is_set():
            raise
        raise ServerTimeout(f"{address} did not answer in time.") from error
    finally:
        connected.set()

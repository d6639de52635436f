"""Prevent forks while another thread is in a TLS handshake."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MAX_FORK_DELAY = 1.0
"""Seconds that a fork waits. A handshake that takes longer waits for the server, without a lock."""

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
        """Let forks of other threads wait until the block, which makes a handshake, has ended."""
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
        """Wait until no other thread is in a handshake."""
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

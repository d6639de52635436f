"""Prevent forks while another thread is in a TLS handshake."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0
"""Seconds that a fork waits: who connects for longer waits for an answer, and holds no lock."""

MOMENT = 0.0005


class Greetings:
    """Who connects over TLS, and who forks: neither begins while the other is at it.

    No locks, which a fork or an interrupt could leave held; sets change in one step.
    """

    def __init__(self) -> None:
        self._connecting: set[tuple[int, object]] = set()
        self._forking: set[int] = set()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Connect in the block, which a fork of another thread waits for."""
        mark = threading.get_ident(), object()
        try:
            self._connecting.add(mark)
            while self._forking:
                self._connecting.discard(mark)
                time.sleep(MOMENT)
                self._connecting.add(mark)
            yield
        finally:
            self._connecting.discard(mark)

    def before_fork(self) -> None:
        """Wait until no other thread connects."""
        mine = threading.get_ident()
        self._forking.add(mine)
        end = time.monotonic() + PATIENCE
        while any(thread != mine for thread, _mark in tuple(self._connecting)):
            if time.monotonic() > end:
                return
            time.sleep(MOMENT)

    def after_fork(self) -> None:
        """Go on."""
        self._forking.discard(threading.get_ident())

    def after_fork_in_child(self) -> None:
        """Forget the threads that are not here."""
        self._connecting, self._forking = set(), set()


greetings = Greetings()

os.register_at_fork(
    before=greetings.before_fork,
    after_in_parent=greetings.after_fork,
    after_in_child=greetings.after_fork_in_child,
)

"""The blocking connections of one server, leased to all threads of a process."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from django_cachex.cache.line import Line
from django_cachex.commands.exceptions import ServerTimeout

IDLE = 1.0
"""Seconds after which a connection is looked at before it is used again."""


class Place:
    """The right to one connection: it lapses when nobody refers to it, whatever went wrong."""

    __slots__ = ("__weakref__",)


class Waiter:
    """A thread in the queue: served with a connection, or with a place to open one."""

    __slots__ = ("line", "place", "served")

    def __init__(self) -> None:
        self.line: Line | None = None
        self.place: Place | None = None
        self.served = threading.Lock()  # An event has a lock within, which may be left held.
        self.served.acquire()


class Lines:
    """Leases connections, the last used first; opens one where none is free, up to a limit.

    Lists take and give in one step of the interpreter, so nobody waits for a lock while a
    connection is free. Those who wait are served in turn, before anybody else.

    A signal's handler may raise wherever a function in C has returned, so from Python 3.14 on
    between taking a lock and entering its `with` block.
    """

    def __init__(self, connect: Callable[[], Line], limit: int, patience: float) -> None:
        self._connect = connect
        self._limit = limit
        self._patience = patience
        self._free: list[Line] = []
        self._taken: weakref.WeakSet[Place] = weakref.WeakSet()
        self._queue: deque[Waiter] = deque()
        self._serving = threading.RLock()  # Only its owner can release it.

    def lease(self) -> Line:
        """Return a connection that nobody else uses.

        Raise `ServerTimeout` where none was to be had in time, and what connecting raises.
        """
        if self._queue:
            return self._wait_or_open()
        try:
            line = self._free.pop()
        except IndexError:
            return self._wait_or_open()
        if time.monotonic() - line.since > IDLE and not line.is_open():
            self.drop(line)
            return self.lease()
        return line

    def give_back(self, line: Line) -> None:
        """Let others use `line`, on which no reply may be left."""
        line.reused = True
        line.since = time.monotonic()
        self._free.append(line)
        if self._queue:
            self._serve()

    def drop(self, line: Line) -> None:
        """Close `line`, and make room for another."""
        line.close()
        line.place = None
        if self._queue:
            self._serve()

    def drop_free(self, before: float = math.inf) -> None:
        """Close what lies unused, or was last used before some time of `time.monotonic`.

        Where one connection was dead, the others are likely to be.
        """
        for line in list(self._free):
            if line.since < before:
                try:
                    self._free.remove(line)
                except ValueError:
                    continue  # Somebody was faster.
                self.drop(line)

    def _wait_or_open(self) -> Line:
        waiter = Waiter()
        self._queue.append(waiter)
        self._serve()  # Who gave back before this joined the queue served nobody.
        if not waiter.served.acquire(timeout=self._patience):
            try:
                self._queue.remove(waiter)
            except ValueError:  # It is being served this very moment.
                waiter.served.acquire(timeout=self._patience)
        if waiter.line is None and waiter.place is None:
            raise ServerTimeout(
                f"All {self._limit} connections were in use for {self._patience:g} s."
            )
        return waiter.line or self._open(waiter)

    def _serve(self) -> None:
        """Give those who wait what there is."""
        try:
            if self._serving.acquire(timeout=self._patience):
                while self._queue and self._serve_one():
                    pass
        finally:
            # Nothing may be called before the release: a handler could raise there.
            try:  # noqa: SIM105
                self._serving.release()
            except RuntimeError:
                pass  # It was not acquired.

    def _serve_one(self) -> bool:
        """Give who waits longest a connection, or a place for one; return whether there was any."""
        try:
            line = self._free.pop()
        except IndexError:
            if len(self._taken) >= self._limit:
                return False
            line = None
        try:
            waiter = self._queue.popleft()
        except IndexError:  # It went away.
            if line is not None:
                self._free.append(line)
            return False
        if line is None:
            waiter.place = Place()
            self._taken.add(waiter.place)
        waiter.line = line
        waiter.served.release()
        return True

    def _open(self, waiter: Waiter) -> Line:
        try:
            line = self._connect()
            line.place = waiter.place
            return line
        finally:
            waiter.place = None
            if self._queue:
                self._serve()

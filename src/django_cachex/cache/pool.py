"""The blocking connections of one server, leased to all threads of a process."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable

from django_cachex.cache.line import Line
from django_cachex.commands.exceptions import ServerTimeout


class Lines:
    """Leases connections, the last used first; opens one where none is free, up to a limit.

    Lists take and give in one step of the interpreter, so nobody waits for a lock while a
    connection is free.
    """

    def __init__(self, connect: Callable[[], Line], limit: int, patience: float) -> None:
        self._connect = connect
        self._limit = limit
        self._patience = patience
        self._free: list[Line] = []
        self._all: weakref.WeakSet[Line] = weakref.WeakSet()
        self._opening = 0
        self._waiting = 0
        self._change = threading.Condition(threading.Lock())

    def lease(self) -> Line:
        """Return a connection that nobody else uses.

        Raise `ServerTimeout` where none was to be had in time, and what connecting raises.
        """
        try:
            return self._free.pop()
        except IndexError:
            return self._wait_or_open()

    def give_back(self, line: Line) -> None:
        """Let others use `line`, on which no reply may be left."""
        line.reused = True
        self._free.append(line)
        if self._waiting:
            self._tell()

    def drop(self, line: Line) -> None:
        """Close `line`, and make room for another."""
        line.close()
        self._all.discard(line)
        if self._waiting:
            self._tell()

    def drop_free(self) -> None:
        """Close what lies unused: where one connection was dead, the others are likely to be."""
        while True:
            try:
                self.drop(self._free.pop())
            except IndexError:
                return

    def _tell(self) -> None:
        with self._change:
            self._change.notify()

    def _wait_or_open(self) -> Line:
        end = time.monotonic() + self._patience
        with self._change:
            self._waiting += 1
            try:
                while True:
                    # Anew: who gave back before `_waiting` was counted told nobody.
                    if self._free:
                        return self._free.pop()
                    if len(self._all) + self._opening < self._limit:
                        self._opening += 1
                        break
                    left = end - time.monotonic()
                    if left <= 0 or not self._change.wait(left):
                        raise ServerTimeout(
                            f"All {self._limit} connections were in use for {self._patience:g} s."
                        )
            finally:
                self._waiting -= 1
        return self._open()

    def _open(self) -> Line:
        try:
            line = self._connect()
            self._all.add(line)
            return line
        finally:
            with self._change:
                self._opening -= 1
                self._change.notify()

"""Counting: INCRBY that, as Django asks, refuses to begin a counter."""

from __future__ import annotations

import operator
from typing import Any

from django_cachex.commands.base import INT64, Commands
from django_cachex.commands.command import NOT_COUNTED, Request, Steps, unread
from django_cachex.commands.exceptions import (
    AccessDenied,
    OutOfRangeError,
    ScriptMissing,
    UnknownCommand,
)
from django_cachex.commands.scripts import Script

# GET at the end, because Lua's numbers are doubles and would round a counter past 2**53.
SCRIPT = Script("""\
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local reply = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(reply) == 'table' and reply.err then return reply end
return redis.call('GET', KEYS[1])""")


DENIED = AccessDenied, UnknownCommand
# Why a script did not run, which another way of counting does not mind.
NO_SCRIPT = ScriptMissing, *DENIED


class CounterRequests(Commands):
    """How to add to a stored integer, exactly, keeping its expiry."""

    def _incr(self, key: Any, delta: int = 1, version: Any = None) -> Steps[int]:
        """Add `delta` to the integer under `key` and return the sum.

        Raise ValueError for no such key, `WrongTypeError` where no integer is stored,
        `OutOfRangeError` where the sum leaves 64 bits.
        """
        stored = self.stored_key(key, version)
        by = integer(delta)
        total: bytes | int | None
        try:
            total = yield from SCRIPT.steps([stored], [by])
        except DENIED:
            try:
                total = yield from watched_increment(stored, by)
            except DENIED:
                total = yield from unwatched_increment(stored, by)
        return counted(key, total)

    def _quick_incr(self, key: Any, delta: int = 1, version: Any = None) -> Request[int]:
        """Do what `incr` does where the server has the script: it nearly always has."""
        by = b"%d" % integer(delta)
        words = ("EVALSHA", SCRIPT.digest, b"1", self.stored_key(key, version), by)
        return Request(words, lambda total: counted(key, total))

    def _queued_incr(self, key: Any, delta: int = 1, version: Any = None) -> Request[int]:
        """Add `delta` in one request, as a pipeline needs it: see `incr`."""
        stored = self.stored_key(key, version)
        script: Request[Any] = SCRIPT.in_full([stored], [integer(delta)])
        return Request(script.words, lambda total: counted(key, total), absent=NOT_COUNTED)

    def _queued_decr(self, key: Any, delta: int = 1, version: Any = None) -> Request[int]:
        """Subtract `delta` in one request: see `incr`."""
        return self._queued_incr(key, -delta, version)


def watched_increment(stored: bytes, by: int) -> Steps[int | None]:
    """Add where scripts are denied, in two round trips; return None for no such key."""
    while True:
        [_watched, exists] = yield [
            Request(("WATCH", stored), unread),
            Request(("EXISTS", stored), bool),
        ]
        if not exists:
            yield [Request(("UNWATCH",), unread)]
            return None
        # On its own: were it refused, what follows would run at once.
        try:
            yield [Request(("MULTI",), unread)]
        except DENIED:
            yield [Request(("UNWATCH",), unread)]
            raise
        [_queued, executed] = yield [
            Request(("INCRBY", stored, by), unread),
            Request(("EXEC",), unread),
        ]
        if executed is not None:  # None: somebody touched the key in between.
            return first(executed)


def unwatched_increment(stored: bytes, by: int) -> Steps[int | None]:
    """Add where transactions are denied, too, as Django's backend does: a key that expires between
    the two commands begins anew, without an expiry."""
    [exists] = yield [Request(("EXISTS", stored), bool)]
    if not exists:
        return None
    [total] = yield [Request(("INCRBY", stored, by), int)]
    return int(total)


def first(executed: list[Any]) -> int:
    """Return the only result of a transaction, or raise the error in its place."""
    [result] = executed
    if isinstance(result, Exception):
        raise result
    return int(result)


def integer(delta: Any) -> int:
    """Return `delta` if it is an integer of 64 bits; raise TypeError or `OutOfRangeError`."""
    number = operator.index(delta)
    if number not in INT64:
        raise OutOfRangeError("A counter has 64 bits: it cannot move by more.")
    return number


def counted(key: Any, total: bytes | int | None) -> int:
    """Return the sum as an integer; raise ValueError where there was nothing to add to."""
    if total is None:
        raise ValueError(f"Key '{key}' not found")
    return int(total)

"""INCRBY that doesn't create a key, as Django's `incr` requires."""

from __future__ import annotations

import operator
from typing import Any

from django_cachex.commands.args import INT64
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    COUNTER_UNAVAILABLE,
    Command,
    Operation,
    copy_docstring,
    parse_raw,
)
from django_cachex.commands.scripts import Script
from django_cachex.exceptions import DENIED_ERRORS, OutOfRangeError, ScriptMissing

# GET returns the sum, because Lua's numbers are doubles, which round integers above 2**53.
INCR_SCRIPT = Script("""\
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local reply = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(reply) == 'table' and reply.err then return reply end
return redis.call('GET', KEYS[1])""")


# Errors after which `_incr` can still succeed: it sends the script, or uses no script at all.
SCRIPT_ERRORS = ScriptMissing, *DENIED_ERRORS


class IncrMixin(Commands):
    """Commands that add to a stored integer and keep its expiry."""

    def _incr(self, key: Any, delta: int = 1, version: Any = None) -> Operation[int]:
        """Add to an integer. Its expiry is kept.

        Args:
            delta: the integer to add; it may be negative.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The new value.

        Raises:
            ValueError: the key doesn't exist.
            WrongTypeError: the value isn't an integer.
            OutOfRangeError: the result doesn't fit into 64 bits.

        See https://valkey.io/commands/incrby/
        """
        stored = self._stored_key(key, version)
        by = check_int64(delta)
        total: bytes | int | None
        try:
            total = yield from INCR_SCRIPT.operation([stored], [by])
        except DENIED_ERRORS:
            try:
                total = yield from incr_with_watch(stored, by)
            except DENIED_ERRORS:
                total = yield from incr_without_watch(stored, by)
        return parse_counter(key, total)

    def _incr_evalsha(self, key: Any, delta: int = 1, version: Any = None) -> Command[int]:
        """Run the script of `incr` by its digest. The server nearly always has it."""
        by = b"%d" % check_int64(delta)
        args = ("EVALSHA", INCR_SCRIPT.digest, b"1", self._stored_key(key, version), by)
        return Command(args, lambda total: parse_counter(key, total))

    @copy_docstring(_incr)
    def _incr_eval(self, key: Any, delta: int = 1, version: Any = None) -> Command[int]:
        stored = self._stored_key(key, version)
        script: Command[Any] = INCR_SCRIPT.eval([stored], [check_int64(delta)])
        return Command(
            script.args, lambda total: parse_counter(key, total), missing_reply=COUNTER_UNAVAILABLE
        )

    def _decr_eval(self, key: Any, delta: int = 1, version: Any = None) -> Command[int]:
        """Subtract from an integer. Its expiry is kept.

        Args:
            delta: the integer to subtract; it may be negative.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The new value.

        Raises:
            ValueError: the key doesn't exist.
            WrongTypeError: the value isn't an integer.
            OutOfRangeError: the result doesn't fit into 64 bits.

        See https://valkey.io/commands/decrby/
        """
        return self._incr_eval(key, -delta, version)


def incr_with_watch(stored: bytes, by: int) -> Operation[int | None]:
    """Add in two round trips, for users who may not run scripts; None if the key doesn't exist."""
    while True:
        [_watched, exists] = yield [
            Command(("WATCH", stored), parse_raw),
            Command(("EXISTS", stored), bool),
        ]
        if not exists:
            yield [Command(("UNWATCH",), parse_raw)]
            return None
        # Sent alone, because if it is refused, the commands after it would run immediately.
        try:
            yield [Command(("MULTI",), parse_raw)]
        except DENIED_ERRORS:
            yield [Command(("UNWATCH",), parse_raw)]
            raise
        [_queued, executed] = yield [
            Command(("INCRBY", stored, by), parse_raw),
            Command(("EXEC",), parse_raw),
        ]
        if executed is not None:  # None: another client changed the key.
            return parse_exec(executed)


def incr_without_watch(stored: bytes, by: int) -> Operation[int | None]:
    """Add as Django's backend does, for users who may not run transactions either.

    A counter that expires between the two commands starts again and never expires.
    """
    [exists] = yield [Command(("EXISTS", stored), bool)]
    if not exists:
        return None
    [total] = yield [Command(("INCRBY", stored, by), int)]
    return int(total)


def parse_exec(executed: list[Any]) -> int:
    """Return the only result of a transaction; raise it if it is an error."""
    [result] = executed
    if isinstance(result, Exception):
        raise result
    return int(result)


def check_int64(delta: Any) -> int:
    """Return `delta`; raise TypeError or `OutOfRangeError` unless it is an integer of 64 bits."""
    number = operator.index(delta)
    if number not in INT64:
        raise OutOfRangeError("A counter has 64 bits and can't change by more.")
    return number


def parse_counter(key: Any, total: bytes | int | None) -> int:
    """Return the sum as an integer; raise ValueError if the key doesn't exist."""
    if total is None:
        raise ValueError(f"Key '{key}' not found")
    return int(total)

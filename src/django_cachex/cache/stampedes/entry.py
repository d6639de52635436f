"""One key, and the steps by which its value is made by one caller at a time.

The value and its expiry stay what they are without protection, so that every other method tells
the truth of them. What is added is a key beside it, for as long as somebody makes the value.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from django_cachex.cache.stampedes.acts import Compute, Flow, Pause, Store
from django_cachex.cache.stampedes.protection import Protection
from django_cachex.commands.cache_api import px_args, set_command
from django_cachex.commands.command import Command, Operation, key_note, parse_none, parse_raw
from django_cachex.commands.exceptions import CachexError

if TYPE_CHECKING:
    from django_cachex.cache.backends import ServerCache

SUFFIX: Final = b".recomputing"
"""What the key of whoever makes a value ends in, after the value's own."""

SHORTEST: Final = 0.005
LONGEST: Final = 0.1
"""Seconds between two looks for a value that somebody else makes."""

MISSING: Final = object()


class Entry:
    """One key whose value is made by one caller at a time."""

    def __init__(
        self, cache: ServerCache, key: Any, timeout: Any, version: Any, protection: Protection
    ) -> None:
        self.cache = cache
        self.key = key
        self.timeout = timeout
        self.version = version
        self.stored = cache.stored_key(key, version)
        self.expiry = cache.expiry(timeout)
        self.window = protection.window(self.expiry)
        self.lease = protection.lease
        self.taken = 0.0
        """When the right to make the value was last asked for."""

    def flow(self) -> Flow:
        """Return the value, made anew if it is time, and nobody else does."""
        data, left = yield self.look()
        value = self.read(data)
        self.cache.record_lookup(int(value is not MISSING), int(value is MISSING))
        if value is not MISSING and not self.is_due(left):
            return value
        if (found := (yield from self.take())) is not None:
            return (yield from self.mine(*found))
        if value is not MISSING:
            return value
        return (yield from self.others())

    def read(self, data: bytes | None) -> Any:
        """Return the value, or `MISSING` where there is none, or none that can be read."""
        if data is None:
            return MISSING
        try:
            return self.cache.decode(data)
        except Exception as error:  # A serializer may raise anything.
            if not self.cache.is_miss(self.stored, error):
                error.add_note(key_note("GET", self.stored))
                raise
            return MISSING

    def is_due(self, left: int) -> bool:
        """Return whether a value that has so many milliseconds left is to be made anew."""
        return 0 <= left <= self.window

    def look(self) -> Operation[list[Any]]:
        """Return the stored value or None, and the milliseconds left, as `PTTL` says them."""
        return (
            yield [
                Command(("GET", self.stored), parse_raw, idempotent=True),
                Command(("PTTL", self.stored), int, idempotent=True, missing_reply=-2),
            ]
        )

    def take(self) -> Flow:
        """Return what is stored once it is ours to make the value, or None if it is another's."""
        self.taken = time.monotonic()
        lease = px_args(max(1, round(self.lease * 1000)))
        # A server that is lost, and ignored, is one that has no such key, and says OK.
        lock = Command(("SET", self.stored + SUFFIX, b"1", *lease, "NX"), bool, missing_reply=b"OK")
        return (yield self.look_if(lock))

    def look_if(self, lock: Command[bool]) -> Operation[list[Any] | None]:
        [is_ours] = yield [lock]
        if not is_ours:
            return None
        # Whoever had it before has made the value in between, perhaps.
        return (yield from self.look())

    def mine(self, data: bytes | None, left: int) -> Flow:
        """Make the value, let go of the right to make it, and return the value."""
        looked = time.monotonic()
        try:
            if not self.is_due(left) and (found := self.read(data)) is not MISSING:
                return found
            value = yield Compute()
            if data is None:
                return (yield from self.added(value))
            dies = looked + left / 1000
            found = yield Store(lambda made: self.replacement(made, data, dies), value)
            return value if found is None else self.cache.decode(found)
        finally:
            yield from self.let_go()

    def let_go(self) -> Flow:
        # After the lease it may be another's.
        if time.monotonic() < self.taken + self.lease:
            with suppress(CachexError):
                yield Command(("UNLINK", self.stored + SUFFIX), parse_none)

    def added(self, value: Any) -> Flow:
        """Store a value where there was none; return what is stored then."""
        yield Store(lambda made: self.cache._add(self.key, made, self.timeout, self.version), value)
        return (yield self.cache._reread(self.key, value, self.version))

    def replacement(self, value: Any, old: bytes, dies: float) -> Operation[bytes | None]:
        """Store `value` in the place of `old`, which expires at `dies`.

        Return what somebody else stored meanwhile, who knew better, or None.
        """
        return replaced(self.stored, old, self.cache.encode(value), self.expiry, dies)

    def others(self) -> Flow:
        """Wait for whoever makes the value; make it where nobody does, or it takes too long.

        One that dies has a successor, which is waited for as well: two leases.
        """
        until = time.monotonic() + 2 * self.lease
        pause = SHORTEST
        while time.monotonic() < until:
            yield Pause(pause)
            pause = min(2 * pause, LONGEST)
            data, _left = yield self.look()
            if (value := self.read(data)) is not MISSING:
                return value
            if (found := (yield from self.take())) is not None:
                return (yield from self.mine(*found))
        return (yield from self.added((yield Compute())))


def replaced(
    stored: bytes, old: bytes, data: bytes | int, expiry: int | None, dies: float
) -> Operation[bytes | None]:
    """Store `data` if `old` is still there, or has expired by itself.

    Return what is there instead, or None.
    """
    [_watched, found] = yield [
        Command(("WATCH", stored), parse_raw),
        Command(("GET", stored), parse_raw),
    ]
    update = set_command(stored, data, expiry)
    if found == old:
        # On its own: were it refused, what follows would run at once.
        yield [Command(("MULTI",), parse_raw)]
        yield [update, Command(("EXEC",), parse_raw)]
        return None
    yield [Command(("UNWATCH",), parse_raw)]
    if found is None and time.monotonic() >= dies:
        yield [Command((*update.args, "NX"), parse_raw)]
    return found  # type: ignore[no-any-return]  # As the server said it.

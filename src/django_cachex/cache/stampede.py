"""Protect values that are expensive to compute from being computed many times at once."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

from django_cachex.commands.cache_api import px_args, set_command
from django_cachex.commands.command import Command, Operation, key_note, parse_none, parse_raw
from django_cachex.exceptions import CachexError

if TYPE_CHECKING:
    from django_cachex.cache.backends import ServerCache


@dataclass(frozen=True, slots=True)
class Compute:
    """Make the value."""


@dataclass(frozen=True, slots=True)
class Store:
    """Send the command that `build` returns for a value: encoding it may take a thread."""

    build: Callable[[Any], Command[Any] | Operation[Any]]
    value: Any


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for somebody else."""

    seconds: float


Step = Compute | Store | Pause | Command[Any] | Operation[Any]
Steps = Generator[Step, Any, Any]
"""What `follow` and `afollow` do, and what becomes of it."""


def run_steps(steps: Steps, cache: ServerCache, make: Callable[[], Any]) -> Any:
    """Do what `flow` says; return the value, which `make` makes."""
    try:
        step = next(steps)
        while True:
            try:
                result = run_step(step, cache, make)
            except BaseException as error:  # Whatever it is, the right to make it is let go.
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value


def run_step(step: Step, cache: ServerCache, make: Callable[[], Any]) -> Any:
    match step:
        case Compute():
            return make()
        case Store(build, value):
            return cache.run(build(value))
        case Pause(seconds):
            return time.sleep(seconds)
        case _:
            return cache.run(step)


CallAsyncSafe = Callable[..., Awaitable[Any]]
"""What calls a function, in a thread where the event loop may not."""


async def arun_steps(
    steps: Steps, cache: ServerCache, make: Callable[[], Any], call_async_safe: CallAsyncSafe
) -> Any:
    """Do what `follow` does, on the running event loop; `make` may be a coroutine function."""
    try:
        step = next(steps)
        while True:
            try:
                result = await arun_step(step, cache, make, call_async_safe)
            except BaseException as error:  # Whatever it is, the right to make it is let go.
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value


async def arun_step(
    step: Step, cache: ServerCache, make: Callable[[], Any], call_async_safe: CallAsyncSafe
) -> Any:
    match step:
        case Compute():
            made = make()
            return await made if inspect.isawaitable(made) else made
        case Store(build, value):
            return await cache.arun(await call_async_safe(build, value))
        case Pause(seconds):
            return await asyncio.sleep(seconds)
        case _:
            return await cache.arun(step)


@dataclass(frozen=True, slots=True)
class Protection:
    """How `get_or_set` keeps callers from making one value at the same time."""

    early: float | None = None
    """Seconds before the expiry from which one caller makes the value anew; None for a tenth of the
    timeout. Never more than half of it."""

    lease: float = 10.0
    """Seconds that the others rely on whoever makes the value: more than that usually takes."""

    def __post_init__(self) -> None:
        for name, value in (("early", self.early), ("lease", self.lease)):
            if value is None and name == "early":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ImproperlyConfigured(f"“{name}” of a protection is a number of seconds.")

    def early_window(self, expiry: int | None) -> float:
        """Return how early to begin, in milliseconds, with a value that lives for `expiry`."""
        if expiry is None:
            return 0.0
        early = expiry / 10 if self.early is None else self.early * 1000
        return min(early, expiry / 2)


ProtectionOption = bool | Mapping[str, float] | Protection | None


def parse_protection(given: ProtectionOption) -> Protection | None:
    """Return what OPTIONS or a caller ask for; raise ImproperlyConfigured for nonsense."""
    if isinstance(given, Protection):
        return given
    if given is None or isinstance(given, bool):
        return Protection() if given else None
    if not isinstance(given, Mapping) or not given.keys() <= {"early", "lease"}:
        raise ImproperlyConfigured(
            'Protection from stampedes is True, False, or a dict such as {"early": 5, "lease": 30}.'
        )
    return Protection(**given)


LOCK_SUFFIX: Final = b".recomputing"
"""What the key of whoever makes a value ends in, after the value's own."""

MIN_POLL_INTERVAL: Final = 0.005
MAX_POLL_INTERVAL: Final = 0.1
"""Seconds between two looks for a value that somebody else makes."""

MISSING: Final = object()


class ProtectedEntry:
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
        self.early_window = protection.early_window(self.expiry)
        self.lease = protection.lease
        self.acquired_at = 0.0
        """When the right to make the value was last asked for."""

    def steps(self) -> Steps:
        """Return the value, made anew if it is time, and nobody else does."""
        data, ttl = yield self.read()
        value = self.decode_or_missing(data)
        self.cache.record_lookup(int(value is not MISSING), int(value is MISSING))
        if value is not MISSING and not self.is_due(ttl):
            return value
        if (other := (yield from self.acquire())) is not None:
            return (yield from self.recompute(*other))
        if value is not MISSING:
            return value
        return (yield from self.wait())

    def decode_or_missing(self, data: bytes | None) -> Any:
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

    def is_due(self, ttl: int) -> bool:
        """Return whether a value that has so many milliseconds left is to be made anew."""
        return 0 <= ttl <= self.early_window

    def read(self) -> Operation[list[Any]]:
        """Return the stored value or None, and the milliseconds left, as `PTTL` says them."""
        return (
            yield [
                Command(("GET", self.stored), parse_raw, idempotent=True),
                Command(("PTTL", self.stored), int, idempotent=True, missing_reply=-2),
            ]
        )

    def acquire(self) -> Steps:
        """Return what is stored once it is ours to make the value, or None if it is another's."""
        self.acquired_at = time.monotonic()
        lease = px_args(max(1, round(self.lease * 1000)))
        # A server that is lost, and ignored, is one that has no such key, and says OK.
        lock = Command(
            ("SET", self.stored + LOCK_SUFFIX, b"1", *lease, "NX"), bool, missing_reply=b"OK"
        )
        return (yield self.acquire_and_read(lock))

    def acquire_and_read(self, lock: Command[bool]) -> Operation[list[Any] | None]:
        [is_ours] = yield [lock]
        if not is_ours:
            return None
        # Whoever had it before has made the value in between, perhaps.
        return (yield from self.read())

    def recompute(self, data: bytes | None, ttl: int) -> Steps:
        """Make the value, let go of the right to make it, and return the value."""
        read_at = time.monotonic()
        try:
            if not self.is_due(ttl) and (other := self.decode_or_missing(data)) is not MISSING:
                return other
            value = yield Compute()
            if data is None:
                return (yield from self.add(value))
            expires_at = read_at + ttl / 1000
            other = yield Store(lambda made: self._replace(made, data, expires_at), value)
            return value if other is None else self.cache.decode(other)
        finally:
            yield from self.release()

    def release(self) -> Steps:
        # After the lease it may be another's.
        if time.monotonic() < self.acquired_at + self.lease:
            with suppress(CachexError):
                yield Command(("UNLINK", self.stored + LOCK_SUFFIX), parse_none)

    def add(self, value: Any) -> Steps:
        """Store a value where there was none; return what is stored then."""
        yield Store(lambda made: self.cache._add(self.key, made, self.timeout, self.version), value)
        return (yield self.cache._reread(self.key, value, self.version))

    def _replace(self, value: Any, old: bytes, expires_at: float) -> Operation[bytes | None]:
        """Store `value` in the place of `old`, which expires at `dies`.

        Return what somebody else stored meanwhile, who knew better, or None.
        """
        return replace_value(self.stored, old, self.cache.encode(value), self.expiry, expires_at)

    def wait(self) -> Steps:
        """Wait for whoever makes the value; make it where nobody does, or it takes too long.

        One that dies has a successor, which is waited for as well: two leases.
        """
        until = time.monotonic() + 2 * self.lease
        pause = MIN_POLL_INTERVAL
        while time.monotonic() < until:
            yield Pause(pause)
            pause = min(2 * pause, MAX_POLL_INTERVAL)
            data, _left = yield self.read()
            if (value := self.decode_or_missing(data)) is not MISSING:
                return value
            if (other := (yield from self.acquire())) is not None:
                return (yield from self.recompute(*other))
        return (yield from self.add((yield Compute())))


def replace_value(
    stored: bytes, old: bytes, data: bytes | int, expiry: int | None, expires_at: float
) -> Operation[bytes | None]:
    """Store `data` if `old` is still there, or has expired by itself.

    Return what is there instead, or None.
    """
    [_watched, other] = yield [
        Command(("WATCH", stored), parse_raw),
        Command(("GET", stored), parse_raw),
    ]
    update = set_command(stored, data, expiry)
    if other == old:
        # On its own: were it refused, what follows would run at once.
        yield [Command(("MULTI",), parse_raw)]
        yield [update, Command(("EXEC",), parse_raw)]
        return None
    yield [Command(("UNWATCH",), parse_raw)]
    if other is None and time.monotonic() >= expires_at:
        yield [Command((*update.args, "NX"), parse_raw)]
    return other  # type: ignore[no-any-return]  # As the server said it.

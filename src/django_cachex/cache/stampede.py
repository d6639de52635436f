"""Stampede protection: `get_or_set` lets one caller at a time recompute an expensive value.

The algorithm is a generator of steps, which `run_steps` and `arun_steps` run.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.operations import Pause
from django_cachex.commands.cache_api import CacheOperations, px_args, set_command
from django_cachex.commands.command import Command, Operation, key_note, parse_none, parse_raw
from django_cachex.exceptions import CachexError


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute the value."""


@dataclass(frozen=True, slots=True)
class Store:
    """Run the command that `build` returns for a value.

    On an event loop, `build` may run in a thread, because it encodes the value.
    """

    build: Callable[[Any], Command[Any] | Operation[Any]]
    value: Any


Step = Compute | Store | Pause | Command[Any] | Operation[Any]
Steps = Generator[Step, Any, Any]
"""A generator that yields steps, receives their results, and returns the value."""


def run_steps(steps: Steps, cache: CacheOperations, compute: Callable[[], Any]) -> Any:
    """Run `steps` and return the value. `compute` computes it."""
    try:
        step = next(steps)
        while True:
            try:
                result = run_step(step, cache, compute)
            except BaseException as error:  # After any error, the generator releases the lock.
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value


def run_step(step: Step, cache: CacheOperations, compute: Callable[[], Any]) -> Any:
    match step:
        case Compute():
            return compute()
        case Store(build, value):
            return cache._run(build(value))
        case Pause(seconds):
            return time.sleep(seconds)
        case _:
            return cache._run(step)


CallAsyncSafe = Callable[..., Awaitable[Any]]
"""Calls a function, in a thread if it can't run on an event loop."""


async def arun_steps(
    steps: Steps, cache: CacheOperations, compute: Callable[[], Any], call_async_safe: CallAsyncSafe
) -> Any:
    """Do the same as `run_steps`, on the running event loop. `compute` may be asynchronous."""
    try:
        step = next(steps)
        while True:
            try:
                result = await arun_step(step, cache, compute, call_async_safe)
            except BaseException as error:  # After any error, the generator releases the lock.
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value


async def arun_step(
    step: Step, cache: CacheOperations, compute: Callable[[], Any], call_async_safe: CallAsyncSafe
) -> Any:
    match step:
        case Compute():
            value = compute()
            return await value if inspect.isawaitable(value) else value
        case Store(build, value):
            return await cache._arun(await call_async_safe(build, value))
        case Pause(seconds):
            return await asyncio.sleep(seconds)
        case _:
            return await cache._arun(step)


@dataclass(frozen=True, slots=True)
class Protection:
    """The options of stampede protection."""

    early: float | None = None
    """How many seconds before the expiry the value is recomputed.

    The default is a tenth of the timeout, the maximum is half of it."""

    lease: float = 10.0
    """How many seconds the lock is held at most. Then another caller may compute the value.

    It should be longer than the computation usually takes."""

    def __post_init__(self) -> None:
        for name, value in (("early", self.early), ("lease", self.lease)):
            if value is None and name == "early":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ImproperlyConfigured(
                    f"“{name}” of “stampede_protection” must be a positive number of seconds."
                )

    def early_window(self, timeout_ms: int | None) -> float:
        """Return how many milliseconds before its expiry a value is recomputed.

        `timeout_ms` is the timeout of the value in milliseconds, or None.
        """
        if timeout_ms is None:
            return 0.0
        early = timeout_ms / 10 if self.early is None else self.early * 1000
        return min(early, timeout_ms / 2)


ProtectionOption = bool | Mapping[str, float] | Protection | None


def parse_protection(given: ProtectionOption) -> Protection | None:
    """Return the options of stampede protection, or None if it is off.

    Raises:
        ImproperlyConfigured: the option is invalid.
    """
    if isinstance(given, Protection):
        return given
    if given is None or isinstance(given, bool):
        return Protection() if given else None
    if not isinstance(given, Mapping) or not given.keys() <= {"early", "lease"}:
        raise ImproperlyConfigured(
            "“stampede_protection” must be True, False, or a dictionary such as "
            '{"early": 5, "lease": 30}.'
        )
    return Protection(**given)


LOCK_SUFFIX: Final = b".recomputing"
"""The suffix of the lock's key, after the key of the value."""

MIN_POLL_INTERVAL: Final = 0.005
MAX_POLL_INTERVAL: Final = 0.1
"""Seconds between two reads of a value that another caller computes."""

MISSING: Final = object()


class ProtectedEntry:
    """A key whose value is computed by one caller at a time."""

    def __init__(
        self, cache: CacheOperations, key: Any, timeout: Any, version: Any, protection: Protection
    ) -> None:
        self.cache = cache
        self.key = key
        self.timeout = timeout
        self.version = version
        self.stored_key = cache._stored_key(key, version)
        self.timeout_ms = cache._get_timeout_ms(timeout)
        self.early_window = protection.early_window(self.timeout_ms)
        self.lease = protection.lease
        self.acquired_at = 0.0
        """The time of the last attempt to acquire the lock."""

    def steps(self) -> Steps:
        """Return the value. Recompute it if it is due and no other caller is doing so."""
        data, ttl = yield self.read()
        value = self.decode_or_missing(data)
        self.cache._record_lookup(int(value is not MISSING), int(value is MISSING))
        if value is not MISSING and not self.is_due(ttl):
            return value
        if (latest := (yield from self.acquire())) is not None:
            return (yield from self.recompute(*latest))
        if value is not MISSING:
            return value
        return (yield from self.wait())

    def decode_or_missing(self, data: bytes | None) -> Any:
        """Return the value, or `MISSING` if there is none or it can't be read."""
        if data is None:
            return MISSING
        try:
            return self.cache._decode(data)
        except Exception as error:  # A serializer may raise any exception.
            if not self.cache._is_miss(self.stored_key, error):
                error.add_note(key_note("GET", self.stored_key))
                raise
            return MISSING

    def is_due(self, ttl: int) -> bool:
        """Return whether a value with this time to live, in milliseconds, must be recomputed.

        False for -1 (no expiry) and -2 (no key).
        """
        return 0 <= ttl <= self.early_window

    def read(self) -> Operation[list[Any]]:
        """Return the stored value or None, and the reply to PTTL."""
        return (
            yield [
                Command(("GET", self.stored_key), parse_raw, idempotent=True),
                Command(("PTTL", self.stored_key), int, idempotent=True, missing_reply=-2),
            ]
        )

    def acquire(self) -> Steps:
        """Acquire the lock and return the result of `read`, or None if another caller has it."""
        self.acquired_at = time.monotonic()
        lease = px_args(max(1, round(self.lease * 1000)))
        # If errors of the server are ignored, the lock counts as acquired.
        lock = Command(
            ("SET", self.stored_key + LOCK_SUFFIX, b"1", *lease, "NX"), bool, missing_reply=b"OK"
        )
        return (yield self.acquire_and_read(lock))

    def acquire_and_read(self, lock: Command[bool]) -> Operation[list[Any] | None]:
        [is_acquired] = yield [lock]
        if not is_acquired:
            return None
        # The previous holder may have stored the value in the meantime.
        return (yield from self.read())

    def recompute(self, data: bytes | None, ttl: int) -> Steps:
        """Compute, store and return the value, and release the lock."""
        read_at = time.monotonic()
        try:
            if not self.is_due(ttl) and (current := self.decode_or_missing(data)) is not MISSING:
                return current
            value = yield Compute()
            if data is None:
                return (yield from self.add(value))
            expires_at = read_at + ttl / 1000
            newer = yield Store(lambda new: self._replace(new, data, expires_at), value)
            return value if newer is None else self.cache._decode(newer)
        finally:
            yield from self.release()

    def release(self) -> Steps:
        # After the lease, another caller may hold the lock.
        if time.monotonic() < self.acquired_at + self.lease:
            with suppress(CachexError):
                yield Command(("UNLINK", self.stored_key + LOCK_SUFFIX), parse_none)

    def add(self, value: Any) -> Steps:
        """Store a new value unless there is one, and return the stored value."""
        yield Store(lambda new: self.cache._add(self.key, new, self.timeout, self.version), value)
        return (yield self.cache._get(self.key, value, self.version).primary_only())

    def _replace(self, value: Any, old: bytes, expires_at: float) -> Operation[bytes | None]:
        """Replace the stored value `old`, which expires at `expires_at`.

        Return the value that another caller has stored in the meantime, or None.
        """
        return replace_value(
            self.stored_key, old, self.cache._encode(value), self.timeout_ms, expires_at
        )

    def wait(self) -> Steps:
        """Wait for the value of another caller; compute it if there is none, or it takes too long.

        It waits for two leases at most, since another caller may take over from one that failed.
        """
        deadline = time.monotonic() + 2 * self.lease
        pause = MIN_POLL_INTERVAL
        while time.monotonic() < deadline:
            yield Pause(pause)
            pause = min(2 * pause, MAX_POLL_INTERVAL)
            data, _ttl = yield self.read()
            if (value := self.decode_or_missing(data)) is not MISSING:
                return value
            if (latest := (yield from self.acquire())) is not None:
                return (yield from self.recompute(*latest))
        return (yield from self.add((yield Compute())))


def replace_value(
    stored_key: bytes, old: bytes, data: bytes | int, timeout_ms: int | None, expires_at: float
) -> Operation[bytes | None]:
    """Store `data` if the stored value is still `old`, or has expired.

    Return the other value that is stored now, or None.
    """
    [_watched, current] = yield [
        Command(("WATCH", stored_key), parse_raw),
        Command(("GET", stored_key), parse_raw),
    ]
    update = set_command(stored_key, data, timeout_ms)
    if current == old:
        # MULTI is sent separately. If it failed, the following commands would run outside a
        # transaction.
        yield [Command(("MULTI",), parse_raw)]
        yield [update, Command(("EXEC",), parse_raw)]
        return None
    yield [Command(("UNWATCH",), parse_raw)]
    if current is None and time.monotonic() >= expires_at:
        yield [Command((*update.args, "NX"), parse_raw)]
    return current  # type: ignore[no-any-return]  # A reply is Any.

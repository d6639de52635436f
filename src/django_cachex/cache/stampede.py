"""Stampede protection: `get_or_set` lets one caller at a time recompute an expensive value."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.codecs import call_async_safe
from django_cachex.cache.steps import Pause, Steps
from django_cachex.commands.cache_api import CacheOperations, px_args, set_command
from django_cachex.commands.command import Command, Operation, key_note, parse_none, parse_raw
from django_cachex.exceptions import CachexError


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


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute the value by calling `function`, which may be asynchronous on an event loop."""

    function: Callable[[], Any]

    def run(self) -> Any:
        return self.function()

    async def arun(self) -> Any:
        value = self.function()
        return await value if inspect.isawaitable(value) else value


@dataclass(frozen=True, slots=True)
class CacheCall:
    """Run the command that `build` returns.

    On an event loop, `build` may run in a thread, because it may encode a value.
    """

    cache: CacheOperations
    build: Callable[[], Command[Any] | Operation[Any]]

    def run(self) -> Any:
        return self.cache._run(self.build())

    async def arun(self) -> Any:
        return await self.cache._arun(await call_async_safe(self.build))


class ProtectedEntry:
    """A key whose value is computed by one caller at a time."""

    def __init__(
        self,
        cache: CacheOperations,
        key: Any,
        compute: Callable[[], Any],
        timeout: Any,
        version: Any,
        protection: Protection,
    ) -> None:
        self.cache = cache
        self.key = key
        self.compute = Compute(compute)
        self.timeout = timeout
        self.version = version
        self.stored_key = cache._stored_key(key, version)
        self.timeout_ms = cache._get_timeout_ms(timeout)
        self.early_window = protection.early_window(self.timeout_ms)
        self.lease = protection.lease
        self.acquired_at = 0.0
        """The time of the last attempt to acquire the lock."""

    def get_or_recompute(self) -> Steps[Any]:
        """Return the value. Recompute it if it is due and no other caller is doing so."""
        data, ttl = yield self.call(self.read)
        value = self.decode_or_missing(data)
        self.cache._record_lookup(int(value is not MISSING), int(value is MISSING))
        if value is not MISSING and not self.is_due(ttl):
            return value
        if (latest := (yield self.call(self.acquire))) is not None:
            return (yield from self.recompute(*latest))
        if value is not MISSING:
            return value
        return (yield from self.wait())

    def call(self, build: Callable[[], Command[Any] | Operation[Any]]) -> CacheCall:
        return CacheCall(self.cache, build)

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

    def acquire(self) -> Operation[list[Any] | None]:
        """Acquire the lock and return the result of `read`, or None if another caller has it."""
        self.acquired_at = time.monotonic()
        lease = px_args(max(1, round(self.lease * 1000)))
        # If errors of the server are ignored, the lock counts as acquired.
        [is_acquired] = yield [
            Command(
                ("SET", self.stored_key + LOCK_SUFFIX, b"1", *lease, "NX"),
                bool,
                missing_reply=b"OK",
            )
        ]
        # The previous holder may have stored the value in the meantime.
        return (yield from self.read()) if is_acquired else None

    def recompute(self, data: bytes | None, ttl: int) -> Steps[Any]:
        """Compute, store and return the value, and release the lock."""
        read_at = time.monotonic()
        try:
            if not self.is_due(ttl) and (current := self.decode_or_missing(data)) is not MISSING:
                return current
            value = yield self.compute
            if data is None:
                return (yield from self.add(value))
            expires_at = read_at + ttl / 1000
            newer = yield self.call(
                lambda: replace_value(
                    self.stored_key, data, self.cache._encode(value), self.timeout_ms, expires_at
                )
            )
            return value if newer is None else self.cache._decode(newer)
        finally:
            # After the lease, another caller may hold the lock.
            if time.monotonic() < self.acquired_at + self.lease:
                with suppress(CachexError):
                    yield self.call(self.release)

    def release(self) -> Command[None]:
        return Command(("UNLINK", self.stored_key + LOCK_SUFFIX), parse_none)

    def add(self, value: Any) -> Steps[Any]:
        """Store a new value unless there is one, and return the stored value."""
        yield self.call(lambda: self.cache._add(self.key, value, self.timeout, self.version))
        return (
            yield self.call(lambda: self.cache._get(self.key, value, self.version).primary_only())
        )

    def wait(self) -> Steps[Any]:
        """Wait for the value of another caller; compute it if there is none, or it takes too long.

        It waits for two leases at most, since another caller may take over from one that failed.
        """
        deadline = time.monotonic() + 2 * self.lease
        pause = MIN_POLL_INTERVAL
        while time.monotonic() < deadline:
            yield Pause(pause)
            pause = min(2 * pause, MAX_POLL_INTERVAL)
            data, _ttl = yield self.call(self.read)
            if (value := self.decode_or_missing(data)) is not MISSING:
                return value
            if (latest := (yield self.call(self.acquire))) is not None:
                return (yield from self.recompute(*latest))
        return (yield from self.add((yield self.compute)))


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

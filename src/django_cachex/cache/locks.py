"""Locks that all processes share, based on the driver's."""

from __future__ import annotations

import asyncio
import functools
import math
import operator
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Protocol, Self, TypeVar

from django_cachex.cache.base import CacheCommands
from django_cachex.cache.connection.drivers import Driver, load_driver
from django_cachex.cache.operations import (
    Endpoint,
    MultiServerOperation,
    Pause,
    ServerCall,
    arun_operation,
    run_operation,
)
from django_cachex.commands.args import encode_arg, timeout_to_ms
from django_cachex.commands.cache_api import px_args
from django_cachex.commands.command import Command, Operation, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.commands.semaphores import SemaphoreRequest, extend, get_usage, release
from django_cachex.exceptions import CachexError, LockError, LockLost, LockNotAcquired

SendFunction = Callable[[Any], Any]
"""Sends a command, or the steps of an operation; returns the result, or what is awaited for it."""


class LockClient:
    """All that the driver's lock asks of its client, whose own connections would be as many more.

    So a lock finds the primary of a service and the node of a cluster as all commands do.
    """

    def __init__(self, send: SendFunction) -> None:
        self.send = send

    def set(self, name: bytes, token: bytes, nx: bool, px: int | None) -> Any:
        return self.send(Command(("SET", name, token, *px_args(px), "NX"), bool))

    def get(self, name: bytes) -> Any:
        return self.send(Command(("GET", name), parse_raw))

    def get_encoder(self) -> LockClient:
        return self

    def encode(self, token: Any) -> bytes | int:
        return encode_arg(token)


class LockScript:
    """One of the lock's scripts, as the driver's client would have registered it."""

    def __init__(self, source: str) -> None:
        self._script = Script(source)

    def __call__(self, keys: Sequence[bytes], args: Sequence[Any], client: LockClient) -> Any:
        return client.send(self._script.operation(keys, args))


def use_own_scripts(kind: Any) -> Any:
    """Return the driver's lock with our scripts: it keeps those of all locks on its class."""

    class LockWithOwnScripts(kind):  # type: ignore[misc]  # The drivers are not all typed.
        lua_release = LockScript(kind.LUA_RELEASE_SCRIPT)
        lua_extend = LockScript(kind.LUA_EXTEND_SCRIPT)
        lua_reacquire = LockScript(kind.LUA_REACQUIRE_SCRIPT)

    return LockWithOwnScripts


# Whoever is interrupted while the server answers does not know whether the lock is taken: it would
# stay so until it expires, or for good.


@functools.cache
def get_sync_lock_class(driver: Driver) -> Any:
    """Return the driver's lock, which is given back where taking it was interrupted."""

    class SyncLock(use_own_scripts(import_module(f"{driver.name}.lock").Lock)):  # type: ignore[misc]  # as above
        def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    self.do_release(token)
                raise

    return SyncLock


@functools.cache
def get_async_lock_class(driver: Driver) -> Any:
    """Return the driver's lock for event loops, which is given back as `blocking_lock` is."""

    class AsyncDriverLock(use_own_scripts(import_module(f"{driver.name}.asyncio.lock").Lock)):  # type: ignore[misc]  # as above
        async def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(await super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    await asyncio.shield(asyncio.ensure_future(self.do_release(token)))
                raise

    return AsyncDriverLock


@contextmanager
def map_lock_errors(driver: Driver, key: Any) -> Iterator[None]:
    """Raise our error for one that the driver's lock raises."""
    try:
        yield
    except driver.errors.LockNotOwnedError as error:
        raise LockLost(f"The lock “{key}” was lost: it expired, or somebody deleted it.") from error
    except driver.errors.LockError as error:
        raise LockError(f"The lock “{key}”: {error}") from error


class TokenStorage(Protocol):
    """Keeps the tokens that one object holds a lock by, perhaps several times at once."""

    token: bytes | None
    """What whoever asks may release; setting it to None forgets it."""

    @property
    def acquired(self) -> bytes | None:
        """What whoever asks has acquired."""


class SharedToken:
    """One token, whoever asks."""

    token: bytes | None = None

    @property
    def acquired(self) -> bytes | None:
        return self.token


class ThreadToken(threading.local):
    """A token for each thread."""

    token: bytes | None = None

    @property
    def acquired(self) -> bytes | None:
        return self.token


class TaskToken:
    """A token for each task.

    What a task that has ended acquired is released by any other: `asyncio.wait_for`, before Python
    3.12, and `asyncio.gather` acquire in tasks of their own.
    """

    def __init__(self) -> None:
        self._tokens: dict[asyncio.Task[Any] | None, bytes] = {}

    @property
    def acquired(self) -> bytes | None:
        return self._tokens.get(asyncio.current_task())

    @property
    def token(self) -> bytes | None:
        return self._tokens.get(self._find_holder())

    @token.setter
    def token(self, token: bytes | None) -> None:
        if token is None:
            self._tokens.pop(self._find_holder(), None)
        else:
            self._tokens[asyncio.current_task()] = token

    def _find_holder(self) -> asyncio.Task[Any] | None:
        """Return the running task if it holds anything, else one that has ended and does."""
        running = asyncio.current_task()
        if running in self._tokens:
            return running
        return next((task for task in self._tokens if task and task.done()), running)


def iter_pauses(sleep: float, limit: float | None) -> Iterator[float]:
    """Yield seconds to wait, `sleep` at most, until they are `limit` in all, or more have passed.

    Where the clock stands still, as in tests that freeze it, the pauses alone count.
    """
    start, slept = time.monotonic(), 0.0
    while True:
        remaining = math.inf if limit is None else limit - max(time.monotonic() - start, slept)
        if remaining <= 0:
            return
        yield min(sleep, remaining)
        slept += min(sleep, remaining)


class BaseLock:
    """What locks of threads and of tasks have in common."""

    def __init__(self, key: Any, driver: Driver, lock: Any) -> None:
        self.key = key
        self._driver = driver
        self._lock = lock

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    @property
    def token(self) -> bytes | None:
        """What this thread or task holds the lock by; None where it does not.

        Another process that is told the token, and sets it, may extend and release the lock.
        """
        token: bytes | None = self._lock.local.token
        return token

    @token.setter
    def token(self, token: bytes | str | None) -> None:
        self._lock.local.token = token.encode() if isinstance(token, str) else token

    def _pauses(self, blocking: bool | None, blocking_timeout: float | None) -> Iterator[float]:
        """Yield the seconds to wait between two tries; what is None is as the lock was made."""
        lock = self._lock
        limit = lock.blocking_timeout if blocking_timeout is None else blocking_timeout
        waits = lock.blocking if blocking is None else blocking
        return iter_pauses(lock.sleep, limit if waits else 0)

    def _not_acquired_error(self) -> LockNotAcquired:
        waited = self._lock.blocking_timeout if self._lock.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"The lock “{self.key}” was not to be had {within}.")


class Lock(BaseLock):
    """A lock for threads, of this and of all other processes: see `ServerCache.lock`."""

    def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        """Take the lock; return whether that was possible in time.

        What is None is as the lock was made. Without a `token` of the caller's, a random one is
        stored.
        """
        with map_lock_errors(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if self._lock.acquire(blocking=False, token=token):
                    return True
                time.sleep(pause)
            return bool(self._lock.acquire(blocking=False, token=token))

    def release(self) -> None:
        """Give the lock back; raise `LockLost` where it was lost, `LockError` if it is not held."""
        with map_lock_errors(self._driver, self.key):
            self._lock.release()

    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Keep the lock for more seconds, or, with `replace_ttl`, for so many from now on.

        Return True; raise what `release` does, and `LockError` for a lock without a timeout.
        """
        with map_lock_errors(self._driver, self.key):
            return bool(self._lock.extend(additional_time, replace_ttl))

    def reacquire(self) -> bool:
        """Let the lock's timeout begin anew: see `extend`."""
        with map_lock_errors(self._driver, self.key):
            return bool(self._lock.reacquire())

    def locked(self) -> bool:
        """Return whether anybody holds the lock."""
        return bool(self._lock.locked())

    def owned(self) -> bool:
        """Return whether this thread holds the lock, by this object."""
        return bool(self._lock.owned())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._not_acquired_error()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncLock(BaseLock):
    """A lock for tasks of event loops; what it says is documented at `Lock`."""

    async def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        with map_lock_errors(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if await self._lock.acquire(blocking=False, token=token):
                    return True
                await asyncio.sleep(pause)
            return bool(await self._lock.acquire(blocking=False, token=token))

    async def release(self) -> None:
        with map_lock_errors(self._driver, self.key):
            await self._lock.release()

    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        with map_lock_errors(self._driver, self.key):
            return bool(await self._lock.extend(additional_time, replace_ttl))

    async def reacquire(self) -> bool:
        with map_lock_errors(self._driver, self.key):
            return bool(await self._lock.reacquire())

    async def locked(self) -> bool:
        return bool(await self._lock.locked())

    async def owned(self) -> bool:
        return bool(await self._lock.owned())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._not_acquired_error()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


T = TypeVar("T")

MISSED_POLLS = 3
"""How many polls a place in the queue outlives whoever had it."""
MIN_QUEUE_TTL = 1000
"""Milliseconds that it lasts at least: a server may be slow to answer."""


@dataclass(frozen=True, slots=True)
class SemaphoreOptions:
    """How a semaphore is acquired, unless a call says otherwise; times are in seconds."""

    capacity: int
    weight: int
    lease: float
    sleep: float
    blocking: bool
    blocking_timeout: float | None

    def __post_init__(self) -> None:
        if not 1 <= operator.index(self.weight) <= operator.index(self.capacity):
            raise ValueError(
                f"A weight of {self.weight} never fits: it must be from 1 to the capacity, which "
                f"is {self.capacity}."
            )
        if not timeout_to_ms(self.lease):
            raise ValueError("A lease must be a number of seconds above zero.")

    def with_given(self, **given: Any) -> SemaphoreOptions:
        """Return these terms with those of `given` that are not None in their place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def queue_ttl(self) -> int:
        """The milliseconds that a place in the queue lasts after a poll."""
        return max(MIN_QUEUE_TTL, MISSED_POLLS * (timeout_to_ms(self.sleep) or 0))


class BaseSemaphore:
    """What semaphores of threads and of tasks have in common: plans of what to ask, and when."""

    def __init__(
        self,
        key: Any,
        stored: bytes,
        options: SemaphoreOptions,
        executor: Endpoint,
        local: TokenStorage,
    ) -> None:
        self.key = key
        self.options = options
        self._stored = stored
        self._executor = executor
        self._local = local

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} of {self.options.capacity}>"

    def _new_token(self) -> bytes:
        if self._local.acquired is not None:
            raise LockError(f"“{self.key}” is held here already: release it first.")
        return uuid.uuid4().hex.encode()

    def _acquire_steps(self, token: bytes, options: SemaphoreOptions) -> MultiServerOperation[bool]:
        request = SemaphoreRequest(
            self._stored, token, options.weight, options.capacity, timeout_to_ms(options.lease) or 0
        )
        taken = False
        for pause in iter_pauses(
            options.sleep, options.blocking_timeout if options.blocking else 0
        ):
            if taken := (yield from self._execute(request.acquire(options.queue_ttl))):
                break
            yield Pause(pause)
        if taken or (taken := (yield from self._execute(request.acquire(0)))):
            self._local.token = token
        return taken

    def _release_steps(self) -> MultiServerOperation[None]:
        token = self._require_token()
        was_held = yield from self._execute(release(self._stored, token))
        self._local.token = None
        if not was_held:
            raise self._lost_error()

    def _extend_steps(self, lease: float | None) -> MultiServerOperation[None]:
        lease_ms = timeout_to_ms(self.options.with_given(lease=lease).lease) or 0
        if not (yield from self._execute(extend(self._stored, self._require_token(), lease_ms))):
            raise self._lost_error()

    def _abandon_steps(self, token: bytes) -> MultiServerOperation[None]:
        """Take back whatever was asked for; who waits behind it need not wait for it to lapse."""
        with suppress(CachexError):
            yield from self._execute(release(self._stored, token))

    def _usage_steps(self) -> MultiServerOperation[int]:
        held, _waiting = yield from self._execute(get_usage(self._stored))
        return held

    def _execute(self, operation: Operation[T]) -> Generator[list[ServerCall], list[Any], T]:
        [outcome] = yield [ServerCall(self._executor, operation)]
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T

    def _require_token(self) -> bytes:
        if self._local.token is None:
            raise LockError(f"“{self.key}” is not held here, or not any more.")
        return self._local.token

    def _lost_error(self) -> LockLost:
        return LockLost(f"The lease of “{self.key}” was lost: it expired, or somebody deleted it.")

    def _not_acquired_error(self) -> LockNotAcquired:
        waited = self.options.blocking_timeout if self.options.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"There was no room in “{self.key}” {within}.")


class Semaphore(BaseSemaphore):
    """A semaphore for threads, of this and of all other processes: see `ServerCache.semaphore`."""

    def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        """Take `weight` of the capacity; return whether that was possible in time.

        What is None is as the semaphore was made. Raise `LockError` where this thread holds some
        by this object already.
        """
        options = self.options.with_given(
            weight=weight, blocking=blocking, blocking_timeout=blocking_timeout
        )
        token = self._new_token()
        try:
            return run_operation(self._acquire_steps(token, options))
        except BaseException:
            run_operation(self._abandon_steps(token))
            raise

    def release(self) -> None:
        """Give back what is held; raise `LockLost` if it was lost, `LockError` if nothing is."""
        run_operation(self._release_steps())

    def extend(self, lease: float | None = None) -> None:
        """Let the lease begin anew, for as many seconds; raise what `release` does."""
        run_operation(self._extend_steps(lease))

    def in_use(self) -> int:
        """Return how much of the capacity is held, by anybody."""
        return run_operation(self._usage_steps())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._not_acquired_error()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncSemaphore(BaseSemaphore):
    """A semaphore for tasks of event loops; what it says is documented at `Semaphore`."""

    async def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        options = self.options.with_given(
            weight=weight, blocking=blocking, blocking_timeout=blocking_timeout
        )
        token = self._new_token()
        try:
            return await arun_operation(self._acquire_steps(token, options))
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(arun_operation(self._abandon_steps(token))))
            raise

    async def release(self) -> None:
        await arun_operation(self._release_steps())

    async def extend(self, lease: float | None = None) -> None:
        await arun_operation(self._extend_steps(lease))

    async def in_use(self) -> int:
        return await arun_operation(self._usage_steps())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._not_acquired_error()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


@dataclass(frozen=True, slots=True)
class StrictExecutor:
    """A cache's way to its server on which no failure is ignored."""

    cache: CacheCommands

    @property
    def address(self) -> str:
        return self.cache.client.server.address

    def run(self, command: Command[T] | Operation[T]) -> T:
        return self.cache.insist(command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        return await self.cache.ainsist(command)


class LockingCache(CacheCommands):
    """A cache that gives out locks and semaphores; asking the server begins with acquiring them."""

    def lock(
        self,
        key: Any,
        *,
        timeout: Any = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> Lock:
        """Return a lock for threads of all processes, named by `key`; it is not yet taken.

        Whoever takes it loses it after `timeout` seconds; with None, only a release frees it.
        `acquire` waits for it if `blocking`, for `blocking_timeout` seconds or for ever, and tries
        every `sleep` seconds. With `thread_local`, a thread cannot release what another acquired.
        """
        driver = load_driver(self.driver)
        lock = get_sync_lock_class(driver)(
            LockClient(self.insist),
            self.stored_key(key, version),
            parse_lock_timeout(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        lock.local = ThreadToken() if thread_local else SharedToken()
        return Lock(key, driver, lock)

    def alock(
        self,
        key: Any,
        *,
        timeout: Any = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> AsyncLock:
        """Return a lock for tasks: see `lock`. What is said of threads there holds for tasks."""
        driver = load_driver(self.driver)
        lock = get_async_lock_class(driver)(
            LockClient(self.ainsist),
            self.stored_key(key, version),
            parse_lock_timeout(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        lock.local = TaskToken() if thread_local else SharedToken()
        return AsyncLock(key, driver, lock)

    def semaphore(
        self,
        key: Any,
        capacity: int,
        *,
        weight: int = 1,
        lease: Any = 60,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> Semaphore:
        """Return a semaphore for threads of all processes, named by `key`.

        Together they hold `capacity` at most; each acquires `weight` of it, in order of arrival.
        Whoever holds some loses it after `lease` seconds, unless it is extended. The others are
        as in `lock`.
        """
        options = SemaphoreOptions(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: TokenStorage = ThreadToken() if thread_local else SharedToken()
        return Semaphore(key, self.stored_key(key, version), options, StrictExecutor(self), local)

    def asemaphore(
        self,
        key: Any,
        capacity: int,
        *,
        weight: int = 1,
        lease: Any = 60,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> AsyncSemaphore:
        """Return a semaphore for tasks: see `semaphore`."""
        options = SemaphoreOptions(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: TokenStorage = TaskToken() if thread_local else SharedToken()
        return AsyncSemaphore(
            key, self.stored_key(key, version), options, StrictExecutor(self), local
        )


def parse_lock_timeout(timeout: Any) -> float | None:
    """Return a lock's timeout in seconds; raise ValueError for one that is not positive."""
    expiry = timeout_to_ms(timeout)
    if expiry == 0:
        raise ValueError("A lock's timeout must be above zero, or None to keep it until released.")
    return None if expiry is None else expiry / 1000

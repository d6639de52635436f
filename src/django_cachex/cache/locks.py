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

from django_cachex.cache.base import CommandCache
from django_cachex.cache.connection.drivers import Driver, load
from django_cachex.cache.operations import Part, Pause, Plan, Target, acarry_out, carry_out
from django_cachex.commands.args import encode_arg, timeout_to_ms
from django_cachex.commands.cache_api import px_args
from django_cachex.commands.command import Command, Operation, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.commands.semaphores import SemaphoreRequest, extend, get_usage, release
from django_cachex.exceptions import CachexError, LockError, LockLost, LockNotAcquired

Send = Callable[[Any], Any]
"""Sends a command, or the steps of an operation; returns the result, or what is awaited for it."""


class Client:
    """All that the driver's lock asks of its client, whose own connections would be as many more.

    So a lock finds the primary of a service and the node of a cluster as all commands do.
    """

    def __init__(self, send: Send) -> None:
        self.send = send

    def set(self, name: bytes, token: bytes, nx: bool, px: int | None) -> Any:
        return self.send(Command(("SET", name, token, *px_args(px), "NX"), bool))

    def get(self, name: bytes) -> Any:
        return self.send(Command(("GET", name), parse_raw))

    def get_encoder(self) -> Client:
        return self

    def encode(self, token: Any) -> bytes | int:
        return encode_arg(token)


class Registered:
    """One of the lock's scripts, as the driver's client would have registered it."""

    def __init__(self, source: str) -> None:
        self._script = Script(source)

    def __call__(self, keys: Sequence[bytes], args: Sequence[Any], client: Client) -> Any:
        return client.send(self._script.operation(keys, args))


def on_our_way(kind: Any) -> Any:
    """Return the driver's lock with our scripts: it keeps those of all locks on its class."""

    class OnOurWay(kind):  # type: ignore[misc]  # The drivers are not all typed.
        lua_release = Registered(kind.LUA_RELEASE_SCRIPT)
        lua_extend = Registered(kind.LUA_EXTEND_SCRIPT)
        lua_reacquire = Registered(kind.LUA_REACQUIRE_SCRIPT)

    return OnOurWay


# Whoever is interrupted while the server answers does not know whether the lock is taken: it would
# stay so until it expires, or for good.


@functools.cache
def blocking_lock(driver: Driver) -> Any:
    """Return the driver's lock, which is given back where taking it was interrupted."""

    class BlockingLock(on_our_way(import_module(f"{driver.name}.lock").Lock)):  # type: ignore[misc]  # as above
        def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    self.do_release(token)
                raise

    return BlockingLock


@functools.cache
def awaitable_lock(driver: Driver) -> Any:
    """Return the driver's lock for event loops, which is given back as `blocking_lock` is."""

    class AwaitableLock(on_our_way(import_module(f"{driver.name}.asyncio.lock").Lock)):  # type: ignore[misc]  # as above
        async def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(await super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    await asyncio.shield(asyncio.ensure_future(self.do_release(token)))
                raise

    return AwaitableLock


@contextmanager
def translated(driver: Driver, key: Any) -> Iterator[None]:
    """Raise our error for one that the driver's lock raises."""
    try:
        yield
    except driver.errors.LockNotOwnedError as error:
        raise LockLost(f"The lock “{key}” was lost: it expired, or somebody deleted it.") from error
    except driver.errors.LockError as error:
        raise LockError(f"The lock “{key}”: {error}") from error


class Local(Protocol):
    """Keeps the tokens that one object holds a lock by, perhaps several times at once."""

    token: bytes | None
    """What whoever asks may release; setting it to None forgets it."""

    @property
    def own(self) -> bytes | None:
        """What whoever asks has acquired."""


class Shared:
    """One token, whoever asks."""

    token: bytes | None = None

    @property
    def own(self) -> bytes | None:
        return self.token


class ThreadLocal(threading.local):
    """A token for each thread."""

    token: bytes | None = None

    @property
    def own(self) -> bytes | None:
        return self.token


class TaskLocal:
    """A token for each task.

    What a task that has ended acquired is released by any other: `asyncio.wait_for`, before Python
    3.12, and `asyncio.gather` acquire in tasks of their own.
    """

    def __init__(self) -> None:
        self._tokens: dict[asyncio.Task[Any] | None, bytes] = {}

    @property
    def own(self) -> bytes | None:
        return self._tokens.get(asyncio.current_task())

    @property
    def token(self) -> bytes | None:
        return self._tokens.get(self._holder())

    @token.setter
    def token(self, token: bytes | None) -> None:
        if token is None:
            self._tokens.pop(self._holder(), None)
        else:
            self._tokens[asyncio.current_task()] = token

    def _holder(self) -> asyncio.Task[Any] | None:
        """Return the running task if it holds anything, else one that has ended and does."""
        running = asyncio.current_task()
        if running in self._tokens:
            return running
        return next((task for task in self._tokens if task and task.done()), running)


def pauses(sleep: float, limit: float | None) -> Iterator[float]:
    """Yield seconds to wait, `sleep` at most, until they are `limit` in all, or more have passed.

    Where the clock stands still, as in tests that freeze it, the pauses alone count.
    """
    began, slept = time.monotonic(), 0.0
    while True:
        left = math.inf if limit is None else limit - max(time.monotonic() - began, slept)
        if left <= 0:
            return
        yield min(sleep, left)
        slept += min(sleep, left)


class SharedLock:
    """What locks of threads and of tasks have in common."""

    def __init__(self, key: Any, driver: Driver, beneath: Any) -> None:
        self.key = key
        self._driver = driver
        self._beneath = beneath

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    @property
    def token(self) -> bytes | None:
        """What this thread or task holds the lock by; None where it does not.

        Another process that is told the token, and sets it, may extend and release the lock.
        """
        token: bytes | None = self._beneath.local.token
        return token

    @token.setter
    def token(self, token: bytes | str | None) -> None:
        self._beneath.local.token = token.encode() if isinstance(token, str) else token

    def _pauses(self, blocking: bool | None, blocking_timeout: float | None) -> Iterator[float]:
        """Yield the seconds to wait between two tries; what is None is as the lock was made."""
        beneath = self._beneath
        limit = beneath.blocking_timeout if blocking_timeout is None else blocking_timeout
        waits = beneath.blocking if blocking is None else blocking
        return pauses(beneath.sleep, limit if waits else 0)

    def _missed(self) -> LockNotAcquired:
        waited = self._beneath.blocking_timeout if self._beneath.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"The lock “{self.key}” was not to be had {within}.")


class Lock(SharedLock):
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
        with translated(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if self._beneath.acquire(blocking=False, token=token):
                    return True
                time.sleep(pause)
            return bool(self._beneath.acquire(blocking=False, token=token))

    def release(self) -> None:
        """Give the lock back; raise `LockLost` where it was lost, `LockError` if it is not held."""
        with translated(self._driver, self.key):
            self._beneath.release()

    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Keep the lock for more seconds, or, with `replace_ttl`, for so many from now on.

        Return True; raise what `release` does, and `LockError` for a lock without a timeout.
        """
        with translated(self._driver, self.key):
            return bool(self._beneath.extend(additional_time, replace_ttl))

    def reacquire(self) -> bool:
        """Let the lock's timeout begin anew: see `extend`."""
        with translated(self._driver, self.key):
            return bool(self._beneath.reacquire())

    def locked(self) -> bool:
        """Return whether anybody holds the lock."""
        return bool(self._beneath.locked())

    def owned(self) -> bool:
        """Return whether this thread holds the lock, by this object."""
        return bool(self._beneath.owned())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._missed()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncLock(SharedLock):
    """A lock for tasks of event loops; what it says is documented at `Lock`."""

    async def acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> bool:
        with translated(self._driver, self.key):
            for pause in self._pauses(blocking, blocking_timeout):
                if await self._beneath.acquire(blocking=False, token=token):
                    return True
                await asyncio.sleep(pause)
            return bool(await self._beneath.acquire(blocking=False, token=token))

    async def release(self) -> None:
        with translated(self._driver, self.key):
            await self._beneath.release()

    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        with translated(self._driver, self.key):
            return bool(await self._beneath.extend(additional_time, replace_ttl))

    async def reacquire(self) -> bool:
        with translated(self._driver, self.key):
            return bool(await self._beneath.reacquire())

    async def locked(self) -> bool:
        return bool(await self._beneath.locked())

    async def owned(self) -> bool:
        return bool(await self._beneath.owned())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._missed()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


T = TypeVar("T")

POLLS = 3
"""How many polls a place in the queue outlives whoever had it."""
LEAST_PATIENCE = 1000
"""Milliseconds that it lasts at least: a server may be slow to answer."""


@dataclass(frozen=True, slots=True)
class Terms:
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

    def but(self, **given: Any) -> Terms:
        """Return these terms with those of `given` that are not None in their place."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def patience(self) -> int:
        """The milliseconds that a place in the queue lasts after a poll."""
        return max(LEAST_PATIENCE, POLLS * (timeout_to_ms(self.sleep) or 0))


class SharedSemaphore:
    """What semaphores of threads and of tasks have in common: plans of what to ask, and when."""

    def __init__(self, key: Any, stored: bytes, terms: Terms, way: Target, local: Local) -> None:
        self.key = key
        self.terms = terms
        self._stored = stored
        self._way = way
        self._local = local

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} of {self.terms.capacity}>"

    def _new_token(self) -> bytes:
        if self._local.own is not None:
            raise LockError(f"“{self.key}” is held here already: release it first.")
        return uuid.uuid4().hex.encode()

    def _acquiring(self, token: bytes, terms: Terms) -> Plan[bool]:
        share = SemaphoreRequest(
            self._stored, token, terms.weight, terms.capacity, timeout_to_ms(terms.lease) or 0
        )
        taken = False
        for pause in pauses(terms.sleep, terms.blocking_timeout if terms.blocking else 0):
            if taken := (yield from self._asked(share.acquire(terms.patience))):
                break
            yield Pause(pause)
        if taken or (taken := (yield from self._asked(share.acquire(0)))):
            self._local.token = token
        return taken

    def _releasing(self) -> Plan[None]:
        token = self._held()
        was_held = yield from self._asked(release(self._stored, token))
        self._local.token = None
        if not was_held:
            raise self._lost()

    def _extending(self, lease: float | None) -> Plan[None]:
        span = timeout_to_ms(self.terms.but(lease=lease).lease) or 0
        if not (yield from self._asked(extend(self._stored, self._held(), span))):
            raise self._lost()

    def _leaving(self, token: bytes) -> Plan[None]:
        """Take back whatever was asked for; who waits behind it need not wait for it to lapse."""
        with suppress(CachexError):
            yield from self._asked(release(self._stored, token))

    def _looking(self) -> Plan[int]:
        held, _waiting = yield from self._asked(get_usage(self._stored))
        return held

    def _asked(self, operation: Operation[T]) -> Generator[list[Part], list[Any], T]:
        [outcome] = yield [Part(self._way, operation)]
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T

    def _held(self) -> bytes:
        if self._local.token is None:
            raise LockError(f"“{self.key}” is not held here, or not any more.")
        return self._local.token

    def _lost(self) -> LockLost:
        return LockLost(f"The lease of “{self.key}” was lost: it expired, or somebody deleted it.")

    def _missed(self) -> LockNotAcquired:
        waited = self.terms.blocking_timeout if self.terms.blocking else None
        within = "at once" if waited is None else f"within {waited:g} s"
        return LockNotAcquired(f"There was no room in “{self.key}” {within}.")


class Semaphore(SharedSemaphore):
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
        terms = self.terms.but(weight=weight, blocking=blocking, blocking_timeout=blocking_timeout)
        token = self._new_token()
        try:
            return carry_out(self._acquiring(token, terms))
        except BaseException:
            carry_out(self._leaving(token))
            raise

    def release(self) -> None:
        """Give back what is held; raise `LockLost` if it was lost, `LockError` if nothing is."""
        carry_out(self._releasing())

    def extend(self, lease: float | None = None) -> None:
        """Let the lease begin anew, for as many seconds; raise what `release` does."""
        carry_out(self._extending(lease))

    def in_use(self) -> int:
        """Return how much of the capacity is held, by anybody."""
        return carry_out(self._looking())

    def __enter__(self) -> Self:
        if not self.acquire():
            raise self._missed()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


class AsyncSemaphore(SharedSemaphore):
    """A semaphore for tasks of event loops; what it says is documented at `Semaphore`."""

    async def acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> bool:
        terms = self.terms.but(weight=weight, blocking=blocking, blocking_timeout=blocking_timeout)
        token = self._new_token()
        try:
            return await acarry_out(self._acquiring(token, terms))
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(acarry_out(self._leaving(token))))
            raise

    async def release(self) -> None:
        await acarry_out(self._releasing())

    async def extend(self, lease: float | None = None) -> None:
        await acarry_out(self._extending(lease))

    async def in_use(self) -> int:
        return await acarry_out(self._looking())

    async def __aenter__(self) -> Self:
        if not await self.acquire():
            raise self._missed()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            await self.release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))


@dataclass(frozen=True, slots=True)
class Insisting:
    """A cache's way to its server on which no failure is ignored."""

    cache: CommandCache

    @property
    def address(self) -> str:
        return self.cache.client.server.address

    def run(self, command: Command[T] | Operation[T]) -> T:
        return self.cache._run_strict(command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        return await self.cache._arun_strict(command)


class LockingCache(CommandCache):
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
        """Return a lock that all threads of all processes share.

        Args:
            timeout: seconds after which the server releases the lock, even if it is still in use;
                None to hold it until it is released.
            sleep: seconds between two attempts.
            blocking: whether to wait for the lock.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds it for itself, so that no other can
                release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A `Lock`, which isn't held yet. `with` acquires and releases it.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/set/
        """
        driver = load(self._driver)
        beneath = blocking_lock(driver)(
            Client(self._run_strict),
            self._stored_key(key, version),
            lifetime(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        beneath.local = ThreadLocal() if thread_local else Shared()
        return Lock(key, driver, beneath)

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
        """Return a lock for tasks of event loops. It also excludes the threads that use `lock`.

        Args:
            timeout: seconds after which the server releases the lock, even if it is still in use;
                None to hold it until it is released.
            sleep: seconds between two attempts.
            blocking: whether to wait for the lock.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds it for itself, so that no other can
                release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An `AsyncLock`, which isn't held yet. `async with` acquires and releases it.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/set/
        """
        driver = load(self._driver)
        beneath = awaitable_lock(driver)(
            Client(self._arun_strict),
            self._stored_key(key, version),
            lifetime(timeout),
            sleep,
            blocking,
            blocking_timeout,
        )
        beneath.local = TaskLocal() if thread_local else Shared()
        return AsyncLock(key, driver, beneath)

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
        """Return a semaphore that all threads of all processes share.

        Args:
            capacity: how much can be held at the same time.
            weight: how much is acquired, unless `acquire` gets another weight.
            lease: seconds after which the server releases what is held, unless it is extended.
            sleep: seconds between two attempts.
            blocking: whether to wait for the semaphore.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds its part for itself, so that no other
                can release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A `Semaphore`, which isn't held yet. `with` acquires and releases its part.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/eval/
        """
        terms = Terms(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: Local = ThreadLocal() if thread_local else Shared()
        return Semaphore(key, self._stored_key(key, version), terms, Insisting(self), local)

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
        """Return a semaphore for tasks of event loops. Threads can share it by `semaphore`.

        Args:
            capacity: how much can be held at the same time.
            weight: how much is acquired, unless `acquire` gets another weight.
            lease: seconds after which the server releases what is held, unless it is extended.
            sleep: seconds between two attempts.
            blocking: whether to wait for the semaphore.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds its part for itself, so that no other
                can release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An `AsyncSemaphore`, which isn't held yet. `async with` acquires and releases its part.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/eval/
        """
        terms = Terms(capacity, weight, lease, sleep, blocking, blocking_timeout)
        local: Local = TaskLocal() if thread_local else Shared()
        return AsyncSemaphore(key, self._stored_key(key, version), terms, Insisting(self), local)


def lifetime(timeout: Any) -> float | None:
    """Return a lock's timeout in seconds; raise ValueError for one that is not positive."""
    expiry = timeout_to_ms(timeout)
    if expiry == 0:
        raise ValueError("A lock's timeout must be above zero, or None to keep it until released.")
    return None if expiry is None else expiry / 1000

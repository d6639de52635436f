"""Locks that all processes share.

They are stored in the same way as the drivers' locks, so they exclude programs that use those.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from django_cachex.cache.base import CommandCache
from django_cachex.cache.steps import Call, CleanUp, Pause, Steps, arun_steps, run_steps
from django_cachex.commands.args import timeout_to_ms
from django_cachex.commands.cache_api import px_args
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    Operation,
    async_method,
    parse_raw,
    sync_method,
)
from django_cachex.commands.scripts import Script
from django_cachex.exceptions import CachexError, LockError, LockLost, LockNotAcquired

P = ParamSpec("P")
T = TypeVar("T")

RELEASE_LOCK_SCRIPT = Script("""\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])""")

# ARGV[2]: milliseconds. ARGV[3]: 1 to add them to the remaining time, 0 to replace it.
EXTEND_LOCK_SCRIPT = Script("""\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local ttl = tonumber(ARGV[2])
if ARGV[3] == '1' then
  local remaining = redis.call('PTTL', KEYS[1])
  if remaining < 0 then return 0 end
  ttl = ttl + remaining
end
redis.call('PEXPIRE', KEYS[1], ttl)
return 1""")


class SharedToken:
    """The token with which one object holds a lock or semaphore. All threads share it."""

    token: bytes | None = None
    """The token that the current thread or task may release. Set it to None to remove it."""

    @property
    def acquired(self) -> bytes | None:
        """The token that the current thread or task has acquired."""
        return self.token


class ThreadToken(threading.local, SharedToken):
    """A token for each thread."""


class TaskToken(SharedToken):
    """A token for each task.

    The token of a task that has ended may be released by any other task, because
    `asyncio.wait_for` (before Python 3.12) and `asyncio.gather` acquire in separate tasks.
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
        """Return the current task if it holds a token, otherwise an ended task that holds one."""
        running = asyncio.current_task()
        if running in self._tokens:
            return running
        return next((task for task in self._tokens if task and task.done()), running)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOptions:
    """How long to wait for a lock or a semaphore. Times are in seconds."""

    sleep: float
    blocking: bool
    blocking_timeout: float | None

    def with_given(self, **given: Any) -> Self:
        """Return a copy with the values of `given` that are not None."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def pauses(self) -> Iterator[float]:
        """Yield the pauses between attempts.

        If the clock doesn't advance, as in tests that freeze it, the sum of the pauses is used.
        """
        limit = self.blocking_timeout if self.blocking else 0
        start, slept = time.monotonic(), 0.0
        while True:
            remaining = math.inf if limit is None else limit - max(time.monotonic() - start, slept)
            if remaining <= 0:
                return
            yield min(self.sleep, remaining)
            slept += min(self.sleep, remaining)


class BaseHolder:
    """A lock or a semaphore, as it is held by this process. Its methods return `Steps`."""

    _noun: ClassVar[str]
    _token_class: ClassVar[type[SharedToken]]
    options: WaitOptions

    def __init__(self, cache: CommandCache, key: Any, version: Any, thread_local: bool) -> None:
        self.key = key
        self._stored = cache._stored_key(key, version)
        self._executor = cache._strict_executor
        self._local: SharedToken = self._token_class() if thread_local else SharedToken()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    def _call(self, command: Command[Any] | Operation[Any]) -> Call:
        return Call(self._executor, command)

    def _acquire(self) -> Steps[bool]:
        raise NotImplementedError

    def _release_operation(self, token: bytes) -> Operation[bool]:
        raise NotImplementedError

    def _wait(
        self,
        token: bytes,
        options: WaitOptions,
        attempt: Callable[[bool], Command[bool] | Operation[bool]],
    ) -> Steps[bool]:
        """Acquire it for `token`, and return whether this was possible in time.

        `attempt` returns what tries to acquire it. Its argument is whether it is the last attempt.
        """
        try:
            for pause in options.pauses():
                if (yield self._call(attempt(False))):
                    break
                yield Pause(pause)
            else:
                if not (yield self._call(attempt(True))):
                    return False
            self._local.token = token
            return True
        except BaseException:
            # It is unknown whether the server has granted it. If it isn't released, others have to
            # wait until it expires, or forever.
            with suppress(CachexError):
                yield CleanUp(self._executor, self._release_operation(token))
            raise

    def _release(self) -> Steps[None]:
        """Release what this thread or task holds.

        Raises:
            LockLost: it has expired or was deleted.
            LockError: this thread or task holds nothing through this object.
        """
        was_held = yield self._call(self._release_operation(self._require_token()))
        self._local.token = None
        if not was_held:
            raise self._lost_error()

    def _enter(self) -> Steps[None]:
        if not (yield from self._acquire()):
            waited = self.options.blocking_timeout if self.options.blocking else None
            within = "at once" if waited is None else f"within {waited:g} s"
            raise LockNotAcquired(f"The {self._noun} “{self.key}” could not be acquired {within}.")

    def _exit(self, error: BaseException | None) -> Steps[None]:
        try:
            yield from self._release()
        except LockLost as lost:
            if error is None:
                raise
            error.add_note(str(lost))

    def _require_token(self) -> bytes:
        if self._local.token is None:
            raise LockError(f"“{self.key}” is not held through this object.")
        return self._local.token

    def _lost_error(self) -> LockLost:
        return LockLost(f"The {self._noun} “{self.key}” was lost: it has expired or was deleted.")


class SyncHolder(BaseHolder):
    """A lock or semaphore for threads."""

    _token_class = ThreadToken

    def _run(self, steps: Steps[T]) -> T:
        return run_steps(steps)

    release = sync_method(BaseHolder._release)

    def __enter__(self) -> Self:
        run_steps(self._enter())
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        run_steps(self._exit(error))


class AsyncHolder(BaseHolder):
    """A lock or semaphore for tasks of event loops."""

    _token_class = TaskToken

    async def _arun(self, steps: Steps[T]) -> T:
        return await arun_steps(steps)

    release = async_method(BaseHolder._release, "release")

    async def __aenter__(self) -> Self:
        await arun_steps(self._enter())
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await arun_steps(self._exit(error))


class BaseLock(BaseHolder):
    """The methods of locks."""

    _noun = "lock"

    def __init__(
        self,
        cache: CommandCache,
        key: Any,
        *,
        timeout: Any = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
        version: int | None = None,
    ) -> None:
        """Create a lock that all threads and tasks of all processes share. It isn't held yet.

        `lock` returns a `Lock` for threads, and `alock` an `AsyncLock` for tasks of event loops.
        A `with` statement acquires and releases it; for an `AsyncLock`, `async with`.

        Args:
            timeout: seconds after which the server releases the lock, even if it is still in use;
                None to hold it until it is released.
            sleep: seconds between two attempts.
            blocking: whether to wait for the lock.
            blocking_timeout: how many seconds to wait; None waits forever.
            thread_local: whether each thread or task holds it for itself, so that no other can
                release it through the same object.
            version: the key's version; the alias's VERSION by default.

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/set/
        """
        super().__init__(cache, key, version, thread_local)
        self.options = WaitOptions(
            sleep=sleep, blocking=blocking, blocking_timeout=blocking_timeout
        )
        self._timeout_ms = timeout_to_ms(timeout)
        if self._timeout_ms == 0:
            raise ValueError(
                "A lock's timeout must be positive, or None to hold it until released."
            )

    @property
    def token(self) -> bytes | None:
        """The token of this thread or task; None if it doesn't hold the lock.

        Another process that sets the same token can extend and release the lock.
        """
        return self._local.token

    @token.setter
    def token(self, token: bytes | str | None) -> None:
        self._local.token = token.encode() if isinstance(token, str) else token

    def _acquire(
        self,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: bytes | str | None = None,
    ) -> Steps[bool]:
        """Acquire the lock and return whether this was possible in time.

        Args:
            blocking, blocking_timeout: see `ServerCache.lock`. None stands for the value there.
            token: the value to store; a random one by default.
        """
        options = self.options.with_given(blocking=blocking, blocking_timeout=blocking_timeout)
        own = uuid.uuid4().hex if token is None else token
        stored_token = own.encode() if isinstance(own, str) else own
        args = ("SET", self._stored, stored_token, *px_args(self._timeout_ms), "NX")
        return self._wait(stored_token, options, lambda is_last: Command(args, bool))

    def _release_operation(self, token: bytes) -> Operation[bool]:
        return RELEASE_LOCK_SCRIPT.operation([self._stored], [token], bool)

    def _extend(self, additional_time: float, replace_ttl: bool = False) -> Steps[bool]:
        """Extend the lock by `additional_time` seconds, and return True.

        With `replace_ttl`, the lock is held for this time from now on.

        Raises:
            LockLost: the lock has expired or was deleted.
            LockError: this thread or task doesn't hold the lock, or it has no timeout.
        """
        return self._set_ttl(int(additional_time * 1000), is_added=not replace_ttl)

    def _reacquire(self) -> Steps[bool]:
        """Restart the lock's timeout, and return True. It raises the same errors as `extend`."""
        return self._set_ttl(self._timeout_ms or 0, is_added=False)

    def _set_ttl(self, milliseconds: int, *, is_added: bool) -> Steps[bool]:
        token = self._require_token()
        if self._timeout_ms is None:
            raise LockError(f"The lock “{self.key}” has no timeout.")
        args: list[EncodableArg] = [token, milliseconds, b"1" if is_added else b"0"]
        if not (yield self._call(EXTEND_LOCK_SCRIPT.operation([self._stored], args))):
            raise self._lost_error()
        return True

    def _locked(self) -> Steps[bool]:
        """Return whether the lock is held, by any thread or process."""
        return (yield self._call(Command(("GET", self._stored), parse_raw))) is not None

    def _owned(self) -> Steps[bool]:
        """Return whether this thread or task has acquired the lock through this object.

        It is False if the lock has been lost since.
        """
        token = self._local.token
        stored = yield self._call(Command(("GET", self._stored), parse_raw))
        return token is not None and stored == token


class Lock(SyncHolder, BaseLock):
    """A lock that all threads of all processes share. See `ServerCache.lock`."""

    acquire = sync_method(BaseLock._acquire)
    extend = sync_method(BaseLock._extend)
    reacquire = sync_method(BaseLock._reacquire)
    locked = sync_method(BaseLock._locked)
    owned = sync_method(BaseLock._owned)


class AsyncLock(AsyncHolder, BaseLock):
    """A lock for tasks of event loops. See `ServerCache.lock`."""

    acquire = async_method(BaseLock._acquire, "acquire")
    extend = async_method(BaseLock._extend, "extend")
    reacquire = async_method(BaseLock._reacquire, "reacquire")
    locked = async_method(BaseLock._locked, "locked")
    owned = async_method(BaseLock._owned, "owned")


def factory_method(
    kind: Callable[Concatenate[Any, P], T], name: str
) -> Callable[Concatenate[Any, P], T]:
    """Return the method `name` of a cache that creates a `kind`, with its parameters."""

    def method(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return kind(self, *args, **kwargs)

    method.__name__, method.__qualname__ = name, f"ServerCache.{name}"
    method.__doc__ = kind.__init__.__doc__
    signature = inspect.signature(kind).replace(return_annotation=kind)
    method.__signature__ = signature  # type: ignore[attr-defined]  # `inspect` reads it.
    method.__annotations__ = {"return": kind}
    return method

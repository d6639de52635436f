"""Counting semaphores that all processes share.

The holders and waiters of a semaphore are stored in one hash. Each field is the token of one of
them. Its value consists of three numbers: the position in the queue, which is 0 for a holder; the
weight; and the time at which the entry expires, in milliseconds of the server's clock. It is a
single key, so it works in a cluster, and only the server's clock counts.
"""

from __future__ import annotations

import operator
import uuid
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.base import CommandCache
from django_cachex.cache.locks import AsyncHolder, BaseHolder, SyncHolder, WaitOptions
from django_cachex.cache.steps import Steps
from django_cachex.commands.args import timeout_to_ms
from django_cachex.commands.command import Operation, async_method, sync_method
from django_cachex.commands.scripts import Script
from django_cachex.exceptions import LockError, LockLost

MISSED_POLLS = 3
"""The number of polls that a waiting process may miss before it loses its place in the queue."""
MIN_QUEUE_TTL = 1000
"""The minimum time in milliseconds for this, because the server may be slow."""

# The start of all scripts. They raise an error for a hash that isn't a semaphore.
ENTRY_FUNCTIONS = """\
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function entry(text)
  local position, weight, expires_at = string.match(text, '^(%d+) (%d+) (%d+)$')
  return tonumber(position), tonumber(weight), tonumber(expires_at)
end
local function store(token, position, weight, span)
  local text = string.format('%.0f %.0f %.0f', position, weight, now + span)
  redis.call('HSET', KEYS[1], token, text)
  if redis.call('PTTL', KEYS[1]) < span then redis.call('PEXPIRE', KEYS[1], span) end
end
"""

ACQUIRE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local mine, weight, capacity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, queue_ttl = tonumber(ARGV[4]), tonumber(ARGV[5])
local held, first, last, waiting, again = 0, math.huge, 0, nil, nil
local all = redis.call('HGETALL', KEYS[1])
for number = 1, #all, 2 do
  local token, position, load, expires_at = all[number], entry(all[number + 1])
  if not expires_at then return redis.error_reply('WRONGTYPE The key does not hold a semaphore') end
  if expires_at <= now then
    redis.call('HDEL', KEYS[1], token)
  elseif token == mine then
    waiting, again = position, position == 0 and load
  elseif position == 0 then
    held = held + load
  else
    first, last = math.min(first, position), math.max(last, position)
  end
end
if again or (held + weight <= capacity and (waiting or last + 1) < first) then
  store(mine, 0, again or weight, lease)
  return 1
end
if queue_ttl > 0 then
  store(mine, waiting or last + 1, weight, queue_ttl)
else
  redis.call('HDEL', KEYS[1], mine)
end
return 0"""
)

RELEASE_LEASE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local position, _, expires_at = entry(text)
return position == 0 and expires_at > now and 1 or 0"""
)

EXTEND_LEASE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
local position, weight, expires_at = entry(text)
if position ~= 0 or expires_at <= now then return 0 end
store(ARGV[1], 0, weight, tonumber(ARGV[2]))
return 1"""
)

USAGE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local held, waiting = 0, 0
for _, text in ipairs(redis.call('HVALS', KEYS[1])) do
  local position, weight, expires_at = entry(text)
  if not expires_at then return redis.error_reply('WRONGTYPE The key does not hold a semaphore') end
  if expires_at > now and position == 0 then held = held + weight end
  if expires_at > now and position > 0 then waiting = waiting + 1 end
end
return {held, waiting}"""
)


def acquire(
    stored: bytes, token: bytes, weight: int, capacity: int, lease: int, queue_ttl: int
) -> Operation[bool]:
    """Acquire a part of a semaphore if there is room and nobody is waiting; return whether it was.

    Otherwise, wait in the queue for `queue_ttl` milliseconds; with 0, leave the queue.
    """
    return ACQUIRE_SCRIPT.operation([stored], [token, weight, capacity, lease, queue_ttl], bool)


def release(stored: bytes, token: bytes) -> Operation[bool]:
    """Release what `token` holds, or its position in the queue; return whether it held anything."""
    return RELEASE_LEASE_SCRIPT.operation([stored], [token], bool)


def get_usage(stored: bytes) -> Operation[tuple[int, int]]:
    """Return how much is held, and the number of waiters."""
    return USAGE_SCRIPT.operation([stored], [], lambda reply: (int(reply[0]), int(reply[1])))


@dataclass(frozen=True, slots=True, kw_only=True)
class SemaphoreOptions(WaitOptions):
    """The default options for acquiring a semaphore. Times are in seconds."""

    capacity: int
    weight: int
    lease: float

    def __post_init__(self) -> None:
        if not 1 <= operator.index(self.weight) <= operator.index(self.capacity):
            raise ValueError(
                f"The weight must be between 1 and the capacity ({self.capacity}), not "
                f"{self.weight}."
            )
        if not timeout_to_ms(self.lease):
            raise ValueError("The lease must be a positive number of seconds.")

    @property
    def lease_ms(self) -> int:
        return timeout_to_ms(self.lease) or 0

    @property
    def queue_ttl(self) -> int:
        """The time in milliseconds that a place in the queue is kept after a poll."""
        return max(MIN_QUEUE_TTL, MISSED_POLLS * (timeout_to_ms(self.sleep) or 0))


class BaseSemaphore(BaseHolder):
    """The methods of semaphores."""

    _noun = "semaphore"
    options: SemaphoreOptions

    def __init__(
        self,
        cache: CommandCache,
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
    ) -> None:
        """Create a semaphore that all threads and tasks of all processes share. It isn't held yet.

        `semaphore` returns a `Semaphore` for threads, and `asemaphore` an `AsyncSemaphore` for
        tasks of event loops. A `with` statement acquires and releases a part of it; for an
        `AsyncSemaphore`, `async with`.

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

        Raises:
            ValueError: a number is out of range.

        See https://valkey.io/commands/eval/
        """
        super().__init__(cache, key, version, thread_local)
        self.options = SemaphoreOptions(
            capacity=capacity,
            weight=weight,
            lease=lease,
            sleep=sleep,
            blocking=blocking,
            blocking_timeout=blocking_timeout,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r} of {self.options.capacity}>"

    def _acquire(
        self,
        weight: int | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
    ) -> Steps[bool]:
        """Acquire `weight` of the capacity, and return whether this was possible in time.

        None stands for the value that was given to `ServerCache.semaphore`.

        Raises:
            LockError: this thread or task has already acquired the semaphore through this object.
        """
        options = self.options.with_given(
            weight=weight, blocking=blocking, blocking_timeout=blocking_timeout
        )
        if self._local.acquired is not None:
            raise LockError(f"“{self.key}” is already held through this object. Release it first.")
        token = uuid.uuid4().hex.encode()
        args = self._stored, token, options.weight, options.capacity, options.lease_ms
        return self._wait(
            token, options, lambda is_last: acquire(*args, 0 if is_last else options.queue_ttl)
        )

    def _release_operation(self, token: bytes) -> Operation[bool]:
        return release(self._stored, token)

    def _lost_error(self) -> LockLost:
        return LockLost(f"The lease of “{self.key}” was lost: it has expired or was deleted.")

    def _extend(self, lease: float | None = None) -> Steps[None]:
        """Restart the lease, for `lease` seconds if given. It raises the errors of `release`."""
        token, lease_ms = self._require_token(), self.options.with_given(lease=lease).lease_ms
        if not (
            yield self._call(EXTEND_LEASE_SCRIPT.operation([self._stored], [token, lease_ms], bool))
        ):
            raise self._lost_error()

    def _in_use(self) -> Steps[int]:
        """Return how much of the capacity is held, by all threads and processes together."""
        held, _waiting = yield self._call(get_usage(self._stored))
        return int(held)


class Semaphore(SyncHolder, BaseSemaphore):
    """A semaphore that all threads of all processes share. See `ServerCache.semaphore`."""

    acquire = sync_method(BaseSemaphore._acquire)
    extend = sync_method(BaseSemaphore._extend)
    in_use = sync_method(BaseSemaphore._in_use)


class AsyncSemaphore(AsyncHolder, BaseSemaphore):
    """A semaphore for tasks of event loops. See `ServerCache.semaphore`."""

    acquire = async_method(BaseSemaphore._acquire, "acquire")
    extend = async_method(BaseSemaphore._extend, "extend")
    in_use = async_method(BaseSemaphore._in_use, "in_use")

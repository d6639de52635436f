"""A counting semaphore, whose holders and waiters are stored in one hash.

Each field is the token of a holder or waiter. Its value consists of three numbers: the place in the
queue, which is 0 for a holder; the weight; and the time at which the entry expires, in milliseconds
of the server's clock. It is a single key, so it works in a cluster, and only the server's clock
counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from django_cachex.commands.command import EncodableArg, Operation
from django_cachex.commands.scripts import Script

# The start of all scripts. They raise an error for a hash that isn't a semaphore.
ENTRY_FUNCTIONS = """\
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function entry(text)
  local place, weight, ends = string.match(text, '^(%d+) (%d+) (%d+)$')
  return tonumber(place), tonumber(weight), tonumber(ends)
end
local function keep(token, place, weight, span)
  local text = string.format('%.0f %.0f %.0f', place, weight, now + span)
  redis.call('HSET', KEYS[1], token, text)
  if redis.call('PTTL', KEYS[1]) < span then redis.call('PEXPIRE', KEYS[1], span) end
end
"""

ACQUIRE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local mine, weight, capacity = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, patience = tonumber(ARGV[4]), tonumber(ARGV[5])
local held, first, last, waiting, again = 0, math.huge, 0, nil, nil
local all = redis.call('HGETALL', KEYS[1])
for number = 1, #all, 2 do
  local token, place, load, ends = all[number], entry(all[number + 1])
  if not ends then return redis.error_reply('WRONGTYPE The key holds no semaphore') end
  if ends <= now then
    redis.call('HDEL', KEYS[1], token)
  elseif token == mine then
    waiting, again = place, place == 0 and load
  elseif place == 0 then
    held = held + load
  else
    first, last = math.min(first, place), math.max(last, place)
  end
end
if again or (held + weight <= capacity and (waiting or last + 1) < first) then
  keep(mine, 0, again or weight, lease)
  return 1
end
if patience > 0 then
  keep(mine, waiting or last + 1, weight, patience)
else
  redis.call('HDEL', KEYS[1], mine)
end
return 0"""
)

RELEASE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local place, _, ends = entry(text)
return place == 0 and ends > now and 1 or 0"""
)

EXTEND_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
local place, weight, ends = entry(text)
if place ~= 0 or ends <= now then return 0 end
keep(ARGV[1], 0, weight, tonumber(ARGV[2]))
return 1"""
)

USAGE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local held, waiting = 0, 0
for _, text in ipairs(redis.call('HVALS', KEYS[1])) do
  local place, weight, ends = entry(text)
  if not ends then return redis.error_reply('WRONGTYPE The key holds no semaphore') end
  if ends > now and place == 0 then held = held + weight end
  if ends > now and place > 0 then waiting = waiting + 1 end
end
return {held, waiting}"""
)


@dataclass(frozen=True, slots=True)
class SemaphoreRequest:
    """A request to acquire a part of a semaphore; times are in milliseconds."""

    stored: bytes
    token: bytes
    weight: int
    capacity: int
    lease: int

    def acquire(self, patience: int) -> Operation[bool]:
        """Acquire the part if there is room and nobody is waiting; return whether it was acquired.

        Otherwise, wait in the queue for `patience` milliseconds; with 0, leave the queue.
        """
        args: list[EncodableArg] = [self.token, self.weight, self.capacity, self.lease, patience]
        return ACQUIRE_SCRIPT.operation([self.stored], args, bool)


def release(stored: bytes, token: bytes) -> Operation[bool]:
    """Release what `token` holds, or its place in the queue; return whether it held anything."""
    return RELEASE_SCRIPT.operation([stored], [token], bool)


def extend(stored: bytes, token: bytes, lease: int) -> Operation[bool]:
    """Let the lease of `token` end in `lease` milliseconds; return whether it holds anything."""
    return EXTEND_SCRIPT.operation([stored], [token, lease], bool)


def get_usage(stored: bytes) -> Operation[tuple[int, int]]:
    """Return how much is held, and the number of waiters."""
    return USAGE_SCRIPT.operation([stored], [], lambda reply: (int(reply[0]), int(reply[1])))

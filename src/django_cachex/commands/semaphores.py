"""A counting semaphore, whose holders and waiters are stored in one hash.

Each field is the token of a holder or waiter. Its value consists of three numbers: the position in
the queue, which is 0 for a holder; the weight; and the time at which the entry expires, in
milliseconds of the server's clock. It is a single key, so it works in a cluster, and only the
server's clock counts.
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

RELEASE_SCRIPT = Script(
    ENTRY_FUNCTIONS
    + """\
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
local position, _, expires_at = entry(text)
return position == 0 and expires_at > now and 1 or 0"""
)

EXTEND_SCRIPT = Script(
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


@dataclass(frozen=True, slots=True)
class SemaphoreRequest:
    """A request to acquire a part of a semaphore; times are in milliseconds."""

    stored: bytes
    token: bytes
    weight: int
    capacity: int
    lease: int

    def acquire(self, queue_ttl: int) -> Operation[bool]:
        """Acquire the part if there is room and nobody is waiting; return whether it was acquired.

        Otherwise, wait in the queue for `queue_ttl` milliseconds; with 0, leave the queue.
        """
        args: list[EncodableArg] = [self.token, self.weight, self.capacity, self.lease, queue_ttl]
        return ACQUIRE_SCRIPT.operation([self.stored], args, bool)


def release(stored: bytes, token: bytes) -> Operation[bool]:
    """Release what `token` holds, or its position in the queue; return whether it held anything."""
    return RELEASE_SCRIPT.operation([stored], [token], bool)


def extend(stored: bytes, token: bytes, lease: int) -> Operation[bool]:
    """Let the lease of `token` end in `lease` milliseconds; return whether it holds anything."""
    return EXTEND_SCRIPT.operation([stored], [token, lease], bool)


def get_usage(stored: bytes) -> Operation[tuple[int, int]]:
    """Return how much is held, and the number of waiters."""
    return USAGE_SCRIPT.operation([stored], [], lambda reply: (int(reply[0]), int(reply[1])))

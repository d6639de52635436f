"""One atomic step on the server: write, if what was read before still reads the same.

The comparison runs in a script; where there may be none, in a transaction that watches the key.
The script compares just what the edit depends on, so that writers of other elements do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final

from django_cachex.commands import (
    AccessDenied,
    Command,
    CommandError,
    Operation,
    UnexpectedReply,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.command import Batch, EncodableArg, parse_raw
from django_cachex.inspectors.edits import Outcome, Result
from django_cachex.inspectors.valkey.replies import (
    DENIED,
    a_list,
    a_number,
    a_row,
    anything,
    fitting,
    queued,
    required,
)

Words = tuple[EncodableArg, ...]

MULTI, EXEC, UNWATCH = (Command((word,), parse_raw) for word in ("MULTI", "EXEC", "UNWATCH"))

ATTEMPTS: Final = 20
"""How often an edit is tried anew where something else that it depends on has changed."""

SCRIPT: Final = """\
local at = 2
local function commands()
  local found = {}
  for number = 1, tonumber(ARGV[at]) do
    local length = tonumber(ARGV[at + 1])
    found[number] = {unpack(ARGV, at + 2, at + 1 + length)}
    at = at + 1 + length
  end
  at = at + 1
  return found
end
local function written(reply)
  if type(reply) == 'number' then return string.format('int:%.0f;', reply) end
  if type(reply) == 'string' then return 'str:' .. #reply .. ':' .. reply end
  if type(reply) ~= 'table' then return 'nil;' end
  local parts = {'list:' .. #reply .. ':'}
  for number = 1, #reply do parts[number + 1] = written(reply[number]) end
  return table.concat(parts)
end
local reads, writes = commands(), commands()
local seen = {}
for number, words in ipairs(reads) do
  local reply = redis.pcall(unpack(words))
  if type(reply) == 'table' and reply.err then return reply end
  seen[number] = reply
end
if redis.sha1hex(written(seen)) ~= ARGV[1] then return {0, seen} end
if redis.acl_check_cmd then
  for _, words in ipairs(writes) do
    if not redis.acl_check_cmd(unpack(words)) then return {2, {}} end
  end
elseif #writes > 1 then
  return {2, {}}
end
local done = {}
for number, words in ipairs(writes) do
  local reply = redis.pcall(unpack(words))
  if type(reply) == 'table' and reply.err then return reply end
  done[number] = reply
end
return {1, done}
"""
"""Several writes are left to a transaction where the server cannot say beforehand whether all of
them are permitted: a script that stops in the middle is not undone."""

CHANGED, DONE, NOT_BY_SCRIPT = 0, 1, 2


class Perhaps(tuple[EncodableArg, ...]):
    """A command to read by that the server may lack, or deny: the refusal is its reply then."""


@dataclass(frozen=True)
class Write:
    """The commands that change a key, and what must hold for them."""

    commands: Sequence[Words]
    holds: Sequence[tuple[Words, Any]] | None = None
    """What to read again, and the replies that it must have: without, all that was answered."""


Change = Generator[Sequence[Words] | Write, list[Any], Outcome]
"""An edit: it yields what to read, receives the replies, and returns what stands against it or
yields a `Write`, receives the replies to that, and returns what was done."""


def applied(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[Outcome]:
    """Apply a change to keys of one slot; two round trips, unless others keep on changing it.

    Raises what the server refuses.
    """
    try:
        outcome = yield from by_script(keys, change)
    except (AccessDenied, UnknownCommand):
        outcome = None
    except WrongTypeError:
        return Outcome(Result.WRONG_TYPE)
    if outcome is not None:
        return outcome
    return (yield from by_transaction(keys, change))


def by_script(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[Outcome | None]:
    """Return what became of a change, or None where it takes a transaction."""
    seen: list[Any] | None = None
    for _attempt in range(ATTEMPTS):
        attempt = change()
        reads = commands_of(next(attempt))
        if seen is None:
            seen = answers(reads, (yield asked(reads)))
        try:
            write = attempt.send(seen)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # Outcome
        if not isinstance(write, Write):
            raise TypeError("A change reads once, then writes.")
        holds = answered(reads, seen) if write.holds is None else write.holds
        [(state, replies)] = yield [script(keys, holds, write.commands)]
        if state == DONE:
            return finished(attempt, write.commands, replies)
        if state == NOT_BY_SCRIPT:
            return None
        seen = replies if write.holds is None and len(holds) == len(reads) else None
    return Outcome(Result.CHANGED)


def by_transaction(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[Outcome]:
    """Return what became of a change; anything that happens to the key makes it start again."""
    watch: Words = ("WATCH", *keys)
    for _attempt in range(ATTEMPTS):
        attempt = change()
        reads = [watch, *commands_of(next(attempt))]
        try:
            _watched, *seen = answers(reads, (yield asked(reads)))
        except WrongTypeError:
            yield [UNWATCH]
            return Outcome(Result.WRONG_TYPE)
        try:
            write = attempt.send(seen)
        except StopIteration as stop:
            yield [UNWATCH]
            return stop.value  # type: ignore[no-any-return]  # Outcome
        yield [MULTI]  # On its own: were it refused, what follows would run at once.
        *_queued, replies = yield [*(Command(w, queued) for w in commands_of(write)), EXEC]
        if replies is not None:
            return finished(attempt, commands_of(write), without_errors(replies))
    return Outcome(Result.CHANGED)


def asked(reads: Sequence[Words]) -> Sequence[Command[Any]]:
    """Return the commands for what a change reads."""
    kind = Batch if any(isinstance(words, Perhaps) for words in reads) else list
    return kind(Command(words, parse_raw) for words in reads)


def answers(reads: Sequence[Words], replies: Sequence[Any]) -> list[Any]:
    """Return the replies; raise a refusal, unless it may stand for one."""
    return [
        reply if isinstance(words, Perhaps) and isinstance(reply, DENIED) else required(reply)
        for words, reply in zip(reads, replies, strict=True)
    ]


def answered(reads: Sequence[Words], replies: Sequence[Any]) -> list[tuple[Words, Any]]:
    """Return what was not refused, with the replies."""
    pairs = zip(reads, replies, strict=True)
    return [(words, reply) for words, reply in pairs if not isinstance(reply, CommandError)]


def commands_of(step: Sequence[Words] | Write) -> Sequence[Words]:
    return step.commands if isinstance(step, Write) else step


def finished(attempt: Change, commands: Sequence[Words], replies: list[Any]) -> Outcome:
    """Return what a change makes of the replies to its writes."""
    try:
        attempt.send([fitting(*one) for one in zip(commands, replies, strict=True)])
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # Outcome
    raise AssertionError("A change reads once and writes once.")


def without_errors(replies: list[Any]) -> list[Any]:
    """Return the replies inside a transaction; raise the first refusal among them."""
    for reply in replies:
        if isinstance(reply, CommandError):
            raise reply
    return replies


def script(
    keys: Sequence[bytes], holds: Sequence[tuple[Words, Any]], writes: Sequence[Words]
) -> Command[Any]:
    """Return the command that writes if what was read holds.

    Its reply is a state and replies: to the writes where it is `DONE`, to the reads if `CHANGED`.
    """
    seen = sha1(written([reply for _words, reply in holds]), usedforsecurity=False).hexdigest()
    arguments = (*counted([words for words, _reply in holds]), *counted(writes))
    return Command(("EVAL", SCRIPT, len(keys), *keys, seen, *arguments), state_and_replies)


def state_and_replies(reply: Any) -> Any:
    if not a_row(a_number, a_list(anything))(reply):
        raise UnexpectedReply("The server answered EVAL with what makes no sense.")
    return reply


def counted(commands: Sequence[Words]) -> Words:
    """Return commands as a list of words, each command after the number of its words."""
    return (len(commands), *(word for words in commands for word in (len(words), *words)))


def written(reply: Any) -> bytes:
    """Return a reply as the script writes it; statuses, as of `TYPE`, are not among them."""
    match reply:
        case int():
            return b"int:%d;" % reply
        case bytes():
            return b"str:%d:%b" % (len(reply), reply)
        case None:
            return b"nil;"
        case _:
            return b"list:%d:" % len(reply) + b"".join(map(written, reply))

"""Change a key if it still is as expected, in one script."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
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
from django_cachex.commands.args import encode_arg
from django_cachex.commands.command import Batch, EncodableArg, parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors.edits import EditResult, EditStatus, ValueDigest
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.errors import (
    DENIED,
    a_list,
    a_number,
    a_row,
    anything,
    fitting,
    queued,
    required,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint

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


Change = Generator[Sequence[Words] | Write, list[Any], EditResult]
"""An edit: it yields what to read, receives the replies, and returns what stands against it or
yields a `Write`, receives the replies to that, and returns what was done."""


def applied(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[EditResult]:
    """Apply a change to keys of one slot; two round trips, unless others keep on changing it.

    Raises what the server refuses.
    """
    try:
        outcome = yield from by_script(keys, change)
    except (AccessDenied, UnknownCommand):
        outcome = None
    except WrongTypeError:
        return EditResult(EditStatus.WRONG_TYPE)
    if outcome is not None:
        return outcome
    return (yield from by_transaction(keys, change))


def by_script(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[EditResult | None]:
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
            return stop.value  # type: ignore[no-any-return]  # EditResult
        if not isinstance(write, Write):
            raise TypeError("A change reads once, then writes.")
        holds = answered(reads, seen) if write.holds is None else write.holds
        [(state, replies)] = yield [script(keys, holds, write.commands)]
        if state == DONE:
            return finished(attempt, write.commands, replies)
        if state == NOT_BY_SCRIPT:
            return None
        seen = replies if write.holds is None and len(holds) == len(reads) else None
    return EditResult(EditStatus.CHANGED)


def by_transaction(keys: Sequence[bytes], change: Callable[[], Change]) -> Operation[EditResult]:
    """Return what became of a change; anything that happens to the key makes it start again."""
    watch: Words = ("WATCH", *keys)
    for _attempt in range(ATTEMPTS):
        attempt = change()
        reads = [watch, *commands_of(next(attempt))]
        try:
            _watched, *seen = answers(reads, (yield asked(reads)))
        except WrongTypeError:
            yield [UNWATCH]
            return EditResult(EditStatus.WRONG_TYPE)
        try:
            write = attempt.send(seen)
        except StopIteration as stop:
            yield [UNWATCH]
            return stop.value  # type: ignore[no-any-return]  # EditResult
        yield [MULTI]  # On its own: were it refused, what follows would run at once.
        *_queued, replies = yield [*(Command(w, queued) for w in commands_of(write)), EXEC]
        if replies is not None:
            return finished(attempt, commands_of(write), without_errors(replies))
    return EditResult(EditStatus.CHANGED)


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


def finished(attempt: Change, commands: Sequence[Words], replies: list[Any]) -> EditResult:
    """Return what a change makes of the replies to its writes."""
    try:
        attempt.send([fitting(*one) for one in zip(commands, replies, strict=True)])
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # EditResult
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


Moment = list[int] | CommandError
"""What `HPEXPIRETIME` of one field answers: `AccessDenied` is no answer, another refusal that
fields do not expire there."""

NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def moment_of(key: bytes, name: bytes) -> Words:
    """Return what asks when a field expires."""
    return Perhaps(("HPEXPIRETIME", key, "FIELDS", 1, name))


def own(moment: Moment) -> int | None:
    """Return milliseconds since the epoch, or `NEVER`; None where nobody says."""
    return None if isinstance(moment, CommandError) else moment[0]


def to_keep(key: bytes, name: bytes, moment: Moment) -> list[Words]:
    """Return what gives a field its TTL again, to the millisecond."""
    when = own(moment)
    if when is None or when < 0:
        return []
    return [("HPEXPIREAT", key, when, "FIELDS", 1, name)]


def expecting(value: str, moment: int | None) -> str:
    """Return what an edit of a field expects: the value's fingerprint, and the moment if known."""
    return value if moment is None else f"{value}.{moment}"


def separate(expected: str) -> tuple[str, int | None]:
    """Return the fingerprint and the moment that an edit of a field expects."""
    value, _dot, moment = expected.partition(".")
    return value, int(moment) if NUMBER.fullmatch(moment) else None


AT_ONCE: Final = 500
"""Elements that one command names: a script's words must fit on its stack."""

GONE: Final = EditResult(EditStatus.GONE)
ELEMENT_GONE: Final = EditResult(EditStatus.ELEMENT_GONE)
UNCHANGED: Final = EditResult(EditStatus.UNCHANGED)


class NotStorable(Exception):
    """The alias's serializer does not take a value."""


class RunsElsewhere(Exception):
    """Another cache could read what was to be stored, and run it; `str()` says so."""


def harmless(data: bytes) -> None:
    """Take any bytes: nobody else reads them."""


@dataclass(frozen=True)
class Target:
    """A stored key of an alias."""

    key: bytes
    value_format: ValueFormat
    check: Callable[[bytes], None] = harmless
    """Raises `RunsElsewhere` for bytes that are not to be stored under this key."""

    @property
    def exists(self) -> Words:
        return ("EXISTS", self.key)

    def data(self, value: Any) -> bytes:
        """Return what the alias's serializer stores for a value; `NotStorable` if it refuses.

        Every value that an edit stores comes this way, and is checked here.
        """
        try:
            stored = encode_arg(self.value_format.dumps(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise NotStorable(str(error)) from error
        if not isinstance(stored, bytes):
            return b"%d" % stored
        self.check(stored)
        return stored

    def all_data(self, values: Iterable[Any]) -> list[bytes]:
        return [self.data(value) for value in values]

    def content(self, raw: bytes) -> Content:
        """Return stored bytes for people, as on the page of a string."""
        allowed = limits()
        limit = allowed.decode_bytes
        return decode(
            raw, value_format=self.value_format, limit=limit, preview=allowed.preview_bytes
        )

    def changed(self, raw: bytes, expected: str = "") -> EditResult:
        """Return that there is another value now, with it."""
        return EditResult(
            EditStatus.CHANGED, current=self.content(raw), expected=expected or fingerprint(raw)
        )

    def obstacle(self, exists: int, raw: bytes | None, expected: str) -> EditResult | None:
        """Return what keeps an element from being changed that is `raw` now, if anything does."""
        if not exists:
            return GONE
        if raw is None:
            return ELEMENT_GONE
        if expected and fingerprint(raw) != expected:
            return self.changed(raw)
        return None

    def removed(self, count: int, left: int) -> EditResult:
        """Return that elements went, and the key with the last of them."""
        return EditResult(EditStatus.DONE, count=count, remaining=left, key_gone=not left)


def replaced(old: bytes | None, new: bytes) -> EditResult:
    """Return that stored bytes stand in the place of others."""
    before = None if old is None else ValueDigest.from_bytes(old)
    return EditResult(EditStatus.DONE, old=before, new=ValueDigest.from_bytes(new))


def batches(words: Sequence[bytes], at_once: int = AT_ONCE) -> list[Sequence[bytes]]:
    """Return words in as many lists as it takes."""
    return [words[start : start + at_once] for start in range(0, len(words), at_once)]


def expiry(key: bytes, ttl: int) -> list[Words]:
    """Return what gives a new key its TTL."""
    return [] if ttl == TTL_NONE else [("PEXPIRE", key, ttl)]

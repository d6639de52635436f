"""Compare-and-set: change a key in one atomic step, only if it is still as expected."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
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
from django_cachex.commands.command import Batch, CommandArgs, EncodableArg, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.conf import limits
from django_cachex.exceptions import DENIED_ERRORS
from django_cachex.inspectors.edits import EditResult, EditStatus, ValueDigest
from django_cachex.inspectors.types import Replies
from django_cachex.inspectors.valkey.errors import (
    any_reply,
    check_shape,
    is_integer,
    list_of,
    parse_queued,
    require_reply,
    tuple_of,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint

MULTI, EXEC, UNWATCH = (Command((word,), parse_raw) for word in ("MULTI", "EXEC", "UNWATCH"))

MAX_ATTEMPTS: Final = 20
"""How often an edit is tried while other clients keep changing what it depends on."""

COMPARE_AND_SET_SCRIPT: Final = Script("""\
local position = 2
local function parse_commands()
  local commands = {}
  for number = 1, tonumber(ARGV[position]) do
    local length = tonumber(ARGV[position + 1])
    commands[number] = {unpack(ARGV, position + 2, position + 1 + length)}
    position = position + 1 + length
  end
  position = position + 1
  return commands
end
local function serialize(reply)
  if type(reply) == 'number' then return string.format('int:%.0f;', reply) end
  if type(reply) == 'string' then return 'str:' .. #reply .. ':' .. reply end
  if type(reply) ~= 'table' then return 'nil;' end
  local parts = {'list:' .. #reply .. ':'}
  for number = 1, #reply do parts[number + 1] = serialize(reply[number]) end
  return table.concat(parts)
end
local reads, writes = parse_commands(), parse_commands()
local read_replies = {}
for number, args in ipairs(reads) do
  local reply = redis.pcall(unpack(args))
  if type(reply) == 'table' and reply.err then return reply end
  read_replies[number] = reply
end
if redis.sha1hex(serialize(read_replies)) ~= ARGV[1] then return {0, read_replies} end
if redis.acl_check_cmd then
  for _, args in ipairs(writes) do
    if not redis.acl_check_cmd(unpack(args)) then return {2, {}} end
  end
elseif #writes > 1 then
  return {2, {}}
end
local write_replies = {}
for number, args in ipairs(writes) do
  local reply = redis.pcall(unpack(args))
  if type(reply) == 'table' and reply.err then return reply end
  write_replies[number] = reply
end
return {1, write_replies}
""")
"""The script reads, compares the replies with a checksum, and writes if they match.

A script that fails midway is not rolled back. Several writes are therefore left to a transaction if
the server can't check beforehand that all of them are permitted (``redis.acl_check_cmd``)."""

SCRIPT_CHANGED, SCRIPT_DONE, SCRIPT_NEEDS_TRANSACTION = 0, 1, 2


class OptionalRead(tuple[EncodableArg, ...]):
    """A read that the server may not support or may deny: if it fails, its reply is the error."""


@dataclass(frozen=True)
class Writes:
    """The commands that change a key, and the conditions under which they run."""

    commands: Sequence[CommandArgs]
    conditions: Sequence[tuple[CommandArgs, Any]] | None = None
    """Reads to repeat, each with the reply it must have; None means all reads of the program."""


class EditFailed(Exception):
    """An edit can't be applied. Programs raise it with the result to report."""

    def __init__(self, result: EditResult) -> None:
        super().__init__(result)
        self.result = result


ReadsOrWrites = Sequence[CommandArgs] | Writes
Reading = Generator[ReadsOrWrites, list[Any], list[Any]]
"""A generator for the reads of a program: it yields them and returns their replies."""

EditProgram = Generator[ReadsOrWrites, list[Any], EditResult]
"""An edit as a generator.

It yields the reads and receives their replies. Then it either returns a result or raises
`EditFailed`, and changes nothing, or yields `Writes`, receives their replies, and returns the
result."""


def compare_and_set(
    keys: Sequence[bytes], make_program: Callable[[], EditProgram], known: Replies | None = None
) -> Operation[EditResult]:
    """Run an edit on keys of one slot.

    This takes two round trips, or one if the replies to its reads are known, and more if other
    clients change the keys meanwhile. A script is tried first, and a transaction where scripts are
    denied.

    Raises:
        CommandError: the server refused a command.
    """
    try:
        result = yield from compare_and_set_by_script(keys, make_program, known)
    except (AccessDenied, UnknownCommand):
        result = None
    except WrongTypeError:
        return EditResult(EditStatus.WRONG_TYPE)
    if result is not None:
        return result
    return (yield from compare_and_set_by_transaction(keys, make_program))


def compare_and_set_by_script(
    keys: Sequence[bytes], make_program: Callable[[], EditProgram], known: Replies | None
) -> Operation[EditResult | None]:
    """Return the result of an edit, or None if it needs a transaction."""
    replies: list[Any] | None = None
    for _attempt in range(MAX_ATTEMPTS):
        program = make_program()
        reads = start_program(program)
        if replies is None:
            replies, known = known_replies(reads, known or {}), None
        if replies is None:
            replies = check_replies(reads, (yield make_read_commands(reads)))
        step = send_replies(program, replies)
        if isinstance(step, EditResult):
            return step
        conditions = step.conditions
        if conditions is None:
            conditions = make_conditions(reads, replies)
        state, new_replies = yield from run_script(keys, conditions, step.commands)
        if state == SCRIPT_DONE:
            return finish_program(program, step.commands, new_replies)
        if state == SCRIPT_NEEDS_TRANSACTION:
            return None
        is_complete = step.conditions is None and len(conditions) == len(reads)
        replies = new_replies if is_complete else None
    return EditResult(EditStatus.CHANGED)


def compare_and_set_by_transaction(
    keys: Sequence[bytes], make_program: Callable[[], EditProgram]
) -> Operation[EditResult]:
    """Return the result of an edit. It starts again if any of the keys changes."""
    watch: CommandArgs = ("WATCH", *keys)
    for _attempt in range(MAX_ATTEMPTS):
        program = make_program()
        reads = [watch, *start_program(program)]
        try:
            _watched, *replies = check_replies(reads, (yield make_read_commands(reads)))
        except WrongTypeError:
            yield [UNWATCH]
            return EditResult(EditStatus.WRONG_TYPE)
        step = send_replies(program, replies)
        if isinstance(step, EditResult):
            yield [UNWATCH]
            return step
        yield [MULTI]  # Sent alone: if it is refused, nothing after it may run.
        *_queued, replies = yield [*(Command(w, parse_queued) for w in step.commands), EXEC]
        if replies is not None:
            return finish_program(program, step.commands, raise_first_error(replies))
    return EditResult(EditStatus.CHANGED)


ABSENT_REPLIES: Final[Mapping[Any, Any]] = {"HEXISTS": 0, "SISMEMBER": 0, "ZSCORE": None}
"""The replies to these commands if no element has the new name."""


def known_replies(reads: Sequence[CommandArgs], known: Replies) -> list[Any] | None:
    """Return the replies to reads that were sent before, or None if one is missing.

    A new name is assumed to be unused. If it isn't, or if the key has changed since, the script
    returns the current replies.
    """
    try:
        return [known[args] if args in known else ABSENT_REPLIES[args[0]] for args in reads]
    except KeyError:
        return None


def send_replies(program: EditProgram, replies: list[Any]) -> Writes | EditResult:
    """Send a program the replies to its reads; return its writes, or its result if it has none."""
    try:
        step = program.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # EditResult
    except EditFailed as failure:
        return failure.result
    if not isinstance(step, Writes):
        raise TypeError("An edit program reads once, then writes.")
    return step


def make_read_commands(reads: Sequence[CommandArgs]) -> Sequence[Command[Any]]:
    """Return the commands of the reads."""
    container = Batch if any(isinstance(args, OptionalRead) for args in reads) else list
    return container(Command(args, parse_raw) for args in reads)


def check_replies(reads: Sequence[CommandArgs], replies: Sequence[Any]) -> list[Any]:
    """Return the replies; raise the first error, except denied optional reads."""
    return [
        reply
        if isinstance(args, OptionalRead) and isinstance(reply, DENIED_ERRORS)
        else require_reply(reply)
        for args, reply in zip(reads, replies, strict=True)
    ]


def make_conditions(
    reads: Sequence[CommandArgs], replies: Sequence[Any]
) -> list[tuple[CommandArgs, Any]]:
    """Pair the reads with their replies, leaving out those that failed."""
    pairs = zip(reads, replies, strict=True)
    return [(args, reply) for args, reply in pairs if not isinstance(reply, CommandError)]


def start_program(program: EditProgram) -> Sequence[CommandArgs]:
    """Start a program, and return its reads."""
    reads = next(program)
    if isinstance(reads, Writes):
        raise TypeError("An edit program reads once, then writes.")
    return reads


def finish_program(
    program: EditProgram, commands: Sequence[CommandArgs], replies: list[Any]
) -> EditResult:
    """Send a program the replies to its writes and return its result."""
    try:
        program.send(
            [check_shape(args, reply) for args, reply in zip(commands, replies, strict=True)]
        )
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # EditResult
    raise AssertionError("An edit program reads once and writes once.")


def raise_first_error(replies: list[Any]) -> list[Any]:
    """Return the replies of a transaction; raise the first error among them."""
    for reply in replies:
        if isinstance(reply, CommandError):
            raise reply
    return replies


def run_script(
    keys: Sequence[bytes],
    conditions: Sequence[tuple[CommandArgs, Any]],
    writes: Sequence[CommandArgs],
) -> Operation[tuple[int, list[Any]]]:
    """Run the writes if the conditions hold; return a state and a list.

    The list has the replies to the writes for `SCRIPT_DONE`, the new replies to the reads for
    `SCRIPT_CHANGED`, and nothing for `SCRIPT_NEEDS_TRANSACTION`.
    """
    replies = serialize_reply([reply for _args, reply in conditions])
    args = (
        sha1(replies, usedforsecurity=False).hexdigest(),
        *encode_commands([args for args, _reply in conditions]),
        *encode_commands(writes),
    )
    return (yield from COMPARE_AND_SET_SCRIPT.operation(keys, args, parse_state_and_replies))


def parse_state_and_replies(reply: Any) -> tuple[int, list[Any]]:
    if not tuple_of(is_integer, list_of(any_reply))(reply):
        raise UnexpectedReply("Unexpected reply to a script.")
    state, replies = reply
    return state, replies


def encode_commands(commands: Sequence[CommandArgs]) -> CommandArgs:
    """Flatten commands into script arguments: a count, then each command after its length."""
    return (len(commands), *(arg for args in commands for arg in (len(args), *args)))


def serialize_reply(reply: Any) -> bytes:
    """Serialize a reply as the script does; status replies, such as that of `TYPE`, never occur."""
    match reply:
        case int():
            return b"int:%d;" % reply
        case bytes():
            return b"str:%d:%b" % (len(reply), reply)
        case None:
            return b"nil;"
        case _:
            return b"list:%d:" % len(reply) + b"".join(map(serialize_reply, reply))


MAX_ELEMENTS_PER_COMMAND: Final = 500
"""The script passes arguments on the Lua stack, whose size is limited."""

GONE: Final = EditResult(EditStatus.GONE)
ELEMENT_GONE: Final = EditResult(EditStatus.ELEMENT_GONE)
UNCHANGED: Final = EditResult(EditStatus.UNCHANGED)


class NotSerializable(Exception):
    """The alias's serializer refuses a value."""


class UnsafeForOtherCache(Exception):
    """Another cache could read the bytes to be stored and run them; `str()` explains."""


def accept_any(data: bytes) -> None:
    """Accept any bytes: no other cache reads them."""


@dataclass(frozen=True)
class EditTarget:
    """The key that an edit changes."""

    key: bytes
    value_format: ValueFormat
    check: Callable[[bytes], None] = accept_any
    """Raises `UnsafeForOtherCache` for bytes that must not be stored under this key."""

    names: Sequence[bytes] = ()
    """The names of the elements to change, if elements of this type have names."""

    @property
    def name(self) -> bytes:
        """The name of the only element to change."""
        [name] = self.names
        return name

    def read(self, *reads: CommandArgs) -> Reading:
        """Return the replies to reads of the key; raise `EditFailed` if it doesn't exist."""
        exists, *replies = yield [("EXISTS", self.key), *reads]
        if not exists:
            raise EditFailed(GONE)
        return replies

    def serialize(self, value: Any) -> bytes:
        """Serialize a value with the alias's serializer.

        Every value that an edit stores goes through this method, which also checks the bytes.

        Raises:
            NotSerializable: the serializer refuses the value.
            UnsafeForOtherCache: another cache could run the bytes.
        """
        try:
            data = encode_arg(self.value_format.dumps(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise NotSerializable(str(error)) from error
        if not isinstance(data, bytes):
            return b"%d" % data
        self.check(data)
        return data

    def serialize_all(self, values: Sequence[Any]) -> list[bytes]:
        return [self.serialize(value) for value in values]

    def decode(self, raw: bytes) -> Content:
        """Decode stored bytes for display, with the limits of a string's page."""
        configured = limits()
        return decode(
            raw,
            value_format=self.value_format,
            limit=configured.decode_bytes,
            preview_size=configured.preview_bytes,
        )

    def changed_result(self, raw: bytes, expected: str = "") -> EditResult:
        """Return a result that shows the value which another client stored."""
        return EditResult(
            EditStatus.CHANGED, current=self.decode(raw), expected=expected or fingerprint(raw)
        )


def replaced_result(old: bytes | None, new: bytes) -> EditResult:
    """Return a result for a value that replaced another."""
    before = None if old is None else ValueDigest.from_bytes(old)
    return EditResult(EditStatus.DONE, old=before, new=ValueDigest.from_bytes(new))


def split_batches(name: str, key: bytes, args: Sequence[bytes], *options: str) -> list[CommandArgs]:
    """Return the commands, with the same options, that together have all arguments."""
    size = MAX_ELEMENTS_PER_COMMAND
    starts = range(0, len(args), size)
    return [(name, key, *options, *args[start : start + size]) for start in starts]

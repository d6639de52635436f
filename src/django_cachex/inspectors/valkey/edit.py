"""Edits of keys: find what applies an edit; values, TTLs, and many keys at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.commands import (
    AccessDenied,
    CachexError,
    Command,
    CommandError,
    Operation,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.cache_api import persist_existing
from django_cachex.commands.command import EncodableArg, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.commands.server_versions import raise_if_unsupported
from django_cachex.inspectors import edits
from django_cachex.inspectors.base import incremented_value, not_incrementable_reason
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    BulkResult,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExpireAt,
    ExpireCondition,
    ExtendTTL,
    Incr,
    KeepTTL,
    SetValue,
    ValueDigest,
    require_positive_ttl,
)
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE
from django_cachex.inspectors.valkey import edit_elements
from django_cachex.inspectors.valkey.compare_and_set import (
    ELEMENT_GONE,
    EXEC,
    GONE,
    MAX_ATTEMPTS,
    MULTI,
    UNWATCH,
    EditProgram,
    EditTarget,
    Writes,
    compare_and_set,
    replaced_result,
)
from django_cachex.inspectors.valkey.element_rows import TYPES_WITH_NAMED_ELEMENTS, resolve_names
from django_cachex.inspectors.valkey.errors import parse_queued
from django_cachex.inspectors.valkey.key_info import COLLECTIONS
from django_cachex.inspectors.values import fingerprint

INTEGER_TEXT = re.compile(rb"-?[0-9]{1,19}")

SAMPLE_SIZE = 4096
"""Bytes at the beginning of a large value that its fingerprint covers."""


def ttl_args(ttl: int | KeepTTL) -> tuple[EncodableArg, ...]:
    """Return the arguments of `SET` for a TTL in milliseconds."""
    if ttl is KEEP:
        return ("KEEPTTL",)
    return () if ttl == TTL_NONE else ("PX", require_positive_ttl(ttl))


def large_value_fingerprint(head: bytes, size: int) -> str:
    """Return the fingerprint of a value that is too large to be read whole."""
    return f"{fingerprint(head[:SAMPLE_SIZE])}.{size}"


def add_value(target: EditTarget, edit: AddValue) -> Operation[EditResult]:
    data = target.serialize(edit.value)
    condition = () if edit.replace else ("NX",)
    args = ("SET", target.key, data, *ttl_args(edit.ttl), *condition)
    [is_set] = yield [Command(args, bool)]
    return (
        EditResult(EditStatus.DONE, new=ValueDigest.from_bytes(data))
        if is_set
        else EditResult(EditStatus.EXISTS)
    )


def set_value(target: EditTarget, edit: SetValue) -> EditProgram:
    """Replace a value. Of one that is too large to be read whole, only a sample is compared."""
    data, ttl_option = target.serialize(edit.value), ttl_args(edit.ttl)
    if "." in edit.expected:
        size, head = yield from target.read(
            ("STRLEN", target.key), ("GETRANGE", target.key, 0, SAMPLE_SIZE - 1)
        )
        raw = None
        if large_value_fingerprint(head, size) != edit.expected:
            return EditResult(EditStatus.CHANGED)
    else:
        [raw] = yield [("GET", target.key)]
        if raw is None:
            return GONE
        if edit.expected and edit.expected != fingerprint(raw):
            return target.changed_result(raw)
    yield Writes([("SET", target.key, data, *ttl_option)])
    return replaced_result(raw, data)


def increment(target: EditTarget, edit: Incr) -> EditProgram:
    """Increment a number with INCRBY if it is stored as digits, else with compare-and-set."""
    [raw] = yield [("GET", target.key)]
    if raw is None:
        return GONE
    if INTEGER_TEXT.fullmatch(raw) and isinstance(edit.by, int):
        [number] = yield Writes(
            [("INCRBY", target.key, edit.by)], conditions=[(("EXISTS", target.key), 1)]
        )
        return replace(replaced_result(b"%d" % (number - edit.by), b"%d" % number), number=number)
    content = target.decode(raw)
    number = incremented_value(content, edit.by)
    if number is None:
        return EditResult(EditStatus.WRONG_TYPE, not_incrementable_reason(content))
    data = target.serialize(number)
    yield Writes([("SET", target.key, data, "KEEPTTL")])
    return replace(replaced_result(raw, data), number=number)


TIME_PASSED: Final = -1

EXPIRE_AT_SCRIPT: Final = Script("""\
local time = redis.call('TIME')
if tonumber(ARGV[1]) <= time[1] * 1000 + math.floor(time[2] / 1000) then return -1 end
return redis.call('PEXPIREAT', KEYS[1], ARGV[1])
""")

EXTEND_TTL_SCRIPT: Final = Script("""\
local remaining = redis.call('PTTL', KEYS[1])
if remaining >= 0 then redis.call('PEXPIRE', KEYS[1], remaining + tonumber(ARGV[1])) end
return remaining
""")


def set_ttl(stored: bytes, edit: Expire) -> Operation[EditResult]:
    if edit.ttl == TTL_NONE:
        exists = yield from persist_existing(stored)
    else:
        [exists] = yield [Command(("PEXPIRE", stored, require_positive_ttl(edit.ttl)), bool)]
    return EditResult(EditStatus.DONE if exists else EditStatus.GONE)


def expire_at(stored: bytes, edit: ExpireAt) -> Operation[EditResult]:
    """Set the time at which a key expires.

    A time in the past, by the server's clock, is refused: it would delete the key.
    """
    try:
        reply = yield from EXPIRE_AT_SCRIPT.operation([stored], [edit.timestamp], int)
    except (AccessDenied, UnknownCommand):
        [now] = yield [Command(("TIME",), parse_time)]
        reply = TIME_PASSED
        if edit.timestamp > now:
            [reply] = yield [Command(("PEXPIREAT", stored, edit.timestamp), int)]
    if reply == TIME_PASSED:
        return EditResult.refusal(_("This time has passed according to the server's clock."))
    return EditResult(EditStatus.DONE if reply else EditStatus.GONE)


def parse_time(reply: list[bytes]) -> int:
    """Return the milliseconds since the epoch in the reply to `TIME`."""
    seconds, microseconds = reply
    return int(seconds) * 1000 + int(microseconds) // 1000


def extend_ttl(stored: bytes, edit: ExtendTTL) -> Operation[EditResult]:
    try:
        remaining = yield from EXTEND_TTL_SCRIPT.operation(
            [stored], [require_positive_ttl(edit.by)], int
        )
    except (AccessDenied, UnknownCommand):
        return (yield from extend_ttl_by_transaction(stored, edit))
    return extend_result(remaining)


def extend_ttl_by_transaction(stored: bytes, edit: ExtendTTL) -> Operation[EditResult]:
    for _attempt in range(MAX_ATTEMPTS):
        _watched, now, remaining = yield [
            Command(("WATCH", stored), parse_raw),
            Command(("TIME",), parse_time),
            Command(("PTTL", stored), int),
        ]
        if remaining < 0:
            yield [UNWATCH]
            return extend_result(remaining)
        yield [MULTI]
        expire = Command(("PEXPIREAT", stored, now + remaining + edit.by), parse_queued)
        _queued, executed = yield [expire, EXEC]
        if executed is not None:
            return EditResult(EditStatus.DONE)
    return EditResult(EditStatus.CHANGED)


def extend_result(remaining: int) -> EditResult:
    """Return the result for a key whose `PTTL` was `remaining`."""
    if remaining == TTL_MISSING:
        return EditResult(EditStatus.GONE)
    if remaining == TTL_NONE:
        return EditResult(
            EditStatus.UNCHANGED, _("This key never expires, so there is no TTL to extend.")
        )
    return EditResult(EditStatus.DONE)


ProgramFactory = Callable[[EditTarget, Any], EditProgram]

PROGRAMS: Final[dict[tuple[type, str], ProgramFactory]] = {
    (edits.SetValue, "string"): set_value,
    (edits.Incr, "string"): increment,
    (edits.SetElement, "list"): edit_elements.set_item,
    (edits.SetElement, "set"): edit_elements.replace_set_member,
    (edits.SetElement, "zset"): edit_elements.replace_sorted_set_member,
    (edits.SetElement, "hash"): edit_elements.set_field,
    (edits.RemoveElements, "list"): edit_elements.remove_items,
    (edits.RemoveElements, "set"): edit_elements.remove_set_members,
    (edits.RemoveElements, "zset"): edit_elements.remove_sorted_set_members,
    (edits.RemoveElements, "hash"): edit_elements.remove_fields,
    (edits.RemoveElements, "stream"): edit_elements.remove_entries,
    (edits.PopElements, "list"): edit_elements.pop_elements,
    (edits.PopElements, "set"): edit_elements.pop_elements,
    (edits.PopElements, "zset"): edit_elements.pop_elements,
    **{(edits.CreateCollection, type): edit_elements.create_collection for type in COLLECTIONS},
    (edits.PushItems, "list"): edit_elements.push_items,
    (edits.InsertItem, "list"): edit_elements.insert_item,
    (edits.TrimList, "list"): edit_elements.trim_list,
    (edits.AddMembers, "set"): edit_elements.add_members,
    (edits.ZAdd, "zset"): edit_elements.add_sorted_set_members,
    (edits.SetScore, "zset"): edit_elements.set_score,
    (edits.AddFields, "hash"): edit_elements.add_fields,
    (edits.RenameField, "hash"): edit_elements.rename_field,
    (edits.ExpireField, "hash"): edit_elements.set_field_ttl,
    (edits.AddEntry, "stream"): edit_elements.add_entry,
    (edits.TrimStream, "stream"): edit_elements.trim_stream,
}
"""What to read, what must hold and what to write for each edit of each type of key."""


def edit_operation(target: EditTarget, edit: Edit) -> Operation[EditResult] | None:
    """Return the operation that applies an edit to one key, or None if it is not supported."""
    match edit:
        case edits.AddValue():
            return add_value(target, edit)
        case edits.Expire():
            return set_ttl(target.key, edit)
        case edits.ExpireAt():
            return expire_at(target.key, edit)
        case edits.ExtendTTL():
            return extend_ttl(target.key, edit)
        case _:
            type = getattr(edit, "type", "string")
            program = PROGRAMS.get((edit.__class__, type))
            return None if program is None else run_program(target, edit, type, program)


def run_program(
    target: EditTarget, edit: Edit, type: str, program: ProgramFactory
) -> Operation[EditResult]:
    """Resolve the elements that an edit concerns, and change them."""
    ids = edited_element_ids(edit) if type in TYPES_WITH_NAMED_ELEMENTS else ()
    try:
        names = yield from resolve_names(target.key, type, ids)
    except WrongTypeError:
        return EditResult(EditStatus.WRONG_TYPE)
    if len(names) < len(ids):
        return ELEMENT_GONE
    target = replace(target, names=names)
    known = getattr(edit, "replies", {})
    return (yield from compare_and_set([target.key], lambda: program(target, edit), known))


def edited_element_ids(edit: Edit) -> Sequence[str]:
    """Return the IDs of the elements that an edit concerns."""
    match edit:
        case edits.RemoveElements():
            return [chosen.element for chosen in edit.elements]
        case edits.ElementEdit():
            return [edit.element]
        case _:
            return ()


# Many keys.

KEYS_PER_UNLINK: Final = 500


def unlink_batches(keys: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Split keys into batches of one UNLINK each."""
    return [keys[start : start + KEYS_PER_UNLINK] for start in range(0, len(keys), KEYS_PER_UNLINK)]


@contextmanager
def mark_error_as_sent(already_sent: bool = True) -> Iterator[None]:
    """Mark an error as `sent` if earlier commands may already have changed something."""
    try:
        yield
    except CachexError as error:
        error.sent = error.sent or already_sent
        raise


def unlink(client: Client, keys: Sequence[bytes]) -> BulkResult:
    """Delete keys in batches; if a batch is refused, delete its keys one by one."""
    batches = unlink_batches(keys)
    # Built directly: stored keys need no encoding, and `client._unlink` is slow for thousands.
    commands = [Command(("UNLINK", *batch), int, missing_reply=0) for batch in batches]
    # One command per round trip, so that other clients get their turn in between.
    counts: list[Any] = []
    for command in commands:
        with mark_error_as_sent(bool(counts)):
            counts += client.collect([command])
    done, gone = 0, 0
    refused_keys: list[bytes] = []
    for batch, count in zip(batches, counts, strict=True):
        if isinstance(count, CommandError):
            refused_keys += batch
        else:
            done += count
            gone += len(batch) - count
    with mark_error_as_sent(bool(counts)):
        retried = _run_for_each(client, refused_keys, lambda key: [client._unlink(key)])
    return BulkResult(done + retried.done, gone + retried.gone, retried.failures)


def expire(client: Client, keys: Sequence[bytes], ttl: int) -> BulkResult:
    """Set the TTL of keys in milliseconds; `TTL_NONE` makes them persistent."""
    if ttl == TTL_NONE:
        # PERSIST replies 0 for a key without a TTL and for a missing key: EXISTS tells them apart.
        return _run_for_each(client, keys, lambda key: [client._persist(key), client._exists(key)])
    return _run_for_each(client, keys, lambda key: [client._pexpire(key, ttl)])


EXPIRE_OPTIONS: Final = {
    ExpireCondition.PERSISTENT: "nx",
    ExpireCondition.LONGER: "lt",
    ExpireCondition.SHORTER: "gt",
}
"""The options of PEXPIRE for conditions."""


def expire_if(
    client: Client, keys: Sequence[bytes], ttl: int, condition: ExpireCondition
) -> BulkResult:
    """Set the TTL of keys that meet a condition.

    Raises:
        NotSupportedError: the server is older than Redis 7.0.
    """
    option = {EXPIRE_OPTIONS[condition]: True}
    # PEXPIRE replies 0 if the condition isn't met and for a missing key: EXISTS tells them apart.
    commands = [(client._pexpire(key, ttl, **option), client._exists(key)) for key in keys]
    results = client.collect([command for pair in commands for command in pair])
    done, gone, failures = 0, 0, []
    for key, changed, exists in zip(keys, results[::2], results[1::2], strict=True):
        if isinstance(changed, CommandError):
            raise_if_unsupported(commands[0][0].args, changed)
            failures.append((key, str(changed)))
        elif changed:
            done += 1
        elif not exists:
            gone += 1
    unchanged = len(keys) - done - gone - len(failures)
    return BulkResult(done, gone, tuple(failures), unchanged)


def _run_for_each(client: Client, keys: Sequence[bytes], commands_for: Any) -> BulkResult:
    """Send the commands of all keys in one round trip; any true reply makes a key count as done."""
    commands_by_key: list[list[Command[Any]]] = [commands_for(key) for key in keys]
    results = iter(
        client.collect([command for commands in commands_by_key for command in commands])
    )
    done, gone, failures = 0, 0, []
    for key, commands in zip(keys, commands_by_key, strict=True):
        key_results = [next(results) for _command in commands]
        error = next((one for one in key_results if isinstance(one, CommandError)), None)
        if error is not None:
            failures.append((key, str(error)))
        elif any(key_results):
            done += 1
        else:
            gone += 1
    return BulkResult(done, gone, tuple(failures))

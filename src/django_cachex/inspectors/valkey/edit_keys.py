"""Edits of strings and of TTLs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied, Command, Operation, UnknownCommand
from django_cachex.commands.cache_api import persist_existing
from django_cachex.commands.command import EncodableArg, parse_raw
from django_cachex.commands.scripts import Script
from django_cachex.inspectors.base import incremented_value, not_incrementable_reason
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    EditResult,
    EditStatus,
    Expire,
    ExpireAt,
    ExtendTTL,
    Incr,
    KeepTTL,
    SetValue,
    ValueDigest,
)
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    EXEC,
    GONE,
    MAX_ATTEMPTS,
    MULTI,
    UNWATCH,
    EditProgram,
    EditTarget,
    Writes,
    replaced_result,
)
from django_cachex.inspectors.valkey.errors import parse_queued
from django_cachex.inspectors.values import fingerprint

INTEGER_TEXT = re.compile(rb"-?[0-9]{1,19}")

SAMPLE_SIZE = 4096
"""Bytes at the beginning of a large value that its fingerprint covers."""


def ttl_args(ttl: int | KeepTTL) -> tuple[EncodableArg, ...]:
    """Return the arguments of `SET` for a TTL in milliseconds."""
    if ttl is KEEP:
        return ("KEEPTTL",)
    return () if ttl == TTL_NONE else ("PX", require_positive_ttl(ttl))


def require_positive_ttl(ttl: int) -> int:
    """Return the TTL; raise ValueError if it would delete the key."""
    if ttl <= 0:
        raise ValueError(
            _("The TTL must be at least one millisecond. To remove the key, delete it instead.")
        )
    return ttl


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
    [(seconds, microseconds)] = yield [Command(("TIME",), parse_raw)]
    if edit.timestamp <= int(seconds) * 1000 + int(microseconds) // 1000:
        return EditResult.refusal(_("This time has passed according to the server's clock."))
    [exists] = yield [Command(("PEXPIREAT", stored, edit.timestamp), bool)]
    return EditResult(EditStatus.DONE if exists else EditStatus.GONE)


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
        _watched, (seconds, microseconds), remaining = yield [
            Command(("WATCH", stored), parse_raw),
            Command(("TIME",), parse_raw),
            Command(("PTTL", stored), int),
        ]
        if remaining < 0:
            yield [UNWATCH]
            return extend_result(remaining)
        timestamp = int(seconds) * 1000 + int(microseconds) // 1000 + remaining + edit.by
        yield [MULTI]
        _queued, executed = yield [Command(("PEXPIREAT", stored, timestamp), parse_queued), EXEC]
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

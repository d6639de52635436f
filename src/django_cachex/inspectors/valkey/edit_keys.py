"""Edits of strings and of TTLs."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied, Command, Operation, UnknownCommand
from django_cachex.commands.cache_api import persist_existing
from django_cachex.commands.command import EncodableArg, parse_raw
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    ExpireAt,
    ExtendTtl,
    Increase,
    Keep,
    Outcome,
    Result,
    SetTtl,
    SetValue,
    Trace,
)
from django_cachex.inspectors.fallbacks import added, why_not_added
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    EXEC,
    GONE,
    MULTI,
    UNWATCH,
    Change,
    Target,
    Write,
    replaced,
)
from django_cachex.inspectors.valkey.errors import queued
from django_cachex.inspectors.values import fingerprint

DIGITS = re.compile(rb"-?[0-9]{1,19}")

SAMPLE = 4096
"""Bytes from the beginning of a value too large to be read whole that stand for it."""


def lifetime(ttl: int | Keep) -> tuple[EncodableArg, ...]:
    """Return the words of a `SET` that give the key this TTL, to the millisecond."""
    if ttl is KEEP:
        return ("KEEPTTL",)
    return () if ttl == TTL_NONE else ("PX", positive(ttl))


def positive(ttl: int) -> int:
    """Return a TTL that keeps the key; raise ValueError for one that would delete it."""
    if ttl <= 0:
        raise ValueError(
            _("The TTL must be at least one millisecond. To remove the key, delete it instead.")
        )
    return ttl


def expected_of_large(beginning: bytes, size: int) -> str:
    """Return the fingerprint of a value of which only the beginning is read."""
    return f"{fingerprint(beginning[:SAMPLE])}.{size}"


def add_value(on: Target, edit: AddValue) -> Operation[Outcome]:
    data = on.data(edit.value)
    unless_there = () if edit.replace else ("NX",)
    words = ("SET", on.key, data, *lifetime(edit.ttl), *unless_there)
    [is_set] = yield [Command(words, bool)]
    return Outcome(Result.DONE, new=Trace.of(data)) if is_set else Outcome(Result.EXISTS)


def set_value(on: Target, edit: SetValue, names: list[bytes]) -> Change:
    data, life = on.data(edit.value), lifetime(edit.ttl)
    if "." in edit.expected:
        return (yield from set_large(on, edit, data, life))
    [raw] = yield [("GET", on.key)]
    obstacle = on.obstacle(raw is not None, raw, edit.expected)
    if obstacle:
        return obstacle
    yield Write([("SET", on.key, data, *life)])
    return replaced(raw, data)


def set_large(on: Target, edit: SetValue, data: bytes, life: tuple[EncodableArg, ...]) -> Change:
    """Set the value in the place of one that was too large to be read whole."""
    exists, size, beginning = yield [
        on.exists,
        ("STRLEN", on.key),
        ("GETRANGE", on.key, 0, SAMPLE - 1),
    ]
    if not exists:
        return GONE
    if expected_of_large(beginning, size) != edit.expected:
        return Outcome(Result.CHANGED)
    yield Write([("SET", on.key, data, *life)])
    return Outcome(Result.DONE, new=Trace.of(data))


def increase(on: Target, edit: Increase, names: list[bytes]) -> Change:
    """Let the server count where it can; else compare and set."""
    [raw] = yield [("GET", on.key)]
    if raw is None:
        return GONE
    if DIGITS.fullmatch(raw) and isinstance(edit.by, int):
        [number] = yield Write([("INCRBY", on.key, edit.by)], holds=[(on.exists, 1)])
        before, after = b"%d" % (number - edit.by), b"%d" % number
        return Outcome(Result.DONE, number=number, old=Trace.of(before), new=Trace.of(after))
    content = on.content(raw)
    number = added(content, edit.by)
    if number is None:
        return Outcome(Result.WRONG_TYPE, why_not_added(content))
    data = on.data(number)
    yield Write([("SET", on.key, data, "KEEPTTL")])
    return Outcome(Result.DONE, number=number, old=Trace.of(raw), new=Trace.of(data))


EXTEND: Final = """\
local left = redis.call('PTTL', KEYS[1])
if left >= 0 then redis.call('PEXPIRE', KEYS[1], left + tonumber(ARGV[1])) end
return left
"""

ATTEMPTS: Final = 20


def set_ttl(stored: bytes, edit: SetTtl) -> Operation[Outcome]:
    if edit.ttl == TTL_NONE:
        exists = yield from persist_existing(stored)
    else:
        [exists] = yield [Command(("PEXPIRE", stored, positive(edit.ttl)), bool)]
    return Outcome(Result.DONE if exists else Result.GONE)


def expire_at(stored: bytes, edit: ExpireAt) -> Operation[Outcome]:
    """Set the moment; one that is over by the server's clock would delete the key."""
    [(seconds, microseconds)] = yield [Command(("TIME",), parse_raw)]
    if edit.moment <= int(seconds) * 1000 + int(microseconds) // 1000:
        return Outcome.refused(_("This time has passed according to the server's clock."))
    [exists] = yield [Command(("PEXPIREAT", stored, edit.moment), bool)]
    return Outcome(Result.DONE if exists else Result.GONE)


def extend_ttl(stored: bytes, edit: ExtendTtl) -> Operation[Outcome]:
    try:
        [left] = yield [Command(("EVAL", EXTEND, 1, stored, positive(edit.by)), int)]
    except (AccessDenied, UnknownCommand):
        return (yield from extend_by_transaction(stored, edit))
    return extended(left)


def extend_by_transaction(stored: bytes, edit: ExtendTtl) -> Operation[Outcome]:
    for _attempt in range(ATTEMPTS):
        _watched, (seconds, microseconds), left = yield [
            Command(("WATCH", stored), parse_raw),
            Command(("TIME",), parse_raw),
            Command(("PTTL", stored), int),
        ]
        if left < 0:
            yield [UNWATCH]
            return extended(left)
        moment = int(seconds) * 1000 + int(microseconds) // 1000 + left + edit.by
        yield [MULTI]
        _queued, executed = yield [Command(("PEXPIREAT", stored, moment), queued), EXEC]
        if executed is not None:
            return Outcome(Result.DONE)
    return Outcome(Result.CHANGED)


def extended(left: int) -> Outcome:
    """Return what became of a TTL that had so many milliseconds left."""
    if left == TTL_MISSING:
        return Outcome(Result.GONE)
    if left == TTL_NONE:
        return Outcome(Result.UNCHANGED, _("This key never expires, so there is no TTL to extend."))
    return Outcome(Result.DONE)

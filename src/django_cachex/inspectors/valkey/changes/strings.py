"""Changes of strings."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from django_cachex.commands import Command, Operation
from django_cachex.commands.command import EncodableArg
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Increase,
    Keep,
    Outcome,
    Result,
    SetValue,
    Trace,
)
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.increasing import added, why_not_added
from django_cachex.inspectors.valkey.changes.guarded import Change, Write
from django_cachex.inspectors.valkey.changes.target import GONE, Target, replaced

DIGITS = re.compile(rb"-?[0-9]{1,19}")

SAMPLE = 4096
"""Bytes from the beginning of a value too large to be read whole that stand for it."""


def lifetime(ttl: int | Keep) -> tuple[EncodableArg, ...]:
    """Return the words of a `SET` that give the key this TTL, to the millisecond."""
    if ttl is KEEP:
        return ("KEEPTTL",)
    return () if ttl == NEVER else ("PX", positive(ttl))


def positive(ttl: int) -> int:
    """Return a TTL that keeps the key; raise ValueError for one that would delete it."""
    if ttl <= 0:
        raise ValueError(_("A key lives for a millisecond at least; delete it instead."))
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

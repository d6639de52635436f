"""Changes of hashes."""

from __future__ import annotations

from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.element_edits import (
    AddFields,
    RemoveElements,
    RenameField,
    SetField,
    SetFieldTtl,
)
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.naming import encode_text, printable
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.target import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    Target,
    batches,
    replaced,
)

EXPIRES = ".ttl"
"""What the fingerprint of a field ends with that expires: setting it would make it immortal."""


def add_fields(on: Target, edit: AddFields, names: list[bytes]) -> Change:
    fields = {encode_text(name): on.data(value) for name, value in edit.fields}
    reads: list[Words] = [("HMGET", on.key, *some) for some in batches(list(fields))]
    exists, *found = yield [on.exists, *reads]
    if not exists:
        return GONE
    old = dict(zip(fields, (raw for some in found for raw in some), strict=True))
    there = [printable(name) for name, raw in old.items() if raw is not None]
    if there and not edit.replace:
        return Outcome(Result.EXISTS, ", ".join(there[:10]))
    pairs = [word for field in fields.items() for word in field]
    yield Write([("HSET", on.key, *some) for some in batches(pairs)])
    return Outcome(
        Result.DONE, count=len(fields) - len(there), new=only_trace(list(fields.values()))
    )


def only_trace(values: list[bytes]) -> Trace | None:
    """Return the trace of a value that is the only one."""
    return Trace.of(values[0]) if len(values) == 1 else None


def set_field(on: Target, edit: SetField, names: list[bytes]) -> Change:
    [name], data = names, on.data(edit.value)
    expected = edit.expected.removesuffix(EXPIRES)
    expires = expected != edit.expected
    moment: list[Words] = [("HPEXPIRETIME", on.key, "FIELDS", 1, name)] if expires else []
    exists, raw, *moments = yield [on.exists, ("HGET", on.key, name), *moment]
    obstacle = on.obstacle(exists, raw, expected)
    if obstacle:
        return obstacle
    again: list[Words] = [
        ("HPEXPIREAT", on.key, when, "FIELDS", 1, name) for [when] in moments if when > 0
    ]
    yield Write([("HSET", on.key, name, data), *again])
    return replaced(raw, data)


def rename_field(on: Target, edit: RenameField, names: list[bytes]) -> Change:
    [name], new = names, encode_text(edit.field)
    exists, raw, taken = yield [
        on.exists,
        ("HGET", on.key, name),
        ("HEXISTS", on.key, new),
    ]
    obstacle = on.obstacle(exists, raw, edit.expected.removesuffix(EXPIRES))
    if obstacle:
        return obstacle
    if name == new:
        return UNCHANGED
    if taken:
        return Outcome(Result.EXISTS, printable(new))
    yield Write([("HSET", on.key, new, raw), ("HDEL", on.key, name)])
    return Outcome(Result.DONE, old=Trace.of(name), new=Trace.of(new))


def remove_fields(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    reads: list[Words] = [("HMGET", on.key, *some) for some in batches(names)]
    exists, *found = yield [on.exists, *reads]
    if not exists:
        return GONE
    values = [raw for some in found for raw in some]
    for raw, chosen in zip(values, edit.elements, strict=True):
        expected = chosen.expected.removesuffix(EXPIRES)
        if raw is not None and expected and fingerprint(raw) != expected:
            return on.changed(raw)
    there = [name for name, raw in zip(names, values, strict=True) if raw is not None]
    if not there:
        return ELEMENT_GONE
    removals: list[Words] = [("HDEL", on.key, *some) for some in batches(there)]
    *counts, left = yield Write([*removals, ("HLEN", on.key)])
    return on.removed(sum(counts), left)


def set_field_ttl(on: Target, edit: SetFieldTtl, names: list[bytes]) -> Change:
    [name] = names
    fields: Words = ("FIELDS", 1, name)
    exists, there = yield [on.exists, ("HEXISTS", on.key, name)]
    if not exists:
        return GONE
    if not there:
        return ELEMENT_GONE
    if edit.ttl == NEVER:
        yield Write([("HPERSIST", on.key, *fields)])
    else:
        yield Write([("HPEXPIRE", on.key, edit.ttl, *fields)])
    return Outcome(Result.DONE)

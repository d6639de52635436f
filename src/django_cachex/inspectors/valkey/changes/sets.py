"""Changes of sets."""

from __future__ import annotations

from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.element_edits import (
    AddMembers,
    PopMembers,
    RemoveElements,
    RenameMember,
)
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.lists import taken
from django_cachex.inspectors.valkey.changes.target import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    Target,
    batches,
)


def add_members(on: Target, edit: AddMembers, names: list[bytes]) -> Change:
    members = on.all_data(edit.members)
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    adding: list[Words] = [("SADD", on.key, *some) for some in batches(members)]
    *counts, left = yield Write([*adding, ("SCARD", on.key)])
    if not sum(counts):
        return UNCHANGED
    new = Trace.of(members[0]) if len(members) == 1 else None
    return Outcome(Result.DONE, count=sum(counts), left=left, new=new)


def rename_member(on: Target, edit: RenameMember, names: list[bytes]) -> Change:
    [old], new = names, on.data(edit.member)
    exists, there, taken_already = yield [
        on.exists,
        ("SISMEMBER", on.key, old),
        ("SISMEMBER", on.key, new),
    ]
    if not exists:
        return GONE
    if not there:
        return ELEMENT_GONE
    if old == new:
        return UNCHANGED
    if taken_already:
        return Outcome(Result.EXISTS)
    yield Write([("SADD", on.key, new), ("SREM", on.key, old)])
    return Outcome(Result.DONE, old=Trace.of(old), new=Trace.of(new))


def remove_members(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    removals: list[Words] = [("SREM", on.key, *some) for some in batches(names)]
    *counts, left = yield Write([*removals, ("SCARD", on.key)])
    return on.removed(sum(counts), left) if sum(counts) else ELEMENT_GONE


def pop_members(on: Target, edit: PopMembers, names: list[bytes]) -> Change:
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    popped, left = yield Write([("SPOP", on.key, edit.count), ("SCARD", on.key)])
    return taken(on, popped, left)

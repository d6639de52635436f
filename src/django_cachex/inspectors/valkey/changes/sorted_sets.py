"""Changes of sorted sets."""

from __future__ import annotations

import math

from django.utils.translation import gettext as _

from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.element_edits import (
    AddScored,
    End,
    PopMembers,
    RemoveElements,
    RenameMember,
    SetScore,
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

ZPOP = {End.FIRST: "ZPOPMIN", End.LAST: "ZPOPMAX"}


def score_text(score: float) -> bytes:
    """Return a score as people and the server read it: the shortest text that means it."""
    if math.isnan(score):
        raise ValueError(_("A score must be a number."))
    return repr(float(score)).removesuffix(".0").encode()


def expected_score(score: bytes | float) -> str:
    """Return the fingerprint of a score, however the server writes it."""
    return fingerprint(score_text(float(score)))


def obstacle(exists: int, score: bytes | None, expected: str) -> Outcome | None:
    """Return what keeps a member from being changed that has this score, if anything does."""
    if not exists:
        return GONE
    if score is None:
        return ELEMENT_GONE
    if expected and expected_score(score) != expected:
        return Outcome(
            Result.CHANGED, score_text(float(score)).decode(), expected=expected_score(score)
        )
    return None


def add_scored(on: Target, edit: AddScored, names: list[bytes]) -> Change:
    members = [on.data(member) for member, _score in edit.members]
    scores = [score_text(score) for _member, score in edit.members]
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    pairs = [word for pair in zip(scores, members, strict=True) for word in pair]
    flags = (*edit.only.value.split(), "CH")
    adding: list[Words] = [("ZADD", on.key, *flags, *some) for some in batches(pairs)]
    *counts, left = yield Write([*adding, ("ZCARD", on.key)])
    if not sum(counts):
        return UNCHANGED
    new = Trace.of(members[0]) if len(members) == 1 else None
    return Outcome(Result.DONE, count=sum(counts), left=left, new=new)


def set_score(on: Target, edit: SetScore, names: list[bytes]) -> Change:
    [member], score = names, score_text(edit.score)
    exists, old = yield [on.exists, ("ZSCORE", on.key, member)]
    found = obstacle(exists, old, edit.expected)
    if found:
        return found
    [changed] = yield Write([("ZADD", on.key, "XX", "CH", score, member)])
    if not changed:
        return UNCHANGED
    return Outcome(Result.DONE, old=Trace.of(score_text(float(old))), new=Trace.of(score))


def rename_member(on: Target, edit: RenameMember, names: list[bytes]) -> Change:
    [old], new = names, on.data(edit.member)
    exists, score, other = yield [
        on.exists,
        ("ZSCORE", on.key, old),
        ("ZSCORE", on.key, new),
    ]
    found = obstacle(exists, score, edit.expected)
    if found:
        return found
    if old == new:
        return UNCHANGED
    if other is not None:
        return Outcome(Result.EXISTS)
    yield Write([("ZADD", on.key, score, new), ("ZREM", on.key, old)])
    return Outcome(Result.DONE, old=Trace.of(old), new=Trace.of(new))


def remove_members(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    reads: list[Words] = [("ZSCORE", on.key, name) for name in names]
    exists, *scores = yield [on.exists, *reads]
    if not exists:
        return GONE
    for score, chosen in zip(scores, edit.elements, strict=True):
        found = obstacle(exists, score, chosen.expected)
        if found and found.result == Result.CHANGED:
            return found
    removals: list[Words] = [("ZREM", on.key, *some) for some in batches(names)]
    *counts, left = yield Write([*removals, ("ZCARD", on.key)])
    return on.removed(sum(counts), left) if sum(counts) else ELEMENT_GONE


def pop_members(on: Target, edit: PopMembers, names: list[bytes]) -> Change:
    if edit.end == End.RANDOM:
        return (yield from pop_random(on, edit))
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    popped, left = yield Write([(ZPOP[edit.end], on.key, edit.count), ("ZCARD", on.key)])
    return taken(on, popped[::2], left)


def pop_random(on: Target, edit: PopMembers) -> Change:
    """Let the server choose, then remove what it chose; others may have taken some of it."""
    exists, members = yield [on.exists, ("ZRANDMEMBER", on.key, edit.count)]
    if not exists:
        return GONE
    removals: list[Words] = [("ZREM", on.key, member) for member in members]
    *counts, left = yield Write([*removals, ("ZCARD", on.key)], holds=[(on.exists, 1)])
    return taken(on, [one for one, was in zip(members, counts, strict=True) if was], left)

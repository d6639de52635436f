"""Edits of elements of hashes, lists, sets, sorted sets and streams."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied
from django_cachex.inspectors.edits import (
    AddEntry,
    AddFields,
    AddKey,
    AddMembers,
    AddScored,
    End,
    InsertItem,
    Outcome,
    Place,
    PopItems,
    PopMembers,
    PushItems,
    RemoveElements,
    RenameField,
    RenameMember,
    Result,
    SetField,
    SetFieldTtl,
    SetItem,
    SetScore,
    Trace,
    TrimList,
    TrimStream,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import encode_text, printable
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    Change,
    Moment,
    Target,
    Words,
    Write,
    batches,
    expecting,
    expiry,
    moment_of,
    own,
    replaced,
    separate,
    to_keep,
)
from django_cachex.inspectors.valkey.edit_keys import positive
from django_cachex.inspectors.valkey.element_ids import read_entry_id, read_index
from django_cachex.inspectors.values import fingerprint


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
    exists, raw, moment = yield [on.exists, ("HGET", on.key, name), moment_of(on.key, name)]
    obstacle = why_not(on, exists, raw, moment, edit.expected)
    if obstacle:
        return obstacle
    yield Write(setting(on.key, name, data, moment))
    return replace(replaced(raw, data), reason=said_of(moment, edit.expected))


def why_not(
    on: Target, exists: int, raw: bytes | None, moment: Moment, expected: str
) -> Outcome | None:
    """Return what keeps a field from being changed; its TTL does not, which is kept."""
    value, _moment = separate(expected)
    obstacle = on.obstacle(exists, raw, value)
    if obstacle is None or raw is None or obstacle.result != Result.CHANGED:
        return obstacle
    return replace(obstacle, expected=expecting(fingerprint(raw), own(moment)))


def setting(key: bytes, name: bytes, data: bytes, moment: Moment) -> list[Words]:
    """Return what sets a value and keeps the TTL, which HSET by itself takes away."""
    if isinstance(moment, AccessDenied):  # There may be one.
        return [("HSETEX", key, "KEEPTTL", "FIELDS", 1, name, data)]
    return [("HSET", key, name, data), *to_keep(key, name, moment)]


def said_of(moment: Moment, expected: str) -> Text:
    """Return what to know of the TTL of a field whose value or name was changed."""
    _value, seen = separate(expected)
    now = own(moment)
    if seen is None or now is None or seen == now:
        return ""
    if now == TTL_NONE:
        return _("Its TTL was removed in the meantime: it never expires.")
    return _("Its TTL was changed in the meantime, and the new TTL was kept.")


def rename_field(on: Target, edit: RenameField, names: list[bytes]) -> Change:
    [name], new = names, encode_text(edit.field)
    exists, raw, taken, moment = yield [
        on.exists,
        ("HGET", on.key, name),
        ("HEXISTS", on.key, new),
        moment_of(on.key, name),
    ]
    obstacle = why_not(on, exists, raw, moment, edit.expected)
    if obstacle:
        return obstacle
    if name == new:
        return UNCHANGED
    if taken:
        return Outcome(Result.EXISTS, printable(new))
    if isinstance(moment, AccessDenied):
        return Outcome.refused(
            _("The field may have a TTL, but the server doesn't allow reading it.")
        )
    keeping = to_keep(on.key, new, moment)
    yield Write([("HSET", on.key, new, raw), *keeping, ("HDEL", on.key, name)])
    reason = said_of(moment, edit.expected)
    return Outcome(Result.DONE, reason, old=Trace.of(name), new=Trace.of(new))


def remove_fields(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    reads: list[Words] = [("HMGET", on.key, *some) for some in batches(names)]
    exists, *found = yield [on.exists, *reads]
    if not exists:
        return GONE
    values = [raw for some in found for raw in some]
    for raw, chosen in zip(values, edit.elements, strict=True):
        expected, _moment = separate(chosen.expected)
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
    change: Words = ("HPERSIST", on.key, *fields)
    if edit.ttl != TTL_NONE:
        change = ("HPEXPIRE", on.key, positive(edit.ttl), *fields)
    exists, there, moment = yield [
        on.exists,
        ("HEXISTS", on.key, name),
        moment_of(on.key, name),
    ]
    if not exists:
        return GONE
    if not there:
        return ELEMENT_GONE
    _value, seen = separate(edit.expected)
    now = own(moment)
    if None not in (seen, now) and seen != now:
        text = _("The TTL of the field was changed.")
        return Outcome(Result.CHANGED, text, expected=expecting("", now))
    yield Write([change])
    return Outcome(Result.DONE)


def expected_item(raw: bytes, length: int) -> str:
    """Return the fingerprint of an item: it says how long the list is, as duplicates look alike."""
    return f"{fingerprint(raw)}.{length}"


def check_item(on: Target, length: int, raw: bytes | None, expected: str) -> Outcome | None:
    """Return what keeps an item from being changed, if anything does."""
    if not length:
        return GONE
    if raw is None:
        return ELEMENT_GONE
    found = expected_item(raw, length)
    return on.changed(raw, found) if expected and found != expected else None


def push_items(on: Target, edit: PushItems, names: list[bytes]) -> Change:
    items = on.all_data(edit.items)
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    # Each item that is pushed to the head comes before the one pushed before it.
    name, items = ("LPUSHX", items[::-1]) if edit.end == End.FIRST else ("RPUSHX", items)
    *_before, left = yield Write([(name, on.key, *some) for some in batches(items)])
    new = Trace.of(items[0]) if len(items) == 1 else None
    return Outcome(Result.DONE, count=len(items), left=left, new=new)


def insert_item(on: Target, edit: InsertItem, names: list[bytes]) -> Change:
    """Put a mark in the place of the item, so that LINSERT finds it and no duplicate."""
    index, data, mark = read_index(edit.element), on.data(edit.item), secrets.token_bytes(16)
    length, raw = yield [("LLEN", on.key), ("LINDEX", on.key, index)]
    found = check_item(on, length, raw, edit.expected)
    if found:
        return found
    is_before = edit.place == Place.BEFORE
    yield Write(
        [
            ("LSET", on.key, index, mark),
            ("LINSERT", on.key, "BEFORE" if is_before else "AFTER", mark, data),
            ("LSET", on.key, index + is_before, raw),
        ]
    )
    return Outcome(Result.DONE, count=1, left=length + 1, new=Trace.of(data))


def set_item(on: Target, edit: SetItem, names: list[bytes]) -> Change:
    index, data = read_index(edit.element), on.data(edit.item)
    length, raw = yield [("LLEN", on.key), ("LINDEX", on.key, index)]
    found = check_item(on, length, raw, edit.expected)
    if found:
        return found
    yield Write([("LSET", on.key, index, data)])
    return replaced(raw, data)


def remove_items(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    """Put a mark in the place of each item, and remove the marks."""
    chosen = {read_index(one.element): one.expected for one in edit.elements}
    mark = secrets.token_bytes(16)
    reads: list[Words] = [("LINDEX", on.key, index) for index in chosen]
    length, *found = yield [("LLEN", on.key), *reads]
    for raw, expected in zip(found, chosen.values(), strict=True):
        stands = check_item(on, length, raw, expected)
        if stands:
            return stands
    marking: list[Words] = [("LSET", on.key, index, mark) for index in chosen]
    *_set, count = yield Write([*marking, ("LREM", on.key, 0, mark)])
    return on.removed(count, length - count)


def pop_items(on: Target, edit: PopItems, names: list[bytes]) -> Change:
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    pop = "LPOP" if edit.end == End.FIRST else "RPOP"
    popped, left = yield Write([(pop, on.key, edit.count), ("LLEN", on.key)])
    return taken(on, popped, left)


def taken(on: Target, popped: list[bytes], left: int) -> Outcome:
    """Return what went where nobody chose it."""
    return Outcome(
        Result.DONE,
        count=len(popped),
        left=left,
        key_gone=not left,
        old=Trace.of(popped[0]) if len(popped) == 1 else None,
        removed=tuple(on.content(raw) for raw in popped),
    )


def trim_list(on: Target, edit: TrimList, names: list[bytes]) -> Change:
    [length] = yield [("LLEN", on.key)]
    if not length:
        return GONE
    if length != edit.length:
        return Outcome(Result.CHANGED, left=length)
    [_trimmed, left] = yield Write([("LTRIM", on.key, edit.start, edit.stop), ("LLEN", on.key)])
    return on.removed(length - left, left)


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


def replace_set_member(on: Target, edit: RenameMember, names: list[bytes]) -> Change:
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


def remove_set_members(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    removals: list[Words] = [("SREM", on.key, *some) for some in batches(names)]
    *counts, left = yield Write([*removals, ("SCARD", on.key)])
    return on.removed(sum(counts), left) if sum(counts) else ELEMENT_GONE


def pop_set_members(on: Target, edit: PopMembers, names: list[bytes]) -> Change:
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    popped, left = yield Write([("SPOP", on.key, edit.count), ("SCARD", on.key)])
    return taken(on, popped, left)


ZPOP = {End.FIRST: "ZPOPMIN", End.LAST: "ZPOPMAX"}


def score_text(score: float) -> bytes:
    """Return a score as people and the server read it: the shortest text that means it."""
    if math.isnan(score):
        raise ValueError(_("A score must be a number."))
    return repr(float(score)).removesuffix(".0").encode()


def expected_score(score: bytes | float) -> str:
    """Return the fingerprint of a score, however the server writes it."""
    return fingerprint(score_text(float(score)))


def check_member(exists: int, score: bytes | None, expected: str) -> Outcome | None:
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
    found = check_member(exists, old, edit.expected)
    if found:
        return found
    [changed] = yield Write([("ZADD", on.key, "XX", "CH", score, member)])
    if not changed:
        return UNCHANGED
    return Outcome(Result.DONE, old=Trace.of(score_text(float(old))), new=Trace.of(score))


def replace_sorted_set_member(on: Target, edit: RenameMember, names: list[bytes]) -> Change:
    [old], new = names, on.data(edit.member)
    exists, score, other = yield [
        on.exists,
        ("ZSCORE", on.key, old),
        ("ZSCORE", on.key, new),
    ]
    found = check_member(exists, score, edit.expected)
    if found:
        return found
    if old == new:
        return UNCHANGED
    if other is not None:
        return Outcome(Result.EXISTS)
    yield Write([("ZADD", on.key, score, new), ("ZREM", on.key, old)])
    return Outcome(Result.DONE, old=Trace.of(old), new=Trace.of(new))


def remove_sorted_set_members(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    reads: list[Words] = [("ZSCORE", on.key, name) for name in names]
    exists, *scores = yield [on.exists, *reads]
    if not exists:
        return GONE
    for score, chosen in zip(scores, edit.elements, strict=True):
        found = check_member(exists, score, chosen.expected)
        if found and found.result == Result.CHANGED:
            return found
    removals: list[Words] = [("ZREM", on.key, *some) for some in batches(names)]
    *counts, left = yield Write([*removals, ("ZCARD", on.key)])
    return on.removed(sum(counts), left) if sum(counts) else ELEMENT_GONE


def pop_sorted_set_members(on: Target, edit: PopMembers, names: list[bytes]) -> Change:
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


def add_entry(on: Target, edit: AddEntry, names: list[bytes]) -> Change:
    pairs = [word for name, value in edit.fields for word in (encode_text(name), on.data(value))]
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    entry_id = edit.id if edit.id == "*" else read_entry_id(edit.id)
    added, left = yield Write([("XADD", on.key, "NOMKSTREAM", entry_id, *pairs), ("XLEN", on.key)])
    return Outcome(Result.DONE, added.decode(), count=1, left=left) if added else GONE


def remove_entries(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    ids = [read_entry_id(one.element).encode() for one in edit.elements]
    [exists] = yield [on.exists]
    if not exists:
        return GONE
    removals: list[Words] = [("XDEL", on.key, *some) for some in batches(ids)]
    *counts, left = yield Write([*removals, ("XLEN", on.key)])
    # A stream stays when its last entry goes.
    return Outcome(Result.DONE, count=sum(counts), left=left) if sum(counts) else ELEMENT_GONE


def trim_stream(on: Target, edit: TrimStream, names: list[bytes]) -> Change:
    exists, length = yield [on.exists, ("XLEN", on.key)]
    if not exists:
        return GONE
    if length != edit.length:
        return Outcome(Result.CHANGED, left=length)
    count, left = yield Write([("XTRIM", on.key, "MAXLEN", edit.keep), ("XLEN", on.key)])
    return Outcome(Result.DONE, count=count, left=left)


def values(on: Target, edit: AddKey) -> list[bytes]:
    return on.all_data(edit.elements)


def scored(on: Target, edit: AddKey) -> list[bytes]:
    return [
        word for member, score in edit.elements for word in (score_text(score), on.data(member))
    ]


def fields(on: Target, edit: AddKey) -> list[bytes]:
    return [word for name, value in edit.elements for word in (encode_text(name), on.data(value))]


FILLING: Final[dict[str, tuple[str, Callable[[Target, AddKey], Sequence[bytes]]]]] = {
    "list": ("RPUSH", values),
    "set": ("SADD", values),
    "zset": ("ZADD", scored),
    "hash": ("HSET", fields),
}


def add_key(on: Target, edit: AddKey, names: list[bytes]) -> Change:
    commands = filling(on, edit)
    [exists] = yield [on.exists]
    if exists and not edit.replace:
        return Outcome(Result.EXISTS)
    clearing: list[Words] = [("UNLINK", on.key)] if exists else []
    yield Write([*clearing, *commands, *expiry(on.key, edit.ttl)])
    return Outcome(Result.DONE, count=len(edit.elements))


def filling(on: Target, edit: AddKey) -> list[Words]:
    """Return the commands that fill a new key; the elements of a stream are one entry's fields."""
    if edit.type == "stream":
        return [("XADD", on.key, "*", *fields(on, edit))]
    name, words_of = FILLING[edit.type]
    return [(name, on.key, *some) for some in batches(words_of(on, edit))]

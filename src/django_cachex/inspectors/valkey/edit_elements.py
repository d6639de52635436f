"""Edits of elements of hashes, lists, sets, sorted sets and streams."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied
from django_cachex.commands.command import CommandArgs
from django_cachex.inspectors.edits import (
    AddEntry,
    AddFields,
    AddMembers,
    CreateCollection,
    EditResult,
    EditStatus,
    End,
    ExpireField,
    InsertItem,
    InsertPosition,
    PopElements,
    PushItems,
    RemoveElements,
    RenameField,
    SetElement,
    SetScore,
    TrimList,
    TrimStream,
    ValueDigest,
    ZAdd,
    require_positive_ttl,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text, encode_text
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    EditFailed,
    EditProgram,
    EditTarget,
    Reading,
    Writes,
    replaced_result,
    split_batches,
)
from django_cachex.inspectors.valkey.element_rows import (
    FieldTimesReply,
    expiry_timestamp,
    field_expiry_command,
    field_fingerprint,
    format_score,
    has_expiry_changed,
    item_fingerprint,
    parse_entry_id,
    parse_index,
    score_fingerprint,
    split_field_fingerprint,
)
from django_cachex.inspectors.valkey.key_info import COLLECTIONS
from django_cachex.inspectors.values import fingerprint

# Results.


def single_digest(values: Sequence[bytes]) -> ValueDigest | None:
    """Return the digest of a single value, or None for several."""
    return ValueDigest.from_bytes(values[0]) if len(values) == 1 else None


def added_result(count: int, remaining: int, values: Sequence[bytes]) -> EditResult:
    """Return a result for added members, or `UNCHANGED` if all of them existed already."""
    if not count:
        return UNCHANGED
    return EditResult(EditStatus.DONE, count=count, remaining=remaining, new=single_digest(values))


def removed_result(count: int, remaining: int) -> EditResult:
    """Return a result for removed elements; the key is deleted with the last one."""
    if not count:
        return ELEMENT_GONE
    return EditResult(EditStatus.DONE, count=count, remaining=remaining, key_gone=not remaining)


def popped_result(target: EditTarget, popped: Sequence[bytes], remaining: int) -> EditResult:
    """Return a result with the elements that were popped."""
    return EditResult(
        EditStatus.DONE,
        count=len(popped),
        remaining=remaining,
        key_gone=not remaining,
        old=single_digest(popped),
        removed=tuple(target.decode(raw) for raw in popped),
    )


# Hashes.


def read_field(target: EditTarget, expected: str, *reads: CommandArgs) -> Reading:
    """Return the value of a field, its expiry, and the replies to other reads.

    Raise `EditFailed` if the value isn't as expected. A changed TTL is accepted.
    """
    raw, expiry, *replies = yield from target.read(
        ("HGET", target.key, target.name), field_expiry_command(target.key, target.name), *reads
    )
    if raw is None:
        raise EditFailed(ELEMENT_GONE)
    seen_fingerprint, _timestamp = split_field_fingerprint(expected)
    if seen_fingerprint and seen_fingerprint != fingerprint(raw):
        current = field_fingerprint(fingerprint(raw), expiry_timestamp(expiry))
        raise EditFailed(target.changed_result(raw, current))
    return [raw, expiry, *replies]


def ttl_note(expiry: FieldTimesReply, expected: str) -> Text:
    """Return a note if the TTL of an edited field has changed since it was shown."""
    if not has_expiry_changed(expiry, expected):
        return ""
    if expiry_timestamp(expiry) == TTL_NONE:
        return _("Its TTL was removed in the meantime: it never expires.")
    return _("Its TTL was changed in the meantime, and the new TTL was kept.")


def restore_expiry_commands(key: bytes, name: bytes, expiry: FieldTimesReply) -> list[CommandArgs]:
    """Return the commands that restore a field's TTL, to the millisecond."""
    timestamp = expiry_timestamp(expiry)
    if timestamp is None or timestamp < 0:
        return []
    return [("HPEXPIREAT", key, timestamp, "FIELDS", 1, name)]


def add_fields(target: EditTarget, edit: AddFields) -> EditProgram:
    fields = {encode_text(name): target.serialize(value) for name, value in edit.fields}
    replies = yield from target.read(*split_batches("HMGET", target.key, list(fields)))
    old = dict(zip(fields, (raw for reply in replies for raw in reply), strict=True))
    existing = [display_text(name) for name, raw in old.items() if raw is not None]
    if existing and not edit.replace:
        return EditResult(EditStatus.EXISTS, ", ".join(existing[:10]))
    pairs = [word for field in fields.items() for word in field]
    yield Writes(split_batches("HSET", target.key, pairs))
    return EditResult(
        EditStatus.DONE, count=len(fields) - len(existing), new=single_digest(list(fields.values()))
    )


def set_field(target: EditTarget, edit: SetElement) -> EditProgram:
    """Set the value and keep the field's TTL, which `HSET` removes."""
    key, name, data = target.key, target.name, target.serialize(edit.value)
    raw, expiry = yield from read_field(target, edit.expected)
    if isinstance(expiry, AccessDenied):  # The field may have a TTL.
        yield Writes([("HSETEX", key, "KEEPTTL", "FIELDS", 1, name, data)])
    else:
        yield Writes([("HSET", key, name, data), *restore_expiry_commands(key, name, expiry)])
    return replace(replaced_result(raw, data), reason=ttl_note(expiry, edit.expected))


def rename_field(target: EditTarget, edit: RenameField) -> EditProgram:
    key, name, new = target.key, target.name, encode_text(edit.field)
    raw, expiry, name_exists = yield from read_field(target, edit.expected, ("HEXISTS", key, new))
    if name == new:
        return UNCHANGED
    if name_exists:
        return EditResult(EditStatus.EXISTS, display_text(new))
    if isinstance(expiry, AccessDenied):
        return EditResult.refusal(
            _("The field may have a TTL, but the server doesn't allow reading it.")
        )
    keep_ttl = restore_expiry_commands(key, new, expiry)
    yield Writes([("HSET", key, new, raw), *keep_ttl, ("HDEL", key, name)])
    return replace(replaced_result(name, new), reason=ttl_note(expiry, edit.expected))


def set_field_ttl(target: EditTarget, edit: ExpireField) -> EditProgram:
    """Set the TTL of a field, even if its value has changed, but not if its expiry has.

    `edit.expected` has the old expiry.
    """
    fields: CommandArgs = ("FIELDS", 1, target.name)
    command: CommandArgs = ("HPERSIST", target.key, *fields)
    if edit.ttl != TTL_NONE:
        command = ("HPEXPIRE", target.key, require_positive_ttl(edit.ttl), *fields)
    _raw, expiry = yield from read_field(target, "")
    if has_expiry_changed(expiry, edit.expected):
        text = _("The TTL of the field was changed.")
        current = field_fingerprint("", expiry_timestamp(expiry))
        return EditResult(EditStatus.CHANGED, text, expected=current)
    yield Writes([command])
    return EditResult(EditStatus.DONE)


def remove_fields(target: EditTarget, edit: RemoveElements) -> EditProgram:
    replies = yield from target.read(*split_batches("HMGET", target.key, target.names))
    values = [raw for reply in replies for raw in reply]
    for raw, chosen in zip(values, edit.elements, strict=True):
        seen_fingerprint, _timestamp = split_field_fingerprint(chosen.expected)
        if raw is not None and seen_fingerprint and seen_fingerprint != fingerprint(raw):
            return target.changed_result(raw)
    existing = [name for name, raw in zip(target.names, values, strict=True) if raw is not None]
    if not existing:
        return ELEMENT_GONE
    removals = split_batches("HDEL", target.key, existing)
    *counts, remaining = yield Writes([*removals, ("HLEN", target.key)])
    return removed_result(sum(counts), remaining)


# Lists.


def read_items(target: EditTarget, expected: dict[int, str]) -> Reading:
    """Return the length of a list and items; raise `EditFailed` if one is not as expected."""
    reads: list[CommandArgs] = [("LINDEX", target.key, index) for index in expected]
    length, *items = yield [("LLEN", target.key), *reads]
    if not length:
        raise EditFailed(GONE)
    for raw, item_expected in zip(items, expected.values(), strict=True):
        if raw is None:
            raise EditFailed(ELEMENT_GONE)
        current = item_fingerprint(raw, length)
        if item_expected and item_expected != current:
            raise EditFailed(target.changed_result(raw, current))
    return [length, *items]


def push_items(target: EditTarget, edit: PushItems) -> EditProgram:
    items = target.serialize_all(edit.items)
    yield from target.read()
    # LPUSHX puts each item before the previous one, so the order is reversed.
    name, items = ("LPUSHX", items[::-1]) if edit.end == End.FIRST else ("RPUSHX", items)
    *_before, remaining = yield Writes(split_batches(name, target.key, items))
    return added_result(len(items), remaining, items)


def insert_item(target: EditTarget, edit: InsertItem) -> EditProgram:
    """Insert an item beside another.

    `LINSERT` finds the other item by its value, which may occur several times. So a unique marker
    takes its place until the item is inserted.
    """
    index, data = parse_index(edit.element), target.serialize(edit.item)
    marker = secrets.token_bytes(16)
    length, raw = yield from read_items(target, {index: edit.expected})
    is_before = edit.position == InsertPosition.BEFORE
    yield Writes(
        [
            ("LSET", target.key, index, marker),
            ("LINSERT", target.key, "BEFORE" if is_before else "AFTER", marker, data),
            # An item inserted before the marker moves it by one.
            ("LSET", target.key, index + is_before, raw),
        ]
    )
    return added_result(1, length + 1, [data])


def set_item(target: EditTarget, edit: SetElement) -> EditProgram:
    index, data = parse_index(edit.element), target.serialize(edit.value)
    _length, raw = yield from read_items(target, {index: edit.expected})
    yield Writes([("LSET", target.key, index, data)])
    return replaced_result(raw, data)


def remove_items(target: EditTarget, edit: RemoveElements) -> EditProgram:
    """Replace each item with a unique marker, then remove the markers."""
    expected = {parse_index(chosen.element): chosen.expected for chosen in edit.elements}
    marker = secrets.token_bytes(16)
    length, *_items = yield from read_items(target, expected)
    marking: list[CommandArgs] = [("LSET", target.key, index, marker) for index in expected]
    *_set, count = yield Writes([*marking, ("LREM", target.key, 0, marker)])
    return removed_result(count, length - count)


def trim_list(target: EditTarget, edit: TrimList) -> EditProgram:
    [length] = yield [("LLEN", target.key)]
    if not length:
        return GONE
    if length != edit.length:
        return EditResult(EditStatus.CHANGED, remaining=length)
    [_trimmed, remaining] = yield Writes(
        [("LTRIM", target.key, edit.start, edit.stop), ("LLEN", target.key)]
    )
    return EditResult(
        EditStatus.DONE, count=length - remaining, remaining=remaining, key_gone=not remaining
    )


# Sets.


def add_members(target: EditTarget, edit: AddMembers) -> EditProgram:
    members = target.serialize_all(edit.members)
    yield from target.read()
    adding = split_batches("SADD", target.key, members)
    *counts, remaining = yield Writes([*adding, ("SCARD", target.key)])
    return added_result(sum(counts), remaining, members)


def replace_set_member(target: EditTarget, edit: SetElement) -> EditProgram:
    key, old, new = target.key, target.name, target.serialize(edit.value)
    exists, new_exists = yield from target.read(("SISMEMBER", key, old), ("SISMEMBER", key, new))
    if not exists:
        return ELEMENT_GONE
    if old == new:
        return UNCHANGED
    if new_exists:
        return EditResult(EditStatus.EXISTS)
    yield Writes([("SADD", key, new), ("SREM", key, old)])
    return replaced_result(old, new)


def remove_set_members(target: EditTarget, edit: RemoveElements) -> EditProgram:
    yield from target.read()
    removals = split_batches("SREM", target.key, target.names)
    *counts, remaining = yield Writes([*removals, ("SCARD", target.key)])
    return removed_result(sum(counts), remaining)


# Sorted sets.


def check_score(score: bytes, expected: str) -> None:
    """Raise `EditFailed` if a member doesn't have the expected score."""
    current = score_fingerprint(score)
    if expected and current != expected:
        text = format_score(float(score)).decode()
        raise EditFailed(EditResult(EditStatus.CHANGED, text, expected=current))


def read_score(target: EditTarget, expected: str, *reads: CommandArgs) -> Reading:
    """Return the score of a member and the replies to other reads, if it is as expected."""
    score, *replies = yield from target.read(("ZSCORE", target.key, target.name), *reads)
    if score is None:
        raise EditFailed(ELEMENT_GONE)
    check_score(score, expected)
    return [score, *replies]


def add_sorted_set_members(target: EditTarget, edit: ZAdd) -> EditProgram:
    members = [target.serialize(member) for member, _score in edit.members]
    scores = [format_score(score) for _member, score in edit.members]
    yield from target.read()
    pairs = [word for pair in zip(scores, members, strict=True) for word in pair]
    flags = (*edit.condition.value.split(), "CH")
    adding = split_batches("ZADD", target.key, pairs, *flags)
    *counts, remaining = yield Writes([*adding, ("ZCARD", target.key)])
    return added_result(sum(counts), remaining, members)


def set_score(target: EditTarget, edit: SetScore) -> EditProgram:
    score = format_score(edit.score)
    [old] = yield from read_score(target, edit.expected)
    [changed] = yield Writes([("ZADD", target.key, "XX", "CH", score, target.name)])
    return replaced_result(format_score(float(old)), score) if changed else UNCHANGED


def replace_sorted_set_member(target: EditTarget, edit: SetElement) -> EditProgram:
    key, old, new = target.key, target.name, target.serialize(edit.value)
    score, new_score = yield from read_score(target, edit.expected, ("ZSCORE", key, new))
    if old == new:
        return UNCHANGED
    if new_score is not None:
        return EditResult(EditStatus.EXISTS)
    yield Writes([("ZADD", key, score, new), ("ZREM", key, old)])
    return replaced_result(old, new)


def remove_sorted_set_members(target: EditTarget, edit: RemoveElements) -> EditProgram:
    scores = yield from target.read(*(("ZSCORE", target.key, name) for name in target.names))
    for score, chosen in zip(scores, edit.elements, strict=True):
        if score is not None:
            check_score(score, chosen.expected)
    removals = split_batches("ZREM", target.key, target.names)
    *counts, remaining = yield Writes([*removals, ("ZCARD", target.key)])
    return removed_result(sum(counts), remaining)


def pop_random_sorted_set_members(target: EditTarget, edit: PopElements) -> EditProgram:
    """Pop random members: the server chooses them, then ZREM removes those still there."""
    [members] = yield from target.read(("ZRANDMEMBER", target.key, edit.count))
    removals: list[CommandArgs] = [("ZREM", target.key, member) for member in members]
    *counts, remaining = yield Writes(
        [*removals, ("ZCARD", target.key)], conditions=[(("EXISTS", target.key), 1)]
    )
    removed = [member for member, count in zip(members, counts, strict=True) if count]
    return popped_result(target, removed, remaining)


# Streams.


def add_entry(target: EditTarget, edit: AddEntry) -> EditProgram:
    pairs = encode_fields(target, edit.fields)
    yield from target.read()
    entry_id = edit.id if edit.id == "*" else parse_entry_id(edit.id)
    added, remaining = yield Writes(
        [("XADD", target.key, "NOMKSTREAM", entry_id, *pairs), ("XLEN", target.key)]
    )
    if not added:
        return GONE
    return EditResult(EditStatus.DONE, added.decode(), count=1, remaining=remaining)


def remove_entries(target: EditTarget, edit: RemoveElements) -> EditProgram:
    ids = [parse_entry_id(chosen.element).encode() for chosen in edit.elements]
    yield from target.read()
    removals = split_batches("XDEL", target.key, ids)
    *counts, remaining = yield Writes([*removals, ("XLEN", target.key)])
    # Unlike other collections, a stream still exists without entries.
    return replace(removed_result(sum(counts), remaining), key_gone=False)


def trim_stream(target: EditTarget, edit: TrimStream) -> EditProgram:
    [length] = yield from target.read(("XLEN", target.key))
    if length != edit.length:
        return EditResult(EditStatus.CHANGED, remaining=length)
    count, remaining = yield Writes(
        [("XTRIM", target.key, "MAXLEN", edit.keep), ("XLEN", target.key)]
    )
    return EditResult(EditStatus.DONE, count=count, remaining=remaining)


# Collections of several types.


POP_COMMANDS: Final = {
    ("list", End.FIRST): "LPOP",
    ("list", End.LAST): "RPOP",
    ("set", End.RANDOM): "SPOP",
    ("zset", End.FIRST): "ZPOPMIN",
    ("zset", End.LAST): "ZPOPMAX",
}


def pop_elements(target: EditTarget, edit: PopElements) -> EditProgram:
    if (edit.type, edit.end) == ("zset", End.RANDOM):
        return (yield from pop_random_sorted_set_members(target, edit))
    pop, length = POP_COMMANDS[edit.type, edit.end], COLLECTIONS[edit.type].length
    yield from target.read()
    popped, remaining = yield Writes([(pop, target.key, edit.count), (length, target.key)])
    return popped_result(target, popped[::2] if edit.type == "zset" else popped, remaining)


def encode_scored_members(target: EditTarget, members: Sequence[tuple[Any, float]]) -> list[bytes]:
    return [
        word
        for member, score in members
        for word in (format_score(score), target.serialize(member))
    ]


def encode_fields(target: EditTarget, fields: Sequence[tuple[str, Any]]) -> list[bytes]:
    return [word for name, value in fields for word in (encode_text(name), target.serialize(value))]


CREATE_COMMANDS: Final[
    dict[str, tuple[str, Callable[[EditTarget, Sequence[Any]], list[bytes]]]]
] = {
    "list": ("RPUSH", EditTarget.serialize_all),
    "set": ("SADD", EditTarget.serialize_all),
    "zset": ("ZADD", encode_scored_members),
    "hash": ("HSET", encode_fields),
}


def create_collection(target: EditTarget, edit: CreateCollection) -> EditProgram:
    """Fill a new key; a stream gets one entry with all the fields."""
    if edit.type == "stream":
        commands: list[CommandArgs] = [
            ("XADD", target.key, "*", *encode_fields(target, edit.elements))
        ]
    else:
        name, encode = CREATE_COMMANDS[edit.type]
        commands = split_batches(name, target.key, encode(target, edit.elements))
    [exists] = yield [("EXISTS", target.key)]
    if exists and not edit.replace:
        return EditResult(EditStatus.EXISTS)
    if exists:
        commands.insert(0, ("UNLINK", target.key))
    if edit.ttl != TTL_NONE:
        commands.append(("PEXPIRE", target.key, edit.ttl))
    yield Writes(commands)
    return EditResult(EditStatus.DONE, count=len(edit.elements))

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
    AddMembers,
    CreateCollection,
    EditResult,
    EditStatus,
    End,
    ExpireField,
    InsertItem,
    InsertPosition,
    PopItems,
    PopMembers,
    PushItems,
    RemoveElements,
    RenameField,
    ReplaceMember,
    SetField,
    SetItem,
    SetScore,
    TrimList,
    TrimStream,
    ValueDigest,
    ZAdd,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text, encode_text
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    CommandArgs,
    EditProgram,
    EditTarget,
    FieldExpiryReply,
    Writes,
    expire_commands,
    expiry_timestamp,
    field_expiry_command,
    join_expected,
    replaced_result,
    restore_expiry_commands,
    split_batches,
    split_expected,
)
from django_cachex.inspectors.valkey.edit_keys import require_positive_ttl
from django_cachex.inspectors.valkey.element_ids import parse_entry_id, parse_index
from django_cachex.inspectors.values import fingerprint


def add_fields(target: EditTarget, edit: AddFields, names: list[bytes]) -> EditProgram:
    fields = {encode_text(name): target.serialize(value) for name, value in edit.fields}
    reads: list[CommandArgs] = [
        ("HMGET", target.key, *batch) for batch in split_batches(list(fields))
    ]
    exists, *replies = yield [target.exists_command, *reads]
    if not exists:
        return GONE
    old = dict(zip(fields, (raw for reply in replies for raw in reply), strict=True))
    existing = [display_text(name) for name, raw in old.items() if raw is not None]
    if existing and not edit.replace:
        return EditResult(EditStatus.EXISTS, ", ".join(existing[:10]))
    pairs = [word for field in fields.items() for word in field]
    yield Writes([("HSET", target.key, *batch) for batch in split_batches(pairs)])
    return EditResult(
        EditStatus.DONE, count=len(fields) - len(existing), new=single_digest(list(fields.values()))
    )


def single_digest(values: list[bytes]) -> ValueDigest | None:
    """Return the digest of a single value, or None for several."""
    return ValueDigest.from_bytes(values[0]) if len(values) == 1 else None


def set_field(target: EditTarget, edit: SetField, names: list[bytes]) -> EditProgram:
    [name], data = names, target.serialize(edit.value)
    exists, raw, expiry = yield [
        target.exists_command,
        ("HGET", target.key, name),
        field_expiry_command(target.key, name),
    ]
    mismatch = check_field(target, exists, raw, expiry, edit.expected)
    if mismatch:
        return mismatch
    yield Writes(set_keeping_ttl(target.key, name, data, expiry))
    return replace(replaced_result(raw, data), reason=ttl_note(expiry, edit.expected))


def check_field(
    target: EditTarget, exists: int, raw: bytes | None, expiry: FieldExpiryReply, expected: str
) -> EditResult | None:
    """Return the result to report if a field's value has changed; a changed TTL is no obstacle."""
    value, _moment = split_expected(expected)
    mismatch = target.check_expected(exists, raw, value)
    if mismatch is None or raw is None or mismatch.status != EditStatus.CHANGED:
        return mismatch
    return replace(mismatch, expected=join_expected(fingerprint(raw), expiry_timestamp(expiry)))


def set_keeping_ttl(
    key: bytes, name: bytes, data: bytes, expiry: FieldExpiryReply
) -> list[CommandArgs]:
    """Return the commands that set a value and keep the field's TTL, which HSET would remove."""
    if isinstance(expiry, AccessDenied):  # The field may have a TTL.
        return [("HSETEX", key, "KEEPTTL", "FIELDS", 1, name, data)]
    return [("HSET", key, name, data), *restore_expiry_commands(key, name, expiry)]


def ttl_note(expiry: FieldExpiryReply, expected: str) -> Text:
    """Return a note if the TTL of an edited field has changed since it was shown."""
    _value, seen_expiry = split_expected(expected)
    current_expiry = expiry_timestamp(expiry)
    if seen_expiry is None or current_expiry is None or seen_expiry == current_expiry:
        return ""
    if current_expiry == TTL_NONE:
        return _("Its TTL was removed in the meantime: it never expires.")
    return _("Its TTL was changed in the meantime, and the new TTL was kept.")


def rename_field(target: EditTarget, edit: RenameField, names: list[bytes]) -> EditProgram:
    [name], new = names, encode_text(edit.field)
    exists, raw, name_exists, expiry = yield [
        target.exists_command,
        ("HGET", target.key, name),
        ("HEXISTS", target.key, new),
        field_expiry_command(target.key, name),
    ]
    mismatch = check_field(target, exists, raw, expiry, edit.expected)
    if mismatch:
        return mismatch
    if name == new:
        return UNCHANGED
    if name_exists:
        return EditResult(EditStatus.EXISTS, display_text(new))
    if isinstance(expiry, AccessDenied):
        return EditResult.refusal(
            _("The field may have a TTL, but the server doesn't allow reading it.")
        )
    keep_ttl = restore_expiry_commands(target.key, new, expiry)
    yield Writes([("HSET", target.key, new, raw), *keep_ttl, ("HDEL", target.key, name)])
    reason = ttl_note(expiry, edit.expected)
    return EditResult(
        EditStatus.DONE, reason, old=ValueDigest.from_bytes(name), new=ValueDigest.from_bytes(new)
    )


def remove_fields(target: EditTarget, edit: RemoveElements, names: list[bytes]) -> EditProgram:
    reads: list[CommandArgs] = [("HMGET", target.key, *batch) for batch in split_batches(names)]
    exists, *replies = yield [target.exists_command, *reads]
    if not exists:
        return GONE
    values = [raw for reply in replies for raw in reply]
    for raw, chosen in zip(values, edit.elements, strict=True):
        expected, _moment = split_expected(chosen.expected)
        if raw is not None and expected and fingerprint(raw) != expected:
            return target.changed_result(raw)
    existing = [name for name, raw in zip(names, values, strict=True) if raw is not None]
    if not existing:
        return ELEMENT_GONE
    removals: list[CommandArgs] = [
        ("HDEL", target.key, *batch) for batch in split_batches(existing)
    ]
    *counts, remaining = yield Writes([*removals, ("HLEN", target.key)])
    return target.removed_result(sum(counts), remaining)


def set_field_ttl(target: EditTarget, edit: ExpireField, names: list[bytes]) -> EditProgram:
    [name] = names
    fields: CommandArgs = ("FIELDS", 1, name)
    command: CommandArgs = ("HPERSIST", target.key, *fields)
    if edit.ttl != TTL_NONE:
        command = ("HPEXPIRE", target.key, require_positive_ttl(edit.ttl), *fields)
    exists, field_exists, expiry = yield [
        target.exists_command,
        ("HEXISTS", target.key, name),
        field_expiry_command(target.key, name),
    ]
    if not exists:
        return GONE
    if not field_exists:
        return ELEMENT_GONE
    _value, seen_expiry = split_expected(edit.expected)
    current_expiry = expiry_timestamp(expiry)
    if None not in (seen_expiry, current_expiry) and seen_expiry != current_expiry:
        text = _("The TTL of the field was changed.")
        return EditResult(EditStatus.CHANGED, text, expected=join_expected("", current_expiry))
    yield Writes([command])
    return EditResult(EditStatus.DONE)


def item_fingerprint(raw: bytes, length: int) -> str:
    """Return the fingerprint of an item.

    It includes the length of the list, because duplicates have the same value.
    """
    return f"{fingerprint(raw)}.{length}"


def check_item(
    target: EditTarget, length: int, raw: bytes | None, expected: str
) -> EditResult | None:
    """Return the result to report if an item is not the expected one, or None."""
    if not length:
        return GONE
    if raw is None:
        return ELEMENT_GONE
    current = item_fingerprint(raw, length)
    return target.changed_result(raw, current) if expected and current != expected else None


def push_items(target: EditTarget, edit: PushItems, names: list[bytes]) -> EditProgram:
    items = target.serialize_all(edit.items)
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    # LPUSHX puts each item before the previous one, so the order is reversed.
    name, items = ("LPUSHX", items[::-1]) if edit.end == End.FIRST else ("RPUSHX", items)
    *_before, remaining = yield Writes(
        [(name, target.key, *batch) for batch in split_batches(items)]
    )
    new = ValueDigest.from_bytes(items[0]) if len(items) == 1 else None
    return EditResult(EditStatus.DONE, count=len(items), remaining=remaining, new=new)


def insert_item(target: EditTarget, edit: InsertItem, names: list[bytes]) -> EditProgram:
    """Insert an item beside another.

    LINSERT finds its pivot by value: a unique marker replaces it meanwhile, as there may be
    duplicates.
    """
    index, data, marker = (
        parse_index(edit.element),
        target.serialize(edit.item),
        secrets.token_bytes(16),
    )
    length, raw = yield [("LLEN", target.key), ("LINDEX", target.key, index)]
    mismatch = check_item(target, length, raw, edit.expected)
    if mismatch:
        return mismatch
    is_before = edit.position == InsertPosition.BEFORE
    yield Writes(
        [
            ("LSET", target.key, index, marker),
            ("LINSERT", target.key, "BEFORE" if is_before else "AFTER", marker, data),
            ("LSET", target.key, index + is_before, raw),
        ]
    )
    return EditResult(
        EditStatus.DONE, count=1, remaining=length + 1, new=ValueDigest.from_bytes(data)
    )


def set_item(target: EditTarget, edit: SetItem, names: list[bytes]) -> EditProgram:
    index, data = parse_index(edit.element), target.serialize(edit.item)
    length, raw = yield [("LLEN", target.key), ("LINDEX", target.key, index)]
    mismatch = check_item(target, length, raw, edit.expected)
    if mismatch:
        return mismatch
    yield Writes([("LSET", target.key, index, data)])
    return replaced_result(raw, data)


def remove_items(target: EditTarget, edit: RemoveElements, names: list[bytes]) -> EditProgram:
    """Replace each item with a unique marker, then remove the markers."""
    expected_items = {parse_index(chosen.element): chosen.expected for chosen in edit.elements}
    marker = secrets.token_bytes(16)
    reads: list[CommandArgs] = [("LINDEX", target.key, index) for index in expected_items]
    length, *items = yield [("LLEN", target.key), *reads]
    for raw, expected in zip(items, expected_items.values(), strict=True):
        mismatch = check_item(target, length, raw, expected)
        if mismatch:
            return mismatch
    mark_items: list[CommandArgs] = [
        ("LSET", target.key, index, marker) for index in expected_items
    ]
    *_set, count = yield Writes([*mark_items, ("LREM", target.key, 0, marker)])
    return target.removed_result(count, length - count)


def pop_items(target: EditTarget, edit: PopItems, names: list[bytes]) -> EditProgram:
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    pop = "LPOP" if edit.end == End.FIRST else "RPOP"
    popped, remaining = yield Writes([(pop, target.key, edit.count), ("LLEN", target.key)])
    return popped_result(target, popped, remaining)


def popped_result(target: EditTarget, popped: list[bytes], remaining: int) -> EditResult:
    """Return a result with the elements that were popped."""
    return EditResult(
        EditStatus.DONE,
        count=len(popped),
        remaining=remaining,
        key_gone=not remaining,
        old=ValueDigest.from_bytes(popped[0]) if len(popped) == 1 else None,
        removed=tuple(target.decode(raw) for raw in popped),
    )


def trim_list(target: EditTarget, edit: TrimList, names: list[bytes]) -> EditProgram:
    [length] = yield [("LLEN", target.key)]
    if not length:
        return GONE
    if length != edit.length:
        return EditResult(EditStatus.CHANGED, remaining=length)
    [_trimmed, remaining] = yield Writes(
        [("LTRIM", target.key, edit.start, edit.stop), ("LLEN", target.key)]
    )
    return target.removed_result(length - remaining, remaining)


def add_members(target: EditTarget, edit: AddMembers, names: list[bytes]) -> EditProgram:
    members = target.serialize_all(edit.members)
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    adding: list[CommandArgs] = [("SADD", target.key, *batch) for batch in split_batches(members)]
    *counts, remaining = yield Writes([*adding, ("SCARD", target.key)])
    if not sum(counts):
        return UNCHANGED
    new = ValueDigest.from_bytes(members[0]) if len(members) == 1 else None
    return EditResult(EditStatus.DONE, count=sum(counts), remaining=remaining, new=new)


def replace_set_member(target: EditTarget, edit: ReplaceMember, names: list[bytes]) -> EditProgram:
    [old], new = names, target.serialize(edit.member)
    exists, member_exists, new_exists = yield [
        target.exists_command,
        ("SISMEMBER", target.key, old),
        ("SISMEMBER", target.key, new),
    ]
    if not exists:
        return GONE
    if not member_exists:
        return ELEMENT_GONE
    if old == new:
        return UNCHANGED
    if new_exists:
        return EditResult(EditStatus.EXISTS)
    yield Writes([("SADD", target.key, new), ("SREM", target.key, old)])
    return EditResult(
        EditStatus.DONE, old=ValueDigest.from_bytes(old), new=ValueDigest.from_bytes(new)
    )


def remove_set_members(target: EditTarget, edit: RemoveElements, names: list[bytes]) -> EditProgram:
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    removals: list[CommandArgs] = [("SREM", target.key, *batch) for batch in split_batches(names)]
    *counts, remaining = yield Writes([*removals, ("SCARD", target.key)])
    return target.removed_result(sum(counts), remaining) if sum(counts) else ELEMENT_GONE


def pop_set_members(target: EditTarget, edit: PopMembers, names: list[bytes]) -> EditProgram:
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    popped, remaining = yield Writes([("SPOP", target.key, edit.count), ("SCARD", target.key)])
    return popped_result(target, popped, remaining)


ZPOP_COMMANDS = {End.FIRST: "ZPOPMIN", End.LAST: "ZPOPMAX"}


def format_score(score: float) -> bytes:
    """Return the shortest text that represents a score exactly."""
    if math.isnan(score):
        raise ValueError(_("A score must be a number."))
    return repr(float(score)).removesuffix(".0").encode()


def score_fingerprint(score: bytes | float) -> str:
    """Return the fingerprint of a score, whichever way the server formats it."""
    return fingerprint(format_score(float(score)))


def check_member(exists: int, score: bytes | None, expected: str) -> EditResult | None:
    """Return the result to report if a member does not have the expected score, or None."""
    if not exists:
        return GONE
    if score is None:
        return ELEMENT_GONE
    if expected and score_fingerprint(score) != expected:
        return EditResult(
            EditStatus.CHANGED,
            format_score(float(score)).decode(),
            expected=score_fingerprint(score),
        )
    return None


def add_sorted_set_members(target: EditTarget, edit: ZAdd, names: list[bytes]) -> EditProgram:
    members = [target.serialize(member) for member, _score in edit.members]
    scores = [format_score(score) for _member, score in edit.members]
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    pairs = [word for pair in zip(scores, members, strict=True) for word in pair]
    flags = (*edit.condition.value.split(), "CH")
    adding: list[CommandArgs] = [
        ("ZADD", target.key, *flags, *batch) for batch in split_batches(pairs)
    ]
    *counts, remaining = yield Writes([*adding, ("ZCARD", target.key)])
    if not sum(counts):
        return UNCHANGED
    new = ValueDigest.from_bytes(members[0]) if len(members) == 1 else None
    return EditResult(EditStatus.DONE, count=sum(counts), remaining=remaining, new=new)


def set_score(target: EditTarget, edit: SetScore, names: list[bytes]) -> EditProgram:
    [member], score = names, format_score(edit.score)
    exists, old = yield [target.exists_command, ("ZSCORE", target.key, member)]
    mismatch = check_member(exists, old, edit.expected)
    if mismatch:
        return mismatch
    [changed] = yield Writes([("ZADD", target.key, "XX", "CH", score, member)])
    if not changed:
        return UNCHANGED
    return EditResult(
        EditStatus.DONE,
        old=ValueDigest.from_bytes(format_score(float(old))),
        new=ValueDigest.from_bytes(score),
    )


def replace_sorted_set_member(
    target: EditTarget, edit: ReplaceMember, names: list[bytes]
) -> EditProgram:
    [old], new = names, target.serialize(edit.member)
    exists, score, new_score = yield [
        target.exists_command,
        ("ZSCORE", target.key, old),
        ("ZSCORE", target.key, new),
    ]
    mismatch = check_member(exists, score, edit.expected)
    if mismatch:
        return mismatch
    if old == new:
        return UNCHANGED
    if new_score is not None:
        return EditResult(EditStatus.EXISTS)
    yield Writes([("ZADD", target.key, score, new), ("ZREM", target.key, old)])
    return EditResult(
        EditStatus.DONE, old=ValueDigest.from_bytes(old), new=ValueDigest.from_bytes(new)
    )


def remove_sorted_set_members(
    target: EditTarget, edit: RemoveElements, names: list[bytes]
) -> EditProgram:
    reads: list[CommandArgs] = [("ZSCORE", target.key, name) for name in names]
    exists, *scores = yield [target.exists_command, *reads]
    if not exists:
        return GONE
    for score, chosen in zip(scores, edit.elements, strict=True):
        mismatch = check_member(exists, score, chosen.expected)
        if mismatch and mismatch.status == EditStatus.CHANGED:
            return mismatch
    removals: list[CommandArgs] = [("ZREM", target.key, *batch) for batch in split_batches(names)]
    *counts, remaining = yield Writes([*removals, ("ZCARD", target.key)])
    return target.removed_result(sum(counts), remaining) if sum(counts) else ELEMENT_GONE


def pop_sorted_set_members(target: EditTarget, edit: PopMembers, names: list[bytes]) -> EditProgram:
    if edit.end == End.RANDOM:
        return (yield from pop_random_sorted_set_members(target, edit))
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    popped, remaining = yield Writes(
        [(ZPOP_COMMANDS[edit.end], target.key, edit.count), ("ZCARD", target.key)]
    )
    return popped_result(target, popped[::2], remaining)


def pop_random_sorted_set_members(target: EditTarget, edit: PopMembers) -> EditProgram:
    """Pop random members: the server chooses them, then ZREM removes those still there."""
    exists, members = yield [target.exists_command, ("ZRANDMEMBER", target.key, edit.count)]
    if not exists:
        return GONE
    removals: list[CommandArgs] = [("ZREM", target.key, member) for member in members]
    *counts, remaining = yield Writes(
        [*removals, ("ZCARD", target.key)], conditions=[(target.exists_command, 1)]
    )
    return popped_result(
        target, [member for member, count in zip(members, counts, strict=True) if count], remaining
    )


def add_entry(target: EditTarget, edit: AddEntry, names: list[bytes]) -> EditProgram:
    pairs = [
        word for name, value in edit.fields for word in (encode_text(name), target.serialize(value))
    ]
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    entry_id = edit.id if edit.id == "*" else parse_entry_id(edit.id)
    added, remaining = yield Writes(
        [("XADD", target.key, "NOMKSTREAM", entry_id, *pairs), ("XLEN", target.key)]
    )
    return (
        EditResult(EditStatus.DONE, added.decode(), count=1, remaining=remaining) if added else GONE
    )


def remove_entries(target: EditTarget, edit: RemoveElements, names: list[bytes]) -> EditProgram:
    ids = [parse_entry_id(chosen.element).encode() for chosen in edit.elements]
    [exists] = yield [target.exists_command]
    if not exists:
        return GONE
    removals: list[CommandArgs] = [("XDEL", target.key, *batch) for batch in split_batches(ids)]
    *counts, remaining = yield Writes([*removals, ("XLEN", target.key)])
    # Unlike other collections, a stream still exists without entries.
    return (
        EditResult(EditStatus.DONE, count=sum(counts), remaining=remaining)
        if sum(counts)
        else ELEMENT_GONE
    )


def trim_stream(target: EditTarget, edit: TrimStream, names: list[bytes]) -> EditProgram:
    exists, length = yield [target.exists_command, ("XLEN", target.key)]
    if not exists:
        return GONE
    if length != edit.length:
        return EditResult(EditStatus.CHANGED, remaining=length)
    count, remaining = yield Writes(
        [("XTRIM", target.key, "MAXLEN", edit.keep), ("XLEN", target.key)]
    )
    return EditResult(EditStatus.DONE, count=count, remaining=remaining)


def encode_values(target: EditTarget, edit: CreateCollection) -> list[bytes]:
    return target.serialize_all(edit.elements)


def encode_scored_members(target: EditTarget, edit: CreateCollection) -> list[bytes]:
    return [
        word
        for member, score in edit.elements
        for word in (format_score(score), target.serialize(member))
    ]


def encode_fields(target: EditTarget, edit: CreateCollection) -> list[bytes]:
    return [
        word
        for name, value in edit.elements
        for word in (encode_text(name), target.serialize(value))
    ]


CREATE_COMMANDS: Final[
    dict[str, tuple[str, Callable[[EditTarget, CreateCollection], Sequence[bytes]]]]
] = {
    "list": ("RPUSH", encode_values),
    "set": ("SADD", encode_values),
    "zset": ("ZADD", encode_scored_members),
    "hash": ("HSET", encode_fields),
}


def create_collection(
    target: EditTarget, edit: CreateCollection, names: list[bytes]
) -> EditProgram:
    commands = creation_commands(target, edit)
    [exists] = yield [target.exists_command]
    if exists and not edit.replace:
        return EditResult(EditStatus.EXISTS)
    deletion: list[CommandArgs] = [("UNLINK", target.key)] if exists else []
    yield Writes([*deletion, *commands, *expire_commands(target.key, edit.ttl)])
    return EditResult(EditStatus.DONE, count=len(edit.elements))


def creation_commands(target: EditTarget, edit: CreateCollection) -> list[CommandArgs]:
    """Return the commands that fill a new key; a stream gets one entry with all the fields."""
    if edit.type == "stream":
        return [("XADD", target.key, "*", *encode_fields(target, edit))]
    name, encode = CREATE_COMMANDS[edit.type]
    return [(name, target.key, *batch) for batch in split_batches(encode(target, edit))]

"""Changes of lists. An item is known by its place, its fingerprint and the length of the list."""

from __future__ import annotations

import secrets

from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.element_edits import (
    End,
    InsertItem,
    Place,
    PopItems,
    PushItems,
    RemoveElements,
    SetItem,
    TrimList,
)
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.target import (
    ELEMENT_GONE,
    GONE,
    Target,
    batches,
    replaced,
)
from django_cachex.inspectors.valkey.names import read_index


def expected_item(raw: bytes, length: int) -> str:
    """Return the fingerprint of an item: it says how long the list is, as duplicates look alike."""
    return f"{fingerprint(raw)}.{length}"


def obstacle(on: Target, length: int, raw: bytes | None, expected: str) -> Outcome | None:
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
    found = obstacle(on, length, raw, edit.expected)
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
    found = obstacle(on, length, raw, edit.expected)
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
        stands = obstacle(on, length, raw, expected)
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

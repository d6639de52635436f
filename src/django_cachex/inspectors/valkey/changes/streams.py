"""Changes of streams. Entries never change: their ids say all."""

from __future__ import annotations

from django_cachex.inspectors.edits import Outcome, Result
from django_cachex.inspectors.element_edits import AddEntry, RemoveElements, TrimStream
from django_cachex.inspectors.naming import encode_text
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.target import ELEMENT_GONE, GONE, Target, batches
from django_cachex.inspectors.valkey.names import read_entry_id


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

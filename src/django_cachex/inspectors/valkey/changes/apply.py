"""From an edit to its outcome, as steps."""

from __future__ import annotations

from collections.abc import Sequence

from django_cachex.commands import Command, Operation, WrongTypeError
from django_cachex.commands.command import parse_raw
from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import Edit, Outcome, Result
from django_cachex.inspectors.element_edits import RemoveElements
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.valkey.changes import expiry, strings
from django_cachex.inspectors.valkey.changes.guarded import applied
from django_cachex.inspectors.valkey.changes.table import Make, change_of
from django_cachex.inspectors.valkey.changes.target import ELEMENT_GONE, Target
from django_cachex.inspectors.valkey.names import Placed, read_id

NAMED = ("hash", "set", "zset")
"""The types whose elements have names."""


def outcome_of(on: Target, edit: Edit) -> Operation[Outcome] | None:
    """Return the steps that apply an edit to one key, or None if it is none of those."""
    match edit:
        case edits.AddValue():
            return strings.add_value(on, edit)
        case edits.SetTtl():
            return expiry.set_ttl(on.key, edit)
        case edits.ExpireAt():
            return expiry.expire_at(on.key, edit)
        case edits.ExtendTtl():
            return expiry.extend_ttl(on.key, edit)
        case _:
            found = change_of(edit)
            return None if found is None else changing(on, edit, *found)


def changing(on: Target, edit: Edit, type: str, make: Make) -> Operation[Outcome]:
    """Find the elements that an edit is about, and change them."""
    chosen = ids_of(edit) if type in NAMED else ()
    try:
        names = yield from named(on.key, type, chosen)
    except WrongTypeError:
        return Outcome(Result.WRONG_TYPE)
    if len(names) < len(chosen):
        return ELEMENT_GONE
    return (yield from applied([on.key], lambda: make(on, edit, names)))


def ids_of(edit: Edit) -> Sequence[str]:
    """Return the ids of the elements that an edit is about."""
    if isinstance(edit, RemoveElements):
        return [one.element for one in edit.elements]
    element: str = getattr(edit, "element", "")
    return [element] if element else []


def named(key: bytes, type: str, ids: Sequence[str]) -> Operation[list[bytes]]:
    """Return the names of elements; one that is no longer where it was seen is left out."""
    found = [read_id(element) for element in ids]
    placed = [one for one in found if isinstance(one, Placed)]
    if not placed:
        return [one for one in found if isinstance(one, bytes)]
    replies = yield [Command(around(key, type, one.place), parse_raw) for one in placed]
    places = dict(zip(placed, replies, strict=True))
    names = [
        one.among(names_in(type, places[one])) if isinstance(one, Placed) else one for one in found
    ]
    return [name for name in names if name is not None]


def around(key: bytes, type: str, place: int) -> tuple[bytes | str | int, ...]:
    """Return the command that reads what is where an element was seen."""
    if type == "zset":
        return ("ZRANGE", key, place, place)
    return ("HSCAN" if type == "hash" else "SSCAN", key, place, "COUNT", limits().elements)


def names_in(type: str, reply: list[bytes] | list[list[bytes]]) -> list[bytes]:
    match type, reply:
        case "hash", [_cursor, [*pairs]]:
            return pairs[::2]
        case "set", [_cursor, [*members]]:
            return members
        case _:
            return [one for one in reply if isinstance(one, bytes)]

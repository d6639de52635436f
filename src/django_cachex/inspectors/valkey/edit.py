"""Apply edits to keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django_cachex.cache.client import Client
from django_cachex.commands import CachexError, Command, CommandError, Operation, WrongTypeError
from django_cachex.commands.command import parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors import edits
from django_cachex.inspectors import edits as elements
from django_cachex.inspectors.edits import BulkResult, Edit, EditResult, EditStatus, RemoveElements
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey import edit_elements, edit_keys
from django_cachex.inspectors.valkey.compare_and_set import ELEMENT_GONE, Change, Target, applied
from django_cachex.inspectors.valkey.element_ids import Placed, read_id

Make = Callable[[Target, Any, list[bytes]], Change]
"""Makes a change of a key, an edit and the names of the elements that the edit is about."""

CHANGES: Final[dict[type, tuple[str, Make]]] = {
    edits.SetValue: ("string", edit_keys.set_value),
    edits.Incr: ("string", edit_keys.increase),
    elements.CreateCollection: ("", edit_elements.add_key),
    elements.PushItems: ("list", edit_elements.push_items),
    elements.InsertItem: ("list", edit_elements.insert_item),
    elements.SetItem: ("list", edit_elements.set_item),
    elements.PopItems: ("list", edit_elements.pop_items),
    elements.TrimList: ("list", edit_elements.trim_list),
    elements.AddMembers: ("set", edit_elements.add_members),
    elements.ZAdd: ("zset", edit_elements.add_scored),
    elements.SetScore: ("zset", edit_elements.set_score),
    elements.AddFields: ("hash", edit_elements.add_fields),
    elements.SetField: ("hash", edit_elements.set_field),
    elements.RenameField: ("hash", edit_elements.rename_field),
    elements.ExpireField: ("hash", edit_elements.set_field_ttl),
    elements.AddEntry: ("stream", edit_elements.add_entry),
    elements.TrimStream: ("stream", edit_elements.trim_stream),
}

BY_TYPE: Final[dict[tuple[type, str], Make]] = {
    (elements.RemoveElements, "list"): edit_elements.remove_items,
    (elements.RemoveElements, "set"): edit_elements.remove_set_members,
    (elements.RemoveElements, "zset"): edit_elements.remove_sorted_set_members,
    (elements.RemoveElements, "hash"): edit_elements.remove_fields,
    (elements.RemoveElements, "stream"): edit_elements.remove_entries,
    (elements.ReplaceMember, "set"): edit_elements.replace_set_member,
    (elements.ReplaceMember, "zset"): edit_elements.replace_sorted_set_member,
    (elements.PopMembers, "set"): edit_elements.pop_set_members,
    (elements.PopMembers, "zset"): edit_elements.pop_sorted_set_members,
}


def change_of(edit: edits.Edit) -> tuple[str, Make] | None:
    """Return the type that an edit is about and what makes its change, or None if none does."""
    type_ = getattr(edit, "type", "")
    if make := BY_TYPE.get((type(edit), type_)):
        return type_, make
    return CHANGES.get(type(edit))


NAMED = ("hash", "set", "zset")
"""The types whose elements have names."""


def outcome_of(on: Target, edit: Edit) -> Operation[EditResult] | None:
    """Return the steps that apply an edit to one key, or None if it is none of those."""
    match edit:
        case edits.AddValue():
            return edit_keys.add_value(on, edit)
        case edits.Expire():
            return edit_keys.set_ttl(on.key, edit)
        case edits.ExpireAt():
            return edit_keys.expire_at(on.key, edit)
        case edits.ExtendTTL():
            return edit_keys.extend_ttl(on.key, edit)
        case _:
            found = change_of(edit)
            return None if found is None else changing(on, edit, *found)


def changing(on: Target, edit: Edit, type: str, make: Make) -> Operation[EditResult]:
    """Find the elements that an edit is about, and change them."""
    chosen = ids_of(edit) if type in NAMED else ()
    try:
        names = yield from named(on.key, type, chosen)
    except WrongTypeError:
        return EditResult(EditStatus.WRONG_TYPE)
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


KEYS_PER_UNLINK: Final = 500


def batches(keys: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return keys in parts of which one UNLINK each deletes all."""
    return [keys[start : start + KEYS_PER_UNLINK] for start in range(0, len(keys), KEYS_PER_UNLINK)]


@contextmanager
def after_changes(made: bool = True) -> Iterator[None]:
    """Let an error not say that nothing was sent, where something was before."""
    try:
        yield
    except CachexError as error:
        error.sent = error.sent or made
        raise


def unlink(client: Client, keys: Sequence[bytes]) -> BulkResult:
    """Delete keys, five hundred with one command; where that is refused, each with its own."""
    parts = batches(keys)
    # Stored keys are as they are: to ask the client for each of thousands takes its time.
    commands = [Command(("UNLINK", *part), int, missing_reply=0) for part in parts]
    # One by one: what a server has in hand, it does before it turns to anybody else.
    counts: list[Any] = []
    for command in commands:
        with after_changes(bool(counts)):
            counts += client.collect([command])
    done, gone = 0, 0
    again: list[bytes] = []
    for part, count in zip(parts, counts, strict=True):
        if isinstance(count, CommandError):
            again += part
        else:
            done += count
            gone += len(part) - count
    with after_changes(bool(counts)):
        rest = _each(client, again, lambda key: [client._unlink(key)])
    return BulkResult(done + rest.done, gone + rest.gone, rest.failures)


def expire(client: Client, keys: Sequence[bytes], ttl: int) -> BulkResult:
    """Let keys live for `ttl` milliseconds more, or for good: `NEVER`."""
    if ttl == TTL_NONE:
        # PERSIST does not tell a key without an expiry from none at all.
        return _each(client, keys, lambda key: [client._persist(key), client._exists(key)])
    return _each(client, keys, lambda key: [client._pexpire(key, ttl)])


def _each(client: Client, keys: Sequence[bytes], ask: Any) -> BulkResult:
    """Send the commands of every key in one round trip; any of its results true is done."""
    asked: list[list[Command[Any]]] = [ask(key) for key in keys]
    results = iter(client.collect([command for commands in asked for command in commands]))
    done, gone, failures = 0, 0, []
    for key, commands in zip(keys, asked, strict=True):
        found = [next(results) for _command in commands]
        refused = next((one for one in found if isinstance(one, CommandError)), None)
        if refused is not None:
            failures.append((key, str(refused)))
        elif any(found):
            done += 1
        else:
            gone += 1
    return BulkResult(done, gone, tuple(failures))

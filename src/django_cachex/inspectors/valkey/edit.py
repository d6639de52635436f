"""Apply edits to keys: find the program of an edit, and run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from django_cachex.cache.client import Client
from django_cachex.commands import CachexError, Command, CommandError, Operation, WrongTypeError
from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import BulkResult, Edit, EditResult, EditStatus
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey import edit_elements, edit_keys
from django_cachex.inspectors.valkey.compare_and_set import (
    ELEMENT_GONE,
    EditProgram,
    EditTarget,
    compare_and_set,
)
from django_cachex.inspectors.valkey.element_rows import (
    TYPES_WITH_NAMED_ELEMENTS,
    resolve_names,
)
from django_cachex.inspectors.valkey.key_info import COLLECTIONS

ProgramFactory = Callable[[EditTarget, Any], EditProgram]

PROGRAMS: Final[dict[tuple[type, str], ProgramFactory]] = {
    (edits.SetValue, "string"): edit_keys.set_value,
    (edits.Incr, "string"): edit_keys.increment,
    (edits.SetElement, "list"): edit_elements.set_item,
    (edits.SetElement, "set"): edit_elements.replace_set_member,
    (edits.SetElement, "zset"): edit_elements.replace_sorted_set_member,
    (edits.SetElement, "hash"): edit_elements.set_field,
    (edits.RemoveElements, "list"): edit_elements.remove_items,
    (edits.RemoveElements, "set"): edit_elements.remove_set_members,
    (edits.RemoveElements, "zset"): edit_elements.remove_sorted_set_members,
    (edits.RemoveElements, "hash"): edit_elements.remove_fields,
    (edits.RemoveElements, "stream"): edit_elements.remove_entries,
    (edits.PopElements, "list"): edit_elements.pop_elements,
    (edits.PopElements, "set"): edit_elements.pop_elements,
    (edits.PopElements, "zset"): edit_elements.pop_elements,
    **{(edits.CreateCollection, type): edit_elements.create_collection for type in COLLECTIONS},
    (edits.PushItems, "list"): edit_elements.push_items,
    (edits.InsertItem, "list"): edit_elements.insert_item,
    (edits.TrimList, "list"): edit_elements.trim_list,
    (edits.AddMembers, "set"): edit_elements.add_members,
    (edits.ZAdd, "zset"): edit_elements.add_sorted_set_members,
    (edits.SetScore, "zset"): edit_elements.set_score,
    (edits.AddFields, "hash"): edit_elements.add_fields,
    (edits.RenameField, "hash"): edit_elements.rename_field,
    (edits.ExpireField, "hash"): edit_elements.set_field_ttl,
    (edits.AddEntry, "stream"): edit_elements.add_entry,
    (edits.TrimStream, "stream"): edit_elements.trim_stream,
}
"""What to read, what must hold and what to write for each edit of each type of key."""


def edit_operation(target: EditTarget, edit: Edit) -> Operation[EditResult] | None:
    """Return the operation that applies an edit to one key, or None if it is not supported."""
    match edit:
        case edits.AddValue():
            return edit_keys.add_value(target, edit)
        case edits.Expire():
            return edit_keys.set_ttl(target.key, edit)
        case edits.ExpireAt():
            return edit_keys.expire_at(target.key, edit)
        case edits.ExtendTTL():
            return edit_keys.extend_ttl(target.key, edit)
        case _:
            type = getattr(edit, "type", "string")
            program = PROGRAMS.get((edit.__class__, type))
            return None if program is None else run_program(target, edit, type, program)


def run_program(
    target: EditTarget, edit: Edit, type: str, program: ProgramFactory
) -> Operation[EditResult]:
    """Resolve the elements that an edit concerns, and change them."""
    ids = edited_element_ids(edit) if type in TYPES_WITH_NAMED_ELEMENTS else ()
    try:
        names = yield from resolve_names(target.key, type, ids)
    except WrongTypeError:
        return EditResult(EditStatus.WRONG_TYPE)
    if len(names) < len(ids):
        return ELEMENT_GONE
    target = replace(target, names=names)
    known = getattr(edit, "replies", {})
    return (yield from compare_and_set([target.key], lambda: program(target, edit), known))


def edited_element_ids(edit: Edit) -> Sequence[str]:
    """Return the IDs of the elements that an edit concerns."""
    match edit:
        case edits.RemoveElements():
            return [chosen.element for chosen in edit.elements]
        case edits.ElementEdit():
            return [edit.element]
        case _:
            return ()


KEYS_PER_UNLINK: Final = 500


def unlink_batches(keys: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Split keys into batches of one UNLINK each."""
    return [keys[start : start + KEYS_PER_UNLINK] for start in range(0, len(keys), KEYS_PER_UNLINK)]


@contextmanager
def mark_error_as_sent(already_sent: bool = True) -> Iterator[None]:
    """Mark an error as `sent` if earlier commands may already have changed something."""
    try:
        yield
    except CachexError as error:
        error.sent = error.sent or already_sent
        raise


def unlink(client: Client, keys: Sequence[bytes]) -> BulkResult:
    """Delete keys in batches; if a batch is refused, delete its keys one by one."""
    batches = unlink_batches(keys)
    # Built directly: stored keys need no encoding, and `client._unlink` is slow for thousands.
    commands = [Command(("UNLINK", *batch), int, missing_reply=0) for batch in batches]
    # One command per round trip, so that other clients get their turn in between.
    counts: list[Any] = []
    for command in commands:
        with mark_error_as_sent(bool(counts)):
            counts += client.collect([command])
    done, gone = 0, 0
    refused_keys: list[bytes] = []
    for batch, count in zip(batches, counts, strict=True):
        if isinstance(count, CommandError):
            refused_keys += batch
        else:
            done += count
            gone += len(batch) - count
    with mark_error_as_sent(bool(counts)):
        retried = _run_for_each(client, refused_keys, lambda key: [client._unlink(key)])
    return BulkResult(done + retried.done, gone + retried.gone, retried.failures)


def expire(client: Client, keys: Sequence[bytes], ttl: int) -> BulkResult:
    """Set the TTL of keys in milliseconds; `TTL_NONE` makes them persistent."""
    if ttl == TTL_NONE:
        # PERSIST replies 0 for a key without a TTL and for a missing key: EXISTS tells them apart.
        return _run_for_each(client, keys, lambda key: [client._persist(key), client._exists(key)])
    return _run_for_each(client, keys, lambda key: [client._pexpire(key, ttl)])


def _run_for_each(client: Client, keys: Sequence[bytes], commands_for: Any) -> BulkResult:
    """Send the commands of all keys in one round trip; any true reply makes a key count as done."""
    commands_by_key: list[list[Command[Any]]] = [commands_for(key) for key in keys]
    results = iter(
        client.collect([command for commands in commands_by_key for command in commands])
    )
    done, gone, failures = 0, 0, []
    for key, commands in zip(keys, commands_by_key, strict=True):
        key_results = [next(results) for _command in commands]
        error = next((one for one in key_results if isinstance(one, CommandError)), None)
        if error is not None:
            failures.append((key, str(error)))
        elif any(key_results):
            done += 1
        else:
            gone += 1
    return BulkResult(done, gone, tuple(failures))

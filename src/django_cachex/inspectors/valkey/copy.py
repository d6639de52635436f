"""Rename and copy keys, also between servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch, parse_raw
from django_cachex.inspectors.edits import Copy, EditResult, EditStatus, Rename
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import (
    GONE,
    UNCHANGED,
    EditProgram,
    Writes,
    compare_and_set,
)
from django_cachex.inspectors.valkey.edit import mark_error_as_sent
from django_cachex.inspectors.valkey.errors import require_reply
from django_cachex.inspectors.values import human_size

MAX_COPY_SIZE: Final = 64 * 1024 * 1024
"""Maximum memory in bytes of a key to copy: the server blocks while it copies a key."""

BUSY_KEY_ERROR: Final = "BUSYKEY"


def rename(key: bytes, edit: Rename) -> EditProgram:
    exists, target_exists = yield [("EXISTS", key), ("EXISTS", edit.to)]
    if not exists:
        return GONE
    if key == edit.to:
        return UNCHANGED
    if target_exists and not edit.overwrite:
        return EditResult(EditStatus.EXISTS)
    yield Writes([("RENAME", key, edit.to)])
    return EditResult(EditStatus.DONE)


def copy(key: bytes, edit: Copy) -> EditProgram:
    exists, target_exists, memory = yield [
        ("EXISTS", key),
        ("EXISTS", edit.to),
        ("MEMORY", "USAGE", key),
    ]
    if not exists:
        return GONE
    if key == edit.to:
        return UNCHANGED
    if target_exists and not edit.overwrite:
        return EditResult(EditStatus.EXISTS)
    if memory > MAX_COPY_SIZE:
        return too_large_result(memory)
    conditions = [(("EXISTS", key), exists), (("EXISTS", edit.to), target_exists)]
    replace = ("REPLACE",) if edit.overwrite else ()
    yield Writes([("COPY", key, edit.to, *replace)], conditions)
    return EditResult(EditStatus.DONE)


def too_large_result(memory: int) -> EditResult:
    """Return a refusal because the key is too large to copy."""
    reason = _(
        "The key uses %(size)s of memory. Copying more than %(most)s would block the server."
    )
    return EditResult.refusal(
        reason % {"size": human_size(memory), "most": human_size(MAX_COPY_SIZE)}
    )


@dataclass(frozen=True)
class DumpedKey:
    """A key in the form that `RESTORE` takes."""

    payload: bytes
    ttl: int
    """Milliseconds; 0 for a key that never expires."""


def dump_key(key: bytes) -> Operation[DumpedKey | EditResult]:
    """Return a dumped key, or an outcome that says why it could not be dumped."""
    [memory] = yield [Command(("MEMORY", "USAGE", key), parse_raw)]
    if memory is None:
        return GONE
    if memory > MAX_COPY_SIZE:
        return too_large_result(memory)
    payload, remaining_ttl = yield [Command(("DUMP", key), parse_raw), Command(("PTTL", key), int)]
    if payload is None:
        return GONE
    return DumpedKey(payload, 0 if remaining_ttl == TTL_NONE else max(remaining_ttl, 1))


def restore_key(key: bytes, dumped: DumpedKey, overwrite: bool) -> Operation[EditResult]:
    replace = ("REPLACE",) if overwrite else ()
    args = ("RESTORE", key, dumped.ttl, dumped.payload, *replace)
    [reply] = yield Batch([Command(args, parse_raw)])
    if isinstance(reply, CommandError) and str(reply).startswith(BUSY_KEY_ERROR):
        return EditResult(EditStatus.EXISTS)
    require_reply(reply)
    return EditResult(EditStatus.DONE)


def remove_if_unchanged(key: bytes, payload: bytes) -> EditProgram:
    """Delete a key if it still has the dumped value."""
    [current] = yield [("DUMP", key)]
    if current != payload:
        return EditResult(EditStatus.CHANGED if current is not None else EditStatus.GONE)
    yield Writes([("UNLINK", key)])
    return EditResult(EditStatus.DONE)


def copy_via_dump(source: Client, key: bytes, target: Client, edit: Copy) -> EditResult:
    """Copy a key to another server, database or slot with `DUMP` and `RESTORE`."""
    dumped = source.run(dump_key(key))
    if isinstance(dumped, EditResult):
        return dumped
    return target.run(restore_key(edit.to, dumped, edit.overwrite))


def rename_via_dump(client: Client, key: bytes, edit: Rename) -> EditResult:
    """Copy a key to another slot, then delete the original unless it has changed meanwhile."""
    dumped = client.run(dump_key(key))
    if isinstance(dumped, EditResult):
        return dumped
    stored = client.run(restore_key(edit.to, dumped, edit.overwrite))
    if not stored.is_done:
        return stored
    with mark_error_as_sent():
        outcome = client.run(
            compare_and_set([key], lambda: remove_if_unchanged(key, dumped.payload))
        )
        if outcome.status == EditStatus.CHANGED:
            client.run(
                compare_and_set([edit.to], lambda: remove_if_unchanged(edit.to, dumped.payload))
            )
    if outcome.status == EditStatus.CHANGED:
        return EditResult(EditStatus.CHANGED, rollback_note(edit))
    return EditResult(EditStatus.DONE) if outcome.status == EditStatus.GONE else outcome


def rollback_note(edit: Rename) -> str:
    """Return what the user must know about a rename that was rolled back."""
    if not edit.overwrite:
        return ""
    return _("The key that had the new name may be lost, because it was being replaced.")

"""Rename and copy keys, between servers too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation
from django_cachex.commands.command import Batch, parse_raw
from django_cachex.inspectors.edits import Copy, Outcome, Rename, Result
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import GONE, UNCHANGED, Change, Write, applied
from django_cachex.inspectors.valkey.edit import after_changes
from django_cachex.inspectors.valkey.errors import required
from django_cachex.inspectors.values import human_size

LARGEST: Final = 64 * 1024 * 1024
"""Bytes that a key may take in memory to be copied: the server does nothing else meanwhile."""

BUSY: Final = "BUSYKEY"


def renamed(key: bytes, edit: Rename) -> Change:
    exists, taken = yield [("EXISTS", key), ("EXISTS", edit.to)]
    if not exists:
        return GONE
    if key == edit.to:
        return UNCHANGED
    if taken and not edit.overwrite:
        return Outcome(Result.EXISTS)
    yield Write([("RENAME", key, edit.to)])
    return Outcome(Result.DONE)


def copied(key: bytes, edit: Copy) -> Change:
    exists, taken, memory = yield [
        ("EXISTS", key),
        ("EXISTS", edit.to),
        ("MEMORY", "USAGE", key),
    ]
    if not exists:
        return GONE
    if key == edit.to:
        return UNCHANGED
    if taken and not edit.overwrite:
        return Outcome(Result.EXISTS)
    if memory > LARGEST:
        return too_large(memory)
    holds = [(("EXISTS", key), exists), (("EXISTS", edit.to), taken)]
    replace = ("REPLACE",) if edit.overwrite else ()
    yield Write([("COPY", key, edit.to, *replace)], holds)
    return Outcome(Result.DONE)


def too_large(memory: int) -> Outcome:
    """Return that a key is not copied, and why."""
    reason = _(
        "The key uses %(size)s of memory. Copying more than %(most)s would block the server."
    )
    return Outcome.refused(reason % {"size": human_size(memory), "most": human_size(LARGEST)})


@dataclass(frozen=True)
class Dumped:
    """A key as it can be stored elsewhere."""

    payload: bytes
    ttl: int
    """Milliseconds as `RESTORE` takes them: 0 for a key that never expires."""


def dump(key: bytes) -> Operation[Dumped | Outcome]:
    """Return a key, or why there is none to be had."""
    [memory] = yield [Command(("MEMORY", "USAGE", key), parse_raw)]
    if memory is None:
        return GONE
    if memory > LARGEST:
        return too_large(memory)
    payload, left = yield [Command(("DUMP", key), parse_raw), Command(("PTTL", key), int)]
    if payload is None:
        return GONE
    return Dumped(payload, 0 if left == TTL_NONE else max(left, 1))


def restore(key: bytes, dumped: Dumped, overwrite: bool) -> Operation[Outcome]:
    replace = ("REPLACE",) if overwrite else ()
    words = ("RESTORE", key, dumped.ttl, dumped.payload, *replace)
    [answer] = yield Batch([Command(words, parse_raw)])
    if isinstance(answer, CommandError) and str(answer).startswith(BUSY):
        return Outcome(Result.EXISTS)
    required(answer)
    return Outcome(Result.DONE)


def removed(key: bytes, payload: bytes) -> Change:
    """Remove a key that is still what was dumped."""
    [found] = yield [("DUMP", key)]
    if found != payload:
        return Outcome(Result.CHANGED if found is not None else Result.GONE)
    yield Write([("UNLINK", key)])
    return Outcome(Result.DONE)


def copy_across(source: Client, key: bytes, target: Client, edit: Copy) -> Outcome:
    """Copy a key to another server, database or slot."""
    dumped = source.run(dump(key))
    if isinstance(dumped, Outcome):
        return dumped
    return target.run(restore(edit.to, dumped, edit.overwrite))


def rename_across(client: Client, key: bytes, edit: Rename) -> Outcome:
    """Store a key in another slot, then remove it here, unless it has changed meanwhile."""
    dumped = client.run(dump(key))
    if isinstance(dumped, Outcome):
        return dumped
    stored = client.run(restore(edit.to, dumped, edit.overwrite))
    if not stored.is_done:
        return stored
    with after_changes():
        outcome = client.run(applied([key], lambda: removed(key, dumped.payload)))
        if outcome.result == Result.CHANGED:
            client.run(applied([edit.to], lambda: removed(edit.to, dumped.payload)))
    if outcome.result == Result.CHANGED:
        return Outcome(Result.CHANGED, undone(edit))
    return Outcome(Result.DONE) if outcome.result == Result.GONE else outcome


def undone(edit: Rename) -> str:
    """Return what else a person must know of a renaming that was undone."""
    if not edit.overwrite:
        return ""
    return _("The key that had the new name may be lost, because it was being overwritten.")

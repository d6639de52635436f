"""What is left of the fields of a hash, where the server lets them expire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django_cachex.commands import CommandError
from django_cachex.commands.command import Batch, EncodableArg
from django_cachex.inspectors.entries import GONE
from django_cachex.inspectors.valkey.changes.moments import expecting
from django_cachex.inspectors.valkey.reading.page import Row, ask
from django_cachex.inspectors.valkey.replies import permitted

Times = list[int] | CommandError


def may_expire(known: Sequence[Any]) -> bool:
    """Return whether the server knows `HPEXPIRE`, by what it says of it; True if it says nothing.

    A command that it does not know is described by nothing.
    """
    [described] = known
    return isinstance(described, CommandError) or bool(described and described[0])


def times_of(key: bytes, names: Sequence[bytes]) -> Batch:
    """Return the commands for what fields have left, and when they expire."""
    fields: tuple[EncodableArg, ...] = ("FIELDS", len(names), *names)
    return Batch([ask("HPTTL", key, *fields), ask("HPEXPIRETIME", key, *fields)])


def with_times(rows: Sequence[Row], left: Times, moments: Times) -> list[Row]:
    """Return rows with what was answered, without those that have expired."""
    unknown = [None] * len(rows)
    ttls: Sequence[int | None] = permitted(left) or unknown
    whens: Sequence[int | None] = permitted(moments) or unknown
    return [
        replace(row, ttl=ttl, expected=expecting(row.expected, when))
        for row, ttl, when in zip(rows, ttls, whens, strict=True)
        if GONE not in (ttl, when)
    ]

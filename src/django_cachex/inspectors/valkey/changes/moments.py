"""When the fields of a hash expire, on servers where they do: read, expected, kept.

https://valkey.io/commands/hpexpiretime/
"""

from __future__ import annotations

import re

from django_cachex.commands import CommandError
from django_cachex.inspectors.valkey.changes.guarded import Perhaps, Words

Moment = list[int] | CommandError
"""What `HPEXPIRETIME` of one field answers: `AccessDenied` is no answer, another refusal that
fields do not expire there."""

NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def moment_of(key: bytes, name: bytes) -> Words:
    """Return what asks when a field expires."""
    return Perhaps(("HPEXPIRETIME", key, "FIELDS", 1, name))


def own(moment: Moment) -> int | None:
    """Return milliseconds since the epoch, or `NEVER`; None where nobody says."""
    return None if isinstance(moment, CommandError) else moment[0]


def to_keep(key: bytes, name: bytes, moment: Moment) -> list[Words]:
    """Return what gives a field its TTL again, to the millisecond."""
    when = own(moment)
    if when is None or when < 0:
        return []
    return [("HPEXPIREAT", key, when, "FIELDS", 1, name)]


def expecting(value: str, moment: int | None) -> str:
    """Return what an edit of a field expects: the value's fingerprint, and the moment if known."""
    return value if moment is None else f"{value}.{moment}"


def separate(expected: str) -> tuple[str, int | None]:
    """Return the fingerprint and the moment that an edit of a field expects."""
    value, _dot, moment = expected.partition(".")
    return value, int(moment) if NUMBER.fullmatch(moment) else None

"""New keys with their first elements, in one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from django_cachex.inspectors.edits import Outcome, Result
from django_cachex.inspectors.element_edits import AddKey
from django_cachex.inspectors.naming import encode_text
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.sorted_sets import score_text
from django_cachex.inspectors.valkey.changes.target import Target, batches, expiry


def values(on: Target, edit: AddKey) -> list[bytes]:
    return on.all_data(edit.elements)


def scored(on: Target, edit: AddKey) -> list[bytes]:
    return [
        word for member, score in edit.elements for word in (score_text(score), on.data(member))
    ]


def fields(on: Target, edit: AddKey) -> list[bytes]:
    return [word for name, value in edit.elements for word in (encode_text(name), on.data(value))]


FILLING: Final[dict[str, tuple[str, Callable[[Target, AddKey], Sequence[bytes]]]]] = {
    "list": ("RPUSH", values),
    "set": ("SADD", values),
    "zset": ("ZADD", scored),
    "hash": ("HSET", fields),
}


def add_key(on: Target, edit: AddKey, names: list[bytes]) -> Change:
    commands = filling(on, edit)
    [exists] = yield [on.exists]
    if exists and not edit.replace:
        return Outcome(Result.EXISTS)
    clearing: list[Words] = [("UNLINK", on.key)] if exists else []
    yield Write([*clearing, *commands, *expiry(on.key, edit.ttl)])
    return Outcome(Result.DONE, count=len(edit.elements))


def filling(on: Target, edit: AddKey) -> list[Words]:
    """Return the commands that fill a new key; the elements of a stream are one entry's fields."""
    if edit.type == "stream":
        return [("XADD", on.key, "*", *fields(on, edit))]
    name, words_of = FILLING[edit.type]
    return [(name, on.key, *some) for some in batches(words_of(on, edit))]

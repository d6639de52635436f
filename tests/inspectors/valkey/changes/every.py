"""One of every edit on a key that suits it, as the tests that try all of them take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_cachex.inspectors import edits
from django_cachex.inspectors import edits as on
from django_cachex.inspectors.edits import Edit
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.valkey.changes.subject import Subject

OTHER = b":1:other"

Make = Callable[[Subject], Edit]

ELEMENTS: dict[str, tuple[Any, ...]] = {
    "list": ("a", "b", "b"),
    "set": ("a", "b"),
    "zset": (("a", 1.5), ("b", 2)),
    "hash": (("a", 1), ("b", "x")),
}


def first(subject: Subject) -> tuple[str, str]:
    row = min(subject.rows(), key=lambda row: row.name)  # Sets have an order of their own.
    return row.id, row.expected


def all_rows(subject: Subject) -> tuple[on.ElementRef, ...]:
    return tuple(on.ElementRef(row.id, row.expected) for row in subject.rows())


EVERY: dict[str, tuple[str, Make]] = {
    "set value": ("string", lambda s: edits.SetValue("new", s.read().expected)),
    "increase": ("number", lambda s: edits.Incr(2)),
    "increase a float": ("float", lambda s: edits.Incr(0.5)),
    "ttl": ("string", lambda s: edits.Expire(5000)),
    "persist": ("string", lambda s: edits.Expire(TTL_NONE)),
    "moment": ("string", lambda s: edits.ExpireAt(2**42)),
    "lengthen": ("string", lambda s: edits.ExtendTTL(5000)),
    "rename": ("hash", lambda s: edits.Rename(OTHER)),
    "copy": ("hash", lambda s: edits.Copy(OTHER)),
    "add": ("nothing", lambda s: edits.AddValue("x", 5000)),
    **{
        f"add a {type}": (
            "nothing",
            lambda s, type=type: on.CreateCollection(type, ELEMENTS[type], 5000),
        )
        for type in ELEMENTS
    },
    "push": ("list", lambda s: on.PushItems(("x", "y"), on.End.FIRST)),
    "insert": ("list", lambda s: on.InsertItem(*first(s), "x")),
    "set item": ("list", lambda s: on.SetElement(*first(s), "x", "list")),
    "pop": ("list", lambda s: on.PopElements("list", on.End.LAST)),
    "trim": ("list", lambda s: on.TrimList(1, 1, 3)),
    "add members": ("set", lambda s: on.AddMembers(("x",))),
    "pop members": ("set", lambda s: on.PopElements("set", on.End.RANDOM)),
    "rename member": ("set", lambda s: on.SetElement(*first(s), "x", "set")),
    "add scored": ("zset", lambda s: on.ZAdd((("a", 3), ("x", 4)), on.ZAddCondition.GT)),
    "set score": ("zset", lambda s: on.SetScore(*first(s), 9)),
    "rename scored": ("zset", lambda s: on.SetElement(*first(s), "x", "zset")),
    "pop lowest": ("zset", lambda s: on.PopElements("zset", on.End.FIRST)),
    "pop any": ("zset", lambda s: on.PopElements("zset", on.End.RANDOM)),
    "add fields": ("hash", lambda s: on.AddFields((("x", 1),))),
    "set field": ("hash", lambda s: on.SetElement(*first(s), "x", "hash")),
    "rename field": ("hash", lambda s: on.RenameField(*first(s), "x")),
    "add entry": ("stream", lambda s: on.AddEntry((("x", 1),))),
    "trim stream": ("stream", lambda s: on.TrimStream(1, 2)),
    **{
        f"remove from a {type}": (type, lambda s, type=type: on.RemoveElements(type, all_rows(s)))
        for type in (*ELEMENTS, "stream")
    },
}
"""What to do -> what the key holds before, and the edit."""


BY_CHANCE = {"pop members", "pop any"}
"""What leaves one of several states."""


def prepare(subject: Subject, holds: str) -> None:
    """Fill the key, which then expires in a minute."""
    raw, key = subject.raw, subject.key
    for one in (key, OTHER):  # Of a cluster, on two nodes.
        raw.unlink(one)
    if holds in ELEMENTS:
        subject.fill(holds, *ELEMENTS[holds])
    elif holds == "stream":
        for number in (1, 2):
            raw.xadd(key, {"n": str(number)}, id=f"{number}-0")
    elif holds != "nothing":
        value = {"string": "old", "number": 5, "float": 1.5}[holds]
        raw.set(key, subject.stored(value))
    raw.pexpire(key, 60_000)


def state(subject: Subject) -> tuple[Any, ...]:
    """Return what both keys hold."""
    return tuple(contents(subject.raw, key) for key in (subject.key, OTHER))


def contents(raw: Any, key: bytes) -> Any:
    read = {
        b"none": lambda: None,
        b"string": lambda: raw.get(key),
        b"list": lambda: raw.lrange(key, 0, -1),
        b"set": lambda: set(raw.smembers(key)),
        b"zset": lambda: raw.zrange(key, 0, -1, withscores=True),
        b"hash": lambda: raw.hgetall(key),
        b"stream": lambda: [fields for _id, fields in raw.xrange(key)],
    }
    return read[raw.type(key)]()

"""One of every edit on a key that suits it, as the tests that try all of them take it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

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
AS_ELEMENT: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: value,
    "set": lambda value: value,
    "zset": lambda value: (value, 1.5),
    "hash": lambda value: ("a", value),
    "stream": lambda value: ("a", value),
}


def first(subject: Subject) -> tuple[str, str]:
    row = min(subject.rows(), key=lambda row: row.name)  # Sets have an order of their own.
    return row.id, row.expected


def all_rows(subject: Subject) -> tuple[on.ElementRef, ...]:
    return tuple(on.ElementRef(row.id, row.expected) for row in subject.rows())


STORING: dict[str, tuple[str, Callable[[Subject, Any], Edit]]] = {
    "set value": ("string", lambda s, value: on.SetValue(value, s.read().expected)),
    "add": ("nothing", lambda s, value: on.AddValue(value, 5000)),
    "replace": ("string", lambda s, value: on.AddValue(value, 5000, replace=True)),
    **{
        f"add a {type}": (
            "nothing",
            lambda s, value, type=type, add=add: on.CreateCollection(type, (add(value),), 5000),
        )
        for type, add in AS_ELEMENT.items()
    },
    "push": ("list", lambda s, value: on.PushItems(("y", value), on.End.FIRST)),
    "insert": ("list", lambda s, value: on.InsertItem(*first(s), value)),
    "set item": ("list", lambda s, value: on.SetElement(*first(s), value, "list")),
    "add members": ("set", lambda s, value: on.AddMembers((value,))),
    "rename member": ("set", lambda s, value: on.SetElement(*first(s), value, "set")),
    "add scored": (
        "zset",
        lambda s, value: on.ZAdd((("a", 3), (value, 4)), on.ZAddCondition.GT),
    ),
    "rename scored": ("zset", lambda s, value: on.SetElement(*first(s), value, "zset")),
    "add fields": ("hash", lambda s, value: on.AddFields((("x", value),))),
    "set field": ("hash", lambda s, value: on.SetElement(*first(s), value, "hash")),
    "add entry": ("stream", lambda s, value: on.AddEntry((("x", value),))),
}
"""What stores a value -> what the key holds before, and the edit of a subject."""

EVERY: dict[str, tuple[str, Make]] = {
    "increase": ("number", lambda s: on.Incr(2)),
    "increase a float": ("float", lambda s: on.Incr(0.5)),
    "ttl": ("string", lambda s: on.Expire(5000)),
    "persist": ("string", lambda s: on.Expire(TTL_NONE)),
    "moment": ("string", lambda s: on.ExpireAt(2**42)),
    "lengthen": ("string", lambda s: on.ExtendTTL(5000)),
    "rename": ("hash", lambda s: on.Rename(OTHER)),
    "copy": ("hash", lambda s: on.Copy(OTHER)),
    "pop": ("list", lambda s: on.PopElements("list", on.End.LAST)),
    "trim": ("list", lambda s: on.TrimList(1, 1, 3)),
    "pop members": ("set", lambda s: on.PopElements("set", on.End.RANDOM)),
    "set score": ("zset", lambda s: on.SetScore(*first(s), 9)),
    "pop lowest": ("zset", lambda s: on.PopElements("zset", on.End.FIRST)),
    "pop any": ("zset", lambda s: on.PopElements("zset", on.End.RANDOM)),
    "rename field": ("hash", lambda s: on.RenameField(*first(s), "x")),
    "trim stream": ("stream", lambda s: on.TrimStream(1, 2)),
    **{
        f"remove from a {type}": (type, lambda s, type=type: on.RemoveElements(type, all_rows(s)))
        for type in (*ELEMENTS, "stream")
    },
    **{name: (holds, partial(make, value="x")) for name, (holds, make) in STORING.items()},
}
"""What to do -> what the key holds before, and the edit."""


BY_CHANCE = {"pop members", "pop any"}
"""What leaves one of several states."""


def make_every_edit(one: Subject, other: Subject) -> None:
    """Check that each edit does the same with two subjects."""
    for name, (holds, make) in EVERY.items():
        states = []
        for subject in (one, other):
            prepare(subject, holds)
            subject.done(make(subject))
            states.append(state(subject))
        assert states[0] == states[1] or name in BY_CHANCE, name


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

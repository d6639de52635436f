"""Edits that take over what was read just before: one round trip, and nothing is overlooked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import EditStatus
from tests.inspectors.valkey.changes.every import ELEMENTS, prepare, state
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_each_server, on_one_server, with_field_ttls
from tests.inspectors.valkey.proxy import proxy

Make = Callable[[str, str], edits.ElementEdit]

EDITS: dict[str, tuple[str, Make]] = {
    "set item": ("list", lambda id, expected: edits.SetElement(id, expected, "x", "list")),
    "insert": ("list", lambda id, expected: edits.InsertItem(id, expected, "x")),
    "replace member": ("set", lambda id, expected: edits.SetElement(id, expected, "x", "set")),
    "replace scored": ("zset", lambda id, expected: edits.SetElement(id, expected, "x", "zset")),
    "set score": ("zset", lambda id, expected: edits.SetScore(id, expected, 9)),
    "set field": ("hash", lambda id, expected: edits.SetElement(id, expected, "x", "hash")),
    "rename field": ("hash", lambda id, expected: edits.RenameField(id, expected, "x")),
}


def read_and_edit(subject: Subject, name: str) -> edits.ElementEdit:
    """Return an edit of the first element with the replies of its reading."""
    type, make = EDITS[name]
    prepare(subject, type)
    row = min(subject.rows(), key=lambda row: row.name)
    element = subject.inspector.read_element(KEY, "" if type in ("set", "zset") else type, row.id)
    assert element.type == type
    assert element.expected == row.expected
    return replace(make(element.id, element.expected), replies=element.replies)


@on_one_server
def test_one_round_trip_is_enough(store: Store) -> None:
    plain = Subject(store.inspect(), store.raw)
    with proxy(store.server.port) as between:
        counted = Subject(
            store.inspect(f"{store.scheme}://{between.address}/0", "counted"), store.raw
        )
        counted.inspector.status()
        plain.done(read_and_edit(plain, "set item"))  # The server has the script from now on.
        for name in EDITS:
            edit = read_and_edit(plain, name)
            between.trips = 0
            counted.done(edit)
            assert between.trips == 1, name


CHANGES: dict[str, Callable[[Any], Any]] = {
    "list": lambda raw: raw.lset(KEY, 0, "theirs"),
    "set": lambda raw: raw.srem(KEY, *raw.smembers(KEY)) and raw.sadd(KEY, "theirs"),
    "zset": lambda raw: raw.zadd(KEY, dict.fromkeys(raw.zrange(KEY, 0, -1), 77)),
    "hash": lambda raw: raw.hset(KEY, "a", "theirs"),
}


@on_each_server
def test_a_change_after_the_reading_is_noticed(subject: Subject) -> None:
    for name, (type, _make) in EDITS.items():
        edit = read_and_edit(subject, name)
        CHANGES[type](subject.raw)
        before = state(subject)
        expected = EditStatus.ELEMENT_GONE if type == "set" else EditStatus.CHANGED
        assert subject.apply(edit).status == expected, name
        assert state(subject) == before, name


@on_each_server
def test_a_key_that_went_after_the_reading_is_gone(subject: Subject) -> None:
    for name in EDITS:
        edit = read_and_edit(subject, name)
        subject.raw.unlink(KEY)
        assert subject.apply(edit).status == EditStatus.GONE, name
        assert not subject.raw.exists(KEY)


@on_each_server
@pytest.mark.parametrize("name", ["replace member", "replace scored", "rename field"])
def test_a_new_name_that_is_taken_is_noticed(subject: Subject, name: str) -> None:
    edit = read_and_edit(subject, name)
    taken = subject.stored("x") if name != "rename field" else b"x"
    {
        "set": lambda: subject.raw.sadd(KEY, taken),
        "zset": lambda: subject.raw.zadd(KEY, {taken: 1}),
        "hash": lambda: subject.raw.hset(KEY, taken, "theirs"),  # type: ignore[arg-type]  # bytes
    }[EDITS[name][0]]()
    before = state(subject)
    assert subject.apply(edit).status == EditStatus.EXISTS
    assert state(subject) == before


def expire_field(subject: Subject) -> None:
    subject.raw.execute_command("HPEXPIREAT", KEY, 2**42, "FIELDS", 1, "a")


def field_expiry(subject: Subject, field: str) -> Any:
    return subject.raw.execute_command("HPEXPIRETIME", KEY, "FIELDS", 1, field)


@with_field_ttls
def test_a_ttl_given_after_the_reading_is_kept(subject: Subject) -> None:
    for name in ("set field", "rename field"):
        edit = read_and_edit(subject, name)
        expire_field(subject)
        outcome = subject.done(edit)
        field = "x" if name == "rename field" else "a"
        assert field_expiry(subject, field) == [2**42]
        assert "changed in the meantime" in str(outcome.reason)
    edit = read_and_edit(subject, "set field")
    expire_field(subject)
    expire = edits.ExpireField(edit.element, edit.expected, 5000, replies=edit.replies)
    assert subject.apply(expire).status == EditStatus.CHANGED
    assert field_expiry(subject, "a") == [2**42]


@on_each_server
def test_a_value_that_changed_after_the_reading_is_noticed(subject: Subject) -> None:
    prepare(subject, "number")
    seen = subject.read()
    subject.raw.set(KEY, "7", keepttl=True)
    edit = edits.SetValue("mine", seen.expected, replies=seen.replies)
    assert subject.apply(edit).status == EditStatus.CHANGED
    outcome = subject.done(edits.Incr(2, replies=seen.replies))
    assert (outcome.number, subject.raw.get(KEY)) == (9, b"9")


def test_the_edits_are_of_every_type_with_elements_to_change() -> None:
    assert {type for type, _make in EDITS.values()} == set(ELEMENTS)

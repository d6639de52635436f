from __future__ import annotations

import pytest

from django_cachex.inspectors.edits import (
    AddFields,
    EditStatus,
    ElementRef,
    RemoveElements,
    RenameField,
    SetElement,
)
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

pytestmark = on_one_server


def test_fields_are_added_and_none_is_overwritten_unless_told(subject: Subject) -> None:
    subject.fill("hash", ("a", 1))
    assert subject.done(AddFields((("b", "x"), (" ", None)))).count == 2
    outcome = subject.apply(AddFields((("new", 1), ("b", "y"))))
    assert (outcome.status, outcome.reason) == (EditStatus.EXISTS, "b")
    assert not subject.raw.hexists(KEY, "new")
    assert subject.done(AddFields((("b", "y"),), replace=True)).count == 0
    assert subject.raw.hget(KEY, "b") == subject.stored("y")
    assert subject.raw.hget(KEY, "a") == subject.stored(1)


def test_a_field_is_set_while_others_change(subject: Subject) -> None:
    subject.fill("hash", ("a", "old"), ("b", 1))
    row = subject.row("a")
    subject.raw.hset(KEY, "b", "theirs")
    outcome = subject.done(SetElement(row.id, row.expected, "new", "hash"))
    assert outcome.old is not None
    assert outcome.new is not None
    assert outcome.old.fingerprint != outcome.new.fingerprint
    assert subject.raw.hget(KEY, "a") == subject.stored("new")
    assert subject.raw.hget(KEY, "b") == b"theirs"


def test_a_field_that_changed_is_shown_and_can_be_insisted_on(subject: Subject) -> None:
    subject.fill("hash", ("a", "old"))
    row = subject.row("a")
    subject.raw.hset(KEY, "a", subject.stored({"their": "s"}))
    outcome = subject.apply(SetElement(row.id, row.expected, "mine", "hash"))
    assert outcome.status == EditStatus.CHANGED
    assert outcome.current is not None
    assert outcome.current.value == {"their": "s"}
    subject.done(SetElement(row.id, outcome.expected, "mine", "hash"))
    assert subject.raw.hget(KEY, "a") == subject.stored("mine")


def test_a_field_is_renamed_in_one_step_and_not_onto_another(subject: Subject) -> None:
    subject.fill("hash", ("a", "x"), ("b", "y"))
    row = subject.row("a")
    outcome = subject.apply(RenameField(row.id, row.expected, "b"))
    assert (outcome.status, outcome.reason) == (EditStatus.EXISTS, "b")
    assert subject.apply(RenameField(row.id, row.expected, "a")).status == EditStatus.UNCHANGED
    subject.done(RenameField(row.id, row.expected, "ключ "))
    assert subject.raw.hgetall(KEY) == {
        "ключ ".encode(): subject.stored("x"),
        b"b": subject.stored("y"),
    }


def test_fields_are_removed_all_or_none(subject: Subject) -> None:
    subject.fill("hash", ("a", 1), ("b", 2), ("c", 3))
    both = subject.chosen("a", "b")
    subject.raw.hset(KEY, "b", "theirs")
    assert subject.apply(RemoveElements("hash", both)).status == EditStatus.CHANGED
    assert subject.raw.hlen(KEY) == 3
    outcome = subject.done(RemoveElements("hash", subject.chosen("a", "b")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (2, 1, False)
    outcome = subject.done(RemoveElements("hash", subject.chosen("c")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 0, True)


def test_of_removed_fields_those_already_gone_are_not_counted(subject: Subject) -> None:
    subject.fill("hash", ("a", 1), ("b", 2), ("c", 3))
    chosen = subject.chosen("a", "b")
    subject.raw.hdel(KEY, "a")
    assert subject.done(RemoveElements("hash", chosen)).count == 1
    assert subject.apply(RemoveElements("hash", chosen)).status == EditStatus.ELEMENT_GONE


@pytest.mark.parametrize(
    "edit",
    [
        AddFields((("a", 1),)),
        SetElement("=YQ", "", "x", "hash"),
        RenameField("=YQ", "", "x"),
        RemoveElements("hash", (ElementRef("=YQ", ""),)),
    ],
)
def test_what_is_no_hash_any_more_is_left_alone(subject: Subject, edit: object) -> None:
    assert subject.apply(edit).status == EditStatus.GONE  # type: ignore[arg-type]
    assert not subject.raw.exists(KEY)
    subject.raw.set(KEY, "text")
    assert subject.apply(edit).status == EditStatus.WRONG_TYPE  # type: ignore[arg-type]
    assert subject.raw.get(KEY) == b"text"


def test_rows_of_a_server_without_field_ttls_say_so(subject: Subject) -> None:
    subject.fill("hash", ("a", 1))
    [known] = subject.raw.execute_command("COMMAND INFO", "HPEXPIRE")
    assert [row.ttl for row in subject.rows()] == [TTL_NONE if known else None]

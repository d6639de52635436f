from __future__ import annotations

import pytest

from django_cachex.inspectors.edits import (
    EditStatus,
    ElementRef,
    End,
    InsertItem,
    InsertPosition,
    PopElements,
    PushItems,
    RemoveElements,
    SetElement,
    TrimList,
)
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

pytestmark = on_one_server


def test_items_are_pushed_in_the_order_in_which_they_are_given(subject: Subject) -> None:
    subject.fill("list", "b")
    outcome = subject.done(PushItems(("c", 4)))
    assert (outcome.count, outcome.remaining) == (2, 3)
    assert subject.done(PushItems(("a", {"b": None}), End.FIRST)).remaining == 5
    assert subject.values() == ["a", {"b": None}, "b", "c", 4]
    assert subject.raw.lindex(KEY, 4) == subject.stored(4)


def test_items_are_inserted_beside_the_one_that_was_meant(subject: Subject) -> None:
    subject.fill("list", "x", "x", "x")
    second = subject.row("1")
    outcome = subject.done(InsertItem(second.id, second.expected, "before"))
    assert (outcome.count, outcome.remaining) == (1, 4)
    assert subject.values() == ["x", "before", "x", "x"]
    last = subject.row("3")
    subject.done(InsertItem(last.id, last.expected, "after", InsertPosition.AFTER))
    assert subject.values() == ["x", "before", "x", "x", "after"]


def test_of_duplicates_the_one_that_was_chosen_goes(subject: Subject) -> None:
    subject.fill("list", "x", "a", "x", "b", "x")
    outcome = subject.done(RemoveElements("list", subject.chosen("2")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 4, False)
    assert subject.values() == ["x", "a", "b", "x"]
    assert subject.done(RemoveElements("list", subject.chosen("0", "3"))).count == 2
    assert subject.values() == ["a", "b"]


@pytest.mark.parametrize("push", ["lpush", "rpush"])
def test_after_a_push_no_other_row_goes(subject: Subject, push: str) -> None:
    subject.fill("list", "x", "x")
    chosen = subject.chosen("1")
    getattr(subject.raw, push)(KEY, subject.stored("x"))
    outcome = subject.apply(RemoveElements("list", chosen))
    assert outcome.status == EditStatus.CHANGED
    assert subject.raw.llen(KEY) == 3
    again = ElementRef("1", outcome.expected)
    assert subject.apply(RemoveElements("list", (again,))).status == EditStatus.DONE


def test_an_item_is_set_and_what_was_there_is_told(subject: Subject) -> None:
    subject.fill("list", "a", "b")
    row = subject.row("1")
    outcome = subject.done(SetElement(row.id, row.expected, "a longer one", "list"))
    assert subject.values() == ["a", "a longer one"]
    assert outcome.old is not None
    assert outcome.new is not None
    assert outcome.new.size - outcome.old.size == len("a longer one") - len("b")


def test_a_change_meanwhile_is_told_with_what_is_there_now(subject: Subject) -> None:
    subject.fill("list", "a", "b")
    row = subject.row("1")
    subject.raw.lset(KEY, 1, subject.stored("theirs"))
    outcome = subject.apply(SetElement(row.id, row.expected, "mine", "list"))
    assert outcome.status == EditStatus.CHANGED
    assert outcome.current is not None
    assert outcome.current.value == "theirs"
    assert subject.values() == ["a", "theirs"]
    subject.done(SetElement(row.id, outcome.expected, "mine", "list"))
    assert subject.values() == ["a", "mine"]


def test_items_are_popped_from_either_end_and_shown(subject: Subject) -> None:
    subject.fill("list", "a", "b", "c", "d")
    outcome = subject.done(PopElements("list", End.LAST))
    assert [content.value for content in outcome.removed] == ["d"]
    outcome = subject.done(PopElements("list", End.FIRST, 2))
    assert [content.value for content in outcome.removed] == ["a", "b"]
    outcome = subject.done(PopElements("list", End.FIRST, 9))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 0, True)
    assert not subject.raw.exists(KEY)


def test_a_list_is_trimmed_as_long_as_it_is_what_was_seen(subject: Subject) -> None:
    subject.fill("list", *"abcde")
    assert subject.done(TrimList(1, -2, 5)).count == 2
    assert subject.values() == ["b", "c", "d"]
    assert subject.apply(TrimList(0, 0, 5)).status == EditStatus.CHANGED
    outcome = subject.done(TrimList(5, 9, 3))
    assert outcome.key_gone


@pytest.mark.parametrize(
    "edit",
    [
        PushItems(("x",)),
        InsertItem("0", "", "x"),
        SetElement("0", "", "x", "list"),
        PopElements("list", End.FIRST),
        TrimList(0, 1, 1),
        RemoveElements("list", (ElementRef("0", ""),)),
    ],
)
def test_what_is_no_list_any_more_is_left_alone(subject: Subject, edit: object) -> None:
    assert subject.apply(edit).status == EditStatus.GONE  # type: ignore[arg-type]
    assert not subject.raw.exists(KEY)
    subject.raw.set(KEY, "text")
    assert subject.apply(edit).status == EditStatus.WRONG_TYPE  # type: ignore[arg-type]
    assert subject.raw.get(KEY) == b"text"


def test_an_item_that_is_not_there_is_told(subject: Subject) -> None:
    subject.fill("list", "a")
    for element in ("7", "nonsense", "-1", ""):
        edit = RemoveElements("list", (ElementRef(element, ""),))
        assert subject.apply(edit).status == EditStatus.ELEMENT_GONE
    assert subject.values() == ["a"]

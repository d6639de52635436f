from __future__ import annotations

import pytest

from django_cachex.inspectors.edits import (
    AddMembers,
    EditStatus,
    ElementRef,
    End,
    PopElements,
    RemoveElements,
    SetElement,
    SetScore,
    ZAdd,
    ZAddCondition,
)
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

pytestmark = on_one_server


def test_members_are_added_once(subject: Subject) -> None:
    subject.fill("set", "a")
    assert subject.done(AddMembers(("a", "b", 3))).count == 2
    assert subject.apply(AddMembers(("a", "b"))).status == EditStatus.UNCHANGED
    assert set(subject.raw.smembers(KEY)) == {subject.stored(value) for value in ("a", "b", 3)}


def test_a_number_and_its_text_are_two_members(subject: Subject) -> None:
    subject.fill("set", 1, "1", " 1", "")
    rows = {subject.stored(row.cells[0].value): row for row in subject.rows()}
    assert len(rows) == 4
    for value in (1, "", " 1"):
        row = rows[subject.stored(value)]
        outcome = subject.done(RemoveElements("set", (ElementRef(row.id, row.expected),)))
        assert outcome.count == 1
        assert not subject.raw.sismember(KEY, subject.stored(value))
    assert set(subject.raw.smembers(KEY)) == {subject.stored("1")}


@pytest.mark.parametrize("member", [b"\xff\x00\r\n", b"x" * 512, b"y" * 513, b"z" * 20_000])
@pytest.mark.parametrize("type", ["set", "zset", "hash"])
def test_elements_of_any_bytes_and_length_are_found_again(
    subject: Subject, type: str, member: bytes
) -> None:
    add = {
        "set": lambda name: subject.raw.sadd(KEY, name),
        "zset": lambda name: subject.raw.zadd(KEY, {name: 1}),
        "hash": lambda name: subject.raw.hset(KEY, name, "v"),
    }[type]
    for name in (member, b"a", b"other" * 200):
        add(name)
    rows = [row for row in subject.rows() if row.cells[0].stored_size == len(member)]
    [row] = rows
    assert len(row.id) < 700
    found = subject.inspector.read_element(KEY, type, row.id)
    assert found is not None
    assert found.cells[0].stored_size == len(member)
    assert subject.done(RemoveElements(type, (ElementRef(row.id, row.expected),))).count == 1
    assert subject.elements().total == 2
    assert (
        subject.apply(RemoveElements(type, (ElementRef(row.id, row.expected),))).status
        == EditStatus.ELEMENT_GONE
    )


def test_a_member_is_renamed_in_one_step_and_not_onto_another(subject: Subject) -> None:
    subject.fill("set", "a", "b")
    row = subject.row("a")
    assert subject.apply(SetElement(row.id, "", "b", "set")).status == EditStatus.EXISTS
    assert subject.apply(SetElement(row.id, "", "a", "set")).status == EditStatus.UNCHANGED
    subject.done(SetElement(row.id, "", "c", "set"))
    assert set(subject.raw.smembers(KEY)) == {subject.stored("c"), subject.stored("b")}
    assert subject.apply(SetElement(row.id, "", "d", "set")).status == EditStatus.ELEMENT_GONE


def test_the_score_goes_with_a_renamed_member_exactly(subject: Subject) -> None:
    subject.fill("zset", ("a", 0.1 + 0.2), ("b", 2))
    row = subject.row("a")
    assert subject.apply(SetElement(row.id, "", "b", "zset")).status == EditStatus.EXISTS
    subject.done(SetElement(row.id, row.expected, "c", "zset"))
    assert subject.raw.zscore(KEY, subject.stored("c")) == 0.1 + 0.2
    assert subject.raw.zscore(KEY, subject.stored("a")) is None


def test_random_members_are_popped_and_shown(subject: Subject) -> None:
    subject.fill("set", "a", "b", "c")
    outcome = subject.done(PopElements("set", End.RANDOM, 2))
    assert {content.value for content in outcome.removed} < {"a", "b", "c"}
    assert (outcome.count, outcome.remaining) == (2, 1)
    assert subject.done(PopElements("set", End.RANDOM, 2)).key_gone


@pytest.mark.parametrize(
    ("end", "popped"), [(End.FIRST, {"low"}), (End.LAST, {"high"}), (End.RANDOM, None)]
)
def test_the_lowest_the_highest_or_any_is_popped(
    subject: Subject, end: End, popped: set[str] | None
) -> None:
    subject.fill("zset", ("low", -1), ("mid", 0), ("high", 1))
    outcome = subject.done(PopElements("zset", end))
    members = {content.value for content in outcome.removed}
    assert members == popped or popped is None
    assert (outcome.count, outcome.remaining) == (1, 2)
    outcome = subject.done(PopElements("zset", end, 5))
    assert (outcome.count, outcome.key_gone) == (2, True)


def test_a_score_is_set_in_place(subject: Subject) -> None:
    subject.fill("zset", ("a", 1), ("b", 2))
    row = subject.row("a")
    subject.done(SetScore(row.id, row.expected, float("inf")))
    assert subject.raw.zscore(KEY, subject.stored("a")) == float("inf")
    outcome = subject.apply(SetScore(row.id, row.expected, 5))
    assert (outcome.status, outcome.reason) == (EditStatus.CHANGED, "inf")
    assert subject.apply(SetScore(row.id, outcome.expected, float("inf"))).status == (
        EditStatus.UNCHANGED
    )


@pytest.mark.parametrize(
    ("only", "new", "lower", "higher"),
    [
        (ZAddCondition.ANY, True, True, True),
        (ZAddCondition.NX, True, False, False),
        (ZAddCondition.XX, False, True, True),
        (ZAddCondition.GT, True, False, True),
        (ZAddCondition.LT, True, True, False),
        (ZAddCondition.XX_GT, False, False, True),
        (ZAddCondition.XX_LT, False, True, False),
    ],
)
def test_conditions_of_adding_hold(
    subject: Subject, only: ZAddCondition, new: bool, lower: bool, higher: bool
) -> None:
    for member, score, changes in (("new", 5, new), ("there", 4, lower), ("there", 6, higher)):
        subject.fill("zset", ("there", 5))
        outcome = subject.apply(ZAdd(((member, score),), only))
        assert outcome.status == (EditStatus.DONE if changes else EditStatus.UNCHANGED)
        expected = {"there": 5.0, **({member: float(score)} if changes else {})}
        found = {row.name: float(row.cells[1].formatted.text) for row in subject.rows()}
        assert found == expected


@pytest.mark.parametrize("type", ["set", "zset"])
def test_what_is_no_such_type_any_more_is_left_alone(subject: Subject, type: str) -> None:
    edits = [
        RemoveElements(type, (ElementRef("=YQ", ""),)),
        SetElement("=YQ", "", "b", type),
        PopElements(type, End.RANDOM),
        *([AddMembers(("a",))] if type == "set" else [ZAdd((("a", 1),)), SetScore("=YQ", "", 1)]),
    ]
    for edit in edits:
        assert subject.apply(edit).status == EditStatus.GONE
        assert not subject.raw.exists(KEY)
        subject.raw.set(KEY, "text")
        assert subject.apply(edit).status == EditStatus.WRONG_TYPE
        assert subject.raw.getdel(KEY) == b"text"


@pytest.mark.parametrize(
    ("type", "end"), [("set", End.FIRST), ("set", End.LAST), ("list", End.RANDOM)]
)
def test_an_end_that_a_type_does_not_have_is_refused(subject: Subject, type: str, end: End) -> None:
    subject.fill(type, "a", "b")
    with pytest.raises(ValueError, match=f"Elements of a {type} can't be popped from"):
        subject.apply(PopElements(type, end))
    assert len(subject.rows()) == 2

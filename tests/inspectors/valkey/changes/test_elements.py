"""Edits of the elements of each type."""

from __future__ import annotations

import pytest

from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import EditStatus
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

pytestmark = on_one_server


def test_items_are_pushed_in_the_order_in_which_they_are_given(subject: Subject) -> None:
    subject.fill("list", "b")
    outcome = subject.done(edits.PushItems(("c", 4)))
    assert (outcome.count, outcome.remaining) == (2, 3)
    assert subject.done(edits.PushItems(("a", {"b": None}), edits.End.FIRST)).remaining == 5
    assert subject.values() == ["a", {"b": None}, "b", "c", 4]
    assert subject.raw.lindex(KEY, 4) == subject.stored(4)


def test_items_are_inserted_beside_the_one_that_was_meant(subject: Subject) -> None:
    subject.fill("list", "x", "x", "x")
    second = subject.row("1")
    outcome = subject.done(edits.InsertItem(second.id, second.expected, "before"))
    assert (outcome.count, outcome.remaining) == (1, 4)
    assert subject.values() == ["x", "before", "x", "x"]
    last = subject.row("3")
    subject.done(edits.InsertItem(last.id, last.expected, "after", edits.InsertPosition.AFTER))
    assert subject.values() == ["x", "before", "x", "x", "after"]


def test_of_duplicates_the_one_that_was_chosen_goes(subject: Subject) -> None:
    subject.fill("list", "x", "a", "x", "b", "x")
    outcome = subject.done(edits.RemoveElements("list", subject.chosen("2")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 4, False)
    assert subject.values() == ["x", "a", "b", "x"]
    assert subject.done(edits.RemoveElements("list", subject.chosen("0", "3"))).count == 2
    assert subject.values() == ["a", "b"]


@pytest.mark.parametrize("push", ["lpush", "rpush"])
def test_after_a_push_no_other_row_goes(subject: Subject, push: str) -> None:
    subject.fill("list", "x", "x")
    chosen = subject.chosen("1")
    getattr(subject.raw, push)(KEY, subject.stored("x"))
    outcome = subject.apply(edits.RemoveElements("list", chosen))
    assert outcome.status == EditStatus.CHANGED
    assert subject.raw.llen(KEY) == 3
    again = edits.ElementRef("1", outcome.expected)
    assert subject.apply(edits.RemoveElements("list", (again,))).is_done


def test_an_item_is_set_and_what_was_there_is_told(subject: Subject) -> None:
    subject.fill("list", "a", "b")
    row = subject.row("1")
    outcome = subject.done(edits.SetElement(row.id, row.expected, "a longer one", "list"))
    assert subject.values() == ["a", "a longer one"]
    assert outcome.new.size - outcome.old.size == len("a longer one") - len("b")


def test_a_change_meanwhile_is_told_with_what_is_there_now(subject: Subject) -> None:
    subject.fill("list", "a", "b")
    row = subject.row("1")
    subject.raw.lset(KEY, 1, subject.stored("theirs"))
    outcome = subject.apply(edits.SetElement(row.id, row.expected, "mine", "list"))
    assert outcome.status == EditStatus.CHANGED
    assert outcome.current.value == "theirs"
    assert subject.values() == ["a", "theirs"]
    subject.done(edits.SetElement(row.id, outcome.expected, "mine", "list"))
    assert subject.values() == ["a", "mine"]


def test_items_are_popped_from_either_end_and_shown(subject: Subject) -> None:
    subject.fill("list", "a", "b", "c", "d")
    outcome = subject.done(edits.PopElements("list", edits.End.LAST))
    assert [content.value for content in outcome.removed] == ["d"]
    outcome = subject.done(edits.PopElements("list", edits.End.FIRST, 2))
    assert [content.value for content in outcome.removed] == ["a", "b"]
    outcome = subject.done(edits.PopElements("list", edits.End.FIRST, 9))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 0, True)
    assert not subject.raw.exists(KEY)


def test_a_list_is_trimmed_as_long_as_it_is_what_was_seen(subject: Subject) -> None:
    subject.fill("list", *"abcde")
    assert subject.done(edits.TrimList(1, -2, 5)).count == 2
    assert subject.values() == ["b", "c", "d"]
    assert subject.apply(edits.TrimList(0, 0, 5)).status == EditStatus.CHANGED
    outcome = subject.done(edits.TrimList(5, 9, 3))
    assert outcome.key_gone


def test_an_item_that_is_not_there_is_told(subject: Subject) -> None:
    subject.fill("list", "a")
    for element in ("7", "nonsense", "-1", ""):
        edit = edits.RemoveElements("list", (edits.ElementRef(element, ""),))
        assert subject.apply(edit).status == EditStatus.ELEMENT_GONE
    assert subject.values() == ["a"]


def test_members_are_added_once(subject: Subject) -> None:
    subject.fill("set", "a")
    assert subject.done(edits.AddMembers(("a", "b", 3))).count == 2
    assert subject.apply(edits.AddMembers(("a", "b"))).status == EditStatus.UNCHANGED
    assert set(subject.raw.smembers(KEY)) == {subject.stored(value) for value in ("a", "b", 3)}


def test_a_number_and_its_text_are_two_members(subject: Subject) -> None:
    subject.fill("set", 1, "1", " 1", "")
    rows = {subject.stored(row.cells[0].value): row for row in subject.rows()}
    assert len(rows) == 4
    for value in (1, "", " 1"):
        row = rows[subject.stored(value)]
        outcome = subject.done(
            edits.RemoveElements("set", (edits.ElementRef(row.id, row.expected),))
        )
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
    assert found.cells[0].stored_size == len(member)
    assert (
        subject.done(edits.RemoveElements(type, (edits.ElementRef(row.id, row.expected),))).count
        == 1
    )
    assert subject.elements().total == 2
    assert (
        subject.apply(edits.RemoveElements(type, (edits.ElementRef(row.id, row.expected),))).status
        == EditStatus.ELEMENT_GONE
    )


def test_a_member_is_renamed_in_one_step_and_not_onto_another(subject: Subject) -> None:
    subject.fill("set", "a", "b")
    row = subject.row("a")
    assert subject.apply(edits.SetElement(row.id, "", "b", "set")).status == EditStatus.EXISTS
    assert subject.apply(edits.SetElement(row.id, "", "a", "set")).status == EditStatus.UNCHANGED
    subject.done(edits.SetElement(row.id, "", "c", "set"))
    assert set(subject.raw.smembers(KEY)) == {subject.stored("c"), subject.stored("b")}
    assert subject.apply(edits.SetElement(row.id, "", "d", "set")).status == EditStatus.ELEMENT_GONE


def test_the_score_goes_with_a_renamed_member_exactly(subject: Subject) -> None:
    subject.fill("zset", ("a", 0.1 + 0.2), ("b", 2))
    row = subject.row("a")
    assert subject.apply(edits.SetElement(row.id, "", "b", "zset")).status == EditStatus.EXISTS
    subject.done(edits.SetElement(row.id, row.expected, "c", "zset"))
    assert subject.raw.zscore(KEY, subject.stored("c")) == 0.1 + 0.2
    assert subject.raw.zscore(KEY, subject.stored("a")) is None


def test_random_members_are_popped_and_shown(subject: Subject) -> None:
    subject.fill("set", "a", "b", "c")
    outcome = subject.done(edits.PopElements("set", edits.End.RANDOM, 2))
    assert {content.value for content in outcome.removed} < {"a", "b", "c"}
    assert (outcome.count, outcome.remaining) == (2, 1)
    assert subject.done(edits.PopElements("set", edits.End.RANDOM, 2)).key_gone


@pytest.mark.parametrize(
    ("end", "popped"),
    [(edits.End.FIRST, {"low"}), (edits.End.LAST, {"high"}), (edits.End.RANDOM, None)],
)
def test_the_lowest_the_highest_or_any_is_popped(
    subject: Subject, end: edits.End, popped: set[str] | None
) -> None:
    subject.fill("zset", ("low", -1), ("mid", 0), ("high", 1))
    outcome = subject.done(edits.PopElements("zset", end))
    members = {content.value for content in outcome.removed}
    assert members == popped or popped is None
    assert (outcome.count, outcome.remaining) == (1, 2)
    outcome = subject.done(edits.PopElements("zset", end, 5))
    assert (outcome.count, outcome.key_gone) == (2, True)


def test_a_score_is_set_in_place(subject: Subject) -> None:
    subject.fill("zset", ("a", 1), ("b", 2))
    row = subject.row("a")
    subject.done(edits.SetScore(row.id, row.expected, float("inf")))
    assert subject.raw.zscore(KEY, subject.stored("a")) == float("inf")
    outcome = subject.apply(edits.SetScore(row.id, row.expected, 5))
    assert (outcome.status, outcome.reason) == (EditStatus.CHANGED, "inf")
    assert subject.apply(edits.SetScore(row.id, outcome.expected, float("inf"))).status == (
        EditStatus.UNCHANGED
    )


@pytest.mark.parametrize(
    ("only", "new", "lower", "higher"),
    [
        (edits.ZAddCondition.ANY, True, True, True),
        (edits.ZAddCondition.NX, True, False, False),
        (edits.ZAddCondition.XX, False, True, True),
        (edits.ZAddCondition.GT, True, False, True),
        (edits.ZAddCondition.LT, True, True, False),
        (edits.ZAddCondition.XX_GT, False, False, True),
        (edits.ZAddCondition.XX_LT, False, True, False),
    ],
)
def test_conditions_of_adding_hold(
    subject: Subject, only: edits.ZAddCondition, new: bool, lower: bool, higher: bool
) -> None:
    for member, score, changes in (("new", 5, new), ("there", 4, lower), ("there", 6, higher)):
        subject.fill("zset", ("there", 5))
        outcome = subject.apply(edits.ZAdd(((member, score),), only))
        assert outcome.status == (EditStatus.DONE if changes else EditStatus.UNCHANGED)
        expected = {"there": 5.0, **({member: float(score)} if changes else {})}
        found = {row.name: float(row.cells[1].formatted.text) for row in subject.rows()}
        assert found == expected


@pytest.mark.parametrize(
    ("type", "end"), [("set", edits.End.FIRST), ("set", edits.End.LAST), ("list", edits.End.RANDOM)]
)
def test_an_end_that_a_type_does_not_have_is_refused(
    subject: Subject, type: str, end: edits.End
) -> None:
    subject.fill(type, "a", "b")
    with pytest.raises(ValueError, match=f"Elements of a {type} can't be popped from"):
        subject.apply(edits.PopElements(type, end))
    assert len(subject.rows()) == 2


def test_fields_are_added_and_none_is_overwritten_unless_told(subject: Subject) -> None:
    subject.fill("hash", ("a", 1))
    assert subject.done(edits.AddFields((("b", "x"), (" ", None)))).count == 2
    outcome = subject.apply(edits.AddFields((("new", 1), ("b", "y"))))
    assert (outcome.status, outcome.reason) == (EditStatus.EXISTS, "b")
    assert not subject.raw.hexists(KEY, "new")
    assert subject.done(edits.AddFields((("b", "y"),), replace=True)).count == 0
    assert subject.raw.hget(KEY, "b") == subject.stored("y")
    assert subject.raw.hget(KEY, "a") == subject.stored(1)


def test_a_field_is_set_while_others_change(subject: Subject) -> None:
    subject.fill("hash", ("a", "old"), ("b", 1))
    row = subject.row("a")
    subject.raw.hset(KEY, "b", "theirs")
    outcome = subject.done(edits.SetElement(row.id, row.expected, "new", "hash"))
    assert outcome.old.fingerprint != outcome.new.fingerprint
    assert subject.raw.hget(KEY, "a") == subject.stored("new")
    assert subject.raw.hget(KEY, "b") == b"theirs"


def test_a_field_that_changed_is_shown_and_can_be_insisted_on(subject: Subject) -> None:
    subject.fill("hash", ("a", "old"))
    row = subject.row("a")
    subject.raw.hset(KEY, "a", subject.stored({"their": "s"}))
    outcome = subject.apply(edits.SetElement(row.id, row.expected, "mine", "hash"))
    assert outcome.status == EditStatus.CHANGED
    assert outcome.current.value == {"their": "s"}
    subject.done(edits.SetElement(row.id, outcome.expected, "mine", "hash"))
    assert subject.raw.hget(KEY, "a") == subject.stored("mine")


def test_a_field_is_renamed_in_one_step_and_not_onto_another(subject: Subject) -> None:
    subject.fill("hash", ("a", "x"), ("b", "y"))
    row = subject.row("a")
    outcome = subject.apply(edits.RenameField(row.id, row.expected, "b"))
    assert (outcome.status, outcome.reason) == (EditStatus.EXISTS, "b")
    assert (
        subject.apply(edits.RenameField(row.id, row.expected, "a")).status == EditStatus.UNCHANGED
    )
    subject.done(edits.RenameField(row.id, row.expected, "ключ "))
    assert subject.raw.hgetall(KEY) == {
        "ключ ".encode(): subject.stored("x"),
        b"b": subject.stored("y"),
    }


def test_fields_are_removed_all_or_none(subject: Subject) -> None:
    subject.fill("hash", ("a", 1), ("b", 2), ("c", 3))
    both = subject.chosen("a", "b")
    subject.raw.hset(KEY, "b", "theirs")
    assert subject.apply(edits.RemoveElements("hash", both)).status == EditStatus.CHANGED
    assert subject.raw.hlen(KEY) == 3
    outcome = subject.done(edits.RemoveElements("hash", subject.chosen("a", "b")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (2, 1, False)
    outcome = subject.done(edits.RemoveElements("hash", subject.chosen("c")))
    assert (outcome.count, outcome.remaining, outcome.key_gone) == (1, 0, True)


def test_of_removed_fields_those_already_gone_are_not_counted(subject: Subject) -> None:
    subject.fill("hash", ("a", 1), ("b", 2), ("c", 3))
    chosen = subject.chosen("a", "b")
    subject.raw.hdel(KEY, "a")
    assert subject.done(edits.RemoveElements("hash", chosen)).count == 1
    assert subject.apply(edits.RemoveElements("hash", chosen)).status == EditStatus.ELEMENT_GONE


def test_rows_of_a_server_without_field_ttls_say_so(subject: Subject) -> None:
    subject.fill("hash", ("a", 1))
    [known] = subject.raw.execute_command("COMMAND INFO", "HPEXPIRE")
    assert [row.ttl for row in subject.rows()] == [TTL_NONE if known else None]


def test_entries_are_added_with_values_of_the_serializer(subject: Subject) -> None:
    subject.raw.xadd(KEY, {"a": "1"}, id="1-1")
    outcome = subject.done(edits.AddEntry((("user", {"name": "Ana"}), ("n", 1)), "5-0"))
    assert (outcome.reason, outcome.count, outcome.remaining) == ("5-0", 1, 2)
    assert subject.raw.xrange(KEY, "5-0") == [
        (b"5-0", {b"user": subject.stored({"name": "Ana"}), b"n": subject.stored(1)})
    ]
    assert str(subject.done(edits.AddEntry((("a", 1),))).reason).partition("-")[0].isdecimal()


def test_an_id_that_is_not_later_is_refused_with_the_servers_reason(subject: Subject) -> None:
    subject.raw.xadd(KEY, {"a": "1"}, id="5-1")
    outcome = subject.apply(edits.AddEntry((("a", 1),), "5-1"))
    assert outcome.status == EditStatus.REFUSED
    assert "equal or smaller" in str(outcome.reason)


def test_entries_are_removed_and_the_empty_stream_stays(subject: Subject) -> None:
    for number in range(3):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{number + 1}-0")
    outcome = subject.done(edits.RemoveElements("stream", subject.chosen("1-0", "2-0")))
    assert (outcome.count, outcome.remaining) == (2, 1)
    chosen = subject.chosen("3-0")
    outcome = subject.done(edits.RemoveElements("stream", chosen))
    assert (outcome.remaining, outcome.key_gone) == (0, False)
    assert subject.raw.exists(KEY)
    assert subject.apply(edits.RemoveElements("stream", chosen)).status == EditStatus.ELEMENT_GONE


def test_a_stream_is_trimmed_as_long_as_it_is_what_was_seen(subject: Subject) -> None:
    for number in range(5):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{number + 1}-0")
    assert subject.apply(edits.TrimStream(2, 4)).status == EditStatus.CHANGED
    outcome = subject.done(edits.TrimStream(2, 5))
    assert (outcome.count, outcome.remaining) == (3, 2)
    assert [row.id for row in subject.rows()] == ["4-0", "5-0"]


def test_groups_are_shown_with_their_consumers(subject: Subject) -> None:
    for number in range(3):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{number + 1}-0")
    assert subject.inspector.groups(KEY) == []
    subject.raw.xgroup_create(KEY, "workers", "0")
    subject.raw.xgroup_create(KEY, "idle \xff", "$")
    subject.raw.xreadgroup("workers", "ana", {KEY: ">"}, count=2)
    groups = {group.name: group for group in subject.inspector.groups(KEY)}
    assert set(groups) == {"workers", "idle ÿ"}
    workers = groups["workers"]
    assert (workers.pending, workers.last_delivered, workers.lag) == (2, "2-0", 1)
    [ana] = workers.consumers
    assert (ana.name, ana.pending) == ("ana", 2)
    assert 0 <= ana.idle < 60_000
    assert groups["idle ÿ"].consumers == []

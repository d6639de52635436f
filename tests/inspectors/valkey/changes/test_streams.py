from __future__ import annotations

import pytest

from django_cachex.inspectors.edits import (
    AddEntry,
    EditStatus,
    ElementRef,
    RemoveElements,
    TrimStream,
)
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

pytestmark = on_one_server


def test_entries_are_added_with_values_of_the_serializer(subject: Subject) -> None:
    subject.raw.xadd(KEY, {"a": "1"}, id="1-1")
    outcome = subject.done(AddEntry((("user", {"name": "Ana"}), ("n", 1)), "5-0"))
    assert (outcome.reason, outcome.count, outcome.remaining) == ("5-0", 1, 2)
    assert subject.raw.xrange(KEY, "5-0") == [
        (b"5-0", {b"user": subject.stored({"name": "Ana"}), b"n": subject.stored(1)})
    ]
    assert str(subject.done(AddEntry((("a", 1),))).reason).partition("-")[0].isdecimal()


def test_an_id_that_is_not_later_is_refused_with_the_servers_reason(subject: Subject) -> None:
    subject.raw.xadd(KEY, {"a": "1"}, id="5-1")
    outcome = subject.apply(AddEntry((("a", 1),), "5-1"))
    assert outcome.status == EditStatus.REFUSED
    assert "equal or smaller" in str(outcome.reason)


def test_entries_are_removed_and_the_empty_stream_stays(subject: Subject) -> None:
    for number in range(3):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{number + 1}-0")
    outcome = subject.done(RemoveElements("stream", subject.chosen("1-0", "2-0")))
    assert (outcome.count, outcome.remaining) == (2, 1)
    chosen = subject.chosen("3-0")
    outcome = subject.done(RemoveElements("stream", chosen))
    assert (outcome.remaining, outcome.key_gone) == (0, False)
    assert subject.raw.exists(KEY)
    assert subject.apply(RemoveElements("stream", chosen)).status == EditStatus.ELEMENT_GONE


def test_a_stream_is_trimmed_as_long_as_it_is_what_was_seen(subject: Subject) -> None:
    for number in range(5):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{number + 1}-0")
    assert subject.apply(TrimStream(2, 4)).status == EditStatus.CHANGED
    outcome = subject.done(TrimStream(2, 5))
    assert (outcome.count, outcome.remaining) == (3, 2)
    assert [row.id for row in subject.rows()] == ["4-0", "5-0"]


@pytest.mark.parametrize(
    "edit",
    [AddEntry((("a", 1),)), TrimStream(1, 1), RemoveElements("stream", (ElementRef("1-0", ""),))],
)
def test_what_is_no_stream_any_more_is_left_alone(subject: Subject, edit: object) -> None:
    assert subject.apply(edit).status == EditStatus.GONE  # type: ignore[arg-type]
    assert not subject.raw.exists(KEY)
    subject.raw.set(KEY, "text")
    assert subject.apply(edit).status == EditStatus.WRONG_TYPE  # type: ignore[arg-type]
    assert subject.raw.get(KEY) == b"text"


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

"""Fields that expire: seen, kept to the millisecond by whatever is not about them, changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from django_cachex.inspectors import edits
from django_cachex.inspectors.edits import (
    EditStatus,
    ExpireField,
    RemoveElements,
    RenameField,
    SetElement,
)
from django_cachex.inspectors.types import TTL_NONE, Element
from tests.inspectors.valkey.changes.every import OTHER
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, with_field_ttls
from tests.inspectors.valkey.proxy import Proxy, proxy

pytestmark = with_field_ttls

MOMENT = 2_000_000_000_123
"""In 2033, at an odd millisecond."""


def moment(subject: Subject, name: str, key: bytes = b"") -> int:
    words = ("HPEXPIRETIME", key or subject.key, "FIELDS", 1, name)
    [found] = subject.raw.execute_command(*words)
    return int(found)


def expire(subject: Subject, name: str, at: int = MOMENT) -> None:
    assert subject.raw.execute_command("HPEXPIREAT", subject.key, at, "FIELDS", 1, name) == [1]


def one(subject: Subject, name: str = "a") -> Element:
    """Return a field as the form of its row is filled with it."""
    found = subject.inspector.read_element(KEY, "hash", subject.row(name).id)
    assert found is not None
    return found


WAYS = {"page": lambda subject: subject.row("a"), "form": one}
"""Where a person sees a field: the page of the key, and the form of the row."""


@pytest.fixture(params=["scripts", "transactions"])
def limited(request: pytest.FixtureRequest, store: Store, user: str) -> Subject:
    """A hash through a user who may do everything, or may not run scripts."""
    rules = ["-@scripting"] if request.param == "transactions" else []
    subject = Subject(store.inspect_as(user, *rules), store.raw)
    subject.fill("hash", ("a", "old"), ("b", 1))
    return subject


@pytest.fixture
def subject(subject: Subject) -> Subject:
    subject.fill("hash", ("a", "old"), ("b", 1))
    return subject


@pytest.fixture
def between(store: Store) -> Iterator[Proxy]:
    with proxy(store.server.port) as between:
        yield between


def test_rows_say_what_their_fields_have_left(subject: Subject) -> None:
    expire(subject, "a")
    for seen in (subject.row("a"), one(subject)):
        assert 0 < seen.ttl < MOMENT
    assert (subject.row("b").ttl, one(subject, "b").ttl) == (TTL_NONE, TTL_NONE)
    assert subject.row("a").expected == one(subject).expected


def test_a_page_of_fields_takes_as_many_round_trips_as_before(
    store: Store, subject: Subject, between: Proxy
) -> None:
    counted = Subject(store.inspect(f"valkey://{between.address}/0", "counted"), store.raw)
    expire(subject, "a")
    row = counted.row("a")
    between.trips = 0
    counted.rows()
    assert between.trips == 4
    counted.inspector.read_element(KEY, "hash", row.id)
    assert between.trips == 5
    for edit in (SetElement(row.id, row.expected, "x", "hash"), RenameField(row.id, "", "c")):
        between.trips = 0
        counted.done(edit)
        assert between.trips == 2


@pytest.mark.parametrize(
    ("edit", "field", "value"),
    [(partial(SetElement, type="hash"), "a", "c"), (RenameField, "c", "old")],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_field_keeps_its_ttl_to_the_millisecond(
    limited: Subject, way: str, edit: Any, field: str, value: str
) -> None:
    expire(limited, "a")
    row = WAYS[way](limited)
    outcome = limited.done(edit(row.id, row.expected, "c"))
    assert limited.raw.hgetall(KEY) == {
        field.encode(): limited.stored(value),
        b"b": limited.stored(1),
    }
    assert moment(limited, field) == MOMENT
    assert outcome.reason == ""


@pytest.mark.parametrize("edit", [partial(SetElement, type="hash"), RenameField])
@pytest.mark.parametrize("way", WAYS)
def test_a_ttl_given_between_view_and_save_is_kept_and_told(
    limited: Subject, way: str, edit: Any
) -> None:
    row = WAYS[way](limited)
    expire(limited, "a")
    outcome = limited.done(edit(row.id, row.expected, "c"))
    assert moment(limited, "c" if edit is RenameField else "a") == MOMENT
    assert "changed in the meantime" in str(outcome.reason)


def test_a_ttl_taken_away_between_view_and_save_is_not_put_back(subject: Subject) -> None:
    expire(subject, "a")
    row = one(subject)
    subject.raw.execute_command("HPERSIST", KEY, "FIELDS", 1, "a")
    outcome = subject.done(SetElement(row.id, row.expected, "new", "hash"))
    assert moment(subject, "a") == TTL_NONE
    assert "never expires" in str(outcome.reason)


def test_insisting_after_a_conflict_keeps_the_ttl(subject: Subject) -> None:
    row = one(subject)
    subject.raw.hset(KEY, "a", subject.stored("theirs"))
    expire(subject, "a")
    outcome = subject.apply(SetElement(row.id, row.expected, "mine", "hash"))
    assert outcome.status == EditStatus.CHANGED
    again = subject.done(SetElement(row.id, outcome.expected, "mine", "hash"))
    assert moment(subject, "a") == MOMENT
    assert again.reason == ""


def test_a_field_that_expires_is_removed_by_what_was_seen_of_it(subject: Subject) -> None:
    expire(subject, "a")
    chosen = subject.chosen("a")
    expire(subject, "a", MOMENT + 1)
    assert subject.done(RemoveElements("hash", chosen)).count == 1


def test_a_ttl_is_changed_unless_somebody_else_has_changed_it(limited: Subject) -> None:
    row = one(limited)
    limited.done(ExpireField(row.id, row.expected, 500_000))
    left = one(limited).ttl
    assert 0 < left <= 500_000
    outcome = limited.apply(ExpireField(row.id, row.expected, TTL_NONE))
    assert outcome.status == EditStatus.CHANGED
    assert one(limited).ttl != TTL_NONE
    limited.done(ExpireField(row.id, outcome.expected, TTL_NONE))
    assert moment(limited, "a") == TTL_NONE
    assert limited.raw.hget(KEY, "a") == limited.stored("old")


def test_a_ttl_that_would_remove_the_field_is_refused(subject: Subject) -> None:
    with pytest.raises(ValueError, match="delete it instead"):
        subject.apply(ExpireField(one(subject).id, "", 0))
    assert subject.raw.hexists(KEY, "a")


@pytest.mark.parametrize("edit", [edits.Rename, edits.Copy])
def test_a_hash_under_another_name_has_the_ttls(subject: Subject, edit: Any) -> None:
    expire(subject, "a")
    subject.done(edit(OTHER))
    assert moment(subject, "a", OTHER) == MOMENT


def test_a_user_who_may_not_ask_for_ttls_loses_none(store: Store, user: str) -> None:
    subject = Subject(store.inspect_as(user, "-hpexpiretime", "-hpttl"), store.raw)
    subject.fill("hash", ("a", "old"), ("b", 1))
    expire(subject, "a")
    row = one(subject)
    assert (row.ttl, subject.row("b").ttl) == (None, None)
    subject.done(SetElement(row.id, row.expected, "new", "hash"))
    assert subject.raw.hget(KEY, "a") == subject.stored("new")
    refused = subject.apply(RenameField(row.id, "", "c"))
    assert refused.status == EditStatus.REFUSED
    assert "may have a TTL" in str(refused.reason)
    store.permit(user, "-hsetex")
    assert subject.apply(SetElement(row.id, "", "lost", "hash")).status == EditStatus.REFUSED
    assert subject.raw.hget(KEY, "a") == subject.stored("new")
    assert moment(subject, "a") == MOMENT


def test_where_nobody_says_what_the_server_has_ttls_are_shown(store: Store, user: str) -> None:
    subject = Subject(store.inspect_as(user, "-command"), store.raw)
    subject.fill("hash", ("a", "old"))
    assert subject.row("a").ttl == TTL_NONE

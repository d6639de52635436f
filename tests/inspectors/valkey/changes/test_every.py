"""What holds for each and every edit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from django_cachex.inspectors.edits import EditStatus
from tests.inspectors.valkey.changes.every import BY_CHANCE, EVERY, prepare, state
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_each_server, on_one_server
from tests.inspectors.valkey.proxy import Proxy, proxy

TTL_CHANGES = {"ttl", "persist", "moment", "lengthen", "rename"}


@pytest.fixture
def between(store: Store) -> Iterator[Proxy]:
    with proxy(store.server.port) as between:
        yield between


@on_one_server
def test_an_edit_takes_two_round_trips_at_most(store: Store, between: Proxy) -> None:
    plain = Subject(store.inspect(), store.raw)
    counted = Subject(store.inspect(f"{store.scheme}://{between.address}/0", "counted"), store.raw)
    counted.inspector.status()
    for name, (holds, make) in EVERY.items():
        prepare(plain, holds)
        edit = make(plain)
        between.trips = 0
        counted.done(edit)
        assert between.trips <= 2, name


@on_each_server
def test_an_edit_leaves_the_ttl_to_the_millisecond_unless_it_is_about_it(
    subject: Subject,
) -> None:
    for name, (holds, make) in EVERY.items():
        prepare(subject, holds)
        edit = make(subject)
        before = subject.raw.pexpiretime(KEY)
        subject.done(edit)
        if name not in TTL_CHANGES and holds != "nothing" and subject.raw.exists(KEY):
            assert subject.raw.pexpiretime(KEY) == before, name


@on_each_server
@pytest.mark.parametrize("denied", ["@scripting", "eval"])
def test_without_scripts_edits_do_the_same(store: Store, user: str, denied: str) -> None:
    subject = Subject(store.inspect(), store.raw)
    restricted = Subject(
        store.inspect(store.url.replace("//", f"//{user}:hunter2@"), "restricted"), store.raw
    )
    store.raw.execute_command("ACL", "SETUSER", user, f"-{denied}")
    for name, (holds, make) in EVERY.items():
        states = []
        for one in (subject, restricted):
            prepare(one, holds)
            one.done(make(one))
            states.append(state(one))
        assert states[0] == states[1] or name in BY_CHANCE, name


@on_each_server
def test_an_edit_half_of_which_is_denied_does_nothing(store: Store, user: str) -> None:
    subject = Subject(store.inspect(store.url.replace("//", f"//{user}:hunter2@")), store.raw)
    for name, denied in (
        ("rename field", "hdel"),
        ("rename member", "srem"),
        ("rename scored", "zrem"),
        ("insert", "linsert"),
        ("remove from a list", "lrem"),
        ("add a list", "pexpire -expire"),  # Which would do as well.
    ):
        rules = f"-{denied}".split()
        store.raw.execute_command("ACL", "SETUSER", user, "+@all", *rules)
        holds, make = EVERY[name]
        prepare(subject, holds)
        edit, before = make(subject), state(subject)
        outcome = subject.apply(edit)
        assert outcome.status == EditStatus.REFUSED, name
        assert "ermission" in str(outcome.reason)
        assert state(subject) == before, name


@on_each_server
def test_a_full_server_refuses_and_changes_nothing(subject: Subject) -> None:
    full = ("set value", "push", "insert", "add members", "rename member", "rename field", "add")
    for name in full:
        holds, make = EVERY[name]
        prepare(subject, holds)
        edit, before = make(subject), state(subject)
        subject.raw.config_set("maxmemory", 1)
        try:
            outcome = subject.apply(edit)
        finally:
            subject.raw.config_set("maxmemory", 0)
        assert outcome.status == EditStatus.REFUSED, name
        assert "maxmemory" in str(outcome.reason), name
        assert state(subject) == before, name

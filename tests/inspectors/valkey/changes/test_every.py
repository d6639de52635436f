"""What holds for each and every edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import EditStatus, Expire
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.conftest import flush
from tests.inspectors.valkey.changes.every import (
    BY_CHANCE,
    ELEMENTS,
    EVERY,
    make_every_edit,
    prepare,
    state,
)
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_each_server, on_one_server
from tests.inspectors.valkey.proxy import Proxy, proxy

TTL_CHANGES = {"ttl", "persist", "moment", "lengthen", "rename", "replace"}
OF_ELEMENTS = {
    name
    for name, (holds, _make) in EVERY.items()
    if holds in (*ELEMENTS, "stream") and name not in ("rename", "copy")
}


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
    restricted = Subject(store.inspect_as(user, f"-{denied}", alias="restricted"), store.raw)
    make_every_edit(Subject(store.inspect(), store.raw), restricted)


@on_each_server
def test_an_edit_half_of_which_is_denied_does_nothing(store: Store, user: str) -> None:
    subject = Subject(store.inspect_as(user), store.raw)
    for name, denied in (
        ("add", "set"),
        ("set value", "set"),
        ("ttl", "pexpire -expire"),  # Which would do as well.
        ("persist", "persist"),
        ("rename field", "hdel"),
        ("rename member", "srem"),
        ("rename scored", "zrem"),
        ("insert", "linsert"),
        ("remove from a list", "lrem"),
        ("add a list", "pexpire -expire"),
    ):
        store.permit(user, "+@all", *f"-{denied}".split())
        holds, make = EVERY[name]
        prepare(subject, holds)
        edit, before = make(subject), (state(subject), subject.raw.pexpiretime(KEY))
        outcome = subject.apply(edit)
        assert outcome.status == EditStatus.REFUSED, name
        assert "ermission" in str(outcome.reason), name
        assert "hunter2" not in str(outcome.reason), name
        assert (state(subject), subject.raw.pexpiretime(KEY)) == before, name


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


@on_each_server
def test_a_full_server_takes_a_ttl_away(subject: Subject) -> None:
    prepare(subject, "string")
    subject.raw.config_set("maxmemory", 1)
    try:
        subject.done(Expire(TTL_NONE))
    finally:
        subject.raw.config_set("maxmemory", 0)


@on_one_server
def test_what_is_gone_or_of_another_type_by_now_is_left_alone(subject: Subject) -> None:
    for name in OF_ELEMENTS:
        holds, make = EVERY[name]
        prepare(subject, holds)
        edit = make(subject)
        subject.raw.unlink(KEY)
        assert subject.apply(edit).status == EditStatus.GONE, name
        assert not subject.raw.exists(KEY), name
        subject.raw.set(KEY, "text")
        assert subject.apply(edit).status == EditStatus.WRONG_TYPE, name
        assert subject.raw.get(KEY) == b"text", name


@pytest.fixture
def subjects(
    redis_62_process: servers.Server, valkey_server: servers.Server, settings: Any
) -> Iterator[list[Subject]]:
    """The same key on an old Redis and on a Valkey."""
    settings.CACHES = {**settings.CACHES}
    found = []
    for alias, server in (("old", flush(redis_62_process)), ("new", valkey_server)):
        backend, location = "django_cachex.cache.RedisCache", f"redis://{server.address}/0"
        settings.CACHES[alias] = {"BACKEND": backend, "LOCATION": location}
        found.append(Subject(inspector_for(alias), valkey.Valkey(port=server.port)))
    yield found
    for subject in found:
        subject.raw.close()


def test_every_edit_does_the_same_on_an_old_redis(subjects: list[Subject]) -> None:
    for name, (holds, make) in EVERY.items():
        states = []
        for subject in subjects:
            prepare(subject, holds)
            before = subject.raw.pttl(subject.key)
            subject.done(make(subject))
            after = subject.raw.pttl(subject.key)
            states.append((state(subject), about(before, after)))
        if name not in BY_CHANCE:
            assert states[0] == states[1], name


def about(before: int, after: int) -> str:
    """Return in a word what became of a TTL: the old server tells no moments."""
    if after < 0:
        return "none"
    return "kept" if before - 5000 < after <= before else "changed"

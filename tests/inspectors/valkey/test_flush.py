from __future__ import annotations

from typing import Any

import pytest
import valkey

from django_cachex.commands import AccessDenied
from tests.inspectors.contract import listed
from tests.inspectors.valkey.conftest import Store, on_every_backend
from tests.inspectors.valkey.proxy import QUIET, proxy

DJANGOS = pytest.mark.parametrize("store", ["django"], indirect=True)


def test_a_flush_takes_every_version_and_no_other_prefix(store: Store) -> None:
    mine = ["p:1:a", "p:2:b", "p:11:c", "p:-1:d", "p:1:1:e", b"p:1:\xff"]
    others = ["p1:1:a", "pp:1:a", "P:1:a", "p:x:a", "q:1:p:1:a", ":1:a", "p:1", "p"]
    store.raw.mset(dict.fromkeys([*mine, *others], 1))
    inspector = store.inspect(KEY_PREFIX="p")
    assert inspector.flush() == len(mine)
    assert {key.decode() for key in store.raw.keys("*")} == set(others)


def test_the_plan_of_a_flush_names_what_will_be_sent_and_where(store: Store) -> None:
    url = store.url.replace("//", "//:hunter2@").replace("/0", "/3")
    plan = store.inspect(url, KEY_PREFIX="p*").preview_flush()
    assert str(plan.command) == (
        f"SCAN and UNLINK of p\\*:*:* on {store.scheme}://{store.server.address}/3"
    )
    assert plan.entries is None


def test_a_long_flush_is_not_cut_by_the_timeout_of_one_command(store: Store, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.3}
    store.raw.mset({f":1:{n}": n for n in range(6000)})
    with proxy(store.server.port) as slow:
        inspector = store.inspect(f"{store.scheme}://{slow.address}/0")
        assert inspector.flush() == 6000
        assert slow.trips * QUIET > 0.3
    assert store.raw.dbsize() == 0


def test_a_key_function_that_hides_versions_takes_the_flush_away(store: Store) -> None:
    inspector = store.inspect(KEY_FUNCTION=bare)
    assert not inspector.can_flush
    assert inspector.can_list
    assert str(inspector.unsupported_reason("can_flush")).endswith(".")
    assert type(inspector).can_flush


def bare(key: str, prefix: str, version: int) -> str:
    return key


@DJANGOS
def test_djangos_backend_flushes_its_whole_database_and_no_other(store: Store) -> None:
    store.raw.mset({":1:a": 1, "theirs": 1})
    with valkey.Valkey(port=store.server.port, db=5) as elsewhere:
        elsewhere.set("safe", 1)
        inspector = store.inspect(KEY_FUNCTION=bare)
        plan = inspector.preview_flush()
        assert str(plan.command) == f"FLUSHDB on redis://{store.server.address}/0"
        assert plan.entries == 2
        assert inspector.flush() == 2
        assert store.raw.dbsize() == 0
        assert elsewhere.get("safe") == b"1"


@DJANGOS
def test_a_flush_whose_count_is_denied_is_done_all_the_same(store: Store, user: str) -> None:
    store.raw.mset({":1:a": 1, "theirs": 1})
    inspector = store.inspect_as(user, "-dbsize")
    assert inspector.preview_flush().entries is None
    assert inspector.flush() is None
    assert store.raw.dbsize() == 0


@on_every_backend
def test_a_denied_flush_is_an_error_and_flushes_nothing(store: Store, user: str) -> None:
    store.raw.set(":1:a", 1)
    inspector = store.inspect_as(user, "-flushdb", "-unlink", "-del")
    with pytest.raises(AccessDenied):
        inspector.flush()
    assert listed(inspector) == {b":1:a"}


@on_every_backend
def test_only_djangos_backend_is_told_what_ours_would_add(store: Store) -> None:
    note = str(store.inspect().configuration().note)
    assert ("django_cachex.cache.ValkeyCache" in note) is not store.is_cachex

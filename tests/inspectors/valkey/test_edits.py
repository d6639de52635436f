from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.commands import Command, CommandError
from django_cachex.inspectors.edits import (
    AddValue,
    Edit,
    EditStatus,
    Expire,
    ExtendTTL,
    SetValue,
)
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import EditTarget
from django_cachex.inspectors.valkey.edit import edit_operation
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.values import ValueFormat, fingerprint
from tests import servers
from tests.inspectors.valkey.conftest import Store, on_every_backend

KEY = b":1:key"


def expected(inspector: ServerInspector) -> str:
    entry = inspector.read(KEY)
    return entry.expected


@on_every_backend
@pytest.mark.parametrize("value", [7, -(2**63), "7", "text", None, True, 1.5, [1], {"a": None}])
def test_values_are_stored_byte_by_byte_as_the_cache_stores_them(store: Store, value: Any) -> None:
    inspector = store.inspect()
    inspector.cache.set("theirs", value)
    assert inspector.apply(KEY, AddValue(value, TTL_NONE)).is_done
    assert store.raw.get(KEY) == store.raw.get(":1:theirs")
    inspector.cache.set("key", "old")
    assert inspector.apply(KEY, SetValue(value, expected(inspector))).is_done
    assert store.raw.get(KEY) == store.raw.get(":1:theirs")


@pytest.mark.parametrize("ttl", [60_001, 2**42])
def test_a_ttl_is_set_to_the_millisecond(store: Store, ttl: int) -> None:
    store.raw.set(KEY, "1", px=5_000_000)
    for edit in (Expire(ttl), SetValue(1, "", ttl), AddValue(1, ttl, replace=True)):
        now = int(time.time() * 1000)
        assert store.inspect().apply(KEY, edit).is_done
        assert 0 <= store.raw.pexpiretime(KEY) - now - ttl < 2000


@pytest.mark.parametrize(
    "edit",
    [
        *(AddValue(2, ttl, replace=True) for ttl in (0, -2, -60_000)),
        *(SetValue(2, "", ttl) for ttl in (0, -2, -60_000)),
        *(Expire(ttl) for ttl in (0, -2, -60_000)),
        ExtendTTL(0),
    ],
)
def test_a_ttl_that_would_delete_the_key_is_an_error(store: Store, edit: Edit) -> None:
    store.raw.set(KEY, "1", px=5_000_000)
    with pytest.raises(ValueError, match="millisecond"):
        store.inspect().apply(KEY, edit)
    assert store.raw.get(KEY) == b"1"
    assert store.raw.pttl(KEY) > 4_000_000


def test_a_collection_is_not_overwritten_by_an_edit(store: Store) -> None:
    inspector = store.inspect()
    store.raw.hset(KEY, "a", 1)
    assert inspector.apply(KEY, SetValue("mine", "")).status == EditStatus.WRONG_TYPE
    assert inspector.apply(KEY, AddValue("mine", TTL_NONE)).status == EditStatus.EXISTS
    assert store.raw.type(KEY) == b"hash"
    assert inspector.apply(KEY, AddValue("mine", TTL_NONE, replace=True)).is_done
    assert inspector.cache.get("key") == "mine"


def test_a_ttl_that_the_server_cannot_count_is_refused(store: Store) -> None:
    store.raw.set(KEY, "1")
    for edit in (Expire(2**63 - 1), SetValue(2, "", 2**63 - 1)):
        outcome = store.inspect().apply(KEY, edit)
        assert outcome.status == EditStatus.REFUSED
        assert "expire" in str(outcome.reason)
    assert store.raw.get(KEY) == b"1"


def test_the_same_value_written_again_is_no_change(store: Store) -> None:
    inspector = store.inspect()
    inspector.cache.set("key", "value")
    seen = expected(inspector)
    inspector.cache.set("key", "value")
    assert inspector.apply(KEY, SetValue("mine", seen)).is_done


@pytest.mark.parametrize(
    ("meanwhile", "outcome"),
    [
        (("SET", KEY, "theirs"), EditStatus.CHANGED),
        (("APPEND", KEY, ""), EditStatus.DONE),
        (("PEXPIRE", KEY, 500_000), EditStatus.DONE),
        (("RPUSH", ":1:list", "theirs"), EditStatus.DONE),
        (("UNLINK", KEY), EditStatus.GONE),
        (("SET", ":1:other", "theirs"), EditStatus.DONE),
    ],
)
def test_a_change_between_comparison_and_write_is_told(
    inspector: ServerInspector, store: Store, meanwhile: tuple[Any, ...], outcome: EditStatus
) -> None:
    store.raw.set(KEY, "old")
    target = EditTarget(KEY, ValueFormat("", "opaque", bytes))
    steps = edit_operation(target, SetValue(b"mine", fingerprint(b"old")))

    def interrupted() -> Iterator[Any]:
        replies = yield next(steps)
        store.raw.execute_command(*meanwhile)
        requests = steps.send(replies)  # The others follow as they come.
        try:
            while True:
                try:
                    replies = yield requests
                except CommandError as error:
                    requests = steps.throw(error)
                else:
                    requests = steps.send(replies)
        except StopIteration as stop:
            return stop.value

    assert inspector.client.run(interrupted()).status == outcome
    if outcome == EditStatus.DONE:
        assert store.raw.get(KEY) == b"mine"
    assert store.raw.get(KEY) in (b"mine", b"theirs", b"old", None)


def test_nothing_is_watched_on_the_connection_that_the_next_edit_gets(store: Store) -> None:
    inspector = store.inspect()
    store.raw.rpush(":1:list", "a")
    store.raw.set(KEY, "old")
    assert inspector.apply(b":1:list", SetValue(1, "")).status == EditStatus.WRONG_TYPE
    assert inspector.apply(b":1:missing", SetValue(1, "")).status == EditStatus.GONE
    assert inspector.apply(KEY, SetValue(1, "0" * 16)).status == EditStatus.CHANGED
    for other in (":1:list", ":1:missing", KEY):
        store.raw.set(other, "old")
    assert inspector.client.run(transaction()) == [b"PONG"]
    assert inspector.apply(KEY, SetValue(2, "")).is_done


def transaction() -> Iterator[Any]:
    words = (("MULTI",), ("PING",), ("EXEC",))
    replies = yield [Command(word, lambda reply: reply) for word in words]
    return replies[-1]


def test_a_replica_refuses_and_keeps_its_value(store: Store) -> None:
    store.raw.config_set("repl-diskless-sync-delay", 0)
    options = ("--replicaof", "127.0.0.1", str(store.server.port))
    with servers.valkey(*options) as replica, valkey.Valkey(port=replica.port) as copy:
        store.raw.set(KEY, "old")
        servers.wait_until(lambda: copy.get(KEY) == b"old", "the replica")
        inspector = store.inspect(f"{store.scheme}://{replica.address}/0")
        outcome = inspector.apply(KEY, SetValue("mine", ""))
        assert outcome.status == EditStatus.REFUSED
        assert "read only" in str(outcome.reason)
        assert copy.get(KEY) == b"old"


def test_many_keys_are_deleted_and_counted(inspector: ServerInspector, store: Store) -> None:
    keys = [b":1:%d" % n for n in range(1200)]
    store.raw.mset(dict.fromkeys(keys, 1))
    store.raw.set("theirs", 1)
    assert inspector.delete([*keys, b":1:missing"]) == 1200
    assert store.raw.keys("*") == [b"theirs"]

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.commands import Command, CommandError
from django_cachex.inspectors.edits import KEEP, AddValue, Edit, EditStatus, Expire, SetValue
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey.compare_and_set import EditTarget
from django_cachex.inspectors.valkey.edit import edit_operation
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.values import ValueFormat, fingerprint
from tests import servers
from tests.inspectors.valkey.conftest import Store

KEY = b":1:key"


def expected(inspector: ServerInspector) -> str:
    entry = inspector.read(KEY)
    assert entry is not None
    return entry.expected


@pytest.mark.parametrize("value", [7, -(2**63), "7", "text", None, True, 1.5, [1], {"a": None}])
def test_values_are_stored_byte_by_byte_as_the_cache_stores_them(
    inspector: ServerInspector, store: Store, value: Any
) -> None:
    inspector.cache.set("theirs", value)
    assert inspector.apply(KEY, AddValue(value, TTL_NONE)).status == EditStatus.DONE
    assert store.raw.get(KEY) == store.raw.get(":1:theirs")


def test_an_integer_can_be_counted_with_after_an_edit(inspector: ServerInspector) -> None:
    inspector.cache.set("key", "text")
    edit = SetValue(41, expected(inspector))
    assert inspector.apply(KEY, edit).status == EditStatus.DONE
    assert inspector.cache.incr("key") == 42


def test_the_ttl_survives_an_edit_to_the_millisecond(
    inspector: ServerInspector, store: Store
) -> None:
    store.raw.set(KEY, "1", pxat=(moment := int(time.time() * 1000) + 123_457))
    assert inspector.apply(KEY, SetValue(2, expected(inspector))).status == EditStatus.DONE
    assert store.raw.pexpiretime(KEY) == moment


@pytest.mark.parametrize("ttl", [1, 1500, 2**42])
def test_a_ttl_is_set_to_the_millisecond(
    inspector: ServerInspector, store: Store, ttl: int
) -> None:
    store.raw.set(KEY, "1", px=5_000_000)
    for edit in (
        Expire(ttl + 60_000),
        SetValue(1, "", ttl + 60_000),
        AddValue(1, ttl + 60_000, replace=True),
    ):
        now = int(time.time() * 1000)
        assert inspector.apply(KEY, edit).status == EditStatus.DONE
        assert 0 <= store.raw.pexpiretime(KEY) - now - ttl - 60_000 < 2000


@pytest.mark.parametrize("ttl", [0, -2, -60_000])
@pytest.mark.parametrize("edit", ["add", "set", "expire"])
def test_a_ttl_that_would_delete_the_key_is_an_error(
    inspector: ServerInspector, store: Store, edit: str, ttl: int
) -> None:
    store.raw.set(KEY, "1", px=5_000_000)
    edits: dict[str, Edit] = {
        "add": AddValue(2, ttl, replace=True),
        "set": SetValue(2, "", ttl),
        "expire": Expire(ttl),
    }
    with pytest.raises(ValueError, match="millisecond"):
        inspector.apply(KEY, edits[edit])
    assert store.raw.get(KEY) == b"1"
    assert store.raw.pttl(KEY) > 4_000_000


def test_a_ttl_that_the_server_cannot_count_is_refused(
    inspector: ServerInspector, store: Store
) -> None:
    store.raw.set(KEY, "1")
    for edit in (Expire(2**63 - 1), SetValue(2, "", 2**63 - 1)):
        outcome = inspector.apply(KEY, edit)
        assert outcome.status == EditStatus.REFUSED
        assert "expire" in str(outcome.reason)
    assert store.raw.get(KEY) == b"1"


def test_a_change_since_the_key_was_read_is_told(inspector: ServerInspector, store: Store) -> None:
    inspector.cache.set("key", {"a": 1})
    seen = expected(inspector)
    inspector.cache.set("key", {"a": 2})
    assert inspector.apply(KEY, SetValue({"a": 3}, seen)).status == EditStatus.CHANGED
    assert inspector.cache.get("key") == {"a": 2}


def test_the_same_value_written_again_is_no_change(
    inspector: ServerInspector, store: Store
) -> None:
    inspector.cache.set("key", "value")
    seen = expected(inspector)
    inspector.cache.set("key", "value")
    assert inspector.apply(KEY, SetValue("mine", seen)).status == EditStatus.DONE


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
    assert steps is not None

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


def test_nothing_is_watched_on_the_connection_that_the_next_edit_gets(
    inspector: ServerInspector, store: Store
) -> None:
    store.raw.rpush(":1:list", "a")
    store.raw.set(KEY, "old")
    assert inspector.apply(b":1:list", SetValue(1, "")).status == EditStatus.WRONG_TYPE
    assert inspector.apply(b":1:missing", SetValue(1, "")).status == EditStatus.GONE
    assert inspector.apply(KEY, SetValue(1, "0" * 16)).status == EditStatus.CHANGED
    for other in (":1:list", ":1:missing", KEY):
        store.raw.set(other, "old")
    assert inspector.client.run(transaction()) == [b"PONG"]
    assert inspector.apply(KEY, SetValue(2, "")).status == EditStatus.DONE


def transaction() -> Iterator[Any]:
    words = (("MULTI",), ("PING",), ("EXEC",))
    replies = yield [Command(word, lambda reply: reply) for word in words]
    return replies[-1]


@pytest.mark.parametrize("type", ["list", "hash", "set", "zset", "stream"])
def test_a_collection_is_not_overwritten_by_an_edit(
    inspector: ServerInspector, store: Store, type: str
) -> None:
    fill = {
        "list": lambda: store.raw.rpush(KEY, 1),
        "hash": lambda: store.raw.hset(KEY, "a", 1),
        "set": lambda: store.raw.sadd(KEY, 1),
        "zset": lambda: store.raw.zadd(KEY, {"a": 1}),
        "stream": lambda: store.raw.xadd(KEY, {"a": 1}),
    }
    fill[type]()
    assert inspector.apply(KEY, SetValue("mine", "")).status == EditStatus.WRONG_TYPE
    assert inspector.apply(KEY, AddValue("mine", TTL_NONE)).status == EditStatus.EXISTS
    assert store.raw.type(KEY) == type.encode()
    assert inspector.apply(KEY, AddValue("mine", TTL_NONE, replace=True)).status == EditStatus.DONE
    assert inspector.cache.get("key") == "mine"


def test_a_full_server_refuses_with_its_reason(inspector: ServerInspector, store: Store) -> None:
    inspector.cache.set("key", "old", timeout=1000)
    seen = expected(inspector)
    inspector.status()
    store.raw.config_set("maxmemory", 1)
    try:
        changed = inspector.apply(KEY, SetValue("mine", seen, KEEP))
        added = inspector.apply(b":1:new", AddValue("mine", TTL_NONE))
        deleted = inspector.apply(KEY, Expire(TTL_NONE))
    finally:
        store.raw.config_set("maxmemory", 0)
    for outcome in (changed, added):
        assert outcome.status == EditStatus.REFUSED
        assert "maxmemory" in str(outcome.reason)
    assert deleted.status == EditStatus.DONE
    assert inspector.cache.get("key") == "old"


def test_a_denied_command_refuses_with_the_servers_reason(store: Store, user: str) -> None:
    store.raw.set(KEY, "old", px=100_000)
    inspector = store.inspect(store.url.replace("//", f"//{user}:hunter2@"))
    for denied, edit in (
        ("set", AddValue(1, TTL_NONE)),
        ("set", SetValue(1, "")),
        ("pexpire", Expire(5000)),
        ("persist", Expire(TTL_NONE)),
    ):
        also = ["-expire"] if denied == "pexpire" else []  # Which would do as well.
        store.raw.execute_command("ACL", "SETUSER", user, "+@all", f"-{denied}", *also)
        outcome = inspector.apply(KEY, edit)
        assert outcome.status == EditStatus.REFUSED, denied
        assert "ermission" in str(outcome.reason), outcome.reason
        assert "hunter2" not in str(outcome.reason)
    assert store.raw.get(KEY) == b"old"
    assert store.raw.pttl(KEY) > 50_000


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


def test_a_value_that_the_serializer_does_not_take_is_refused(store: Store) -> None:
    path = "tests.inspectors.valkey.test_edits.TextOnly"
    inspector = store.inspect(OPTIONS={"serializer": path})
    outcome = inspector.apply(KEY, AddValue([1], TTL_NONE))
    assert outcome.status == EditStatus.REFUSED
    assert "only text" in str(outcome.reason)
    assert store.raw.dbsize() == 0


class TextOnly:
    def dumps(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError("only text")
        return value

    def loads(self, data: bytes) -> str:
        return data.decode()


def test_many_keys_are_deleted_and_counted(inspector: ServerInspector, store: Store) -> None:
    keys = [b":1:%d" % n for n in range(1200)]
    store.raw.mset(dict.fromkeys(keys, 1))
    store.raw.set("theirs", 1)
    assert inspector.delete([*keys, b":1:missing"]) == 1200
    assert store.raw.keys("*") == [b"theirs"]

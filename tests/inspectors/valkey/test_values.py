from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import valkey

from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.types import KeyValue
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.valkey.read import HEAD_SIZE
from django_cachex.inspectors.values import fingerprint
from tests.inspectors.valkey.conftest import Store, on_every_backend
from tests.inspectors.valkey.proxy import proxy
from tests.inspectors.values_contract import Trap

MB = 1_000_000
MANY = 30_000
"""Elements: too many to be sent within the bounds below."""


def read(inspector: ServerInspector, key: bytes = b":1:key") -> KeyValue:
    entry = inspector.read(key)
    assert entry is not None
    return entry


def cells(entry: KeyValue) -> list[tuple[str, ...]]:
    return [tuple(cell.formatted.text for cell in row.cells) for row in entry.elements.rows]


def columns(entry: KeyValue) -> list[str]:
    return [str(title) for title in entry.elements.columns]


def test_a_value_of_the_application_is_read(inspector: ServerInspector) -> None:
    inspector.cache.set("key", {"name": "Ana"}, timeout=60)
    entry = read(inspector)
    assert entry.content.value == {"name": "Ana"}
    assert entry.content.editable
    assert (entry.info.type, entry.info.size) == ("string", entry.content.stored_size)
    assert entry.info.memory > entry.content.stored_size
    assert 58_000 < entry.info.ttl <= 60_000
    assert entry.note == ""


def test_a_hostile_pickle_is_shown_and_not_run(inspector: ServerInspector, store: Store) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (exec, ("import os; os._exit(66)",))

    store.raw.set(":1:key", pickle.dumps(Attack()))
    store.raw.rpush(":1:list", pickle.dumps(Attack()), pickle.dumps(Trap()))
    content = read(inspector).content
    assert not content.editable
    assert "exec" in content.formatted.text
    assert [row[0] for row in cells(read(inspector, b":1:list"))] == ["0", "1"]
    assert Trap.ran == []


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024])
def test_a_value_up_to_the_limit_is_read_whole(store: Store, size: int) -> None:
    store.raw.set(":1:key", "x" * size)
    entry = read(store.inspect())
    assert entry.content.stored_size == size
    assert entry.content.kind != "large"
    assert entry.expected == fingerprint(b"x" * size)


def test_of_a_large_value_only_the_beginning_crosses_the_network(store: Store) -> None:
    inspector = store.inspect()
    inspector.cache.set("key", "x" * 20 * MB)
    inspector.status()
    before = store.raw.info("stats")["total_net_output_bytes"]
    entry = read(inspector)
    assert store.raw.info("stats")["total_net_output_bytes"] - before < 100_000
    assert entry.content.kind == "large"
    assert entry.content.stored_size == store.raw.strlen(":1:key")
    assert entry.content.text.shown == 5000
    assert entry.content.notes
    assert not entry.content.editable
    assert entry.expected.endswith(f".{entry.content.stored_size}")


FILLS: dict[str, Callable[[valkey.Valkey], Any]] = {
    "string": lambda raw: raw.set(":1:key", "x"),
    "large": lambda raw: raw.set(":1:key", "x" * 5 * MB),
    "list": lambda raw: raw.rpush(":1:key", *("x" for _ in range(MANY))),
    "hash": lambda raw: raw.hset(":1:key", mapping={str(n): n for n in range(MANY)}),
    "set": lambda raw: raw.sadd(":1:key", *range(MANY)),
    "zset": lambda raw: raw.zadd(":1:key", {str(n): n for n in range(MANY)}),
}


@pytest.mark.parametrize("fill", FILLS)
def test_reading_takes_three_round_trips_whatever_the_size(store: Store, fill: str) -> None:
    FILLS[fill](store.raw)
    [has_field_ttls] = store.raw.execute_command("COMMAND INFO", "HPEXPIRE")
    most = 4 if has_field_ttls and fill == "hash" else 3
    with proxy(store.server.port) as counted:
        inspector = store.inspect(f"{store.scheme}://{counted.address}/0")
        inspector.status()
        before = store.raw.info("stats")["total_net_output_bytes"]
        counted.trips = 0
        entry = read(inspector)
        assert counted.trips <= most
        assert store.raw.info("stats")["total_net_output_bytes"] - before < 100_000
    if entry.elements:
        assert 80 <= len(entry.elements.rows) <= 150
        assert entry.elements.total == entry.info.size == MANY


def test_a_list_is_shown_with_its_indexes(inspector: ServerInspector, store: Store) -> None:
    store.raw.rpush(":1:key", "plain", pickle.dumps({"a": 1}), "42", b"\xff")
    entry = read(inspector)
    assert columns(entry) == ["Index", "Value"]
    assert cells(entry) == [("0", "plain"), ("1", '{\n  "a": 1\n}'), ("2", "42"), ("3", "\\xff")]
    kinds = [row.cells[1].kind for row in entry.elements.rows]
    assert kinds == ["text", "json", "integer", "bytes"]
    assert (entry.info.size, entry.info.unit) == (4, Unit.ITEMS)
    assert entry.content is None


def test_a_hash_is_shown_with_its_fields_as_they_are(store: Store) -> None:
    store.raw.hset(":1:key", mapping={"007": "7", b"\xff": pickle.dumps("é"), "items": ""})
    entry = read(store.inspect())
    assert columns(entry) == ["Field", "Value"]
    assert sorted(cells(entry)) == [("007", "7"), ("\\xff", "é"), ("items", "")]


def test_a_set_is_shown_with_its_members(inspector: ServerInspector, store: Store) -> None:
    store.raw.sadd(":1:key", "a", pickle.dumps("b"), "3")
    entry = read(inspector)
    assert columns(entry) == ["Member"]
    assert sorted(cells(entry)) == [("3",), ("a",), ("b",)]


def test_a_sorted_set_is_shown_in_its_order_with_exact_scores(store: Store) -> None:
    scores = {"third": 1e20, "first": float("-inf"), "second": 0.1, "fourth": float("inf")}
    store.raw.zadd(":1:key", {**scores, "one": 1.0})
    entry = read(store.inspect())
    assert columns(entry) == ["Member", "Score"]
    assert cells(entry) == [
        ("first", "-inf"),
        ("second", "0.1"),
        ("one", "1"),
        ("third", "1e+20"),
        ("fourth", "inf"),
    ]


def test_a_stream_is_shown_entry_by_entry(inspector: ServerInspector, store: Store) -> None:
    store.raw.xadd(":1:key", {"user": pickle.dumps("Ana"), "n": 1}, id="1-1")
    store.raw.xadd(":1:key", {"user": "Bo"}, id="2-0")
    entry = read(inspector)
    assert columns(entry) == ["Entry", "Fields"]
    assert cells(entry) == [("1-1", "Ana", "1"), ("2-0", "Bo")]
    assert not entry.elements.uniform
    assert [row.fields for row in entry.elements.rows] == [("user", "n"), ("user",)]
    assert entry.elements.total == 2


def test_a_small_hash_of_which_the_server_sends_all_is_shown_whole_unless_much_is_left(
    inspector: ServerInspector, store: Store
) -> None:
    store.raw.config_set("hash-max-listpack-entries", 512)
    try:
        for total, shown in ((120, 120), (300, 100)):
            store.raw.hset(":1:key", mapping={str(n): n for n in range(total)})
            assert store.raw.object("encoding", ":1:key") == b"listpack"
            entry = read(inspector)
            assert (len(entry.elements.rows), entry.elements.total) == (shown, total)
    finally:
        store.raw.config_set("hash-max-listpack-entries", 128)


def test_large_elements_are_cut_and_not_decoded(inspector: ServerInspector, store: Store) -> None:
    big = pickle.dumps("x" * 200_000)
    store.raw.rpush(":1:key", *(big for _ in range(100)))
    entry = read(inspector)
    assert len(entry.elements.rows) == 100
    for _index, value in (row.cells for row in entry.elements.rows):
        assert value.kind == "large"
        assert value.stored_size == len(big)
        assert len(value.formatted.text) <= 1000 * len("\\xff")
    assert entry.note == ""


def test_huge_elements_are_fetched_a_few_at_a_time(store: Store) -> None:
    inspector = store.inspect()
    for _ in range(20):
        store.raw.rpush(":1:key", "x" * 4 * MB)
    inspector.status()
    before = store.raw.info("stats")["total_net_output_bytes"]
    entry = read(inspector)
    assert len(entry.elements.rows) in (7, 8)
    assert entry.elements.total == 20
    assert str(entry.note) == (
        f"The elements are large, so only {len(entry.elements.rows)} were fetched."
    )
    assert store.raw.info("stats")["total_net_output_bytes"] - before < 36 * MB


def test_the_limits_of_the_settings_hold(store: Store, settings: Any) -> None:
    inspector = store.inspect()
    settings.CACHEX_ADMIN = {"ELEMENTS": 2, "DECODE_BYTES": 100, "PREVIEW_BYTES": 10}
    store.raw.rpush(":1:list", "a", "b", "c")
    store.raw.set(":1:key", "x" * 101)
    assert len(cells(read(inspector, b":1:list"))) == 2
    content = read(inspector).content
    assert (content.kind, content.text.shown) == ("large", 10)


def test_a_type_of_a_module_is_named_and_can_be_deleted(store: Store) -> None:
    # No server to be had here loads modules: one of its types is renamed on the way.
    store.raw.hset(":1:key", "a", 1)
    with proxy(store.server.port, {b"+hash\r\n": b"+ReJSON-RL\r\n"}) as changed:
        inspector = store.inspect(f"{store.scheme}://{changed.address}/0")
        entry = read(inspector)
        assert (entry.content, entry.elements) == (None, None)
        assert "ReJSON-RL" in str(entry.note)
        assert entry.info.type == "ReJSON-RL"
        [found] = inspector.describe([b":1:key"])
        assert (found.type, found.size) == ("ReJSON-RL", None)
        assert inspector.delete([b":1:key"]) == 1


@pytest.mark.parametrize("type", ["string", "list"])
def test_a_key_that_goes_while_it_is_read_is_none(store: Store, type: str) -> None:
    store.raw.set(":1:string", "abc" * HEAD_SIZE)  # A shorter one is read in one step.
    store.raw.rpush(":1:list", "a", "b", "c")
    # EXISTS, the last of what is asked, is heard to say no.
    with proxy(store.server.port, {b":1\r\n": b":0\r\n"}) as changed:
        inspector = store.inspect(f"{store.scheme}://{changed.address}/0")
        assert inspector.read(f":1:{type}".encode()) is None


def test_what_the_server_denies_is_left_out_of_a_value(store: Store, user: str) -> None:
    store.raw.set(":1:key", "12")
    entry = read(store.inspect_as(user, "-memory", "-pttl", "-type"))
    assert entry.content.formatted.text == "12"
    assert (entry.info.memory, entry.info.ttl) == (None, None)


@on_every_backend
def test_a_serializer_of_the_alias_is_recognised_and_used(store: Store) -> None:
    inspector = store.inspect(OPTIONS={"serializer": f"{__name__}.JsonSerializer"})
    inspector.cache.set("key", {"a": [1, 2]})
    entry = read(inspector)
    assert entry.content.editable
    assert entry.content.value == {"a": [1, 2]}
    assert store.raw.get(":1:key") == b'{"a": [1, 2]}'


class JsonSerializer:
    """What an application might bring."""

    def dumps(self, value: Any) -> str:
        return json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def test_what_a_hyperloglog_has_counted_is_shown_and_not_written(store: Store) -> None:
    inspector, key = store.inspect(), b":1:visitors"
    for members in (["Ana", "Ben", "Eve"], [str(number) for number in range(3000)]):
        store.raw.delete(key)
        store.raw.pfadd(key, *members)  # The count that it caches is stale now.
        before = store.raw.get(key)
        entry = read(inspector, key)
        label, _of, count = str(entry.content.label).rpartition(" of about ")
        assert label == "HyperLogLog"
        assert abs(int(count.replace(",", "")) - len(members)) <= len(members) // 20
        assert not entry.content.editable
        assert store.raw.get(key) == before


def test_what_only_begins_like_a_hyperloglog_is_shown(store: Store) -> None:
    store.raw.set(":1:x", b"HYLL and so on")
    entry = read(store.inspect(), b":1:x")
    assert "HYLL and so on" in entry.content.formatted.text


def test_where_counting_is_denied_a_hyperloglog_is_named(store: Store, user: str) -> None:
    store.raw.pfadd(":1:x", "a")
    entry = read(store.inspect_as(user, "-pfcount"), b":1:x")
    assert str(entry.content.label) == "HyperLogLog"


def test_names_of_fields_are_not_read_as_json(store: Store) -> None:
    store.raw.hset(":1:x", mapping={'{"a":1}': store.inspect().value_format.dumps("x")})
    entry = read(store.inspect(), b":1:x")
    [row] = entry.elements.rows
    assert row.cells[0].formatted.text == '{"a":1}'

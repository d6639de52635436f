from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import KeyInfo
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.valkey.key_info import TYPES
from django_cachex.inspectors.valkey.scan import NodeScan, make_token, parse_token
from tests import servers
from tests.inspectors.contract import later, listed, pages
from tests.inspectors.valkey.conftest import Store, on_each_server
from tests.inspectors.valkey.proxy import proxy

MANY = 1_000_000


@pytest.fixture(scope="module")
def crowded() -> Iterator[servers.Server]:
    """A Valkey with a million keys of one alias, and a few hundred of another."""
    with servers.valkey("--enable-debug-command", "local") as server:
        with valkey.Valkey(port=server.port) as raw:
            raw.execute_command("DEBUG", "POPULATE", MANY, ":1:key", 10)
            raw.mset({f"rare:1:key:{n}": n for n in range(300)})
        yield server


@pytest.mark.parametrize("store", ["valkey_server"], indirect=True)
def test_a_page_of_a_million_keys_takes_two_round_trips(
    store: Store, crowded: servers.Server
) -> None:
    with proxy(crowded.port) as counted:
        inspector = store.inspect(f"valkey://{counted.address}/0")
        inspector.status()  # Connects.
        counted.trips = 0

        listing = inspector.scan(Query(), "", 100, later())
        descriptions = inspector.describe(listing.keys)

        assert counted.trips == 2
    assert 100 <= len(listing.keys) < 150
    assert listing.total == MANY + 300
    assert 100 <= listing.examined < 1000
    assert listing.token
    assert {found.type for found in descriptions} == {"string"}


@pytest.mark.parametrize("store", ["valkey_server"], indirect=True)
def test_sparse_keys_are_looked_for_in_growing_steps_of_a_bounded_size(
    store: Store, crowded: servers.Server
) -> None:
    inspector = store.inspect(f"valkey://{crowded.address}/0", KEY_PREFIX="rare")
    with valkey.Valkey(port=crowded.port) as raw:
        raw.config_resetstat()
        found = listed(inspector, want=100)
        calls = raw.info("commandstats")["cmdstat_scan"]["calls"]
    assert len(found) == 300
    assert calls < MANY / 1000 * 1.2


@pytest.mark.parametrize("store", ["valkey_server"], indirect=True)
def test_a_search_stops_at_its_deadline_and_goes_on_from_there(
    store: Store, crowded: servers.Server
) -> None:
    inspector = store.inspect(f"valkey://{crowded.address}/0")
    started = time.monotonic()
    listing = inspector.scan(Query(Pattern("nothing like it")), "", 100, started + 0.05)
    assert time.monotonic() - started < 1
    assert not listing.complete
    assert list(listing.keys) == []
    assert 0 < listing.examined < MANY
    further = inspector.scan(Query(Pattern("nothing like it")), listing.token, 100, later(0.05))
    assert further.token != listing.token


def test_a_listing_of_everything_has_examined_everything(store: Store) -> None:
    store.raw.mset({f":1:mine:{n}": n for n in range(30)})
    store.raw.mset({f"other:1:{n}": n for n in range(70)})
    listing = store.inspect().scan(Query(), "", 500, later())
    assert (len(listing.keys), listing.examined, listing.total) == (30, 100, 100)
    assert listing.complete


def test_keys_are_found_by_type(store: Store) -> None:
    fill_types(store)
    inspector = store.inspect()
    for type in TYPES:
        listing = inspector.scan(Query(type=type), "", 100, later())
        assert list(listing.keys) == [b":1:" + type.encode()]


def fill_types(store: Store) -> None:
    store.raw.set(":1:string", "12345")
    store.raw.rpush(":1:list", "a", "b", "c")
    store.raw.sadd(":1:set", "a", "b")
    store.raw.zadd(":1:zset", {"a": 1, "b": 2})
    store.raw.hset(":1:hash", mapping={"a": 1, "b": 2, "c": 3, "d": 4})
    store.raw.xadd(":1:stream", {"a": 1})


def test_sizes_are_described_in_what_they_count(store: Store) -> None:
    fill_types(store)
    keys = [b":1:" + type.encode() for type in TYPES] + [b":1:missing"]
    found = store.inspect().describe(keys)
    assert [(one.type, one.size, one.unit) for one in found] == [
        ("string", 5, Unit.BYTES),
        ("list", 3, Unit.ITEMS),
        ("set", 2, Unit.MEMBERS),
        ("zset", 2, Unit.MEMBERS),
        ("hash", 4, Unit.FIELDS),
        ("stream", 1, Unit.ENTRIES),
        (None, None, Unit.BYTES),
    ]
    assert [one.exists for one in found] == [True] * 6 + [False]


@pytest.mark.parametrize("columns", [("type",), ("ttl",), ("size",), ("memory",), ()])
def test_only_the_columns_asked_for_reach_the_server(
    store: Store, columns: tuple[str, ...]
) -> None:
    fill_types(store)
    inspector = store.inspect()
    inspector.status()
    store.raw.config_resetstat()
    inspector.describe([b":1:list", b":1:string"], columns)
    asked = {name.removeprefix("cmdstat_") for name in store.raw.info("commandstats")}
    expected = {
        "type": {"type"},
        "ttl": {"pttl"},
        "size": {"type", "strlen", "llen"},
        "memory": {"memory|usage"},
    }
    wanted = set().union(*(expected[column] for column in columns))
    assert (
        asked
        - {"config|resetstat", "info", "select", "client|setinfo", "client|no-touch", "client"}
        == wanted
    )


def test_keys_that_are_not_text_are_listed_opened_and_deleted(store: Store) -> None:
    odd = b":1:\xff\x00\r\n\xc3("
    store.raw.set(odd, "text")
    inspector = store.inspect()
    assert listed(inspector) == {odd}
    assert inspector.display_key(odd) == "\\xff\\x00\\r\\n\\xc3("
    assert inspector.describe([odd])[0].type == "string"
    assert inspector.read(odd) is not None
    assert inspector.delete([odd]) == 1
    assert store.raw.dbsize() == 0


@pytest.mark.parametrize("prefix", ["a*", "a?", "a[b]", "a\\", "a[^b", "-", "é"])
def test_a_prefix_is_taken_literally(store: Store, prefix: str) -> None:
    mine = store.inspect(KEY_PREFIX=prefix)
    mine.cache.set("key", 1)
    for decoy in ("axx:1:key", "ab:1:key", "a:1:key", "a\\x:1:key", "ac:1:key"):
        store.raw.set(decoy, 1)
    assert listed(mine) == {f"{prefix}:1:key".encode()}
    assert listed(mine, "k*y") == {f"{prefix}:1:key".encode()}


@pytest.mark.parametrize("token", ["0", "-1", "01", "1 ", "+1", "18446744073709551616", "٣", "a"])
def test_a_token_that_is_no_cursor_is_refused(inspector: ServerInspector, token: str) -> None:
    with pytest.raises(ValueError, match="This isn't a position in a listing of this cache"):
        inspector.scan(Query(), token, 10, later())


def test_a_cursor_has_64_bits(inspector: ServerInspector) -> None:
    [walk] = parse_token("18446744073709551615", is_cluster=False)
    assert walk.cursor == 2**64 - 1
    listing = inspector.scan(Query(), "18446744073709551615", 10, later())
    assert list(listing.keys) == []


def test_pages_hold_no_key_twice_while_the_table_shrinks(store: Store) -> None:
    store.raw.mset({f":1:{n}": n for n in range(2000)})
    inspector = store.inspect()
    for listing in pages(inspector, want=50):
        assert len(set(listing.keys)) == len(listing.keys)
        inspector.delete(listing.keys[::2])


def test_what_the_server_denies_is_left_out_of_a_listing(store: Store, user: str) -> None:
    store.raw.mset({":1:a": 1, ":1:b": 22})
    inspector = store.inspect_as(user, "-dbsize", "-pttl", "-memory|usage")
    listing = inspector.scan(Query(), "", 100, later())
    assert set(listing.keys) == {b":1:a", b":1:b"}
    assert listing.total is None
    assert listing.examined >= 2
    columns = ("type", "ttl", "size", "memory")
    assert inspector.describe([b":1:b"], columns) == [KeyInfo(b":1:b", "string", None, 2)]
    store.permit(user, "-type", "-strlen")
    assert inspector.describe([b":1:b"], columns) == [KeyInfo(b":1:b")]


def test_keys_that_the_server_hides_from_a_user_are_listed_without_figures(
    store: Store, user: str
) -> None:
    store.raw.mset({":1:open": 1, ":1:secret": 22})
    inspector = store.inspect_as(user, "resetkeys", "~:1:open")
    found = inspector.describe([b":1:open", b":1:secret"])
    assert [(one.type, one.size) for one in found] == [("string", 1), (None, None)]
    assert found[1].ttl is None


def test_a_scan_restarts_when_its_server_has_restarted() -> None:
    scan = NodeScan()
    assert not scan.restart_if_needed("a" * 40)
    scan.cursor = 7
    [scan] = parse_token(make_token([scan]), is_cluster=False)
    assert not scan.restart_if_needed("a" * 40)
    assert not NodeScan(cursor=7, run_id=scan.run_id).restart_if_needed("")
    assert scan.restart_if_needed("b" * 40)
    assert scan.cursor == 0


def test_a_scan_ends_although_another_server_replies_each_time() -> None:
    scan, restarts = NodeScan(), 0
    for step, run in enumerate("abcdef", 1):
        restarts += scan.restart_if_needed(run * 40)
        scan.cursor = step
        [scan] = parse_token(make_token([scan]), is_cluster=False)
    assert restarts == 1


KB = 1000


def test_a_user_who_may_not_ping_finds_the_server_up(store: Store, user: str) -> None:
    inspector = store.inspect_as(user, "-@all", "+@read", "+@write", "-@dangerous")
    store.raw.set(":1:key", "v")
    status = inspector.status()
    assert status.latency is not None
    assert status.keys == 1
    assert [*inspector.scan(Query(), "", 10, later()).keys] == [b":1:key"]
    assert inspector.delete([b":1:key"]) == 1


@pytest.mark.parametrize(("length", "fetched"), [(100, 10), (5, 5)])
def test_where_memory_may_not_be_asked_few_elements_are_fetched(
    store: Store, user: str, length: int, fetched: int
) -> None:
    inspector = store.inspect_as(user, "-memory")
    # The first are small: nothing about them tells that the others are not.
    elements = ["x"] * 30 + ["x" * 300 * KB] * 70
    store.raw.rpush(":1:key", *elements[:length])
    inspector.status()
    before = sent(store)
    entry = inspector.read(b":1:key")
    assert sent(store) - before < 100 * KB
    assert (len(entry.elements.rows), entry.elements.total) == (fetched, length)
    said = "The server doesn't allow reading the size of the elements, so only 10 were fetched."
    assert str(entry.note) == (said if fetched < length else "")


def sent(store: Store) -> Any:
    """Return how many bytes the server has sent."""
    return store.raw.info("stats")["total_net_output_bytes"]


@on_each_server
def test_describing_a_string_does_not_hide_how_long_it_was_idle(store: Store) -> None:
    store.raw.set(":1:key", "value")
    dump = store.raw.dump(":1:key")
    store.raw.execute_command("RESTORE", ":1:key", 0, dump, "REPLACE", "IDLETIME", 9000)
    [found] = store.inspect().describe([b":1:key"], ("size", "idle"))
    assert found.size == 5
    assert found.idle is not None
    assert found.idle >= 9_000_000

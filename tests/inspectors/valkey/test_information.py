from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import valkey

from django_cachex.inspectors.info import InfoField, InfoSection, Unit
from django_cachex.inspectors.valkey import info as information
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers
from tests.inspectors.valkey.conftest import Store


def cards(sections: Sequence[InfoSection]) -> dict[str, InfoSection]:
    return {str(section.title): section for section in sections}


def facts(section: InfoSection) -> dict[str, InfoField]:
    return {str(fact.label): fact for fact in section.fields}


def values(section: InfoSection) -> dict[str, Any]:
    return {str(fact.label): fact.value for fact in section.fields}


def test_what_the_specification_lists_is_there(inspector: ServerInspector, store: Store) -> None:
    store.raw.set("key", 1, ex=100)
    store.raw.get("key")
    found = cards(inspector.info())
    server, memory, clients = found["Server"], found["Memory"], found["Clients"]
    assert {"Version", "Operating system", "Uptime", "Mode", "Role", "Process"} <= set(
        facts(server)
    )
    assert {"Maximum", "Peak", "Resident", "Eviction policy"} <= set(facts(memory))
    assert str(memory.headline.label) == "Used"
    assert memory.headline.unit == Unit.BYTES
    assert {"Connected", "Blocked"} <= set(facts(clients))
    assert {"Hits", "Misses", "Total connections", "Commands processed"} <= set(
        facts(found["Statistics"])
    )
    assert [*map(str, found["Keyspace"].columns)] == ["Database", "Keys", "With TTL", "Average TTL"]


def test_a_server_says_its_own_name_and_version(inspector: ServerInspector, store: Store) -> None:
    info = store.raw.info("server")
    name, version = ("Valkey", "valkey") if store.scheme == "valkey" else ("Redis", "redis")
    expected = f"{name} {info[f'{version}_version']}"
    assert values(cards(inspector.info())["Server"])["Version"] == expected


def test_used_memory_is_a_share_of_the_maximum(inspector: ServerInspector, store: Store) -> None:
    memory = cards(inspector.info())["Memory"]
    assert memory.headline.maximum is None
    assert str(values(memory)["Maximum"]) == "no limit"
    store.raw.config_set("maxmemory", 500_000_000)
    try:
        memory = cards(inspector.info())["Memory"]
    finally:
        store.raw.config_set("maxmemory", 0)
    assert memory.headline.maximum == 500_000_000
    assert facts(memory)["Maximum"] == InfoField(
        facts(memory)["Maximum"].label, 500_000_000, Unit.BYTES
    )


def test_the_hit_rate_is_the_headline_of_the_statistics(store: Store) -> None:
    inspector = store.inspect()
    store.raw.config_resetstat()
    assert cards(inspector.info())["Statistics"].headline is None
    store.raw.set("key", 1)
    store.raw.mget("key", "key", "key", "missing")
    statistics = cards(inspector.info())["Statistics"]
    assert (statistics.headline.value, statistics.headline.unit) == (75.0, Unit.PERCENT)
    assert (values(statistics)["Hits"], values(statistics)["Misses"]) == (3, 1)


def rows(section: InfoSection) -> list[tuple[Any, ...]]:
    return [tuple(fact.value for fact in row) for row in section.rows]


def test_the_caches_own_database_comes_first(store: Store) -> None:
    inspector = store.inspect(store.url.replace("/0", "/2"))
    store.raw.set("key", 1)
    with valkey.Valkey(port=store.server.port, db=2) as raw:
        raw.mset({"a": 1, "b": 2})
        raw.expire("a", 100)
    keyspace = rows(cards(inspector.info())["Keyspace"])
    assert [row[:3] for row in keyspace] == [("2 (this cache)", 2, 1), ("0", 1, 0)]
    assert keyspace[1][3] == ""


def test_an_empty_database_has_its_row(inspector: ServerInspector) -> None:
    assert rows(cards(inspector.info())["Keyspace"]) == [("0 (this cache)", 0, 0, "")]


def test_replication_is_told_of_both_sides(store: Store) -> None:
    store.raw.config_set("repl-diskless-sync-delay", 0)
    assert "Replication" not in cards(store.inspect().info())
    with servers.valkey("--replicaof", "127.0.0.1", str(store.server.port)) as replica:
        servers.wait_until(
            lambda: store.raw.info("replication")["connected_slaves"] == 1, "the replica"
        )
        primary_side = cards(store.inspect().info())
        url = f"{store.scheme}://{replica.address}/0"
        replica_side = cards(store.inspect(url, alias="copy").info())
    assert values(primary_side["Replication"]) == {"Connected replicas": 1}
    assert str(values(primary_side["Server"])["Role"]) == "primary"
    assert str(values(replica_side["Server"])["Role"]) == "replica"
    assert values(replica_side["Replication"])["Primary port"] == str(store.server.port)


def test_one_question_fills_the_page(inspector: ServerInspector, store: Store) -> None:
    inspector.status()
    store.raw.config_resetstat()
    inspector.info()
    calls = store.raw.info("commandstats")
    assert set(calls) == {"cmdstat_config|resetstat", "cmdstat_info"}
    assert calls["cmdstat_info"]["calls"] == 1


def test_the_status_says_how_many_keys_how_much_memory_how_fast(store: Store) -> None:
    store.raw.mset({"a": 1, "b": 2})
    status = store.inspect().status()
    assert status.keys == 2
    assert 100_000 < status.memory < 10**9
    assert 0 < status.latency < 2


def test_what_the_server_denies_is_left_out(store: Store, user: str) -> None:
    inspector = store.inspect_as(user, "-info")
    assert inspector.status().memory is None
    assert inspector.status().keys == 0
    section, *_ours = inspector.info()
    assert "INFO" in str(section.note)
    store.permit(user, "-dbsize")
    status = inspector.status()
    assert (status.keys, status.memory) == (None, None)
    assert status.latency is not None


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"redis_version": "7.2.4"},
        {"used_memory": "lots", "maxmemory": "", "keyspace_hits": "-"},
        {"redis_version": "7", "db0": "nonsense", "dbx": "keys=1", "db1": "keys=x,avg_ttl"},
        {"role": "sentinel", "uptime_in_seconds": "a while"},
    ],
)
def test_a_reply_with_gaps_or_nonsense_is_no_error(info: Mapping[str, str]) -> None:
    for section in information.build_sections(info, 0):
        assert section.fields or section.rows or section.headline

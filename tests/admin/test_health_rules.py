"""The rules of the health page: each one is made true and false, on real stores if possible."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import caches
from django.db import connection

from django_cachex.admin.deadline import CallResult, DeadlineExecutor
from django_cachex.admin.health.evidence import (
    Evidence,
    NotApplicable,
    SampleRequest,
    gather,
    runs_in_processes,
)
from django_cachex.admin.health.report import Finding, Severity
from django_cachex.admin.health.rules import RULES
from django_cachex.admin.stores import caches_sharing_store
from django_cachex.commands.server_versions import find_end_of_life
from django_cachex.inspectors import inspector_for
from tests import servers
from tests.admin.conftest import (
    DATABASE,
    DUMMY,
    FILES,
    REFUSING_PORT,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.inspectors.valkey.proxy import proxy

RULE = {rule.id: rule for rule in RULES}
MB = 1_000_000


def examine(alias: str = "valkey", **changes: Any) -> Evidence:
    """Return what is known about a cache, gathered as the page does it."""
    inspector = inspector_for(alias)
    others = caches_sharing_store(inspector)
    request = SampleRequest(inspector, inspector.scopes[-1], None, others)
    [evidence] = gather(DeadlineExecutor(20), [request])
    return replace(evidence, **changes)


def find(id: str, alias: str = "valkey", **changes: Any) -> Finding | None:
    """Return what a rule finds in a cache."""
    return RULE[id].find(examine(alias, **changes))


def with_info(**fields: str) -> Evidence:
    """Return what is known about the server, with some fields of INFO as another reported them."""
    evidence = examine()
    facts = evidence.facts.value
    assert facts is not None
    assert facts.info is not None
    facts = replace(facts, info={**facts.info, **fields})
    return replace(evidence, facts=CallResult(facts))


Config = Callable[..., None]


@pytest.fixture
def config(raw: valkey.Valkey) -> Iterator[Config]:
    """Return a function that configures the server; it is as before at the end."""
    before: dict[str, Any] = {}

    def set_options(**options: object) -> None:
        for name, value in options.items():
            option = name.replace("_", "-")
            before.setdefault(option, raw.config_get(option)[option])
            raw.config_set(option, value)  # type: ignore[arg-type]

    # What another test left is freed in the background.
    servers.wait_until(lambda: raw.info("memory")["lazyfree_pending_objects"] == 0, "the memory")
    raw.config_resetstat()
    raw.slowlog_reset()
    yield set_options
    for option, value in before.items():
        raw.config_set(option, value)
    raw.config_resetstat()
    raw.slowlog_reset()


# Servers.


def test_no_maxmemory(server_cache: Any, config: Config) -> None:
    finding = find("no-maxmemory")
    assert finding is not None
    assert finding.severity is Severity.WARNING
    config(maxmemory=100 * MB)
    assert find("no-maxmemory") is None


def test_noeviction(server_cache: Any, config: Config) -> None:
    assert find("noeviction") is None  # Without a limit, the policy has no effect.
    config(maxmemory=100 * MB, maxmemory_policy="noeviction")
    assert find("noeviction") is not None
    config(maxmemory_policy="allkeys-lru")
    assert find("noeviction") is None


def test_full_memory(server_cache: Any, config: Config, raw: valkey.Valkey) -> None:
    config(maxmemory=1000 * MB, maxmemory_policy="noeviction")
    assert find("memory-full") is None
    config(maxmemory=int(raw.info("memory")["used_memory"] * 0.99))
    finding = find("memory-full")
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    config(maxmemory_policy="allkeys-lru")  # It may evict, so this is how a cache works.
    assert find("memory-full") is None


def test_evictions(server_cache: Any, config: Config, raw: valkey.Valkey) -> None:
    config(maxmemory=raw.info("memory")["used_memory"] + MB, maxmemory_policy="allkeys-lru")
    assert find("evictions") is None
    for batch in range(100):
        raw.mset({f"p:1:{batch}:{number}": b"x" * 1000 for number in range(500)})
        if raw.info("stats")["evicted_keys"] >= 100:
            break
    finding = find("evictions")
    assert finding is not None
    assert finding.severity is Severity.WARNING


def test_hit_rate(server_cache: Any, config: Config, raw: valkey.Valkey) -> None:
    assert find("low-hit-rate") is None  # Nothing was read yet.
    raw.set("p:1:a", 1)
    raw.mget(["p:1:missing"] * 1000)
    assert find("low-hit-rate") is not None
    raw.mget(["p:1:a"] * 2000)
    assert find("low-hit-rate") is None


def test_fragmentation(server_cache: Any) -> None:
    fields = {"used_memory": "100000000", "used_memory_rss": "200000000"}
    rule = RULE["fragmentation"]
    assert rule.find(with_info(**fields, mem_fragmentation_ratio="2.00")) is not None
    fields["used_memory_rss"] = "105000000"
    assert rule.find(with_info(**fields, mem_fragmentation_ratio="1.05")) is None
    # An empty server has a high ratio, too, but loses little.
    small = {"used_memory": "1000000", "used_memory_rss": "9000000"}
    assert rule.find(with_info(**small, mem_fragmentation_ratio="9.00")) is None


def test_slow_commands(server_cache: Any, config: Config, raw: valkey.Valkey) -> None:
    assert find("slow-commands") is None
    config(slowlog_log_slower_than=0)
    for _number in range(20):
        raw.ping()
    config(slowlog_log_slower_than=10_000_000)
    assert find("slow-commands") is not None


def test_latency(valkey_server: servers.Server, configure: Configure) -> None:
    with proxy(valkey_server.port) as slow:  # It waits for 50 ms.
        configure(valkey=valkey_params(valkey_server, LOCATION=f"valkey://{slow.address}/0"))
        evidence = examine()
    assert RULE["latency"].find(evidence) is not None
    assert evidence.facts.value is not None
    near = replace(evidence.facts.value, latency=0.0005)
    assert RULE["latency"].find(replace(evidence, facts=CallResult(near))) is None


PRIMARY = {"role": "master", "connected_slaves": "1", "master_repl_offset": "90000000"}
REPLICA = "ip=10.0.0.7,port=6379,state=online,offset={offset},lag={lag},type=replica"
CAPTURED: list[tuple[Mapping[str, str], bool]] = [
    ({**PRIMARY, "slave0": REPLICA.format(offset=90000000, lag=1)}, False),
    ({**PRIMARY, "slave0": REPLICA.format(offset=90000000, lag=60)}, True),
    ({**PRIMARY, "slave0": REPLICA.format(offset=60000000, lag=0)}, True),
    ({**PRIMARY, "slave0": REPLICA.format(offset=0, lag=0).replace("online", "wait_bgsave")}, True),
    ({**PRIMARY, "connected_slaves": "9" * 20}, False),
    ({"role": "slave", "master_link_status": "down"}, True),
    ({"role": "slave", "master_link_status": "up"}, False),
]


def test_replica_lag(server_cache: Any) -> None:
    for fields, is_late in CAPTURED:
        finding = RULE["replica-lag"].find(with_info(**fields))
        assert (finding is not None) == is_late, fields


def test_end_of_life(server_cache: Any) -> None:
    assert find("end-of-life", today=date(2040, 1, 1)) is not None
    assert find("end-of-life", today=date(2025, 11, 1)) is None


@pytest.mark.parametrize(
    ("product", "release", "ended"),
    [
        ("redis", (7, 0), date(2024, 7, 29)),
        ("redis", (3, 2), date(2022, 4, 27)),  # Older than the table.
        ("redis", (7, 4), None),  # Still supported.
        ("valkey", (99, 0), None),
        ("a-fork", (1, 0), None),
    ],
)
def test_ends_of_life(product: str, release: tuple[int, int], ended: date | None) -> None:
    assert find_end_of_life(product, release) == ended


def test_shared_pickles(
    server_cache: Any, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    server_cache.set("mine", [1])
    assert find("shared-pickles") is None
    raw.set("others:1", "x")
    assert find("shared-pickles") is not None
    configure(valkey=valkey_params(valkey_server, OPTIONS={"serializer": "json"}))
    assert find("shared-pickles") is None
    raw.delete("others:1")
    configure(valkey=valkey_params(valkey_server))
    with valkey.Valkey(port=valkey_server.port, db=5) as elsewhere:
        elsewhere.set("others:1", "x")
        finding = find("shared-pickles")
    assert finding is not None
    assert "5" in str(finding.seen)


# Keys.


def test_keys_without_expiry(
    server_cache: Any, valkey_server: servers.Server, configure: Configure, config: Config
) -> None:
    server_cache.set_many({f"short:{number}": number for number in range(30)}, 60)
    assert find("keys-without-expiry") is None
    server_cache.set_many({f"long:{number}": number for number in range(10)}, None)
    finding = find("keys-without-expiry")
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert re.search(r"\b25 %.*\(10\)", str(finding.seen).replace("25.0", "25"))
    config(maxmemory=100 * MB, maxmemory_policy="noeviction")
    finding = find("keys-without-expiry")
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    configure(valkey=valkey_params(valkey_server, TIMEOUT=None))  # Then it is as it should be.
    assert find("keys-without-expiry") is None


def test_a_sample_of_many_keys_is_scaled_up(server_cache: Any) -> None:
    server_cache.set_many({f"short:{number}": number for number in range(11_000)}, 60)
    server_cache.set_many({f"long:{number}": number for number in range(11_000)}, None)
    evidence = examine()
    sample = evidence.sample
    assert not sample.is_complete
    assert sample.total == 22_000
    assert len(sample.infos) == 1000
    part = sample.part(sum(one.ttl == -1 for one in sample.infos))
    assert part.is_estimate
    assert part.share.error > 0
    assert abs(part.share.value - 0.5) < 4 * part.share.error
    assert part.total == round(part.share.value * 22_000)
    finding = RULE["keys-without-expiry"].find(evidence)
    assert finding is not None
    assert "±" in str(finding.seen)


def test_unevictable_keys(server_cache: Any, config: Config) -> None:
    server_cache.set("forever", 1, None)
    config(maxmemory_policy="volatile-lru")
    assert find("unevictable-keys") is None  # Nothing is evicted without a limit.
    config(maxmemory=100 * MB)
    assert find("unevictable-keys") is not None
    server_cache.touch("forever", 60)
    assert find("unevictable-keys") is None


def test_old_versions(
    server_cache: Any, valkey_server: servers.Server, configure: Configure
) -> None:
    server_cache.set("a", 1)
    assert find("old-versions") is None
    server_cache.set("a", 1, version=7)
    assert find("old-versions") is not None
    configure(
        valkey=valkey_params(valkey_server), next=valkey_params(valkey_server, VERSION=7)
    )  # Another cache uses the version.
    assert find("old-versions") is None


def test_unowned_keys(server_cache: Any, raw: valkey.Valkey) -> None:
    server_cache.set("a", 1)
    assert find("unowned-keys") is None
    raw.set("others:1", "x")
    assert find("unowned-keys") is not None


def test_unreadable_values(
    server_cache: Any, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    server_cache.set_many({"list": [1], "number": 5, "float": 0.5, "text": "x"})
    raw.pfadd("p:1:visitors", "a")  # Not a value of the cache.
    assert find("unreadable-values") is None
    configure(valkey=valkey_params(valkey_server, OPTIONS={"serializer": "json"}))
    finding = find("unreadable-values")
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    assert set(finding.keys) == {b"p:1:list", b"p:1:float", b"p:1:text"}
    both = {"serializer": ["json", "pickle"]}
    configure(valkey=valkey_params(valkey_server, OPTIONS=both))
    assert find("unreadable-values") is None


def test_dominant_keys(server_cache: Any, raw: valkey.Valkey) -> None:
    server_cache.set("small", "x" * 900_000)
    assert find("dominant-keys") is None
    server_cache.set("large", "x" * 30 * MB)
    finding = find("dominant-keys")
    assert finding is not None
    assert finding.keys == [b"p:1:large"]


def test_dominant_keys_of_a_store_without_figures(configure: Configure) -> None:
    configure()
    caches["default"].set("small", "x" * 1000)
    assert find("dominant-keys", "default") is None
    caches["default"].set("large", "x" * 2 * MB)
    assert find("dominant-keys", "default") is not None


def test_huge_collections(server_cache: Any, raw: valkey.Valkey) -> None:
    raw.sadd("p:1:members", *range(100_000))
    assert find("huge-collections") is None
    raw.sadd("p:1:members", "one more")
    finding = find("huge-collections")
    assert finding is not None
    assert finding.keys == [b"p:1:members"]


# Settings and Django's backends.


def test_unreachable(
    server_cache: Any, valkey_server: servers.Server, configure: Configure
) -> None:
    assert find("unreachable") is None
    down = valkey_params(valkey_server, LOCATION=f"valkey://127.0.0.1:{REFUSING_PORT}/0")
    configure(valkey=down)
    finding = find("unreachable")
    assert finding is not None
    assert finding.severity is Severity.CRITICAL


def test_shared_keys(valkey_server: servers.Server, configure: Configure) -> None:
    other = valkey_params(valkey_server, KEY_PREFIX="q")
    configure(valkey=valkey_params(valkey_server), other=other)
    assert find("shared-keys") is None
    configure(valkey=valkey_params(valkey_server), other=valkey_params(valkey_server))
    finding = find("shared-keys")
    assert finding is not None
    assert finding.severity is Severity.WARNING
    other = valkey_params(valkey_server, OPTIONS={"serializer": "json"})
    configure(valkey=valkey_params(valkey_server), other=other)
    finding = find("shared-keys")
    assert finding is not None
    assert finding.severity is Severity.CRITICAL


def test_local_sessions(configure: Configure, settings: Any) -> None:
    configure(other=locmem_params())
    settings.SESSION_CACHE_ALIAS = "default"
    for engine, severity in (
        ("cache", Severity.CRITICAL),
        ("cached_db", Severity.WARNING),
        ("db", None),
    ):
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        finding = find("local-sessions", "default")
        assert (finding and finding.severity) == severity, engine
        assert find("local-sessions", "other") is None


def test_local_cache(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure()
    assert find("local-cache", "default", is_multiprocess=True) is not None
    assert find("local-cache", "default", is_multiprocess=False) is None
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    for multiprocess in (True, False):
        assert runs_in_processes({"wsgi.multiprocess": multiprocess}) is multiprocess
    assert runs_in_processes({}) is None
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert runs_in_processes({}) is True


def test_dummy_cache(configure: Configure, settings: Any) -> None:
    configure(off={"BACKEND": DUMMY})
    settings.DEBUG = False
    assert find("dummy-cache", "off") is not None
    settings.DEBUG = True
    assert find("dummy-cache", "off") is None


def test_full_stores(configure: Configure, database_table: str, tmp_path: Path) -> None:
    limit = {"OPTIONS": {"MAX_ENTRIES": 20}}
    configure(
        default=locmem_params(**limit),
        table={"BACKEND": DATABASE, "LOCATION": database_table, **limit},
        files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files"), **limit},
    )
    for alias in ("default", "table", "files"):
        caches[alias].set_many({str(number): number for number in range(10)})
        assert find("entries-full", alias) is None
        caches[alias].set_many({str(number): number for number in range(18)})
        assert find("entries-full", alias) is not None, alias


def test_expired_entries(configure: Configure, database_table: str) -> None:
    roomy = {"OPTIONS": {"MAX_ENTRIES": 100_000}}
    configure(table={"BACKEND": DATABASE, "LOCATION": database_table, **roomy})
    cache = caches["table"]
    cache.set_many({f"new:{number}": number for number in range(100)}, 60)
    assert find("expired-entries", "table") is None
    cache.set_many({f"old:{number}": number for number in range(100)}, -60)
    finding = find("expired-entries", "table")
    assert finding is not None
    assert "50 %" in str(finding.seen).replace("50.0", "50")


@pytest.mark.parametrize(("collation", "is_found"), [("NOCASE", True), ("BINARY", False)])
def test_case_insensitive(configure: Configure, collation: str, is_found: bool) -> None:
    table = f"cachex_{collation.lower()}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {table} (cache_key varchar(255) COLLATE {collation} PRIMARY KEY, "
            "value text NOT NULL, expires datetime NOT NULL)"
        )
    configure(table={"BACKEND": DATABASE, "LOCATION": table})
    with pytest.raises(NotApplicable):
        find("case-insensitive", "table")  # An empty table doesn't tell.
    caches["table"].set("Key", 1)
    assert (find("case-insensitive", "table") is not None) == is_found


def test_writable_folder(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    configure(files={"BACKEND": FILES, "LOCATION": str(folder)})
    caches["files"].set("a", 1)
    for mode, severity in (
        (0o777, Severity.CRITICAL),
        (0o770, Severity.WARNING),
        (0o755, None),
    ):
        os.chmod(folder, mode)
        finding = find("writable-folder", "files")
        assert (finding and finding.severity) == severity, oct(mode)

"""Keys and time: every form of every command, on several servers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_cachex.commands import CommandError, CrossSlotError
from django_cachex.commands.slowlog import SlowCommand
from tests.cache.conftest import BACKENDS, url
from tests.cache.surfaces import Surface
from tests.servers import valkey


@pytest.fixture
def key(on: Surface) -> str:
    on.cache.set("{k}", "value", timeout=None)
    return "{k}"


def test_a_key_lives_for_as_long_as_is_said(on: Surface, key: str) -> None:
    assert on.ttl(key) is on.pttl(key) is None
    assert on.expire(key, 100) is True
    assert on.ttl(key) == 100
    assert on.expire(key, timedelta(milliseconds=90_500)) is True
    assert 90_000 < on.pttl(key) <= 90_500
    assert on.pexpire(key, 5_000) is True
    assert on.pexpire(key, timedelta(seconds=4)) is True
    assert 3_000 < on.pttl(key) <= 4_000
    assert on.persist(key) is True
    assert on.persist(key) is False
    assert on.ttl(key) is None


def test_a_key_lives_until_a_moment(on: Surface, key: str) -> None:
    soon = int(time.time()) + 100
    assert on.expireat(key, soon) is True
    assert 98 <= on.ttl(key) <= 100
    assert on.expireat(key, soon + 0.25) is True
    assert on.pexpiretime(key) == soon * 1000 + 250
    moment = datetime(2100, 1, 1, 12, 30, 0, 500_000, tzinfo=UTC)
    assert on.expireat(key, moment) is True
    assert on.pexpiretime(key) == round(moment.timestamp() * 1000)
    assert on.expire_at(key, moment + timedelta(days=1)) is True
    assert on.expiretime(key) == round(moment.timestamp() + 86_400.1)  # The server rounds.
    assert on.pexpireat(key, soon * 1000 + 7) is True
    assert on.pexpiretime(key) == soon * 1000 + 7
    assert on.pexpire_at(key, moment.replace(tzinfo=None)) is True
    assert on.pexpiretime(key) == round(moment.replace(tzinfo=None).timestamp() * 1000)


def test_a_missing_key_has_no_life(on: Surface) -> None:
    assert on.ttl("no") == on.pttl("no") == on.expiretime("no") == on.pexpiretime("no") == -2
    assert on.expire("no", 5) is on.pexpire("no", 5) is on.persist("no") is False
    assert on.expireat("no", 2**33) is on.pexpireat("no", 2**43) is False


def test_a_lasting_key_has_no_end(on: Surface, key: str) -> None:
    assert on.expiretime(key) is on.pexpiretime(key) is None


@pytest.mark.parametrize("command", ["expire", "expireat", "pexpire", "pexpireat"])
def test_an_expiry_is_set_on_conditions(on: Surface, key: str, command: str) -> None:
    unit = 1000 if command.startswith("p") else 1
    now = int(time.time()) * unit if command.endswith("at") else 0

    def let(seconds: int, **condition: bool) -> Any:
        return getattr(on, command)(key, now + seconds * unit, **condition)

    assert let(100, xx=True) is False
    assert let(100, gt=True) is False  # A key that never expires lives longest.
    assert let(100, nx=True) is True
    assert let(200, nx=True) is False
    assert let(200, lt=True) is False
    assert let(50, gt=True) is False
    assert let(200, gt=True) is True
    assert let(60, lt=True, xx=True) is True
    assert 50 <= on.ttl(key) <= 60
    for contradiction in ({"nx": True, "xx": True}, {"gt": True, "lt": True}):
        with pytest.raises(ValueError, match="only one"):
            let(5, **contradiction)


def test_a_time_that_has_passed_deletes(on: Surface) -> None:
    for command, time_ in (("expire", 0), ("pexpire", -1), ("expireat", 1), ("pexpireat", 1)):
        on.cache.set("key", 1)
        assert getattr(on, command)("key", time_) is True
        assert on.cache.has_key("key") is False


@pytest.mark.parametrize("when", ["soon", None, b"5"])
def test_what_is_no_time_is_refused(on: Surface, when: Any) -> None:
    for command in on.expire, on.expireat:
        with pytest.raises(TypeError):
            command("key", when)
    with pytest.raises(ValueError, match="at most"):
        on.expireat("key", 2**63)


def test_versions_are_apart(on: Surface) -> None:
    on.cache.set("key", 1, 50, version=2)
    assert on.ttl("key", version=2) == 50
    assert on.ttl("key") == -2
    assert on.expire("key", 90, version=2) is True
    assert on.expiretime("key", version=2) > time.time()
    assert on.persist("key", version=2) is True


# Names.


def test_a_key_is_renamed_with_its_expiry(on: Surface) -> None:
    on.cache.set("{k}1", "one", 50)
    assert on.rename("{k}1", "{k}2") is True
    assert (on.cache.get("{k}2"), on.cache.ttl("{k}2")) == ("one", 50)
    on.cache.set("{k}3", "three")
    assert on.renamenx("{k}2", "{k}3") is False
    assert on.renamenx("{k}2", "{k}4") is True
    assert on.copy("{k}4", "{k}3") is False
    assert on.copy("{k}4", "{k}3", replace=True) is True
    assert on.cache.get("{k}3") == "one"
    with pytest.raises(CommandError, match="no such key"):
        on.rename("{k}9", "{k}8")


def test_a_key_goes_from_one_version_to_another(on: Surface) -> None:
    on.cache.set("{k}", "one", 50, version=2)
    assert on.copy("{k}", "{k}", version=2, version_dst=3) is True
    assert on.rename("{k}", "{k}new", version=2, version_dst=4) is True
    assert on.renamenx("{k}new", "{k}", version=4, version_dst=3) is False
    assert on.renamenx("{k}new", "{k}", 4, 5) is True
    assert [on.cache.get("{k}", version=version) for version in (2, 3, 4, 5)] == [
        *(None, "one", None, "one")
    ]
    assert on.cache.ttl("{k}", version=5) == 50


def test_names_of_several_slots_are_refused(on_cluster: Surface) -> None:
    on_cluster.cache.set("a", 1)
    for command in on_cluster.rename, on_cluster.renamenx, on_cluster.copy:
        with pytest.raises(CrossSlotError):
            command("a", "b")


def test_the_server_tells_of_keys(on: Surface, key: str) -> None:
    assert on.memory_usage(key) > 0
    assert on.object_encoding(key) in ("embstr", "raw")
    assert on.object_idletime(key) >= 0
    assert on.memory_usage("no") is on.object_encoding("no") is on.object_idletime("no") is None
    with pytest.raises(CommandError, match="LFU"):
        on.object_freq(key)


def test_an_entry_of_the_slow_log_is_read(driver: str) -> None:
    with valkey("--slowlog-log-slower-than", "0") as server:
        cache = BACKENDS[driver](url(server), {})
        cache.set("key", "x" * 300)
        entries = cache.slowlog_get(-1)
        assert len(cache.slowlog_get(1)) == 1
        assert cache.slowlog_len() >= 2
        assert asyncio.run(cache.aslowlog_get(-1))[-len(entries) :] == entries
        assert cache.pipeline().slowlog_reset().slowlog_len().execute()[0] is None
        assert cache.slowlog_len() < len(entries)
    assert all(isinstance(entry, SlowCommand) for entry in entries)
    [entry] = [entry for entry in entries if entry.words[:2] == (b"SET", b":1:key")]
    assert entry.words[2].endswith(b"bytes)")  # The server shortens it.
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=2)
    assert entry.microseconds >= 0
    assert entry.client.startswith("127.0.0.1:")
    assert entry.client_name == ""


# Values.


def test_a_value_is_stored_on_conditions(on: Surface) -> None:
    assert on.set("key", [1], xx=True) is False
    assert on.cache.has_key("key") is False
    assert on.set("key", [1], nx=True) is True
    assert on.set("key", [2], nx=True) is False
    assert on.set("key", [2], 60, xx=True) is True
    assert (on.cache.get("key"), on.cache.ttl("key")) == ([2], 60)
    assert on.set("key", 3, nx=False) is None
    with pytest.raises(ValueError, match="exclude"):
        on.set("key", 1, nx=True, xx=True)


def test_the_old_value_is_returned(on: Surface) -> None:
    assert on.set("key", [1], get=True) is None
    assert on.set("key", None, get=True) == [1]
    assert on.set("key", 7, xx=True, get=True) is None  # The value that was stored.
    assert on.set("key", 8, nx=True, get=True) == 7
    assert on.cache.get("key") == 7
    assert on.set("other", 8, nx=True, get=True) is None
    assert on.cache.get("other") == 8


def test_the_timeout_is_kept(on: Surface) -> None:
    on.cache.set("key", 1, 50)
    assert on.set("key", 2, keepttl=True) is None
    assert (on.cache.get("key"), on.cache.ttl("key")) == (2, 50)
    assert on.set("key", 3, xx=True, keepttl=True, get=True) == 2
    assert on.cache.ttl("key") == 50
    assert on.set("new", 1, keepttl=True) is None
    assert on.cache.ttl("new") is None
    with pytest.raises(ValueError, match="leave the new one out"):
        on.set("key", 4, 60, keepttl=True)


@pytest.mark.parametrize(
    ("options", "before", "result", "after"),
    [
        ({}, 1, None, None),
        ({"nx": True}, 1, False, 1),
        ({"nx": True}, None, True, None),
        ({"xx": True}, 1, True, None),
        ({"xx": True}, None, False, None),
        ({"get": True}, 1, 1, None),
        ({"get": True, "nx": True}, 1, 1, 1),
        ({"get": True, "xx": True}, 1, 1, None),
        ({"get": True}, None, None, None),
    ],
)
def test_a_value_for_no_time_is_not_stored(
    on: Surface, options: Any, before: Any, result: Any, after: Any
) -> None:
    if before:
        on.cache.set("key", before)
    for timeout in 0, -5:
        if before and not on.cache.has_key("key"):
            on.cache.set("key", before)
        assert on.set("key", 9, timeout, **options) == result
        assert on.cache.get("key") == after


def test_a_value_is_read_and_deleted(on: Surface) -> None:
    on.cache.set("key", {"a": 1})
    assert on.getdel("key") == {"a": 1}
    assert on.getdel("key") is None
    assert on.getdel("key", "default", version=2) == "default"
    assert on.cache.has_key("key") is False


def test_a_value_is_read_and_lives_on(on: Surface) -> None:
    on.cache.set("key", [1], None)
    assert on.getex("key", ex=50) == [1]
    assert on.cache.ttl("key") == 50
    assert on.getex("key", px=timedelta(seconds=9)) == [1]
    assert 8_000 < on.cache.pttl("key") <= 9_000
    assert on.getex("key") == [1]
    assert on.cache.ttl("key") == 9
    soon = int(time.time()) + 70
    assert on.getex("key", exat=soon) == [1]
    assert 68 <= on.cache.ttl("key") <= 70
    assert on.getex("key", pxat=datetime(2100, 1, 1, tzinfo=UTC)) == [1]
    assert on.cache.ttl("key") > 10**9
    assert on.getex("key", persist=True) == [1]
    assert on.cache.ttl("key") is None
    assert on.getex("missing", "default", ex=5) == "default"
    with pytest.raises(ValueError, match="only one"):
        on.getex("key", ex=5, persist=True)
    assert on.getex("key", ex=0) == [1]
    assert on.cache.has_key("key") is False


def test_reading_counts_as_a_lookup(on: Surface) -> None:
    on.cache.set("key", 1)
    before = on.cache.statistics.hits, on.cache.statistics.misses
    on.getex("key")
    on.getdel("key")
    on.getdel("key")
    after = on.cache.statistics.hits, on.cache.statistics.misses
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)

"""Keys and time: every form of every command, on several servers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_cachex.commands import CommandError
from django_cachex.commands.server import SlowCommand
from tests.cache.conftest import BACKENDS, url
from tests.commands.data_types.surfaces import Surface
from tests.servers import valkey


@pytest.fixture
def key(c: Surface) -> str:
    c.set("{k}", "value", timeout=None)
    return "{k}"


def test_a_key_lives_for_as_long_as_is_said(c: Surface, key: str) -> None:
    assert c.ttl(key) is c.pttl(key) is None
    assert c.expire(key, 100) is True
    assert c.ttl(key) == 100
    assert c.expire(key, timedelta(milliseconds=90_500)) is True
    assert 90_000 < c.pttl(key) <= 90_500
    assert c.pexpire(key, 5_000) is True
    assert c.pexpire(key, timedelta(seconds=4)) is True
    assert 3_000 < c.pttl(key) <= 4_000
    assert c.persist(key) is True
    assert c.persist(key) is False
    assert c.ttl(key) is None


def test_a_key_lives_until_a_moment(c: Surface, key: str) -> None:
    soon = int(time.time()) + 100
    assert c.expireat(key, soon) is True
    assert 98 <= c.ttl(key) <= 100
    assert c.expireat(key, soon + 0.25) is True
    ends_at(c, key, soon * 1000 + 250)
    moment = datetime(2100, 1, 1, 12, 30, 0, 0, tzinfo=UTC)
    assert c.expireat(key, moment) is True
    ends_at(c, key, round(moment.timestamp() * 1000))
    assert c.expire_at(key, moment + timedelta(days=1)) is True
    ends_at(c, key, round(moment.timestamp() + 86_400) * 1000)
    assert c.pexpireat(key, soon * 1000 + 7) is True
    ends_at(c, key, soon * 1000 + 7)
    assert c.pexpire_at(key, moment.replace(tzinfo=None)) is True
    ends_at(c, key, round(moment.replace(tzinfo=None).timestamp() * 1000))


def ends_at(c: Surface, key: str, milliseconds: int) -> None:
    assert abs(c.pttl(key) - (milliseconds - time.time() * 1000)) < 5_000
    with c.since(7, 0):
        assert c.pexpiretime(key) == milliseconds
    with c.since(7, 0):
        assert c.expiretime(key) in (milliseconds // 1000, milliseconds // 1000 + 1)


def test_a_missing_key_has_no_life(c: Surface) -> None:
    assert c.ttl("no") == c.pttl("no") == -2
    with c.since(7, 0):
        assert c.expiretime("no") == c.pexpiretime("no") == -2
    assert c.expire("no", 5) is c.pexpire("no", 5) is c.persist("no") is False
    assert c.expireat("no", 2**33) is c.pexpireat("no", 2**43) is False


def test_a_lasting_key_has_no_end(c: Surface, key: str) -> None:
    with c.since(7, 0):
        assert c.expiretime(key) is c.pexpiretime(key) is None


@pytest.mark.parametrize("command", ["expire", "expireat", "pexpire", "pexpireat"])
def test_an_expiry_is_set_on_conditions(c: Surface, key: str, command: str) -> None:
    unit = 1000 if command.startswith("p") else 1
    now = int(time.time()) * unit if command.endswith("at") else 0

    def let(seconds: int, **condition: bool) -> Any:
        return getattr(c, command)(key, now + seconds * unit, **condition)

    with c.since(7, 0):
        assert let(100, xx=True) is False
        assert let(100, gt=True) is False  # A key that never expires lives longest.
        assert let(100, nx=True) is True
        assert let(200, nx=True) is False
        assert let(200, lt=True) is False
        assert let(50, gt=True) is False
        assert let(200, gt=True) is True
        assert let(60, lt=True, xx=True) is True
        assert 50 <= c.ttl(key) <= 60
    for contradiction in ({"nx": True, "xx": True}, {"gt": True, "lt": True}):
        with pytest.raises(ValueError, match="only one"):
            let(5, **contradiction)


def test_a_time_that_has_passed_deletes(c: Surface) -> None:
    for command, time_ in (("expire", 0), ("pexpire", -1), ("expireat", 1), ("pexpireat", 1)):
        c.set("key", 1)
        assert getattr(c, command)("key", time_) is True
        assert c.has_key("key") is False


@pytest.mark.parametrize("when", ["soon", None, b"5"])
def test_what_is_no_time_is_refused(c: Surface, when: Any) -> None:
    for command in c.expire, c.expireat:
        with pytest.raises(TypeError):
            command("key", when)
    with pytest.raises(ValueError, match="at most"):
        c.expireat("key", 2**63)


def test_versions_are_apart(c: Surface) -> None:
    c.set("key", 1, 50, version=2)
    assert c.ttl("key", version=2) == 50
    assert c.ttl("key", version=1) == -2
    assert c.expire("key", 90, version=2) is True
    assert c.persist("key", version=2) is True


# Names.


def test_a_key_is_renamed_with_its_expiry(c: Surface) -> None:
    c.set("{k}1", "one", 50)
    assert c.rename("{k}1", "{k}2") is True
    assert (c.get("{k}2"), c.ttl("{k}2")) == ("one", 50)
    c.set("{k}3", "three")
    assert c.renamenx("{k}2", "{k}3") is False
    assert c.renamenx("{k}2", "{k}4") is True
    assert c.copy("{k}4", "{k}3") is False
    assert c.copy("{k}4", "{k}3", replace=True) is True
    assert c.get("{k}3") == "one"
    with pytest.raises(CommandError, match="no such key"):
        c.rename("{k}9", "{k}8")


def test_a_key_goes_from_one_version_to_another(c: Surface) -> None:
    c.set("{k}", "one", 50, version=2)
    assert c.copy("{k}", "{k}", version=2, version_dst=3) is True
    assert c.rename("{k}", "{k}new", version=2, version_dst=4) is True
    assert c.renamenx("{k}new", "{k}", version=4, version_dst=3) is False
    assert c.renamenx("{k}new", "{k}", version=4, version_dst=5) is True
    assert [c.get("{k}", version=version) for version in (2, 3, 4, 5)] == [
        *(None, "one", None, "one")
    ]
    assert c.ttl("{k}", version=5) == 50


def test_the_server_tells_of_keys(c: Surface, key: str) -> None:
    assert c.memory_usage(key) > 0
    assert c.object_encoding(key) in ("embstr", "raw")
    assert c.object_idletime(key) >= 0
    assert c.memory_usage("no") is c.object_encoding("no") is c.object_idletime("no") is None
    with pytest.raises(CommandError, match="LFU"):
        c.object_freq(key)


@pytest.mark.parametrize("driver", ["valkey", "redis"])
def test_an_entry_of_the_slow_log_is_read(driver: str) -> None:
    with valkey("--slowlog-log-slower-than", "0") as server:
        cache = BACKENDS[driver](url(server), {})
        cache.client.set(b":1:key", b"x" * 300)
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


def test_a_value_is_stored_on_conditions(c: Surface) -> None:
    assert c.set("key", [1], xx=True) is False
    assert c.has_key("key") is False
    assert c.set("key", [1], nx=True) is True
    assert c.set("key", [2], nx=True) is False
    assert c.set("key", [2], 60, xx=True) is True
    assert (c.get("key"), c.ttl("key")) == ([2], 60)
    assert c.set("key", 3, nx=False) is None
    with pytest.raises(ValueError, match="only one of nx and xx"):
        c.set("key", 1, nx=True, xx=True)


def test_the_old_value_is_returned(c: Surface) -> None:
    assert c.set("key", [1], get=True) is None
    assert c.set("key", None, get=True) == [1]
    assert c.set("key", 7, xx=True, get=True) is None  # The value that was stored.
    with c.since(7, 0):
        assert c.set("key", 8, nx=True, get=True) == 7
        assert c.get("key") == 7
        assert c.set("other", 8, nx=True, get=True) is None
        assert c.get("other") == 8


def test_the_timeout_is_kept(c: Surface) -> None:
    c.set("key", 1, 50)
    assert c.set("key", 2, keepttl=True) is None
    assert (c.get("key"), c.ttl("key")) == (2, 50)
    assert c.set("key", 3, xx=True, keepttl=True, get=True) == 2
    assert c.ttl("key") == 50
    assert c.set("new", 1, keepttl=True) is None
    assert c.ttl("new") is None
    with pytest.raises(ValueError, match="pass a new one"):
        c.set("key", 4, 60, keepttl=True)


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
    c: Surface, options: Any, before: Any, result: Any, after: Any
) -> None:
    if before:
        c.set("key", before)
    for timeout in 0, -5:
        if before and not c.has_key("key"):
            c.set("key", before)
        assert c.set("key", 9, timeout, **options) == result
        assert c.get("key") == after


def test_a_value_is_read_and_deleted(c: Surface) -> None:
    c.set("key", {"a": 1})
    assert c.getdel("key") == {"a": 1}
    assert c.getdel("key") is None
    assert c.getdel("key", "default", version=2) == "default"
    assert c.has_key("key") is False


def test_a_value_is_read_and_lives_on(c: Surface) -> None:
    c.set("key", [1], None)
    assert c.getex("key", ex=50) == [1]
    assert c.ttl("key") == 50
    assert c.getex("key", px=timedelta(seconds=9)) == [1]
    assert 8_000 < c.pttl("key") <= 9_000
    assert c.getex("key") == [1]
    assert c.ttl("key") == 9
    soon = int(time.time()) + 70
    assert c.getex("key", exat=soon) == [1]
    assert 68 <= c.ttl("key") <= 70
    assert c.getex("key", pxat=datetime(2100, 1, 1, tzinfo=UTC)) == [1]
    assert c.ttl("key") > 10**9
    assert c.getex("key", persist=True) == [1]
    assert c.ttl("key") is None
    assert c.getex("missing", "default", ex=5) == "default"
    with pytest.raises(ValueError, match="only one"):
        c.getex("key", ex=5, persist=True)
    assert c.getex("key", ex=0) == [1]
    assert c.has_key("key") is False


def test_reading_counts_as_a_lookup(c: Surface) -> None:
    c.set("key", 1)
    before = c.cache.statistics.hits, c.cache.statistics.misses
    c.getex("key")
    c.getdel("key")
    c.getdel("key")
    after = c.cache.statistics.hits, c.cache.statistics.misses
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)

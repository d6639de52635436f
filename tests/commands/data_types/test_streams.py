from __future__ import annotations

import time

import pytest

from django_cachex.commands import CommandError
from tests.commands.data_types.surfaces import Surface


def filled(c: Surface, key: str = "a", *ids: str) -> None:
    for number, name in enumerate(ids or ("1-1", "2-1", "3-1"), 1):
        c.xadd(key, {"n": number}, id=name)


class TestStreams:
    """Streams, on every surface."""

    def test_entries_are_added_and_come_back_as_they_were(self, c: Surface) -> None:
        fields = {"name": "Ana", b"data": {"x": [1]}, 5: None}
        assert c.xadd("a", fields, id="1-1") == "1-1"
        assert c.xrange("a") == [("1-1", {"name": "Ana", "data": {"x": [1]}, "5": None})]
        made = c.xadd("a", {"x": 1})
        assert int(made.partition("-")[0]) > time.time() * 1000 - 60_000
        assert (c.xlen("a"), c.xlen("missing")) == (2, 0)
        with pytest.raises(CommandError, match="equal or smaller"):
            c.xadd("a", {"x": 1}, id=b"1-1")

    def test_adding_trims_and_does_not_make_a_stream(self, c: Surface) -> None:
        assert c.xadd("a", {"x": 1}, nomkstream=True) is None
        filled(c)
        c.xadd("a", {"n": 4}, "4-1", maxlen=2, approximate=False)
        assert [name for name, _fields in c.xrange("a")] == ["3-1", "4-1"]
        c.xadd("a", {"n": 5}, "5-1", minid="4-1", approximate=False)
        assert [name for name, _fields in c.xrange("a")] == ["4-1", "5-1"]
        c.xadd("a", {"n": 6}, "6-1", maxlen=1, limit=10)
        assert c.xlen("a") == 3  # Approximately: whole blocks are deleted.

    def test_ranges_in_both_directions(self, c: Surface) -> None:
        filled(c)
        assert [name for name, _ in c.xrange("a", "2-1")] == ["2-1", "3-1"]
        assert [name for name, _ in c.xrange("a", min="(1-1", max="(3-1")] == ["2-1"]
        assert c.xrange("a", count=1) == [("1-1", {"n": 1})]
        assert c.xrevrange("a", count=2) == [("3-1", {"n": 3}), ("2-1", {"n": 2})]
        assert [name for name, _ in c.xrevrange("a", "2-1")] == ["2-1", "1-1"]
        assert [name for name, _ in c.xrevrange("a", max="+", min="3")] == ["3-1"]
        assert (c.xrange("missing"), c.xrevrange("missing")) == ([], [])

    def test_entries_are_deleted_and_trimmed(self, c: Surface) -> None:
        filled(c, "a", "1-1", "2-1", "3-1", "4-1", "5-1")
        assert (c.xdel("a", "1-1", b"2-1", "9-9"), c.xdel("missing", "1-1")) == (2, 0)
        assert c.xtrim("a", maxlen=2, approximate=False) == 1
        assert c.xtrim("a", minid="5-1", approximate=False) == 1
        assert c.xtrim("a", maxlen=1, limit=5) == 0
        assert c.xtrim("missing", 5) == 0
        assert [name for name, _ in c.xrange("a")] == ["5-1"]

    def test_trimming_in_blocks_stops_at_a_limit(self, c: Surface) -> None:
        for number in range(1, 151):
            c.xadd("a", {"n": number}, f"{number}-0")
        assert c.xtrim("a", maxlen=0, limit=100) == 100
        c.xadd("a", {"n": 151}, "151-0", minid="151", limit=100)
        assert c.xlen("a") == 51  # Whole blocks are deleted, and these are half of one.

    def test_streams_are_read_from_an_id_on(self, c: Surface) -> None:
        filled(c)
        filled(c, "b", "7-1")
        assert c.xread({"a": "2-1", "b": 0, "missing": 0}) == {
            "a": [("3-1", {"n": 3})],
            "b": [("7-1", {"n": 1})],
        }
        assert c.xread({"a": 0}, count=1) == {"a": [("1-1", {"n": 1})]}
        assert c.xread({"a": 0}, count=1, block=5000) == {"a": [("1-1", {"n": 1})]}
        assert c.xread({"a": "$"}, block=10) == {}
        assert c.xread({"a": "3-1"}) == {}

    def test_groups_are_made_moved_and_deleted(self, c: Surface) -> None:
        with pytest.raises(CommandError, match="requires the key to exist"):
            c.xgroup_create("a", "g")
        assert c.xgroup_create("a", "g", mkstream=True) is None
        with pytest.raises(CommandError, match="BUSYGROUP"):
            c.xgroup_create("a", "g")
        filled(c)
        assert c.xgroup_create("a", "h", id="2-1") is None
        assert c.xreadgroup("h", "me", {"a": ">"}) == {"a": [("3-1", {"n": 3})]}
        assert c.xgroup_setid("a", "h", "1-1") is None
        assert c.xreadgroup("h", "me", {"a": ">"}, count=1) == {"a": [("2-1", {"n": 2})]}
        assert c.xgroup_destroy("a", "h") is True
        assert c.xgroup_destroy("a", "h") is False
        with c.since(7, 0):
            c.xgroup_create("a", "k", "0", entries_read=2)
            assert c.xinfo_groups("a")[1]["entries-read"] == 2
        with c.since(7, 0):
            c.xgroup_setid("a", "g", "2-1", entries_read=1)
            assert c.xinfo_groups("a")[0]["entries-read"] == 1

    def test_consumers_are_made_and_deleted(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        assert c.xgroup_createconsumer("a", "g", "me") is True
        assert c.xgroup_createconsumer("a", "g", "me") is False
        c.xreadgroup("g", "me", {"a": ">"}, count=2)
        assert c.xgroup_delconsumer("a", "g", "me") == 2
        assert c.xgroup_delconsumer("a", "g", "me") == 0

    def test_a_consumer_is_given_entries_and_acknowledges_them(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        assert c.xreadgroup("g", "me", {"a": ">"}, count=2) == {
            "a": [("1-1", {"n": 1}), ("2-1", {"n": 2})]
        }
        assert c.xack("a", "g", "1-1", "9-9") == 1
        assert c.xreadgroup("g", "me", {"a": "0"}) == {"a": [("2-1", {"n": 2})]}
        assert c.xreadgroup("g", "me", {"a": ">"}, noack=True) == {"a": [("3-1", {"n": 3})]}
        assert c.xreadgroup("g", "me", {"a": ">"}, block=10) == {}
        c.xdel("a", "2-1")
        assert c.xreadgroup("g", "me", {"a": "0"}) == {"a": [("2-1", {})]}
        assert c.xack("missing", "g", "1-1") == 0
        with pytest.raises(CommandError, match="NOGROUP"):
            c.xreadgroup("?", "me", {"a": ">"})

    def test_what_is_pending_is_seen(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        assert c.xpending("a", "g") == {"pending": 0, "min": None, "max": None, "consumers": []}
        c.xreadgroup("g", "me", {"a": ">"}, count=2)
        c.xreadgroup("g", "you", {"a": ">"})
        assert c.xpending("a", "g") == {
            "pending": 3,
            "min": "1-1",
            "max": "3-1",
            "consumers": [{"name": "me", "pending": 2}, {"name": "you", "pending": 1}],
        }
        found = c.xpending_range("a", "g", "-", "+", 10)
        assert [(one["message_id"], one["consumer"]) for one in found] == [
            *(("1-1", "me"), ("2-1", "me"), ("3-1", "you")),
        ]
        assert {one["times_delivered"] for one in found} == {1}
        assert all(0 <= one["time_since_delivered"] < 60_000 for one in found)
        [one] = c.xpending_range("a", "g", min="-", max="+", count=1, consumername="you", idle=0)
        assert one["message_id"] == "3-1"
        assert c.xpending_range("a", "g", "-", "+", 10, idle=60_000) == []
        with pytest.raises(CommandError, match="NOGROUP"):
            c.xpending("missing", "g")

    def test_pending_entries_are_claimed(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        c.xreadgroup("g", "me", {"a": ">"}, count=2)
        assert c.xclaim("a", "g", "you", 0, ["1-1"]) == [("1-1", {"n": 1})]
        assert c.xclaim("a", "g", "you", 0, "2-1", justid=True) == ["2-1"]
        assert c.xclaim("a", "g", "me", 60_000, ["1-1"]) == []
        claimed = c.xclaim("a", "g", "me", 0, ("1-1",), idle=90_000, retrycount=7)
        assert claimed == [("1-1", {"n": 1})]
        [one] = c.xpending_range("a", "g", "1-1", "1-1", 1)
        assert (one["consumer"], one["times_delivered"]) == ("me", 7)
        assert one["time_since_delivered"] >= 90_000
        c.xclaim("a", "g", "me", 0, "1-1", time=int(time.time() * 1000) - 50_000)
        [one] = c.xpending_range("a", "g", "1-1", "1-1", 1)
        assert 50_000 <= one["time_since_delivered"] < 90_000
        assert c.xclaim("a", "g", "me", 0, ["3-1"]) == []
        assert c.xclaim("a", "g", "me", 0, ["3-1"], force=True) == [("3-1", {"n": 3})]

    def test_pending_entries_are_claimed_one_after_the_other(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        c.xreadgroup("g", "me", {"a": ">"})
        following, found, deleted = c.xautoclaim("a", "g", "you", 0, count=1)
        assert (following, found, deleted) == ("2-1", [("1-1", {"n": 1})], [])
        assert c.xautoclaim("a", "g", "you", 0, start_id=following, justid=True) == (
            *("0-0", ["2-1", "3-1"], []),
        )
        assert c.xautoclaim("a", "g", "me", 60_000) == ("0-0", [], [])
        c.xdel("a", "2-1")
        following, found, deleted = c.xautoclaim("a", "g", "me", 0)
        assert found == [("1-1", {"n": 1}), ("3-1", {"n": 3})]
        assert deleted == (["2-1"] if c.server >= (7, 0) else [])

    def test_streams_groups_and_consumers_tell_about_themselves(self, c: Surface) -> None:
        filled(c)
        c.xgroup_create("a", "g", "0")
        c.xreadgroup("g", "me", {"a": ">"}, count=1)
        about = c.xinfo_stream("a")
        assert (about["length"], about["groups"]) == (3, 1)
        assert (about["last-generated-id"], about["first-entry"]) == ("3-1", ("1-1", {"n": 1}))
        [group] = c.xinfo_groups("a")
        assert (group["name"], group["consumers"], group["pending"]) == ("g", 1, 1)
        assert group["last-delivered-id"] == "1-1"
        [consumer] = c.xinfo_consumers("a", "g")
        assert (consumer["name"], consumer["pending"]) == ("me", 1)
        full = c.xinfo_stream("a", full=True)
        assert full["entries"] == [("1-1", {"n": 1}), ("2-1", {"n": 2}), ("3-1", {"n": 3})]
        [group] = full["groups"]
        [consumer] = group["consumers"]
        assert (group["name"], consumer["name"], consumer["pel-count"]) == ("g", "me", 1)
        assert group["pending"][0][:2] == ["1-1", "me"]
        assert consumer["pending"][0][0] == "1-1"
        for call in (lambda: c.xinfo_stream("missing"), lambda: c.xinfo_groups("missing")):
            with pytest.raises(CommandError, match="no such key"):
                call()

    def test_an_empty_stream_tells_that_it_is(self, c: Surface) -> None:
        c.xgroup_create("a", "g", mkstream=True)
        about = c.xinfo_stream("a")
        assert (about["length"], about["first-entry"], about["last-entry"]) == (0, None, None)

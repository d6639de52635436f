from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from django_cachex.commands import OutOfRangeError, WrongTypeError
from tests.commands.data_types.surfaces import Surface, walk

FIELDS = {"name": "Ana", "plan": {"pro": True}, "visits": 7, "none": None, "é": b"\xff"}


class TestHashes:
    """Hashes, on every surface."""

    def test_fields_are_stored_and_come_back_as_they_were(self, c: Surface) -> None:
        assert c.hset("a", mapping=FIELDS) == 5
        assert c.hgetall("a") == FIELDS
        assert (c.hget("a", "plan"), c.hget("a", b"name")) == ({"pro": True}, "Ana")
        assert (c.hget("a", "?"), c.hget("missing", "name")) == (None, None)
        assert (c.hlen("a"), c.hlen("missing"), c.hgetall("missing")) == (5, 0, {})

    def test_fields_are_given_in_three_ways(self, c: Surface) -> None:
        assert c.hset("a", "x", 1) == 1
        assert c.hset("a", "x", [2], mapping={"y": 3}) == 1
        assert c.hset("a", items=["y", 4, "z", 5]) == 1
        assert c.hset("a", "w", 0, {"v": 1}, ["u", 2]) == 3
        assert c.hgetall("a") == {"x": [2], "y": 4, "z": 5, "w": 0, "v": 1, "u": 2}

    def test_names_may_be_numbers_and_any_bytes(self, c: Surface) -> None:
        c.hset("a", mapping={5: "five", b"\xff": "bytes", 1.5: "float"})
        assert c.hgetall("a") == {"5": "five", "\udcff": "bytes", "1.5": "float"}
        assert (c.hget("a", 5), c.hget("a", "\udcff"), c.hget("a", b"\xff")) == (
            *("five", "bytes", "bytes"),
        )
        assert c.hscan("a", match="\udcff*") == (0, {"\udcff": "bytes"})

    def test_several_fields_are_read(self, c: Surface) -> None:
        c.hset("a", mapping=FIELDS)
        assert c.hmget("a", ["name", "?", "none"]) == ["Ana", None, None]
        assert c.hmget("a", "visits", "name") == [7, "Ana"]
        assert c.hmget("missing", ["x", "y"]) == [None, None]

    def test_names_values_and_sizes(self, c: Surface) -> None:
        c.hset("a", mapping=FIELDS)
        assert sorted(c.hkeys("a")) == sorted(FIELDS)
        assert len(c.hvals("a")) == 5
        assert {"pro": True} in c.hvals("a")
        assert (c.hkeys("missing"), c.hvals("missing")) == ([], [])
        assert (c.hexists("a", "none"), c.hexists("a", "?")) == (True, False)
        assert (c.hstrlen("a", "visits"), c.hstrlen("a", "?")) == (1, 0)

    def test_a_field_is_stored_once(self, c: Surface) -> None:
        assert (c.hsetnx("a", "x", [1]), c.hsetnx("a", "x", [2])) == (True, False)
        assert c.hget("a", "x") == [1]

    def test_fields_are_deleted(self, c: Surface) -> None:
        c.hset("a", mapping=FIELDS)
        assert (c.hdel("a", "name", b"plan", "?"), c.hdel("missing", "x")) == (2, 0)
        assert sorted(c.hkeys("a")) == ["none", "visits", "é"]

    def test_integers_are_counted(self, c: Surface) -> None:
        c.hset("a", "visits", 7)
        assert c.hincrby("a", "visits") == 8
        assert c.hincrby("a", "visits", amount=-10) == -2
        assert c.hincrby("a", "new", 2**62) == 2**62
        assert c.hget("a", "visits") == -2
        with pytest.raises(OutOfRangeError):
            c.hincrby("a", "new", 2**62)
        c.hset("a", "text", "x")
        with pytest.raises(WrongTypeError, match="not an integer"):
            c.hincrby("a", "text")

    def test_floats_are_counted(self, c: Surface) -> None:
        assert c.hincrbyfloat("a", "x") == 1.0
        assert c.hincrbyfloat("a", "x", amount=-0.25) == 0.75
        assert c.hget("a", "x") == 0.75
        assert c.hincrbyfloat("a", "x", 1e20) == pytest.approx(1e20)
        c.hset("a", "text", "x")
        with pytest.raises(WrongTypeError, match="not a float"):
            c.hincrbyfloat("a", "text")

    def test_random_fields(self, c: Surface) -> None:
        c.hset("a", mapping={"x": 1, "y": [2]})
        assert c.hrandfield("a") in {"x", "y"}
        assert sorted(c.hrandfield("a", 5)) == ["x", "y"]
        assert len(c.hrandfield("a", count=-5)) == 5
        assert sorted(c.hrandfield("a", 5, withvalues=True)) == [("x", 1), ("y", [2])]
        assert (c.hrandfield("missing"), c.hrandfield("missing", 2)) == (None, [])

    def test_a_walk_finds_each_field(self, c: Surface) -> None:
        fields = {f"field-{number}": number for number in range(600)}
        c.hset("a", mapping=fields)
        found = [one for batch in walk(c.hscan, "a", count=50) for one in batch.items()]
        assert dict(found) == fields
        matching = [one for batch in walk(c.hscan, "a", match="*-59?", count=900) for one in batch]
        assert set(matching) == {f"field-{number}" for number in range(590, 600)}
        assert c.hscan("missing") == (0, {})

    def test_fields_expire_on_servers_that_have_it(self, c: Surface) -> None:
        c.hset("a", mapping={"x": 1, "y": 2})
        moment = 2_000_000_000_123
        with c.with_field_ttls():
            assert c.httl("a", "x", "y", "?") == [None, None, -2]
        with c.with_field_ttls():
            assert c.hpexpireat("a", moment, "x", "?") == [1, -2]
        with c.with_field_ttls():
            assert c.hpexpiretime("a", "x", "y") == [moment, None]
        with c.with_field_ttls():
            assert c.hexpiretime("a", "x") == [2_000_000_000]
        with c.with_field_ttls():
            [left] = c.hpttl("a", "x")
            assert 0 < left < moment
        with c.with_field_ttls():
            assert c.hpersist("a", "x", "y", "?") == [1, -1, -2]
        for call, most in (
            (lambda: c.hexpire("a", timedelta(minutes=1), "x"), 60_000),
            (lambda: c.hexpire("a", 50.5, "x"), 50_500),
            (lambda: c.hpexpire("a", timedelta(seconds=40), "x"), 40_000),
            (lambda: c.hpexpire("a", 30_007, "x"), 30_007),
        ):
            with c.with_field_ttls():
                assert call() == [1]
                [left] = c.hpttl("a", "x")
                assert most - 9_000 < left <= most
        with c.with_field_ttls():
            assert c.hexpireat("a", moment / 1000, "x") == [1]
            assert c.hpexpiretime("a", "x") == [moment]
        with c.with_field_ttls():
            assert c.hpexpire("a", 0, "x") == [2]
            assert c.hgetall("a") == {"y": 2}
        with c.with_field_ttls():
            assert c.hexpire("a", -3, "y") == [2]

    def test_expiries_of_fields_are_set_under_a_condition(self, c: Surface) -> None:
        then = datetime(2033, 1, 1, tzinfo=UTC)
        ways = [
            lambda **given: c.hexpireat("a", then, "x", **given),
            lambda **given: c.hpexpireat("a", 2_000_000_000_000, "x", **given),
            lambda **given: c.hexpire("a", 10**8 + 0.5, "x", **given),
            lambda **given: c.hpexpire("a", 10**11, "x", **given),
        ]
        for way in ways:
            c.delete("a")
            c.hset("a", "x", 1)
            for condition, met in (("xx", 0), ("nx", 1), ("nx", 0), ("xx", 1), ("gt", 0)):
                with c.with_field_ttls():
                    if condition == "gt":
                        c.hexpire("a", 2 * 10**9, "x")
                    assert way(**{condition: True}) == [met], condition
            with c.with_field_ttls():
                assert way(lt=True) == [1]
            for both in ({"nx": True, "lt": True}, {"xx": True, "gt": True}):
                with pytest.raises(ValueError, match="only one"):
                    way(**both)

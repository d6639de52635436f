from __future__ import annotations

import math

import pytest

from django_cachex.commands import CommandError
from tests.commands.data_types.surfaces import Surface, walk

SCORES = {"low": 1, (2, 3): 2.5, None: math.inf, 7: -math.inf}


class TestSortedSets:
    """Sorted sets, on every surface."""

    def test_members_are_added_and_come_back_as_they_were(self, c: Surface) -> None:
        assert c.zadd("a", SCORES) == 4
        assert c.zrange("a", 0, -1) == [7, "low", (2, 3), None]
        assert c.zrange("a", 1, 2, withscores=True) == [("low", 1.0), ((2, 3), 2.5)]
        assert (c.zcard("a"), c.zcard("missing"), c.zrange("missing", 0, -1)) == (4, 0, [])

    def test_scores_are_exact(self, c: Surface) -> None:
        scores = {"third": 1 / 3, "big": 2**53, "tiny": 5e-324, "negative": -0.1}
        c.zadd("a", scores)
        assert {member: c.zscore("a", member) for member in scores} == scores

    def test_adding_takes_conditions(self, c: Surface) -> None:
        c.zadd("a", {"x": 5})
        assert c.zadd("a", {"x": 6, "y": 1}, nx=True) == 1
        assert c.zadd("a", {"x": 7, "z": 1}, xx=True) == 0
        assert c.zadd("a", {"x": 6, "z": 2}, gt=True) == 1
        assert c.zadd("a", {"x": 8}, lt=True) == 0
        assert dict(c.zrange("a", 0, -1, withscores=True)) == {"x": 7, "y": 1, "z": 2}
        assert c.zadd("a", {"x": 9, "w": 0, "z": 2}, ch=True) == 2
        assert c.zadd("a", {"x": 8, "z": 1}, gt=True, ch=True) == 0
        with pytest.raises(CommandError, match=r"at the same time|not compatible"):
            c.zadd("a", {"x": 1}, nx=True, xx=True)
        with pytest.raises(CommandError, match="not a valid float"):
            c.zadd("a", {"x": math.nan})

    def test_scores_are_counted(self, c: Surface) -> None:
        assert c.zincrby("a", 1.5, "x") == 1.5
        assert c.zincrby("a", amount=-2, value="x") == -0.5
        assert c.zadd("a", {"x": 2}, incr=True) == 1.5
        assert c.zadd("a", {"x": 2}, incr=True, nx=True) is None
        assert c.zscore("a", "x") == 1.5

    def test_members_are_removed(self, c: Surface) -> None:
        c.zadd("a", SCORES)
        assert (c.zrem("a", "low", 7, "?"), c.zrem("missing", 1)) == (2, 0)
        assert c.zrange("a", 0, -1) == [(2, 3), None]

    def test_scores_and_ranks_are_read(self, c: Surface) -> None:
        c.zadd("a", SCORES)
        assert (c.zscore("a", None), c.zscore("a", "?"), c.zscore("missing", 1)) == (
            *(math.inf, None, None),
        )
        assert c.zmscore("a", ["low", "?"]) == [1.0, None]
        assert c.zmscore("a", "low") == [1.0]
        assert c.zmscore("missing", ["x", "y"]) == [None, None]
        assert (c.zrank("a", "low"), c.zrevrank("a", "low")) == (1, 2)
        assert (c.zrank("a", "?"), c.zrevrank("missing", 1)) == (None, None)
        with c.since(7, 2):
            assert c.zrank("a", (2, 3), withscore=True) == (2, 2.5)
            assert c.zrevrank("a", (2, 3), withscore=True) == (1, 2.5)
            assert c.zrank("a", "?", withscore=True) is None
        with c.since(7, 2):
            assert c.zrevrank("missing", "?", withscore=True) is None

    def test_members_are_counted(self, c: Surface) -> None:
        c.zadd("a", {"a": 1, "b": 2, "c": 3})
        assert (c.zcount("a", 1, 2), c.zcount("a", "(1", "+inf")) == (2, 2)
        assert c.zcount("a", min=-math.inf, max=math.inf) == 3
        assert (c.zcount("a", 2, 1), c.zcount("missing", 0, 9)) == (0, 0)
        assert c.zlexcount("a", "-", "+") == 3
        assert c.zlexcount("missing", min="-", max="+") == 0

    def test_ranges_by_rank(self, c: Surface) -> None:
        c.zadd("a", {"a": 1, "b": 2, "c": 3})
        assert c.zrange("a", 0, 1, desc=True) == ["c", "b"]
        assert c.zrange("a", 0, 0, desc=True, withscores=True) == [("c", 3.0)]
        assert c.zrange("a", 5, 9) == []

    def test_ranges_by_score(self, c: Surface) -> None:
        c.zadd("a", {"a": 1, "b": 2, "c": 3})
        assert c.zrange("a", 2, "+inf", byscore=True) == ["b", "c"]
        assert c.zrange("a", "(3", 1, byscore=True, desc=True) == ["b", "a"]
        assert c.zrange("a", 1, 3, byscore=True, offset=1, num=1) == ["b"]
        assert c.zrange("a", 1, "(3", byscore=True) == ["a", "b"]
        found = c.zrange("a", 1, 3, byscore=True, offset=1, num=5, withscores=True)
        assert found == [("b", 2), ("c", 3)]
        assert c.zrange("a", 3, 1, byscore=True, desc=True, offset=2, num=1) == ["a"]
        assert c.zrange("a", 3, 3, byscore=True, desc=True, withscores=True) == [("c", 3.0)]

    def test_ranges_by_bytes(self, c: Surface) -> None:
        c.zadd("a", {1: 0, 2: 0, 3: 0})  # Stored as decimal text.
        assert c.zrange("a", "[2", "+", bylex=True) == [2, 3]
        assert c.zrange("a", "(3", b"-", bylex=True, desc=True) == [2, 1]
        assert c.zrange("a", "-", "+", bylex=True, offset=0, num=2) == [1, 2]
        assert c.zrange("a", "-", "(3", bylex=True) == [1, 2]
        assert c.zrange("a", "-", "+", bylex=True, offset=1, num=1) == [2]
        assert c.zrange("a", "+", "[2", bylex=True, desc=True) == [3, 2]
        assert c.zrange("a", "+", "-", bylex=True, desc=True, offset=0, num=1) == [3]
        assert c.zlexcount("a", "[1", "(3") == 2

    def test_a_range_is_stored(self, c: Surface) -> None:
        c.zadd("a", {"a": 1, "b": 2, "c": 3})
        assert c.zrangestore("d", "a", 0, 1) == 2
        assert c.zrange("d", 0, -1, withscores=True) == [("a", 1), ("b", 2)]
        assert c.zrangestore("d", "a", 3, 1, byscore=True, desc=True, offset=0, num=2) == 2
        assert c.zrange("d", 0, -1) == ["b", "c"]
        assert c.zrangestore("d", "a", "-", "+", bylex=True) == 3
        assert c.zrangestore("d", "missing", 0, -1) == 0
        assert c.exists("d") == 0

    def test_ranges_are_removed(self, c: Surface) -> None:
        c.zadd("a", {1: 1, 2: 2, 3: 3, 4: 4, 5: 5})
        assert c.zremrangebyrank("a", 0, 0) == 1
        assert c.zremrangebyscore("a", "(4", math.inf) == 1
        assert c.zrange("a", 0, -1) == [2, 3, 4]
        c.zadd("b", {1: 0, 2: 0, 3: 0})
        assert c.zremrangebylex("b", "[2", "+") == 2
        assert (c.zremrangebyrank("x", 0, 1), c.zremrangebyscore("x", 0, 1)) == (0, 0)
        assert c.zremrangebylex("x", "-", "+") == 0

    def test_members_are_popped(self, c: Surface) -> None:
        c.zadd("a", {"a": 1, "b": 2, (3,): 3, "d": 4})
        assert (c.zpopmin("a"), c.zpopmax("a")) == ([("a", 1.0)], [("d", 4.0)])
        assert c.zpopmin("a", 1) == [("b", 2.0)]
        assert c.zpopmax("a", count=9) == [((3,), 3.0)]
        assert (c.zpopmin("a"), c.zpopmax("a", 2)) == ([], [])

    def test_the_first_set_with_members_gives(self, c: Surface) -> None:
        c.zadd("b", {"a": 1, "b": 2, "c": 3})
        with c.since(7, 0):
            assert c.zmpop(2, ["a", "b"], min=True) == ("b", [("a", 1.0)])
            assert c.zmpop(2, ["a", "b"], max=True, count=2) == ("b", [("c", 3.0), ("b", 2.0)])
            assert c.zmpop(1, "a", min=True) is None

    def test_what_is_there_is_not_waited_for(self, c: Surface) -> None:
        c.zadd("b", {"a": 1, "b": 2, "c": 3, "d": 4})
        assert c.bzpopmin(["a", "b"], 5) == ("b", "a", 1.0)
        assert c.bzpopmax("b", timeout=5) == ("b", "d", 4.0)
        with c.since(7, 0):
            found = ("b", [("b", 2.0), ("c", 3.0)])
            assert c.bzmpop(5, 2, ["a", "b"], min=True, count=2) == found

    def test_what_does_not_come_is_waited_for_in_vain(self, c: Surface) -> None:
        assert (c.bzpopmin("a", 0.01), c.bzpopmax(["a", "b"], 0.01)) == (None, None)
        with c.since(7, 0):
            assert c.bzmpop(0.01, 1, "a", max=True) is None

    def test_random_members(self, c: Surface) -> None:
        c.zadd("a", {"x": 1, "y": 2})
        assert c.zrandmember("a") in {"x", "y"}
        assert sorted(c.zrandmember("a", 5)) == ["x", "y"]
        assert len(c.zrandmember("a", count=-5)) == 5
        assert sorted(c.zrandmember("a", 5, withscores=True)) == [("x", 1.0), ("y", 2.0)]
        assert (c.zrandmember("missing"), c.zrandmember("missing", 2)) == (None, [])

    def test_sets_are_combined(self, c: Surface) -> None:
        c.zadd("a", {"x": 1, "y": 2})
        c.zadd("b", {"y": 3, "z": 4})
        assert c.zunion(["a", "b"]) == ["x", "z", "y"]
        assert c.zunion(["a", "b"], withscores=True) == [("x", 1), ("z", 4), ("y", 5)]
        assert c.zunion(["a", "b"], aggregate="MIN", withscores=True) == [
            *(("x", 1), ("y", 2), ("z", 4)),
        ]
        assert c.zunion({"a": 10, "b": 1}, withscores=True) == [("z", 4), ("x", 10), ("y", 23)]
        assert (c.zinter(["a", "b"]), c.zinter(["a", "missing"])) == (["y"], [])
        assert c.zinter({"a": 1, "b": 0.5}, aggregate="MAX", withscores=True) == [("y", 2.0)]
        assert c.zdiff(["a", "b"]) == ["x"]
        assert c.zdiff(["a", "b"], withscores=True) == [("x", 1.0)]

    def test_combined_sets_are_stored(self, c: Surface) -> None:
        c.zadd("a", {"x": 1, "y": 2})
        c.zadd("b", {"y": 3, "z": 4})
        assert c.zunionstore("d", ["a", "b"]) == 3
        assert c.zinterstore("d", {"a": 2, "b": 1}, aggregate="MIN") == 1
        assert c.zrange("d", 0, -1, withscores=True) == [("y", 3.0)]
        assert c.zunionstore("d", ["a", "b"], aggregate="MAX") == 3
        assert c.zscore("d", "y") == 3.0
        assert c.zdiffstore("d", ["a", "b"]) == 1
        assert c.zrange("d", 0, -1) == ["x"]

    def test_an_intersection_is_counted(self, c: Surface) -> None:
        c.zadd("a", {"x": 1, "y": 2})
        c.zadd("b", {"x": 1, "y": 3})
        with c.since(7, 0):
            assert c.zintercard(2, ["a", "b"]) == 2
            assert c.zintercard(2, ["a", "b"], limit=1) == 1

    def test_a_walk_finds_each_member(self, c: Surface) -> None:
        scores = {number: float(number) for number in range(600)}
        c.zadd("a", scores)
        assert {one for batch in walk(c.zscan, "a", count=50) for one in batch} == {*scores.items()}
        matching = set().union(*walk(c.zscan, "a", match="59?", count=900))
        assert matching == {(number, number) for number in range(590, 600)}
        assert c.zscan("missing") == (0, [])

from __future__ import annotations

import pytest

from tests.commands.data_types.surfaces import Surface, walk

VALUES = [1, "two", (3, 4), None, b"five"]


class TestSets:
    """Sets, on every surface."""

    def test_members_are_added_and_come_back_as_they_were(self, c: Surface) -> None:
        assert c.sadd("a", *VALUES) == 5
        assert c.sadd("a", 1, 6) == 1
        assert c.smembers("a") == {*VALUES, 6}
        assert (c.scard("a"), c.scard("missing"), c.smembers("missing")) == (6, 0, set())

    def test_members_that_no_set_holds_come_in_lists(self, c: Surface) -> None:
        c.sadd("a", [1])
        assert c.sscan("a") == (0, [[1]])
        assert c.srandmember("a", 1) == [[1]]
        with pytest.raises(TypeError, match="unhashable"):
            c.smembers("a")

    def test_members_are_removed(self, c: Surface) -> None:
        c.sadd("a", *VALUES)
        assert (c.srem("a", 1, None, "?"), c.srem("missing", 1)) == (2, 0)
        assert c.smembers("a") == {"two", (3, 4), b"five"}

    def test_membership_is_asked_of_one_and_of_several(self, c: Surface) -> None:
        c.sadd("a", *VALUES)
        assert c.sismember("a", (3, 4)) is True
        assert (c.sismember("a", 3), c.sismember("missing", 3)) == (False, False)
        assert c.smismember("a", ["two", 2, None]) == [True, False, True]
        assert c.smismember("a", "two", 2) == [True, False]
        assert c.smismember("missing", [1, 2]) == [False, False]

    def test_a_member_moves(self, c: Surface) -> None:
        c.sadd("a", 1, 2)
        assert (c.smove("a", "b", 1), c.smove("a", "b", 1)) == (True, False)
        assert (c.smembers("a"), c.smembers("b")) == ({2}, {1})

    def test_random_members_are_taken(self, c: Surface) -> None:
        c.sadd("a", 1, 2, 3)
        taken = [c.spop("a"), *c.spop("a", 1)]
        taken += c.spop("a", count=5)
        assert sorted(taken) == [1, 2, 3]
        assert (c.spop("a"), c.spop("a", 2)) == (None, [])

    def test_random_members_are_shown(self, c: Surface) -> None:
        c.sadd("a", 1, 2, 3)
        assert c.srandmember("a") in {1, 2, 3}
        assert sorted(c.srandmember("a", 5)) == [1, 2, 3]
        assert len(c.srandmember("a", number=-7)) == 7
        assert c.scard("a") == 3
        assert (c.srandmember("missing"), c.srandmember("missing", 2)) == (None, [])

    def test_sets_are_combined(self, c: Surface) -> None:
        c.sadd("a", 1, 2, 3)
        c.sadd("b", 2, 3, 4)
        assert c.sunion(["a", "b"]) == c.sunion("a", "b") == {1, 2, 3, 4}
        assert c.sinter(["a", "b"]) == c.sinter("a", "b") == {2, 3}
        assert c.sunion({"x": "a", "y": "b"}.values()) == {1, 2, 3, 4}
        assert c.sdiff(["a", "b"]) == c.sdiff("a", "b", "missing") == {1}
        assert (c.sunion("missing"), c.sinter("a", "missing")) == (set(), set())

    def test_combined_sets_are_stored(self, c: Surface) -> None:
        c.sadd("a", 1, 2, 3)
        c.sadd("b", 2, 3, 4)
        assert c.sunionstore("u", ["a", "b"]) == c.sunionstore("u", "a", "b") == 4
        assert c.sinterstore("i", ["a", "b"]) == c.sinterstore("i", "a", "b") == 2
        assert c.sdiffstore("d", ["a", "b"]) == c.sdiffstore("d", "a", "b") == 1
        assert (c.smembers("u"), c.smembers("i"), c.smembers("d")) == ({1, 2, 3, 4}, {2, 3}, {1})
        assert c.sinterstore("u", "a", "missing") == 0
        assert c.exists("u") == 0

    def test_an_intersection_is_counted(self, c: Surface) -> None:
        c.sadd("a", 1, 2, 3)
        c.sadd("b", 2, 3, 4)
        with c.since(7, 0):
            assert c.sintercard(2, ["a", "b"]) == 2
            assert c.sintercard(2, ["a", "b"], limit=1) == 1
            assert c.sintercard(1, "missing") == 0

    def test_a_walk_finds_each_member(self, c: Surface) -> None:
        c.sadd("a", *range(600))
        assert set().union(*walk(c.sscan, "a", count=50)) == set(range(600))
        assert set().union(*walk(c.sscan, "a", match="59?", count=900)) == set(range(590, 600))
        assert c.sscan("missing") == (0, [])

from __future__ import annotations

import pytest

from django_cachex.commands import CommandError, WrongTypeError
from tests.commands.data_types.surfaces import Surface

VALUES = [1, "two", {"three": [3]}, None, b"five"]


class TestLists:
    """Lists, on every surface."""

    def test_elements_are_pushed_and_come_back_as_they_were(self, c: Surface) -> None:
        assert c.rpush("a", *VALUES) == 5
        assert c.lrange("a", 0, -1) == VALUES
        assert c.lpush("a", 0, -1) == 7
        assert c.lrange("a", 0, 2) == [-1, 0, 1]
        assert c.llen("a") == 7

    def test_pushing_x_needs_the_key(self, c: Surface) -> None:
        assert (c.lpushx("a", 1), c.rpushx("a", 1), c.llen("a")) == (0, 0, 0)
        c.rpush("a", 1)
        assert (c.lpushx("a", 2, 3), c.rpushx("a", 4, 5)) == (3, 5)
        assert c.lrange("a", 0, -1) == [3, 2, 1, 4, 5]

    def test_popping_takes_from_the_ends(self, c: Surface) -> None:
        c.rpush("a", *VALUES)
        assert (c.lpop("a"), c.rpop("a")) == (1, b"five")
        assert c.lpop("a", 2) == ["two", {"three": [3]}]
        assert c.rpop("a", 5) == [None]
        assert (c.lpop("a"), c.rpop("a"), c.lpop("a", 2), c.rpop("a", 2)) == (None, None, [], [])

    def test_a_place_is_read_and_written(self, c: Surface) -> None:
        c.rpush("a", "x", "y")
        assert (c.lindex("a", 0), c.lindex("a", -1), c.lindex("a", 5)) == ("x", "y", None)
        assert c.lset("a", 1, ["z"]) is None
        assert c.lrange("a", 0, -1) == ["x", ["z"]]
        with pytest.raises(CommandError, match="out of range"):
            c.lset("a", 5, "z")
        with pytest.raises(CommandError, match="no such key"):
            c.lset("missing", 0, "z")

    def test_a_value_is_found(self, c: Surface) -> None:
        c.rpush("a", 5, 6, 5, 7, 5)
        assert (c.lpos("a", 5), c.lpos("a", 9), c.lpos("missing", 5)) == (0, None, None)
        assert c.lpos("a", 5, rank=2) == 2
        assert c.lpos("a", 5, rank=-1) == 4
        assert c.lpos("a", 5, count=0) == [0, 2, 4]
        assert c.lpos("a", 5, rank=-1, count=2) == [4, 2]
        assert c.lpos("a", 5, count=0, maxlen=3) == [0, 2]
        assert (c.lpos("a", 9, count=0), c.lpos("missing", 9, count=1)) == ([], [])

    def test_a_value_is_inserted_beside_another(self, c: Surface) -> None:
        c.rpush("a", "x", "y")
        assert c.linsert("a", "BEFORE", "y", {"b": 1}) == 3
        assert c.linsert("a", "AFTER", "y", "z") == 4
        assert c.lrange("a", 0, -1) == ["x", {"b": 1}, "y", "z"]
        assert (c.linsert("a", "BEFORE", "?", 1), c.linsert("missing", "AFTER", "y", 1)) == (-1, 0)

    def test_values_are_removed_from_either_end(self, c: Surface) -> None:
        c.rpush("a", 1, 2, 1, 3, 1, 2)
        assert c.lrem("a", -1, 2) == 1
        assert c.lrem("a", 1, 1) == 1
        assert c.lrange("a", 0, -1) == [2, 1, 3, 1]
        assert c.lrem("a", 0, 1) == 2
        assert (c.lrem("a", 0, 9), c.lrem("missing", 0, 1)) == (0, 0)
        assert c.lrange("a", 0, -1) == [2, 3]

    def test_trimming_keeps_a_range(self, c: Surface) -> None:
        c.rpush("a", 1, 2, 3, 4)
        assert c.ltrim("a", 1, -2) is None
        assert c.lrange("a", 0, -1) == [2, 3]
        c.ltrim("a", 5, 9)
        assert c.exists("a") == 0
        assert c.ltrim("missing", 0, 1) is None

    def test_an_element_moves_between_lists(self, c: Surface) -> None:
        c.rpush("a", 1, [2], 3)
        assert c.lmove("a", "b") == 1
        assert c.lmove("a", "b", "RIGHT", "LEFT") == 3
        assert c.lmove("a", "b", src="LEFT", dest="RIGHT") == [2]
        assert c.lrange("b", 0, -1) == [3, 1, [2]]
        assert c.lmove("a", "b") is None
        assert c.lmove("b", "c", "RIGHT", "LEFT") == [2]
        assert c.lrange("c", 0, -1) == [[2]]

    def test_the_first_list_with_elements_gives(self, c: Surface) -> None:
        c.rpush("b", 1, "x", 3)
        with c.since(7, 0):
            assert c.lmpop(2, "a", "b", direction="LEFT") == ("b", [1])
            assert c.lmpop(2, "a", "b", direction="RIGHT", count=5) == ("b", [3, "x"])
            assert c.lmpop(1, "a", direction="LEFT") is None

    def test_what_is_there_is_not_waited_for(self, c: Surface) -> None:
        c.rpush("b", 1, "x", 3, 4, 5)
        assert c.blpop("b") == ("b", 1)
        assert c.blpop(["a", "b"], timeout=5) == ("b", "x")
        assert c.brpop(("a", "b"), 5) == ("b", 5)
        assert c.blmove("b", "c", 5) == 3
        assert c.blmove("b", "c", timeout=5, src="RIGHT", dest="LEFT") == 4
        assert c.lrange("c", 0, -1) == [4, 3]
        with c.since(7, 0):
            assert c.blmpop(5, 2, "a", "c", direction="LEFT", count=2) == ("c", [4, 3])

    def test_what_does_not_come_is_waited_for_in_vain(self, c: Surface) -> None:
        assert c.blpop(["a", "b"], 0.01) is None
        assert c.brpop("a", timeout=0.01) is None
        assert c.blmove("a", "b", 0.01) is None
        with c.since(7, 0):
            assert c.blmpop(0.01, 1, "a", direction="RIGHT") is None

    def test_another_type_is_refused(self, c: Surface) -> None:
        c.sadd("a", 1)
        for call in (lambda: c.rpush("a", 1), lambda: c.lrange("a", 0, 1), lambda: c.lpop("a")):
            with pytest.raises(WrongTypeError):
                call()

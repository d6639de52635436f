from __future__ import annotations

import pytest

from django_cachex.commands import CommandError
from tests.commands.data_types.surfaces import Surface


class TestBits:
    """Bits, on every surface."""

    def test_bits_are_set_and_read(self, c: Surface) -> None:
        assert (c.setbit("a", 7, 1), c.setbit("a", 7, 1), c.setbit("a", 8, 0)) == (0, 1, 0)
        assert [c.getbit("a", offset) for offset in (6, 7, 8, 99)] == [0, 1, 0, 0]
        assert c.getbit("missing", 0) == 0
        with pytest.raises(CommandError, match="bit is not an integer or out of range"):
            c.setbit("a", 0, 2)

    def test_bits_are_counted(self, c: Surface) -> None:
        for offset in (0, 9, 10, 20):
            c.setbit("a", offset, 1)
        assert (c.bitcount("a"), c.bitcount("a", 1, 1), c.bitcount("missing")) == (4, 2, 0)
        with c.since(7, 0):
            assert c.bitcount("a", start=9, end=10, mode="BIT") == 2
        with c.since(7, 0):
            assert c.bitcount("a", 0, 0, "BYTE") == 1

    def test_a_bit_is_found(self, c: Surface) -> None:
        c.setbit("a", 9, 1)
        assert (c.bitpos("a", 1), c.bitpos("a", 0), c.bitpos("missing", 1)) == (9, 0, -1)
        assert c.bitpos("missing", 0) == 0
        assert (c.bitpos("a", 1, 1), c.bitpos("a", 1, start=0, end=0)) == (9, -1)
        with c.since(7, 0):
            assert c.bitpos("a", 0, 9, 12, mode="BIT") == 10

    def test_strings_are_combined(self, c: Surface) -> None:
        c.setbit("a", 1, 1)
        c.setbit("b", 9, 1)
        assert c.bitop("OR", "d", "a", "b") == c.bitop("OR", "d", ["a", "b"]) == 2
        assert (c.getbit("d", 1), c.getbit("d", 9)) == (1, 1)
        assert c.bitop("NOT", "d", "a") == 1
        assert c.bitcount("d") == 7
        assert c.bitop("AND", "d", "missing") == 0


class TestHyperLogLogs:
    """HyperLogLogs, on every surface."""

    def test_different_values_are_counted(self, c: Surface) -> None:
        assert c.pfadd("a", 1, "1", {"x": [1]}) is True
        assert c.pfadd("a", 1) is False
        assert (c.pfcount("a"), c.pfcount("missing")) == (3, 0)

    def test_an_estimate_is_near(self, c: Surface) -> None:
        c.pfadd("a", *range(5_000))
        assert c.pfcount("a") == pytest.approx(5_000, rel=0.05)

    def test_several_are_counted_together_and_merged(self, c: Surface) -> None:
        c.pfadd("a", 1, 2)
        c.pfadd("b", 2, 3)
        assert c.pfcount("a", "b") == c.pfcount(["a", "b"]) == 3
        assert c.pfmerge("d", ["a"]) is None
        assert c.pfmerge("d", "missing", "b") is None
        assert c.pfcount("d") == 3

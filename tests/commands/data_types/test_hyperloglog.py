from __future__ import annotations

import pytest

from django_cachex.commands import WrongTypeError
from tests.commands.data_types.surfaces import Surface


class TestHyperLogLogs:
    """HyperLogLogs, on every surface."""

    def test_different_values_are_counted(self, c: Surface) -> None:
        assert c.pfadd("a", 1, "1", {"x": [1]}) is True
        assert c.pfadd("a", 1) is False
        assert (c.pfcount("a"), c.pfcount("missing")) == (3, 0)
        with pytest.raises(ValueError, match="At least one value"):
            c.pfadd("a")

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
        with pytest.raises(ValueError, match="At least one key"):
            c.pfcount([])

    def test_another_type_is_refused(self, c: Surface) -> None:
        c.rpush("a", 1)
        with pytest.raises(WrongTypeError):
            c.pfcount("a")

"""What a sample says of the whole, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from django_cachex.inspectors.work.tree import Weight

SURE: Final = 2.0
"""Standard errors to each side: nineteen samples of twenty are no further from the truth."""


@dataclass(frozen=True)
class Share:
    """A part of a whole, 0 to 1, and how far it may be off to each side."""

    value: float
    error: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What was weighed: everything, or a part that is as good as drawn by lot."""

    whole: Weight
    fraction: float = 1.0
    """The part of everything that was looked at, 0 to 1."""

    @property
    def _left(self) -> float:
        """The part of a sample's error that is left: none once everything was looked at."""
        return sqrt(max(0.0, 1.0 - self.fraction))

    def of_keys(self, part: int, whole: int | None = None) -> Share | None:
        """Return the share of keys that are of a kind; None where there is no key."""
        count = self.whole.keys if whole is None else whole
        if not count:
            return None
        value = part / count
        return Share(value, SURE * self._left * sqrt(value * (1 - value) / count))

    def of_memory(self, part: Weight) -> Share | None:
        """Return the share of memory that a branch takes; None where no memory is known."""
        if not self.whole.memory:
            return None
        value = part.memory / self.whole.memory
        # The error of a ratio of sums: https://en.wikipedia.org/wiki/Ratio_estimator
        squares = (1 - 2 * value) * part.squares + value**2 * self.whole.squares
        return Share(value, SURE * self._left * sqrt(max(0.0, squares)) / self.whole.memory)

    def expected(self, count: int) -> int:
        """Return about how many there are of which the sample holds so many."""
        return round(count / self.fraction) if self.fraction else count

"""How many keys one `SCAN` may look at: as many as help, as few as hold up nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SMALLEST: int = 10
"""The least that a `SCAN` asks for, however few keys are missing from the page."""

LONGEST: float = 0.005
"""Seconds for which one command may hold the server, its other clients waiting."""


@dataclass
class Pace:
    """The `COUNT` of the next `SCAN`, from how sparse keys have been and how long commands took.

    The quickest command was mostly the way there and back: what others took longer, they held the
    server.
    """

    most: int
    """The largest `COUNT` allowed."""

    asked: int = 0
    """The sum of the `COUNT`s so far: `SCAN` looks at about as many keys, and does not say."""

    _cap: int = 0
    _quickest: float = float("inf")

    def __post_init__(self) -> None:
        self._cap = self.most

    def count(self, want: int, found: int, turns: int = 1) -> int:
        """Return the `COUNT` that should find what is missing of `want` keys, in so many turns."""
        if not self.asked:
            return min(max(1, want // turns), self._cap)
        expected = (want - found) * self.asked // max(1, found)
        expected += expected // 4  # Chance spreads keys unevenly: rather some more than again.
        return min(max(expected // turns, SMALLEST), self._cap)

    @contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Learn from how long a command with this `COUNT` takes."""
        started = time.perf_counter()
        yield
        self.learn(count, time.perf_counter() - started)

    def learn(self, count: int, seconds: float) -> None:
        self.asked += count
        self._quickest = min(self._quickest, seconds)
        held = seconds - self._quickest
        if held > LONGEST:
            self._cap = max(SMALLEST, min(self._cap, count) // 2)
        elif held < LONGEST / 2 and count >= self._cap:
            self._cap = min(self._cap * 2, self.most)

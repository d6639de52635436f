"""How many keys one `SCAN` may look at: as many as help, as few as hold up nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django_cachex.commands import Command
from django_cachex.commands.command import parse_raw

SMALLEST: Final = 4
"""The least that a `SCAN` asks for: names may be long, and look alike to their ends."""

FIRST: Final = 100
"""The most that the first `SCAN` asks for where names are compared at their beginning only."""

GROWTH: Final = 10
"""How many times more the next may ask for than one that took next to no time."""

DENSE: Final = 0.9
"""The part of the keys that were looked at from which on nearly all that come next are meant."""

LONGEST: Final = 0.005
"""Seconds for which one command may hold the server, its other clients waiting."""

TIME: Final = Command(("TIME",), parse_raw, idempotent=True)
"""Asked right before and after a command, it says how long the server was held."""


@dataclass
class Pace:
    """The `COUNT` of the next `SCAN`, from how sparse keys have been and how long commands took.

    It begins with little, and grows by what the server says that it took. Where the server does
    not say, the quickest command was mostly the way there and back: what others took longer, they
    held the server.
    """

    most: int
    """The largest `COUNT` allowed."""

    first: int = FIRST

    asked: int = 0
    """The sum of the `COUNT`s so far: `SCAN` looks at about as many keys, and does not say."""

    _cap: int = 0
    _quickest: float = float("inf")

    def __post_init__(self) -> None:
        self._cap = min(self.first, self.most)

    @property
    def is_steady(self) -> bool:
        """Whether it has grown as far as it may: then it only looks out for what takes long."""
        return self._cap >= self.most

    def count(self, want: int, found: int, turns: int = 1) -> int:
        """Return the `COUNT` that should find what is missing of `want` keys, in so many turns."""
        if not self.asked:
            return min(max(1, want // turns), self._cap)
        expected = (want - found) * self.asked // max(1, found)
        if found < self.asked * DENSE:
            expected += expected // 4  # Chance spreads them unevenly: rather more than again.
        return min(max(expected // turns, SMALLEST), self._cap)

    @contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Learn from the time that a command with this `COUNT` takes with its way."""
        started = time.perf_counter()
        yield
        self.learn(count, time.perf_counter() - started)

    def learn(self, count: int, seconds: float) -> None:
        """Learn from the time that a command with this `COUNT` took with its way."""
        self._quickest = min(self._quickest, seconds)
        self.held(count, seconds - self._quickest)

    def heard(self, count: int, before: Any, after: Any, seconds: float) -> None:
        """Learn from the replies to `TIME` around a command; from its time where it is denied."""
        try:
            held = float(after[0]) - float(before[0]) + (int(after[1]) - int(before[1])) / 1e6
        except (TypeError, ValueError, LookupError):
            self.learn(count, seconds)
        else:
            self.held(count, max(0.0, held))

    def held(self, count: int, seconds: float) -> None:
        """Learn for how long a command with this `COUNT` held the server."""
        self.asked += count
        # Half of what is allowed: the next keys may have longer names.
        allowed = int(count * min(GROWTH, LONGEST / 2 / max(seconds, 1e-6)))
        if seconds > LONGEST:
            self._cap = max(SMALLEST, min(self._cap // 2, allowed))
        elif count >= self._cap:
            self._cap = min(max(self._cap, allowed), self.most)

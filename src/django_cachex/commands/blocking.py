"""Commands that keep a connection waiting, and for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django_cachex.commands.command import Request, Word, unread
from django_cachex.commands.exceptions import ServerUnavailable

T_co = TypeVar("T_co", covariant=True)


NOT_WAITED = ServerUnavailable("The server was not reached, and so nothing was waited for.")


class Waiting(Request[T_co]):
    """A command that keeps its connection waiting for up to so many seconds; 0 means for ever.

    It may wait for longer than the connection's timeout. Where a failure is ignored it raises:
    whoever waits in a loop would go round without a pause. Raise ValueError for less than no time.
    """

    __slots__ = ("seconds",)

    def __init__(
        self,
        words: tuple[Word, ...],
        read: Callable[[Any], T_co],
        seconds: float,
    ) -> None:
        super().__init__(words, read, absent=NOT_WAITED)
        if not seconds >= 0:
            raise ValueError(f"One can wait for 0 (for ever) or more seconds, not for {seconds}.")
        self.seconds = seconds or math.inf

    def reworded(self, words: tuple[Word, ...]) -> Request[Any]:
        return Waiting(words, unread, self.seconds)


# Commands that may keep a connection waiting; XREAD and XREADGROUP do with the word BLOCK.
BLOCKING = frozenset(
    (
        *("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
        *("WAIT", "WAITAOF", "SUBSCRIBE", "PSUBSCRIBE", "MONITOR"),
    )
)


def blocks(request: Request[Any]) -> bool:
    """Return whether `request` may keep its connection waiting."""
    name = request.words[0]
    return name in BLOCKING or (name in ("XREAD", "XREADGROUP") and "BLOCK" in request.words)


def waiting_time(requests: Sequence[Request[Any]]) -> float:
    """Return the seconds for which `requests` may keep a connection waiting, one after the other.

    Other commands are to be answered within the connection's timeout: for these it is 0.
    """
    return sum([request.seconds for request in requests if isinstance(request, Waiting)])

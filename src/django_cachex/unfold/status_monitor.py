"""Which caches are down, asked behind the pages."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.core.cache import caches
from django.db import connections

from django_cachex.admin.access import visible_aliases
from django_cachex.admin.asking import Asker
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.limits import limits

Down = tuple[Inspector, ...]


@dataclass(frozen=True)
class Pace:
    """How often caches are asked, and who waits for it; in seconds."""

    fresh: float = 15.0
    """After the caches were asked, how long no page asks them again."""

    kept: float = 60.0
    """How long an answer is shown, while pages are few or the next one is late."""

    patience: float = 0.2
    """How long the page that begins to ask waits, if there is no answer to show."""


PACE = Pace()


@dataclass(frozen=True)
class Seen:
    """An answer, and when it came, of `time.monotonic`."""

    down: Down
    at: float


class Watch:
    """Remembers which caches are down; one thread at a time looks, begun by a page."""

    def __init__(self, look: Callable[[], Down], pace: Pace = PACE) -> None:
        self._look = look
        self._pace = pace
        self._turn = threading.RLock()  # Only its owner can release it.
        self._thread: threading.Thread | None = None
        self._begun = -math.inf
        self._seen: Seen | None = None

    def down(self) -> Down:
        """Return the caches that were down when last asked; none while nobody knows."""
        seen, begun = self._remembered(), self._begin_if_due()
        if seen is None and begun is not None:
            begun.join(self._pace.patience)
            seen = self._remembered()
        return seen.down if seen is not None else ()

    def _remembered(self) -> Seen | None:
        seen = self._seen
        return seen if seen and lately(seen.at, self._pace.kept) else None

    def _begin_if_due(self) -> threading.Thread | None:
        """Begin to look, unless a thread does or did lately; return the thread begun."""
        try:
            if not self._turn.acquire(blocking=False):
                return None
            looks = self._thread is not None and self._thread.is_alive()
            if lately(self._begun, self._pace.kept if looks else self._pace.fresh):
                return None
            self._begun = time.monotonic()
            self._thread = threading.Thread(target=self._see, daemon=True)
            self._thread.start()
            return self._thread
        finally:
            # A signal's handler may raise wherever a function in C has returned, so nothing is
            # called before the release.
            try:  # noqa: SIM105
                self._turn.release()
            except RuntimeError:
                pass  # It was not acquired.

    def _see(self) -> None:
        try:
            self._seen = Seen(self._look(), time.monotonic())
        finally:
            # This thread's own, which no request's end closes.
            caches.close_all()
            connections.close_all()


def lately(moment: float, seconds: float) -> bool:
    """Return whether `moment` of `time.monotonic` was within the last so many seconds.

    A moment to come is none: the clock was frozen, as in tests.
    """
    return 0 <= time.monotonic() - moment < seconds


def look() -> Down:
    """Return the caches that do not answer, of all that policy shows: as the list says it."""
    inspectors = [inspector_for(alias) for alias in visible_aliases()]
    # Asked again and again: the list's own page is where a failure is worth a warning.
    asker = Asker(limits().timeout, logging.DEBUG)
    answers = asker.ask_all({inspector: inspector.status for inspector in inspectors})
    return tuple(inspector for inspector in inspectors if answers[inspector].error is not None)

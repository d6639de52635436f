"""Badges for Unfold's sidebar: how many caches are down, which is checked in the background."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.cache import caches
from django.core.signals import setting_changed
from django.db import connections
from django.http import HttpRequest
from django.utils.safestring import mark_safe
from django.utils.translation import ngettext

from django_cachex.admin.deadline import DeadlineExecutor
from django_cachex.admin.permissions import VIEW_CACHES, visible_aliases
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.unfold.sidebar import permission_checker

HIDDEN_BADGE = mark_safe("<span data-cx-none hidden></span>")
"""Our stylesheet hides badges with this element. Older releases of Unfold draw empty badges."""


def caches_down(request: HttpRequest) -> str:
    """Return how many caches are down that the user may view, as the text of a badge.

    The badge is hidden if no cache is known to be down. As every page of the admin shows it, it
    uses a cached status.
    """
    checker = permission_checker(request)
    if checker is None or not checker.is_allowed(VIEW_CACHES):
        return HIDDEN_BADGE
    count = sum(
        checker.is_allowed(VIEW_CACHES, inspector) for inspector in get_status_monitor().down()
    )
    if not count:
        return HIDDEN_BADGE
    return ngettext("%(count)s down", "%(count)s down", count) % {"count": count}


Down = tuple[Inspector, ...]


@dataclass(frozen=True)
class Intervals:
    """How often the caches are checked, and how long a page waits for a check, in seconds."""

    refresh: float = 15.0
    """The least time between two checks."""

    expiry: float = 60.0
    """How long a status is shown if the next check is late or no page was opened."""

    wait: float = 0.2
    """How long the page that starts a check waits for it, if there is no status to show yet."""


DEFAULT_INTERVALS = Intervals()


@dataclass(frozen=True)
class CachedStatus:
    """The caches that were down at the last check, and its time by `time.monotonic()`."""

    down: Down
    checked_at: float


class StatusMonitor:
    """Keeps track of which caches are down. A page starts a check; one thread at a time runs it."""

    def __init__(
        self, find_down: Callable[[], Down], intervals: Intervals = DEFAULT_INTERVALS
    ) -> None:
        self._find_down = find_down
        self._intervals = intervals
        self._lock = threading.RLock()  # Only its owner can release it.
        self._thread: threading.Thread | None = None
        self._started_at = -math.inf
        self._status: CachedStatus | None = None

    def down(self) -> Down:
        """Return the caches that were down at the last check; none before the first one ends."""
        status, thread = self._cached(), self._start_if_due()
        if status is None and thread is not None:
            thread.join(self._intervals.wait)
            status = self._cached()
        return status.down if status is not None else ()

    def _cached(self) -> CachedStatus | None:
        status = self._status
        return status if status and is_recent(status.checked_at, self._intervals.expiry) else None

    def _start_if_due(self) -> threading.Thread | None:
        """Start a check unless one runs or ran recently; return its thread."""
        try:
            if not self._lock.acquire(blocking=False):
                return None
            runs = self._thread is not None and self._thread.is_alive()
            interval = self._intervals.expiry if runs else self._intervals.refresh
            if is_recent(self._started_at, interval):
                return None
            self._started_at = time.monotonic()
            self._thread = threading.Thread(target=self._update, daemon=True)
            self._thread.start()
            return self._thread
        finally:
            # A signal handler may raise wherever a C function has returned, so nothing is called
            # before the release.
            try:  # noqa: SIM105  # `suppress` would be a call.
                self._lock.release()
            except RuntimeError:
                pass  # It was not acquired.

    def _update(self) -> None:
        try:
            self._status = CachedStatus(self._find_down(), time.monotonic())
        finally:
            # This thread has connections of its own, which Django does not close.
            caches.close_all()
            connections.close_all()


def is_recent(when: float, seconds: float) -> bool:
    """Return whether `when`, by `time.monotonic()`, was within the last `seconds`.

    A time in the future is not recent: the clock may be frozen, as in tests.
    """
    return 0 <= time.monotonic() - when < seconds


def find_down() -> Down:
    """Return the caches that do not answer, of those that `ALIASES` does not hide."""
    inspectors = [inspector_for(alias) for alias in visible_aliases()]
    # Errors are logged at DEBUG level because this is repeated often. The page that lists the
    # caches logs them as warnings.
    executor = DeadlineExecutor(limits().timeout, logging.DEBUG)
    results = executor.run_all({inspector: inspector.status for inspector in inspectors})
    return tuple(inspector for inspector in inspectors if results[inspector].error is not None)


@cache
def get_status_monitor() -> StatusMonitor:
    """Return the status monitor of this process."""
    return StatusMonitor(find_down)


def _clear_status_monitor(*, setting: str, **kwargs: Any) -> None:
    if setting in ("CACHES", "CACHEX_ADMIN"):
        get_status_monitor.cache_clear()


setting_changed.connect(_clear_status_monitor)
os.register_at_fork(after_in_child=get_status_monitor.cache_clear)  # Threads do not survive.

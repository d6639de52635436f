"""With a clock that stands still, as freezegun makes it, timeouts end all the same."""

from __future__ import annotations

import logging
import time

import pytest

from django_cachex.cache import ignore_exceptions
from django_cachex.cache.backends import ServerCache


def test_a_blocking_timeout_ends(cache: ServerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire() -> bool:
        return cache.semaphore("s", 1, lease=30).acquire(blocking_timeout=0.5)

    assert acquire()
    began = time.perf_counter()  # Stays as it is.
    monkeypatch.setattr(time, "monotonic", lambda: 1_800_000_000.0)
    assert acquire() is False
    monkeypatch.undo()
    assert 0.4 < time.perf_counter() - began < 15  # The lease is 30 s.


def test_reports_go_on_after_the_clock_went_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "django_cachex.cache")
    reports = ignore_exceptions.RateLimitedLogger("%d of %s")
    monkeypatch.setattr(time, "monotonic", lambda: 1_800_000_000.0)
    reports.add("them")
    monkeypatch.undo()
    reports.add("others")
    assert caplog.messages == ["1 of them", "1 of others"]

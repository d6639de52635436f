"""Search Django's log entries, whose table may be large and has no index for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.admin.models import LogEntry
from django.db.models import Max, QuerySet

FIRST_RANGE: Final = 10_000
"""How many ids the first query of a search covers."""

QUERY_SECONDS: Final = 0.1
"""How long a query should take; the next range of ids is chosen accordingly."""

MAX_GROWTH: Final = 10
"""Factor by which the range may grow after a query that took almost no time."""

BATCH_SIZE: Final = 500
"""The most rows that a query returns."""


@dataclass(frozen=True)
class EntryPage:
    """Some of the entries that a search found, newest first."""

    entries: Sequence[LogEntry] = ()
    before: int = 0
    """Entries with lower ids have not been searched; 0 if all were."""

    is_full: bool = False
    """Whether the search ended because there were enough entries, not at its deadline."""

    def searched_back_to(self) -> datetime | None:
        """Return the time of the oldest entry of the table that was searched, of any model."""
        oldest = LogEntry.objects.filter(pk__gte=self.before).order_by("pk")
        return oldest.values_list("action_time", flat=True).first()


def search_entries(
    entries: QuerySet[LogEntry],
    accepts: Callable[[LogEntry], bool],
    before: int,
    count: int,
    deadline: float,
) -> EntryPage:
    """Return the newest log entries that a query and a function accept.

    The primary key is the only index that is sure to help. So one range of ids after another is
    searched, which bounds the cost of a query whatever the table contains.

    Args:
        entries: the query, without an order.
        accepts: returns whether an entry that the query found is wanted.
        before: the id to start below, or 0 to start at the newest entry.
        count: the most entries to return.
        deadline: the time to stop at, on the clock of `time.monotonic`. At least one range is
            searched.
    """
    newest = LogEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    end, size = min(before or newest + 1, newest + 1), FIRST_RANGE
    found: list[LogEntry] = []
    while end > 1:
        start = max(1, end - size)
        began = time.monotonic()
        batch = list(entries.filter(pk__gte=start, pk__lt=end).order_by("-pk")[:BATCH_SIZE])
        seconds = time.monotonic() - began
        end = batch[-1].pk if len(batch) == BATCH_SIZE else start
        found += filter(accepts, batch)
        if len(found) > count:
            return EntryPage(found[:count], found[count - 1].pk, is_full=True)
        if began + seconds >= deadline:
            break
        size = max(1, int(size * min(MAX_GROWTH, QUERY_SECONDS / max(seconds, 1e-6))))
    return EntryPage(found, end if end > 1 else 0)

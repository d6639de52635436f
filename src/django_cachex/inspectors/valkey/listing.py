"""Finding keys: `SCAN` from a cursor until there are enough, time is over, or all were seen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.commands import Request
from django_cachex.inspectors.entries import Listing
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.valkey.replies import permitted, required

Batch = tuple[int, list[bytes]]
"""The next cursor and some keys."""

CURSOR = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
CURSORS = range(1, 2**64)

# The least that a SCAN asks for, however few keys are missing from the page.
SMALLEST_COUNT = 10


@dataclass(frozen=True)
class Search:
    """Which keys to find."""

    client: Client
    glob: bytes
    """As `MATCH` takes it."""

    owns: Callable[[bytes], bool]
    """Whether a stored key is the alias's own."""

    type: str = ""
    """As `TYPE` takes it; empty for any."""

    def batch(self, cursor: int, count: int) -> Request[Batch]:
        return self.client._scan(cursor, self.glob, count, self.type or None)


@dataclass
class Progress:
    """How far a search has come in this request."""

    cursor: int
    examined: int = 0
    """The sum of the `COUNT`s: `SCAN` looks at about as many keys, and does not say."""

    keys: dict[bytes, None] = field(default_factory=dict)
    """Those found, in order; `SCAN` may return one twice."""

    def take(self, search: Search, batch: Batch, count: int) -> None:
        self.cursor, found = batch
        self.examined += count
        self.keys.update((key, None) for key in found if search.owns(key))

    def is_over(self, want: int, deadline: float) -> bool:
        return not self.cursor or len(self.keys) >= want or time.monotonic() >= deadline

    def next_count(self, want: int) -> int:
        """Return the `COUNT` that should fill the page, from how sparse the keys have been."""
        expected = (want - len(self.keys)) * self.examined // max(1, len(self.keys))
        expected += expected // 4  # Chance spreads keys unevenly: rather some more than again.
        return min(max(expected, SMALLEST_COUNT), limits().scan_count)


def scan(search: Search, token: str, want: int, deadline: float) -> Listing:
    """Return some keys; asks at least once, however late it is.

    Raises ValueError for a token that is no cursor.
    """
    progress = Progress(read_token(token))
    count = min(max(1, want), limits().scan_count)
    batch, size = search.client.collect(
        [search.batch(progress.cursor, count), search.client._dbsize()]
    )
    progress.take(search, required(batch), count)
    while not progress.is_over(want, deadline):
        count = progress.next_count(want)
        progress.take(search, search.client.run(search.batch(progress.cursor, count)), count)
    return listing(progress, permitted(size), whole=not token)


def read_token(token: str) -> int:
    """Return the cursor that a listing stopped at, 0 for no listing."""
    if not token:
        return 0
    if CURSOR.fullmatch(token) is None or int(token) not in CURSORS:
        raise ValueError(_("No listing of this cache has stopped there."))
    return int(token)


def listing(progress: Progress, total: int | None, whole: bool) -> Listing:
    """Return what was found; a listing from start to end has examined the whole database."""
    keys, examined = tuple(progress.keys), progress.examined
    if total is not None:
        total = max(total, len(keys))
        examined = total if whole and not progress.cursor else min(examined, total)
    return Listing(
        keys=keys,
        token=str(progress.cursor) if progress.cursor else "",
        examined=max(examined, len(keys)),
        total=total,
    )

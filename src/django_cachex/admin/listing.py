"""Pages of a key listing that have exactly as many keys as requested."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import json_size
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import BatchStart, KeyInfo, ScanPage
from django_cachex.inspectors.value_search import search_keys
from django_cachex.inspectors.values import fingerprint

MAX_WAITING_BYTES: Final = 1000
"""Maximum size of the names that wait in a token, as JSON. Longer ones are searched again."""


@dataclass(frozen=True)
class Waiting:
    """Keys that a batch brought in addition to those that a page shows, and what follows them."""

    keys: Sequence[bytes] = ()
    token: str = ""
    """The inspector's token of what follows; empty if these are the last keys."""

    examined: int = 0
    """The number of keys examined up to there."""

    total: int | None = None
    """As in `ScanPage`."""


@dataclass(frozen=True)
class Cursor:
    """Where a page of a listing starts.

    A store such as a server returns keys in batches, which needn't end where a page ends. A page
    that starts inside a batch is found again by the start of the batch and by its last key that
    the page before shows. `waiting` saves searching the batch twice.
    """

    token: str = ""
    """The inspector's token of the batch; empty for the start of the listing."""

    examined: int = 0
    """The number of keys examined before the batch."""

    skipped: int = 0
    """The number of keys of the batch that earlier pages show."""

    last_skipped: str = ""
    """The fingerprint of the last of them."""

    waiting: Waiting | None = None

    @property
    def is_start(self) -> bool:
        """Whether this is the start of the listing."""
        return not (self.token or self.skipped)

    def to_json(self) -> list[Any]:
        """Return the cursor for a state, without its token and what waits."""
        return [self.examined, self.skipped, self.last_skipped]

    @classmethod
    def from_json(cls, state: Sequence[Any], token: str) -> Self:
        return cls(token, *state)

    def skip(self, shown: Sequence[bytes], waiting: Waiting) -> Cursor:
        """Return the cursor after more keys of the same batch."""
        if not shown:
            return replace(self, waiting=waiting)
        skipped, last = self.skipped + len(shown), fingerprint(shown[-1])
        return replace(self, skipped=skipped, last_skipped=last, waiting=waiting)


@dataclass(frozen=True)
class KeyPage:
    """One page of a listing."""

    infos: Sequence[KeyInfo]
    scan: ScanPage
    """The last call of the inspector."""

    examined: int
    """The number of keys examined on this page and the pages before."""

    next: Cursor | None
    """Where the next page starts; None on the last page."""


@dataclass(frozen=True)
class Listing:
    """A listing of the keys that a query finds."""

    inspector: Inspector
    query: Query
    columns: Collection[str]
    deadline: float
    """The time to stop at, on the clock of `time.monotonic`."""

    def read_page(self, cursor: Cursor, limit: int) -> KeyPage:
        """Return the page at a cursor; fewer than `limit` keys only at the end or the deadline.

        Raises:
            ValueError: the token of the cursor is invalid.
        """
        infos: list[KeyInfo] = []
        unknown = 0
        while True:
            page = self._read_once(cursor, limit - len(infos))
            infos += [one for one in page.infos if one.exists]
            unknown += page.scan.unknown
            have_all_keys = all(one.exists for one in page.infos)
            if have_all_keys or page.next is None or time.monotonic() > self.deadline:
                scan = replace(page.scan, unknown=unknown)
                return replace(page, infos=infos, scan=scan)
            cursor = page.next  # Some keys have expired or were deleted since they were found.

    def _read_once(self, cursor: Cursor, limit: int) -> KeyPage:
        if cursor.skipped and cursor.waiting is None:
            cursor = self._find_again(cursor)
        waiting = cursor.waiting or Waiting(token=cursor.token, examined=cursor.examined)
        is_at_end = cursor.waiting is not None and not waiting.token
        if is_at_end or len(waiting.keys) >= limit:
            shown, rest = waiting.keys[:limit], waiting.keys[limit:]
            scan = ScanPage((), waiting.token, 0, waiting.total)
            following = cursor.skip(shown, replace(waiting, keys=rest))
        else:
            missing = limit - len(waiting.keys)
            scan = search_keys(self.inspector, self.query, waiting.token, missing, self.deadline)
            scanned = [key for key in scan.keys if key not in waiting.keys]
            shown = [*waiting.keys, *scanned[:missing]]
            following = self._cursor_after(waiting, scan, scanned[missing:])
        infos = self.inspector.describe(shown, self.columns) if shown else []
        return self._make_page(infos, scan, following)

    @staticmethod
    def _make_page(infos: Sequence[KeyInfo], scan: ScanPage, following: Cursor) -> KeyPage:
        rest = following.waiting or Waiting()
        is_over = not (rest.keys or rest.token)
        return KeyPage(infos, scan, rest.examined, None if is_over else following)

    def _cursor_after(self, before: Waiting, scan: ScanPage, rest: Sequence[bytes]) -> Cursor:
        """Return the cursor after a scan, of which some keys did not fit on the page."""
        examined = count_examined(before.examined, scan)
        waiting = Waiting(rest, scan.token, examined, scan.total)
        if not rest:
            return Cursor(scan.token, examined, waiting=waiting)
        batch = scan.last_batch or BatchStart(before.token)
        batch_examined = before.examined + batch.examined
        if scan.total is not None:
            batch_examined = min(batch_examined, scan.total)
        keys_of_batch = scan.keys[batch.found :]
        shown = keys_of_batch[: keys_of_batch.index(rest[0])]
        return Cursor(batch.token, batch_examined).skip(shown, waiting)

    def _find_again(self, cursor: Cursor) -> Cursor:
        """Return a cursor with the keys that wait, after searching its batch again.

        If the last key that was shown is gone, all keys of the batch are shown again rather than
        losing some.
        """
        scan = search_keys(self.inspector, self.query, cursor.token, cursor.skipped, self.deadline)
        before = [fingerprint(key) for key in scan.keys[: cursor.skipped]]
        skipped = before.index(cursor.last_skipped) + 1 if cursor.last_skipped in before else 0
        examined = count_examined(cursor.examined, scan)
        waiting = Waiting(scan.keys[skipped:], scan.token, examined, scan.total)
        last = cursor.last_skipped if skipped else ""
        return replace(cursor, skipped=skipped, last_skipped=last, waiting=waiting)


def count_examined(before: int, scan: ScanPage) -> int:
    """Return the number of keys examined after a scan.

    The number of keys that a server examined is an estimate, limited by the database's size.
    """
    examined = before + scan.examined
    if scan.total is None:
        return examined
    return scan.total if scan.complete else min(examined, scan.total)


IsSecret = Callable[[bytes], bool]


def dump_cursors(
    cursor: Cursor, earlier: Sequence[Cursor], is_secret: IsSecret
) -> tuple[list[Any], list[str]]:
    """Return the state and the positions of cursors, for a token.

    Args:
        cursor: its waiting keys are part of the state unless they are too long or secret.
        earlier: the cursors of pages before it, without waiting keys.
        is_secret: returns whether the user may not know a key.
    """
    waiting, names = cursor.waiting, dump_names(cursor, is_secret)
    rest = [names, waiting.examined, waiting.total] if waiting and names else None
    state = [rest, *(one.to_json() for one in (cursor, *earlier))]
    tokens = [waiting.token] if waiting and names else []
    return state, [*tokens, *(one.token for one in (cursor, *earlier))]


def dump_names(cursor: Cursor, is_secret: IsSecret) -> list[str]:
    """Return the names of the keys that wait; none if they are too long or one is secret."""
    keys = cursor.waiting.keys if cursor.waiting else ()
    if any(map(is_secret, keys)):
        return []
    names = [key.decode("utf-8", "surrogateescape") for key in keys]
    return names if json_size(names) <= MAX_WAITING_BYTES else []


def load_cursors(state: Sequence[Any], positions: Sequence[str]) -> tuple[Cursor, Sequence[Cursor]]:
    """Return the cursor and the earlier ones from what `dump_cursors` returned."""
    rest, *states = state
    waiting = None
    if rest is not None:
        names, examined, total = rest
        keys = [name.encode("utf-8", "surrogateescape") for name in names]
        waiting, positions = Waiting(keys, positions[0], examined, total), positions[1:]
    cursor, *earlier = map(Cursor.from_json, states, positions)
    return replace(cursor, waiting=waiting), earlier

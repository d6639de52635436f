"""Search for keys by what their values contain."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import ReadState, ScanPage, SmallValue, ValueCounts
from django_cachex.inspectors.values import Content, fingerprint

BATCH_KEYS: Final = 100
"""The number of keys to find before their values are read."""

MIN_READ_SECONDS: Final = 0.1
"""Seconds for which the values of a batch are read at least, so that it is rarely found twice."""

BATCH_BYTES: Final = 1024 * 1024
"""Maximum size in bytes of the values that are read in one round trip."""


def search_keys(
    inspector: Inspector, query: Query, token: str, limit: int, deadline: float
) -> ScanPage:
    """Return some of the keys that match a query, as `Inspector.scan` does.

    If the query has `value_contains`, the values of the keys that pass all other filters are read,
    and at most `limit` keys are returned.

    Raises:
        ValueError: the token is invalid.
    """
    if not query.value_contains:
        return inspector.scan(query, token, limit, deadline)
    contains = make_value_matcher(query.value_contains)
    others = replace(query, value_contains="")
    return search_values(inspector, others, contains, token, limit, deadline)


def search_values(
    inspector: Inspector,
    query: Query,
    matches: Callable[[Content], bool],
    token: str,
    limit: int,
    deadline: float,
) -> ScanPage:
    """Return some of the keys of a query with a value, or an element of it, that matches.

    Raises:
        ValueError: the token is invalid.
    """
    return ValueSearch(inspector, query, matches, Position.parse(token)).run(limit, deadline)


def value_contains(inspector: Inspector, stored: bytes, text: str) -> bool:
    """Return whether the value of one key is small enough to be read, and contains a text."""
    [value] = inspector.read_small([stored], limits().search_bytes)
    return any(map(make_value_matcher(text), value.contents))


def make_value_matcher(text: str) -> Callable[[Content], bool]:
    """Return a function that checks whether a decoded value contains a text, in any case.

    Values are compared as their pages show them. Quotes and line breaks of a string within a
    collection are found, too, although they are shown as escape sequences.
    """
    spellings = {text, json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    needles = {one.casefold() for one in spellings}

    def contains(content: Content) -> bool:
        shown = content.full_text.casefold()
        return any(needle in shown for needle in needles)

    return contains


@dataclass(frozen=True)
class Position:
    """Where a search in values continues: within a batch of keys that the inspector finds again."""

    token: str = ""
    """The inspector's token of the batch."""

    passed: int = 0
    """The number of keys of the batch whose values were read."""

    last_read: str = ""
    """The fingerprint of the last of them."""

    examined: int = 0
    """How many keys were counted as examined for them: an estimate, corrected afterwards."""

    counts: ValueCounts = field(default_factory=ValueCounts)

    def __str__(self) -> str:
        counts = self.counts.read, self.counts.too_large, self.counts.unreadable
        return json.dumps([self.token, self.passed, self.last_read, self.examined, *counts])

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position for the result of `str`. Raises ValueError for other texts."""
        if not text:
            return cls()
        try:
            token, passed, last_read, examined, *counts = json.loads(text)
            values = ValueCounts(*map(int, counts))
            return cls(str(token), int(passed), str(last_read), int(examined), values)
        except (TypeError, RecursionError) as error:
            raise ValueError(text[:50]) from error

    def unread_keys(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return the keys of the batch that follow the last one that was read.

        If that one is gone, the whole batch is read again rather than losing some keys.
        """
        if not self.passed:
            return keys
        prints = [fingerprint(stored) for stored in keys]
        return keys[prints.index(self.last_read) + 1 :] if self.last_read in prints else keys


class ValueSearch:
    """A search in values during one request. It stops after any value, not only between batches."""

    def __init__(
        self,
        inspector: Inspector,
        query: Query,
        matches: Callable[[Content], bool],
        position: Position,
    ) -> None:
        self._inspector, self._query = inspector, query
        self._matches_content = matches
        self._position = position
        self._found: dict[bytes, None] = {}
        self._examined = self._unknown = 0
        self._is_over = False

    def run(self, limit: int, deadline: float) -> ScanPage:
        """Return at most `limit` keys. Reads values even after the deadline, for a short time."""
        while True:
            start = self._position
            batch = self._find_batch(deadline)
            self._read_batch(batch, limit, deadline)
            is_stuck = self._position.token == start.token
            if self._is_over or is_stuck or len(self._found) >= limit:
                return self._make_page(batch)
            if time.monotonic() > deadline:
                return self._make_page(batch)

    def _find_batch(self, deadline: float) -> ScanPage:
        """Return the keys to read, or the part of a batch that was read to its last key before.

        It takes no longer to find that part than it took before, so it gets the time.
        """
        at = self._position
        if not at.passed:
            return self._inspector.scan(self._query, at.token, BATCH_KEYS, deadline)
        later = deadline + limits().scan_budget
        return self._inspector.scan(self._query, at.token, at.passed, later)

    def _read_batch(self, batch: ScanPage, limit: int, deadline: float) -> None:
        """Read the values of a batch, until enough are found or the time is up."""
        deadline = max(deadline, time.monotonic() + MIN_READ_SECONDS)
        unread = self._position.unread_keys(batch.keys)
        skipped = len(batch.keys) - len(unread)
        for passed, value in enumerate(self._iter_values(unread), skipped + 1):
            if self._matches(value):
                self._found[value.key] = None
            if passed == len(batch.keys):
                break
            if len(self._found) >= limit or time.monotonic() > deadline:
                self._stop_in_batch(batch, value.key, passed)
                return
        self._examined += batch.examined - self._position.examined
        self._unknown += batch.unknown
        self._position = Position(batch.token, counts=self._position.counts)
        self._is_over = batch.complete

    def _stop_in_batch(self, batch: ScanPage, last_read: bytes, passed: int) -> None:
        examined = batch.examined * passed // len(batch.keys)
        self._examined += examined - self._position.examined
        self._position = replace(
            self._position, passed=passed, last_read=fingerprint(last_read), examined=examined
        )

    def _iter_values(self, keys: Sequence[bytes]) -> Iterator[SmallValue]:
        max_bytes = limits().search_bytes
        step = max(1, min(BATCH_KEYS, BATCH_BYTES // max_bytes))
        for start in range(0, len(keys), step):
            yield from self._inspector.read_small(keys[start : start + step], max_bytes)

    def _matches(self, value: SmallValue) -> bool:
        """Return whether a value contains the text, and count the value."""
        is_match = any(map(self._matches_content, value.contents))
        state = ReadState.READ if is_match else value.state
        counts = self._position.counts.including(state)
        self._position = replace(self._position, counts=counts)
        return is_match

    def _make_page(self, batch: ScanPage) -> ScanPage:
        return replace(
            batch,
            keys=tuple(self._found),
            token="" if self._is_over else str(self._position),
            examined=self._examined,
            unknown=self._unknown,
            last_batch=None,
            values=self._position.counts,
        )

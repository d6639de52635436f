"""Finding keys: `SCAN` from a cursor until there are enough, time is over, or all were seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django_cachex.cache.client import Client
from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import execute_all
from django_cachex.inspectors.entries import Listing
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.valkey.descriptions import describe
from django_cachex.inspectors.valkey.pace import FIRST, SMALLEST, TIME, Pace
from django_cachex.inspectors.valkey.primaries import Primaries
from django_cachex.inspectors.valkey.replies import checked, permitted, required
from django_cachex.inspectors.valkey.walks import Walk, write_token

ScanReply = tuple[int, list[bytes]]
"""The next cursor and some keys."""


@dataclass(frozen=True)
class Search:
    """Which keys to find, and where."""

    client: Client
    primaries: Primaries
    query: Query
    glob: bytes
    """As `MATCH` takes it."""

    lists: Callable[[bytes], bool] | None = None
    """Whether a stored key may be in the listing, where `MATCH` alone does not tell."""

    figures: Sequence[str] = ()
    """What the server may know of a key, as `Inspector.figures`."""

    is_dear: bool = False
    """Whether the server looks at names to their end, so that long ones take it long."""

    def batch(self, cursor: int, count: int) -> Command[ScanReply]:
        return checked(self.client._scan(cursor, self.glob, count, self.query.type or None))

    @property
    def size(self) -> Command[int]:
        return checked(self.client._dbsize())

    def passing(self, keys: list[bytes]) -> tuple[list[bytes], int]:
        """Return the keys that pass the filters, and of how many nobody knows."""
        columns = self.query.columns(self.figures)
        if not columns or not keys:
            return keys, 0
        described = describe(self.client, keys, columns | {"ttl"})
        answers = [self.query.passes(one) if one.exists else False for one in described]
        return [key for key, answer in zip(keys, answers, strict=True) if answer], answers.count(
            None
        )


@dataclass
class Progress:
    """How far a search has come in this request."""

    walks: list[Walk]
    """Those that take turns."""

    lost: list[Walk]
    """Those whose servers do not answer."""

    pace: Pace
    keys: dict[bytes, None] = field(default_factory=dict)
    """Those found, in order; `SCAN` may return one twice."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    """How many keys each server has that was asked, or None where it does not say."""

    unknown: int = 0

    def is_over(self, want: int, deadline: float) -> bool:
        return not self.walks or len(self.keys) >= want or time.monotonic() >= deadline

    def turn(self, search: Search, want: int) -> None:
        """Ask the server whose turn it is; it is the last in the row afterwards."""
        walk = self.walks.pop(0)
        try:
            count = self.pace.count(want, len(self.keys), 1 + len(self.walks))
            batch = self._ask(search, walk, count)
            self._take(search, walk, batch)
            self.walks += [walk] if walk.cursor else search.primaries.moved(walk)
        except ServerUnavailable as error:
            self._lose(search, walk, error)

    def count(self, search: Search) -> None:
        """Ask those servers how many keys they have that were asked nothing yet."""
        lost = {walk.node for walk in self.lost}
        for node, server in search.primaries.servers().items():
            if node not in self.sizes and node not in lost:
                with suppress(ServerUnavailable):
                    self.sizes[node] = permitted(*server.run(execute_all([search.size])))

    def _ask(self, search: Search, walk: Walk, count: int) -> ScanReply:
        server, command = search.primaries.server(walk), search.batch(walk.cursor, count)
        if walk.node in self.sizes and self.pace.is_steady:
            with self.pace.timed(count):
                found: ScanReply = server.run(command)
                return found
        asked: list[Command[Any]] = [TIME, command, TIME]
        if walk.node not in self.sizes:
            asked += [search.size, checked(search.client._info("server"))]
        started = time.perf_counter()
        before, batch, after, *about = server.run(execute_all(asked))
        self.pace.heard(count, before, after, time.perf_counter() - started)
        first: ScanReply = required(batch)
        if about:
            size, info = about
            self.sizes[walk.node] = permitted(size)
            if walk.begins_anew((permitted(info) or {}).get("run_id", "")):
                return self._ask(search, walk, count)
        return first

    def _take(self, search: Search, walk: Walk, batch: ScanReply) -> None:
        cursor, found = batch
        fresh = list(dict.fromkeys(key for key in found if key not in self.keys))
        if search.lists is not None:
            fresh = list(filter(search.lists, fresh))
        new = search.primaries.new(walk, fresh)
        passing, unknown = search.passing(new)
        self.keys.update(dict.fromkeys(passing))
        self.unknown += unknown
        walk.cursor, walk.is_lost = cursor, False

    def _lose(self, search: Search, walk: Walk, error: ServerUnavailable) -> None:
        """Go on without a server that does not answer, unless it is the only one."""
        if not walk.node:
            raise error
        instead = search.primaries.successors(walk)
        self.walks += instead
        if not instead:
            walk.is_lost = True
            self.lost.append(walk)


def scan(search: Search, token: str, want: int, deadline: float) -> Listing:
    """Return some keys; asks at least once, however late it is.

    Raises ValueError for a token that is none of ours.
    """
    walks = search.primaries.resume(token) if token else search.primaries.begin()
    answering = [walk for walk in walks if not walk.is_lost]
    lost = [walk for walk in walks if walk.is_lost] if answering else []
    pace = Pace(limits().scan_count, SMALLEST if search.is_dear else FIRST)
    progress = Progress(answering or walks, lost, pace)
    progress.turn(search, want)
    while not progress.is_over(want, deadline):
        progress.turn(search, want)
    progress.count(search)
    return listing(progress, whole=not token)


def listing(progress: Progress, whole: bool) -> Listing:
    """Return what was found; a listing from start to end has examined the whole database."""
    sizes = list(progress.sizes.values())
    found, asked = len(progress.keys), progress.pace.asked
    left = progress.walks + progress.lost
    total = None if None in sizes else max(sum(filter(None, sizes)), found)
    if total is not None:
        asked = total if whole and not left else min(asked, total)
    return Listing(
        keys=tuple(progress.keys),
        token=write_token(left),
        examined=max(asked, found),
        total=total,
        unknown=progress.unknown,
        unanswered=sorted({walk.node.rpartition("/")[0] for walk in progress.lost}),
    )

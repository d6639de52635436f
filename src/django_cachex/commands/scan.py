"""Walking through collections of any size, in bounded memory: HSCAN, SSCAN and ZSCAN in turns."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

from django_cachex.commands.base import Name
from django_cachex.commands.command import NOTHING_FOUND, Request, Steps, unread
from django_cachex.commands.hashes import Hashes
from django_cachex.commands.sets import Sets
from django_cachex.commands.sorted_sets import SortedSets

T = TypeVar("T")

Match = bytes | str | None


class Walks(Hashes[Name], Sets, SortedSets):
    """What is there from the first turn to the last is yielded at least once, perhaps twice.

    `match` is a glob for the names of fields, or for members as they are stored; `count` is how
    many the server looks at in one turn.
    """

    def hscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> Iterator[tuple[Name, Any]]:
        """Yield the fields of a hash with their values."""
        for fields in turns(lambda cursor: self.hscan(key, cursor, match, count, version)):
            yield from fields.items()

    async def ahscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> AsyncIterator[tuple[Name, Any]]:
        """Do what `hscan_iter` does, on the running event loop."""
        async for fields in aturns(lambda cursor: self.ahscan(key, cursor, match, count, version)):
            for field in fields.items():
                yield field

    def sscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> Iterator[Any]:
        """Yield the members of a set."""
        for members in turns(lambda cursor: self.sscan(key, cursor, match, count, version)):
            yield from members

    async def asscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> AsyncIterator[Any]:
        """Do what `sscan_iter` does, on the running event loop."""
        async for members in aturns(lambda cursor: self.asscan(key, cursor, match, count, version)):
            for member in members:
                yield member

    def zscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> Iterator[tuple[Any, float]]:
        """Yield the members of a sorted set with their scores."""
        for members in turns(lambda cursor: self.zscan(key, cursor, match, count, version)):
            yield from members

    async def azscan_iter(
        self, key: Any, match: Match = None, count: int | None = None, version: int | None = None
    ) -> AsyncIterator[tuple[Any, float]]:
        """Do what `zscan_iter` does, on the running event loop."""
        async for members in aturns(lambda cursor: self.azscan(key, cursor, match, count, version)):
            for member in members:
                yield member


def turns(scan: Callable[[int], tuple[int, T]]) -> Iterator[T]:
    """Yield what each turn finds, from the cursor that the one before left."""
    cursor = -1
    while cursor:
        cursor, found = scan(max(cursor, 0))
        yield found


async def aturns(scan: Callable[[int], Awaitable[tuple[int, T]]]) -> AsyncIterator[T]:
    """Do what `turns` does, on the running event loop."""
    cursor = -1
    while cursor:
        cursor, found = await scan(max(cursor, 0))
        yield found


COUNT = 1000
"""Keys that the server looks at in one turn; more would hold up its other clients."""


def sweep(
    pattern: bytes, holds: Callable[[bytes], bool] | None = None, count: int = COUNT
) -> Steps[int]:
    """Delete the keys that match `pattern` and of which `holds` is true; return how many.

    Keys stored meanwhile may stay. Each turn deletes one batch and asks for the next.
    """
    cursor, deleted = b"0", 0
    doomed: list[bytes] = []
    while True:
        scan = Request(
            ("SCAN", cursor, "MATCH", pattern, "COUNT", count), unread, absent=NOTHING_FOUND
        )
        if doomed:
            gone, (cursor, found) = yield [Request(("UNLINK", *doomed), int, absent=0), scan]
            deleted += gone
        else:
            [(cursor, found)] = yield [scan]
        doomed = [key for key in found if holds is None or holds(key)]
        if cursor == b"0":
            break
    if doomed:
        [gone] = yield [Request(("UNLINK", *doomed), int, absent=0)]
        deleted += gone
    return deleted


# "^" and "-" mean something only inside the brackets that are escaped here.
_special = re.compile(rb"[*?\[\]\\]")
_special_but_star = re.compile(rb"[?\[\]\\]")


def escape(text: bytes) -> bytes:
    """Return the pattern that matches exactly `text`."""
    return _special.sub(rb"\\\g<0>", text)


def starred(pattern: bytes) -> bytes:
    """Return the pattern in which only `*` is special, as in the search fields of the admin."""
    return _special_but_star.sub(rb"\\\g<0>", pattern)

"""Walking through collections of any size, in bounded memory: HSCAN, SSCAN and ZSCAN in turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

from django_cachex.commands.base import Name
from django_cachex.commands.hash_commands import Hashes
from django_cachex.commands.sets import Sets
from django_cachex.commands.sorted_set_commands import SortedSets

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

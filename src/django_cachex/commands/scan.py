"""Iterators that use SCAN, deleting the keys that match a pattern, and escaping patterns."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

from django_cachex.commands.base import FieldT
from django_cachex.commands.command import (
    EMPTY_SCAN,
    Command,
    Operation,
    copy_docstring,
    parse_raw,
)
from django_cachex.commands.hashes import HashCommands
from django_cachex.commands.sets import SetCommands
from django_cachex.commands.sorted_sets import SortedSetCommands

T = TypeVar("T")

SCAN_COUNT = 1000
"""How many keys the server examines at a time; more would delay its other clients."""

MatchPattern = bytes | str | None

# "^" and "-" are only special in brackets, which are escaped.
_special = re.compile(rb"[*?\[\]\\]")
_special_but_star = re.compile(rb"[?\[\]\\]")


class ScanIterMixin(HashCommands[FieldT], SetCommands, SortedSetCommands):
    """Iterators over the elements of hashes, sets and sorted sets."""

    def hscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Iterator[tuple[FieldT, Any]]:
        """Iterate over the fields of a hash and their values.

        Args:
            match: a glob pattern that the names of the fields must match.
            count: about how many the server examines at a time; 10 by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An iterator of names and values. What is there during the whole iteration is
            returned at least once; it may be repeated.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/hscan/
        """
        for fields in iter_element_batches(
            lambda cursor: self.hscan(key, cursor, match, count, version)
        ):
            yield from fields.items()

    @copy_docstring(hscan_iter)
    async def ahscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> AsyncIterator[tuple[FieldT, Any]]:
        async for fields in aiter_element_batches(
            lambda cursor: self.ahscan(key, cursor, match, count, version)
        ):
            for field in fields.items():
                yield field

    def sscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Iterator[Any]:
        """Iterate over the members of a set.

        Args:
            match: a glob pattern that the stored bytes of the members must match.
            count: about how many the server examines at a time; 10 by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An iterator of members. What is there during the whole iteration is
            returned at least once; it may be repeated.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/sscan/
        """
        for members in iter_element_batches(
            lambda cursor: self.sscan(key, cursor, match, count, version)
        ):
            yield from members

    @copy_docstring(sscan_iter)
    async def asscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> AsyncIterator[Any]:
        async for members in aiter_element_batches(
            lambda cursor: self.asscan(key, cursor, match, count, version)
        ):
            for member in members:
                yield member

    def zscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Iterator[tuple[Any, float]]:
        """Iterate over the members of a sorted set and their scores.

        Args:
            match: a glob pattern that the stored bytes of the members must match.
            count: about how many the server examines at a time; 10 by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            An iterator of members and scores. What is there during the whole iteration is
            returned at least once; it may be repeated.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zscan/
        """
        for members in iter_element_batches(
            lambda cursor: self.zscan(key, cursor, match, count, version)
        ):
            yield from members

    @copy_docstring(zscan_iter)
    async def azscan_iter(
        self,
        key: Any,
        match: MatchPattern = None,
        count: int | None = None,
        version: int | None = None,
    ) -> AsyncIterator[tuple[Any, float]]:
        async for members in aiter_element_batches(
            lambda cursor: self.azscan(key, cursor, match, count, version)
        ):
            for member in members:
                yield member


def iter_element_batches(scan: Callable[[int], tuple[int, T]]) -> Iterator[T]:
    """Yield the batches of a scan."""
    cursor = -1
    while cursor:
        cursor, batch = scan(max(cursor, 0))
        yield batch


async def aiter_element_batches(
    scan: Callable[[int], Awaitable[tuple[int, T]]],
) -> AsyncIterator[T]:
    """Yield the batches of a scan, on the running event loop."""
    cursor = -1
    while cursor:
        cursor, batch = await scan(max(cursor, 0))
        yield batch


def scan_and_unlink(
    pattern: bytes, predicate: Callable[[bytes], bool] | None = None, count: int = SCAN_COUNT
) -> Operation[int]:
    """Delete the keys that match a pattern. Keys that are stored meanwhile may remain.

    Args:
        pattern: the glob pattern of the stored keys.
        predicate: whether to delete a stored key; all that match by default.
        count: how many keys the server examines at a time.

    Returns:
        How many keys were deleted.
    """
    cursor, deleted = b"0", 0
    matching: list[bytes] = []
    while True:
        scan = Command(
            ("SCAN", cursor, "MATCH", pattern, "COUNT", count), parse_raw, missing_reply=EMPTY_SCAN
        )
        if matching:
            unlinked, (cursor, batch) = yield [
                Command(("UNLINK", *matching), int, missing_reply=0),
                scan,
            ]
            deleted += unlinked
        else:
            [(cursor, batch)] = yield [scan]
        matching = [key for key in batch if predicate is None or predicate(key)]
        if cursor == b"0":
            break
    if matching:
        [unlinked] = yield [Command(("UNLINK", *matching), int, missing_reply=0)]
        deleted += unlinked
    return deleted


def escape_pattern(text: bytes) -> bytes:
    """Return the pattern that only matches `text`."""
    return _special.sub(rb"\\\g<0>", text)


def escape_except_star(pattern: bytes) -> bytes:
    """Escape all special characters but `*`, which is the only wildcard in the search fields."""
    return _special_but_star.sub(rb"\\\g<0>", pattern)

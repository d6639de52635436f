"""Commands on elements of a list, wherever they are in it."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.command import (
    NO_SUCH_KEY,
    Request,
    awaitable,
    blocking,
    done,
    unread,
)


class ListElements(Commands):
    """Places are numbers: 0 is the first element, -1 the last."""

    def _llen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the length of the list, 0 for no such key."""
        return Request(("LLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _lrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Request[list[Any]]:
        """Return the elements from `start` to `end`, both included; -1 is the last."""
        words = ("LRANGE", self.stored_key(key, version), start, end)
        return Request(words, self.decode_all, replica=True, absent=())

    def _lindex(self, key: Any, index: int, version: int | None = None) -> Request[Any]:
        """Return the element at `index`, None where there is none."""
        words = ("LINDEX", self.stored_key(key, version), index)
        return Request(words, self.decode_optional, replica=True)

    def _lpos(
        self,
        key: Any,
        value: Any,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
        version: int | None = None,
    ) -> Request[Any]:
        """Return where `value` is, None where it is not; with `count`, a list of so many places.

        A `rank` of 2 skips the first place, negative ones search from the end; a `count` of 0
        means all places. Only the first `maxlen` elements are looked at.
        """
        words = ("LPOS", self.stored_key(key, version), self.encode(value))
        given = options(("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen))
        none = None if count is None else ()
        read = unread if count is None else list
        return Request((*words, *given), read, replica=True, absent=none)

    def _lset(self, key: Any, index: int, value: Any, version: int | None = None) -> Request[None]:
        """Put `value` in the place of the element at `index`.

        Raise `CommandError` where there is no such key or no such place.
        """
        words = ("LSET", self.stored_key(key, version), index, self.encode(value))
        return Request(words, done, absent=NO_SUCH_KEY)

    def _linsert(
        self, key: Any, where: str, refvalue: Any, value: Any, version: int | None = None
    ) -> Request[int]:
        """Put `value` before or after the first `refvalue`; return the new length.

        `where` is "BEFORE" or "AFTER". Return -1 where there is no `refvalue`, 0 for no such key.
        """
        values = self.encode(refvalue), self.encode(value)
        return Request(("LINSERT", self.stored_key(key, version), where, *values), int, absent=0)

    def _lrem(self, key: Any, count: int, value: Any, version: int | None = None) -> Request[int]:
        """Remove up to `count` elements equal to `value`; return how many were removed.

        0 means all of them, a negative `count` begins at the end.
        """
        words = ("LREM", self.stored_key(key, version), count, self.encode(value))
        return Request(words, int, absent=0)

    def _ltrim(self, key: Any, start: int, end: int, version: int | None = None) -> Request[None]:
        """Keep only the elements from `start` to `end`, both included."""
        return Request(("LTRIM", self.stored_key(key, version), start, end), done)

    llen, allen = blocking(_llen), awaitable(_llen)
    lrange, alrange = blocking(_lrange), awaitable(_lrange)
    lindex, alindex = blocking(_lindex), awaitable(_lindex)
    lpos, alpos = blocking(_lpos), awaitable(_lpos)
    lset, alset = blocking(_lset), awaitable(_lset)
    linsert, alinsert = blocking(_linsert), awaitable(_linsert)
    lrem, alrem = blocking(_lrem), awaitable(_lrem)
    ltrim, altrim = blocking(_ltrim), awaitable(_ltrim)

"""Commands on the entries of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

from django_cachex.commands.args import as_name, flags, several_names
from django_cachex.commands.base import Commands, Name, options
from django_cachex.commands.command import Request, Word, awaitable, blocking

Entry = tuple[Name, dict[Name, Any]]
"""An id and the fields."""


class EntryReading(Commands, Generic[Name]):
    """Reading entries."""

    def plain_entry(self, reply: Sequence[Any]) -> Entry[Name]:
        """Return an entry; one that was deleted meanwhile has no fields."""
        return self.plain_name(reply[0]), self.plain_fields(reply[1] or ())

    def plain_entries(self, replies: Sequence[Any] | None) -> list[Entry[Name]]:
        """Return the entries of a reply."""
        # Redis 6.2 has None in the place of an entry that was claimed but deleted before.
        return [self.plain_entry(reply) for reply in replies or () if reply is not None]


class StreamEntries(EntryReading[Name]):
    """Adding, reading and deleting entries by id; "-" is the lowest id, "+" the highest."""

    def _xlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of entries, 0 for no such key."""
        return Request(("XLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _xadd(
        self,
        key: Any,
        fields: Mapping[Any, Any],
        id: bytes | str = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Word | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Request[Name | None]:
        """Add an entry and return its id, None where `nomkstream` is set and there is no such key.

        `maxlen`, `minid`, `approximate` and `limit` trim the stream as `xtrim` does.
        """
        trimming = trim_words(maxlen, minid, approximate, limit)
        given = (*flags(("NOMKSTREAM", nomkstream)), *trimming, as_name(id))
        words = ("XADD", self.stored_key(key, version), *given, *self.stored_fields(fields))
        return Request(words, self._optional_id)

    def _xrange(
        self,
        key: Any,
        min: bytes | str = "-",
        max: bytes | str = "+",
        count: int | None = None,
        version: int | None = None,
    ) -> Request[list[Entry[Name]]]:
        """Return the entries from id `min` to `max`, oldest first, as ``(id, fields)``.

        A ``(`` before an id leaves that id out.
        """
        return self._ranged("XRANGE", key, min, max, count, version)

    def _xrevrange(
        self,
        key: Any,
        max: bytes | str = "+",
        min: bytes | str = "-",
        count: int | None = None,
        version: int | None = None,
    ) -> Request[list[Entry[Name]]]:
        """Return the entries from id `max` down to `min`, newest first: see `xrange`."""
        return self._ranged("XREVRANGE", key, max, min, count, version)

    def _ranged(
        self, name: str, key: Any, start: Word, end: Word, count: int | None, version: Any
    ) -> Request[list[Entry[Name]]]:
        words = (name, self.stored_key(key, version), as_name(start), as_name(end))
        given = options(("COUNT", count))
        return Request((*words, *given), self.plain_entries, replica=True, absent=())

    def _xdel(self, key: Any, *ids: bytes | str, version: int | None = None) -> Request[int]:
        """Delete the entries with these ids; return how many there were."""
        words = ("XDEL", self.stored_key(key, version), *several_names(ids))
        return Request(words, int, absent=0)

    def _xtrim(
        self,
        key: Any,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Word | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Delete the oldest entries, all but `maxlen`, or those below `minid`; return how many.

        Where it may be `approximate`, some more may stay, and at most `limit` are deleted.
        """
        trimming = trim_words(maxlen, minid, approximate, limit)
        if not trimming:
            raise ValueError("Either maxlen or minid says what to delete.")
        return Request(("XTRIM", self.stored_key(key, version), *trimming), int, absent=0)

    def _optional_id(self, reply: bytes | None) -> Name | None:
        return None if reply is None else self.plain_name(reply)

    xlen, axlen = blocking(_xlen), awaitable(_xlen)
    xadd, axadd = blocking(_xadd), awaitable(_xadd)
    xrange, axrange = blocking(_xrange), awaitable(_xrange)
    xrevrange, axrevrange = blocking(_xrevrange), awaitable(_xrevrange)
    xdel, axdel = blocking(_xdel), awaitable(_xdel)
    xtrim, axtrim = blocking(_xtrim), awaitable(_xtrim)


def trim_words(
    maxlen: int | None, minid: Word | None, approximate: bool, limit: int | None
) -> tuple[Word, ...]:
    """Return the words that trim a stream, none for no limit; raise ValueError for two."""
    if maxlen is not None and minid is not None:
        raise ValueError("Only one of maxlen and minid can say what to delete.")
    kind, bound = ("MAXLEN", maxlen) if minid is None else ("MINID", as_name(minid))
    if bound is None:
        return ()
    return (kind, "~" if approximate else "=", bound, *options(("LIMIT", limit)))

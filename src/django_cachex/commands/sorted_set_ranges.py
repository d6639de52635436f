"""Commands on ranges of a sorted set: by rank, by score, or by the bytes of the members."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import as_name, flags, number
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.sorted_sets import Bound, ScoredMembers


class SortedRanges(ScoredMembers):
    """Ranges include both ends, where these do not say otherwise: "(1.5", "(b".

    By bytes, "[b" and "(b" are the ends with and without b, "-" and "+" the first and the last.
    """

    def _zrange(
        self,
        key: Any,
        start: Any,
        end: Any,
        desc: bool = False,
        withscores: bool = False,
        byscore: bool = False,
        bylex: bool = False,
        offset: int | None = None,
        num: int | None = None,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members of ranks `start` to `end`, both included, lowest score first.

        With `withscores`, a list of ``(member, score)``; with `desc`, highest score first. With
        `byscore` or `bylex`, `start` and `end` are scores or bytes, the higher one first with
        `desc`; then `num` of them, `offset` left out before, may be asked for.
        """
        words = ("ZRANGE", self.stored_key(key, version))
        chosen = range_words(start, end, desc, byscore, bylex, offset, num)
        read = self.decode_scored if withscores else self.decode_all
        given = flags(("WITHSCORES", withscores))
        return Request((*words, *chosen, *given), read, replica=True, absent=())

    def _zrevrange(
        self,
        key: Any,
        start: int,
        end: int,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members of ranks `start` to `end`, highest score first: see `zrange`."""
        return self._zrange(key, start, end, True, withscores, version=version)

    def _zrangebyscore(
        self,
        key: Any,
        min: Bound,
        max: Bound,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members with scores from `min` to `max`, lowest first: see `zrange`."""
        return self._zrange(key, min, max, False, withscores, True, False, start, num, version)

    def _zrevrangebyscore(
        self,
        key: Any,
        max: Bound,
        min: Bound,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members with scores from `max` down to `min`: see `zrange`."""
        return self._zrange(key, max, min, True, withscores, True, False, start, num, version)

    def _zrangebylex(
        self,
        key: Any,
        min: Word,
        max: Word,
        start: int | None = None,
        num: int | None = None,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members from `min` to `max` by their bytes, where all scores are equal."""
        return self._zrange(key, min, max, False, False, False, True, start, num, version)

    def _zrevrangebylex(
        self,
        key: Any,
        max: Word,
        min: Word,
        start: int | None = None,
        num: int | None = None,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members from `max` down to `min` by their bytes: see `zrangebylex`."""
        return self._zrange(key, max, min, True, False, False, True, start, num, version)

    def _zrangestore(
        self,
        dest: Any,
        key: Any,
        start: Any,
        end: Any,
        byscore: bool = False,
        bylex: bool = False,
        desc: bool = False,
        offset: int | None = None,
        num: int | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Store in `dest` the members that `zrange` returns; return how many they are."""
        keys = self.stored_keys((dest, key), version)
        chosen = range_words(start, end, desc, byscore, bylex, offset, num)
        return Request(("ZRANGESTORE", *keys, *chosen), int, absent=0)

    def _zremrangebyrank(
        self, key: Any, min: int, max: int, version: int | None = None
    ) -> Request[int]:
        """Remove the members of ranks `min` to `max`; return how many there were."""
        words = ("ZREMRANGEBYRANK", self.stored_key(key, version), min, max)
        return Request(words, int, absent=0)

    def _zremrangebyscore(
        self, key: Any, min: Bound, max: Bound, version: int | None = None
    ) -> Request[int]:
        """Remove the members with scores from `min` to `max`; return how many there were."""
        words = ("ZREMRANGEBYSCORE", self.stored_key(key, version), number(min), number(max))
        return Request(words, int, absent=0)

    def _zremrangebylex(
        self, key: Any, min: Word, max: Word, version: int | None = None
    ) -> Request[int]:
        """Remove the members from `min` to `max` by their bytes; return how many there were."""
        words = ("ZREMRANGEBYLEX", self.stored_key(key, version), as_name(min), as_name(max))
        return Request(words, int, absent=0)

    zrange, azrange = blocking(_zrange), awaitable(_zrange)
    zrevrange, azrevrange = blocking(_zrevrange), awaitable(_zrevrange)
    zrangebyscore, azrangebyscore = blocking(_zrangebyscore), awaitable(_zrangebyscore)
    zrevrangebyscore, azrevrangebyscore = blocking(_zrevrangebyscore), awaitable(_zrevrangebyscore)
    zrangebylex, azrangebylex = blocking(_zrangebylex), awaitable(_zrangebylex)
    zrevrangebylex, azrevrangebylex = blocking(_zrevrangebylex), awaitable(_zrevrangebylex)
    zrangestore, azrangestore = blocking(_zrangestore), awaitable(_zrangestore)
    zremrangebyrank, azremrangebyrank = blocking(_zremrangebyrank), awaitable(_zremrangebyrank)
    zremrangebyscore, azremrangebyscore = blocking(_zremrangebyscore), awaitable(_zremrangebyscore)
    zremrangebylex, azremrangebylex = blocking(_zremrangebylex), awaitable(_zremrangebylex)


def range_words(
    start: Any,
    end: Any,
    desc: bool,
    byscore: bool,
    bylex: bool,
    offset: int | None,
    num: int | None,
) -> tuple[Word, ...]:
    """Return the words of a range; raise ValueError for an offset without a number, or without
    scores or bytes."""
    if (offset is None) != (num is None):
        raise ValueError("A range takes an offset and a number of members together.")
    if num is not None and not (byscore or bylex):
        raise ValueError("A range of ranks takes no offset and no number of members.")
    by = flags(("BYSCORE", byscore), ("BYLEX", bylex), ("REV", desc))
    limit = () if offset is None or num is None else ("LIMIT", offset, num)
    return (number(start), number(end), *by, *limit)

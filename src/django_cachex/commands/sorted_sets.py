"""Commands on single members of a sorted set, and on how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django_cachex.commands.args import as_name, at_least_one, flags, listed, number, scanning
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    NOT_COUNTED,
    NOTHING_FOUND,
    Request,
    Word,
    awaitable,
    blocking,
    unread,
)
from django_cachex.commands.parsers import Scored, optional_float, optional_int

Bound = float | str
"""An end of a range of scores: a number, "(1.5" without it, "-inf" or "+inf"."""


class ScoredMembers(Commands):
    """Reading members with their scores."""

    def decode_scored(self, flat: Sequence[bytes]) -> Scored:
        """Return the members and scores of a reply in which they take turns."""
        return list(zip(self.decode_all(flat[::2]), map(float, flat[1::2]), strict=True))


class SortedMembers(ScoredMembers):
    """Members are the same where they are stored as the same bytes."""

    def _zcard(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of members, 0 for no such key."""
        return Request(("ZCARD", self.stored_key(key, version)), int, replica=True, absent=0)

    def _zadd(
        self,
        key: Any,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Request[Any]:
        """Give the members in `mapping` their scores; return how many were not members before.

        `nx` only adds, `xx` only changes; `gt` and `lt` change scores only upwards or downwards.
        With `ch`, return how many were added or changed. With `incr`, add to the score of the one
        member, and return the sum, None where a flag forbade it.
        """
        given = flags(("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt), ("CH", ch), ("INCR", incr))
        members, scores = self.encode_all(mapping), map(number, mapping.values())
        turns = [word for pair in zip(scores, members, strict=True) for word in pair]
        words = ("ZADD", self.stored_key(key, version), *given, *at_least_one(turns, "member"))
        if incr:
            return Request(words, optional_float, absent=NOT_COUNTED)
        return Request(words, unread, absent=0)

    def _zincrby(
        self, key: Any, amount: float, value: Any, version: int | None = None
    ) -> Request[float]:
        """Add `amount` to the score of `value`, 0 where it is no member; return the sum."""
        words = ("ZINCRBY", self.stored_key(key, version), number(amount), self.encode(value))
        return Request(words, float, absent=NOT_COUNTED)

    def _zrem(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Remove `values`; return how many were members."""
        words = ("ZREM", self.stored_key(key, version), *self.several_values(values))
        return Request(words, int, absent=0)

    def _zscore(self, key: Any, value: Any, version: int | None = None) -> Request[float | None]:
        """Return the score of `value`, None where it is no member."""
        words = ("ZSCORE", self.stored_key(key, version), self.encode(value))
        return Request(words, optional_float, replica=True)

    def _zmscore(
        self, key: Any, members: Any, version: int | None = None
    ) -> Request[list[float | None]]:
        """Return the scores of `members`, one or a list, None where there is none."""

        def read(reply: Sequence[bytes | None]) -> list[float | None]:
            return [optional_float(score) for score in reply]

        given = self.several_values(listed(members))
        words = ("ZMSCORE", self.stored_key(key, version), *given)
        return Request(words, read, replica=True, absent=[None] * len(given))

    def _zrank(
        self, key: Any, value: Any, withscore: bool = False, version: int | None = None
    ) -> Request[Any]:
        """Return the rank of `value`, 0 for the lowest score; None where it is no member.

        With `withscore`, return ``(rank, score)``; that needs Valkey or Redis 7.2.
        """
        return self._rank("ZRANK", key, value, withscore, version)

    def _zrevrank(
        self, key: Any, value: Any, withscore: bool = False, version: int | None = None
    ) -> Request[Any]:
        """Return the rank of `value`, 0 for the highest score: see `zrank`."""
        return self._rank("ZREVRANK", key, value, withscore, version)

    def _rank(self, name: str, key: Any, value: Any, withscore: bool, version: Any) -> Request[Any]:
        words = (name, self.stored_key(key, version), self.encode(value))
        if not withscore:
            return Request(words, optional_int, replica=True)

        def read(reply: tuple[int, bytes] | None) -> tuple[int, float] | None:
            return None if reply is None else (reply[0], float(reply[1]))

        return Request((*words, "WITHSCORE"), read, replica=True)

    def _zcount(self, key: Any, min: Bound, max: Bound, version: int | None = None) -> Request[int]:
        """Return how many members have a score from `min` to `max`."""
        words = ("ZCOUNT", self.stored_key(key, version), number(min), number(max))
        return Request(words, int, replica=True, absent=0)

    def _zlexcount(
        self, key: Any, min: Word, max: Word, version: int | None = None
    ) -> Request[int]:
        """Return how many members are from `min` to `max`, by their bytes: see `zrangebylex`."""
        words = ("ZLEXCOUNT", self.stored_key(key, version), as_name(min), as_name(max))
        return Request(words, int, replica=True, absent=0)

    def _zrandmember(
        self,
        key: Any,
        count: int | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[Any]:
        """Return a random member, None where there is none.

        With `count`, a list of so many, and with `withscores` of ``(member, score)``; a negative
        `count` may return a member several times. Raise ValueError for scores without `count`.
        """
        words = ("ZRANDMEMBER", self.stored_key(key, version))
        if count is None:
            if withscores:
                raise ValueError("zrandmember() returns scores only with a count.")
            return Request(words, self.decode_optional, replica=True)
        read = self.decode_scored if withscores else self.decode_all
        given = flags(("WITHSCORES", withscores))
        return Request((*words, count, *given), read, replica=True, absent=())

    def _zscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Request[tuple[int, Scored]]:
        """Return the next cursor and some members with scores; a cursor of 0 begins and ends."""

        def read(reply: tuple[bytes, list[bytes]]) -> tuple[int, Scored]:
            return int(reply[0]), self.decode_scored(reply[1])

        words = ("ZSCAN", self.stored_key(key, version), str(cursor))
        return Request((*words, *scanning(match, count)), read, absent=NOTHING_FOUND)

    zcard, azcard = blocking(_zcard), awaitable(_zcard)
    zadd, azadd = blocking(_zadd), awaitable(_zadd)
    zincrby, azincrby = blocking(_zincrby), awaitable(_zincrby)
    zrem, azrem = blocking(_zrem), awaitable(_zrem)
    zscore, azscore = blocking(_zscore), awaitable(_zscore)
    zmscore, azmscore = blocking(_zmscore), awaitable(_zmscore)
    zrank, azrank = blocking(_zrank), awaitable(_zrank)
    zrevrank, azrevrank = blocking(_zrevrank), awaitable(_zrevrank)
    zcount, azcount = blocking(_zcount), awaitable(_zcount)
    zlexcount, azlexcount = blocking(_zlexcount), awaitable(_zlexcount)
    zrandmember, azrandmember = blocking(_zrandmember), awaitable(_zrandmember)
    zscan, azscan = blocking(_zscan), awaitable(_zscan)

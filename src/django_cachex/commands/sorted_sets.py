"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django_cachex.commands.args import (
    as_name,
    at_least_one,
    counted,
    flags,
    listed,
    number,
    scanning,
)
from django_cachex.commands.base import Commands, options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import (
    NOT_COUNTED,
    NOTHING_FOUND,
    Request,
    Word,
    awaitable,
    blocking,
    unread,
)
from django_cachex.commands.parsers import Scored, optional_float, optional_int, popped_from

Bound = float | str
"""An end of a range of scores: a number, "(1.5" without it, "-inf" or "+inf"."""

Popped = tuple[Any, Scored] | None
"""A key and what was taken from it; None where nothing was."""


class SortedSets(Commands):
    """Commands of Valkey's *sorted set* group; members are decoded, scores are floats.

    Members are the same where they are stored as the same bytes. A sorted set without members is no
    key.

    Ranges include both ends, where these do not say otherwise: "(1.5", "(b". By bytes, "[b" and
    "(b" are the ends with and without b, "-" and "+" the first and the last.

    Some commands wait for a member: they hold a connection as long; a `timeout` is in seconds, 0
    means for ever.

    In unions, intersections and differences, `keys` is one key or a list; as a mapping, it says by
    what each set's scores are multiplied. Where several sets have a member, its scores are added,
    or with `aggregate` "MIN" or "MAX" the lowest or highest is taken. Sets take part, with scores
    of 1.
    """

    def decode_scored(self, flat: Sequence[bytes]) -> Scored:
        """Return the members and scores of a reply in which they take turns."""
        return list(zip(self.decode_all(flat[::2]), map(float, flat[1::2]), strict=True))

    # Single members, and how many there are.

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

    # Ranges: by rank, by score, or by the bytes of the members.

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

    # Taking the members with the lowest or the highest scores.

    def _zpopmin(
        self, key: Any, count: int | None = None, version: int | None = None
    ) -> Request[Scored]:
        """Take the member with the lowest score, or `count` of them; return them with scores."""
        return self._pop_scored("ZPOPMIN", key, count, version)

    def _zpopmax(
        self, key: Any, count: int | None = None, version: int | None = None
    ) -> Request[Scored]:
        """Take the member with the highest score, or `count` of them; return them with scores."""
        return self._pop_scored("ZPOPMAX", key, count, version)

    def _pop_scored(self, name: str, key: Any, count: int | None, version: Any) -> Request[Scored]:
        more = () if count is None else (count,)
        return Request((name, self.stored_key(key, version), *more), self.decode_scored, absent=())

    def _zmpop(
        self,
        num_keys: int,
        keys: Any,
        min: bool = False,
        max: bool = False,
        count: int = 1,
        version: int | None = None,
    ) -> Request[Popped]:
        """Take up to `count` members, of lowest or highest scores, from the first set with any.

        Return its key and the members with scores, None where all are empty. Either `min` or `max`
        is to be set; `num_keys` is how many `keys` there are.
        """
        stored, read = self._first_of(num_keys, keys, version)
        words = ("ZMPOP", num_keys, *stored, end_word(min, max), *options(("COUNT", count)))
        return Request(words, read)

    def _bzmpop(
        self,
        timeout: float,
        numkeys: int,
        keys: Any,
        min: bool = False,
        max: bool = False,
        count: int = 1,
        version: int | None = None,
    ) -> Request[Popped]:
        """Do what `zmpop` does, as soon as there is a member; return None in vain."""
        stored, read = self._first_of(numkeys, keys, version)
        words = ("BZMPOP", number(timeout), numkeys, *stored, end_word(min, max))
        return Waiting((*words, *options(("COUNT", count))), read, timeout)

    def _first_of(self, numkeys: int, keys: Any, version: Any) -> tuple[list[Word], Any]:
        given = counted(numkeys, listed(keys))
        stored = self.several_keys(given, version)

        def scored(reply: Sequence[Sequence[bytes]]) -> Scored:
            return [(self.decode(member), float(score)) for member, score in reply]

        return stored, popped_from(dict(zip(stored, given, strict=True)), scored)

    def _bzpopmin(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Request[tuple[Any, Any, float] | None]:
        """Wait for a member of lowest score in any of `keys`, one or a list.

        Return its key, itself and its score, None in vain.
        """
        return self._wait_for("BZPOPMIN", keys, timeout, version)

    def _bzpopmax(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Request[tuple[Any, Any, float] | None]:
        """Wait for a member of highest score in any of `keys`: see `bzpopmin`."""
        return self._wait_for("BZPOPMAX", keys, timeout, version)

    def _wait_for(
        self, name: str, keys: Any, timeout: float, version: Any
    ) -> Request[tuple[Any, Any, float] | None]:
        given = listed(keys)
        stored = self.several_keys(given, version)
        by_name = dict(zip(stored, given, strict=True))

        def read(reply: Sequence[bytes] | None) -> tuple[Any, Any, float] | None:
            if reply is None:
                return None
            key, member, score = reply
            return by_name[key], self.decode(member), float(score)

        return Waiting((name, *stored, number(timeout)), read, timeout)

    zpopmin, azpopmin = blocking(_zpopmin), awaitable(_zpopmin)
    zpopmax, azpopmax = blocking(_zpopmax), awaitable(_zpopmax)
    zmpop, azmpop = blocking(_zmpop), awaitable(_zmpop)
    bzmpop, abzmpop = blocking(_bzmpop), awaitable(_bzmpop)
    bzpopmin, abzpopmin = blocking(_bzpopmin), awaitable(_bzpopmin)
    bzpopmax, abzpopmax = blocking(_bzpopmax), awaitable(_bzpopmax)

    # Several sorted sets at once.

    def _zunion(
        self,
        keys: Any,
        aggregate: str | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return what is a member of any; with `withscores`, a list of ``(member, score)``."""
        return self._computed("ZUNION", keys, aggregate, withscores, version)

    def _zinter(
        self,
        keys: Any,
        aggregate: str | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return what is a member of all; with `withscores`, a list of ``(member, score)``."""
        return self._computed("ZINTER", keys, aggregate, withscores, version)

    def _zdiff(
        self, keys: Any, withscores: bool = False, version: int | None = None
    ) -> Request[list[Any]]:
        """Return what is a member of the first, and of none of the others, lowest score first."""
        return self._computed("ZDIFF", keys, None, withscores, version)

    def _zunionstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` what `zunion` returns; return how many members that has."""
        return self._stored_in("ZUNIONSTORE", dest, keys, aggregate, version)

    def _zinterstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` what `zinter` returns; return how many members that has."""
        return self._stored_in("ZINTERSTORE", dest, keys, aggregate, version)

    def _zdiffstore(self, dest: Any, keys: Any, version: int | None = None) -> Request[int]:
        """Store in `dest` what `zdiff` returns; return how many members that has."""
        return self._stored_in("ZDIFFSTORE", dest, keys, None, version)

    def _zintercard(
        self, numkeys: int, keys: Any, limit: int = 0, version: int | None = None
    ) -> Request[int]:
        """Return how many members `zinter` would return, counting up to `limit`; 0 counts all.

        `numkeys` is how many `keys` there are.
        """
        stored = self.several_keys(counted(numkeys, listed(keys)), version)
        words = ("ZINTERCARD", numkeys, *stored, "LIMIT", limit)
        return Request(words, int, replica=True, absent=0)

    def _computed(
        self, name: str, keys: Any, aggregate: str | None, withscores: bool, version: Any
    ) -> Request[list[Any]]:
        words = (
            name,
            *self._operands(keys, aggregate, version),
            *flags(("WITHSCORES", withscores)),
        )
        read = self.decode_scored if withscores else self.decode_all
        return Request(words, read, replica=True, absent=())

    def _stored_in(
        self, name: str, dest: Any, keys: Any, aggregate: str | None, version: Any
    ) -> Request[int]:
        operands = self._operands(keys, aggregate, version)
        return Request((name, self.stored_key(dest, version), *operands), int, absent=0)

    def _operands(self, keys: Any, aggregate: str | None, version: Any) -> tuple[Word, ...]:
        given = list(keys) if isinstance(keys, Mapping) else listed(keys)
        stored = self.several_keys(given, version)
        weights: tuple[Word, ...] = ()
        if isinstance(keys, Mapping):
            weights = ("WEIGHTS", *map(number, keys.values()))
        return (len(stored), *stored, *weights, *options(("AGGREGATE", aggregate)))

    zunion, azunion = blocking(_zunion), awaitable(_zunion)
    zinter, azinter = blocking(_zinter), awaitable(_zinter)
    zdiff, azdiff = blocking(_zdiff), awaitable(_zdiff)
    zunionstore, azunionstore = blocking(_zunionstore), awaitable(_zunionstore)
    zinterstore, azinterstore = blocking(_zinterstore), awaitable(_zinterstore)
    zdiffstore, azdiffstore = blocking(_zdiffstore), awaitable(_zdiffstore)
    zintercard, azintercard = blocking(_zintercard), awaitable(_zintercard)


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


def end_word(min: bool, max: bool) -> Word:
    """Return which end is meant; raise ValueError where not exactly one is."""
    if min == max:
        raise ValueError("Either min or max is to be True.")
    return "MIN" if min else "MAX"

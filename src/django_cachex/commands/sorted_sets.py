"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django_cachex.commands.args import (
    BlockingCommand,
    check_numkeys,
    encode_name,
    encode_score,
    flag_args,
    list_or_args,
    option_args,
    require_nonempty,
    scan_args,
)
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    COUNTER_UNAVAILABLE,
    EMPTY_SCAN,
    Command,
    EncodableArg,
    ScoredMembers,
    async_method,
    parse_optional_float,
    parse_optional_int,
    parse_pop,
    parse_raw,
    sync_method,
)

ScoreBound = float | str
"""The end of a range of scores: a number, "(1.5" to exclude it, "-inf" or "+inf" for no limit."""

PopResult = tuple[Any, ScoredMembers] | None
"""A key and the members and scores that were removed; None if all sorted sets are empty."""


class SortedSetCommands(Commands):
    """The commands of Valkey's *sorted set* group.

    Members are encoded and decoded like the values of `set` and `get`, and scores are floats. Two
    members are the same if their stored bytes are. A sorted set is deleted with its last member.
    Commands that wait for a member occupy a connection while they wait.
    """

    def _decode_scored(self, flat: Sequence[bytes]) -> ScoredMembers:
        """Return the pairs of a flat reply of members and scores."""
        return list(zip(self._decode_all(flat[::2]), map(float, flat[1::2]), strict=True))

    # Members and their number.

    def _zcard(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of members of a sorted set.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            The number of members; 0 if the key doesn't exist.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zcard/
        """
        return Command(
            ("ZCARD", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

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
    ) -> Command[Any]:
        """Add members to a sorted set, or change their scores.

        Args:
            mapping: the members and their scores.
            nx: only add members; don't change scores.
            xx: only change scores; don't add members.
            ch: also count the members whose scores changed.
            incr: add to the score of the member, of which there may be only one, and return the
                score.
            gt: change a score only if the new one is higher.
            lt: change a score only if the new one is lower.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many members were added; with `ch`, how many were added or changed; with `incr`, the
            score, or None if a condition wasn't met.

        Raises:
            CommandError: the conditions exclude each other.
            ValueError: `mapping` is empty.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zadd/
        """
        flags = flag_args(
            ("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt), ("CH", ch), ("INCR", incr)
        )
        members, scores = self._encode_all(mapping), map(encode_score, mapping.values())
        pairs = [arg for pair in zip(scores, members, strict=True) for arg in pair]
        args = ("ZADD", self._stored_key(key, version), *flags, *require_nonempty(pairs, "member"))
        if incr:
            return Command(args, parse_optional_float, missing_reply=COUNTER_UNAVAILABLE)
        return Command(args, parse_raw, missing_reply=0)

    def _zincrby(
        self, key: Any, amount: float, value: Any, version: int | None = None
    ) -> Command[float]:
        """Add to the score of a member, which is added if it is missing.

        Args:
            amount: the number to add; it may be negative.
            value: the member.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The new score.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zincrby/
        """
        args = (
            "ZINCRBY",
            self._stored_key(key, version),
            encode_score(amount),
            self._encode(value),
        )
        return Command(args, float, missing_reply=COUNTER_UNAVAILABLE)

    def _zrem(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Remove members from a sorted set.

        Args:
            *values: the members.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many were members.

        Raises:
            ValueError: no member is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrem/
        """
        args = ("ZREM", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _zscore(self, key: Any, value: Any, version: int | None = None) -> Command[float | None]:
        """Return the score of a member.

        Args:
            value: the member.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The score; None if it isn't a member.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zscore/
        """
        args = ("ZSCORE", self._stored_key(key, version), self._encode(value))
        return Command(args, parse_optional_float, readonly=True)

    def _zmscore(
        self, key: Any, members: Any, version: int | None = None
    ) -> Command[list[float | None]]:
        """Return the scores of several members.

        Args:
            members: a member, or a list of members.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of scores, with None for values that aren't members.

        Raises:
            ValueError: no member is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zmscore/
        """

        def parse(reply: Sequence[bytes | None]) -> list[float | None]:
            return [parse_optional_float(score) for score in reply]

        encoded = self._encode_values(list_or_args(members))
        args = ("ZMSCORE", self._stored_key(key, version), *encoded)
        return Command(args, parse, readonly=True, missing_reply=[None] * len(encoded))

    def _zrank(
        self, key: Any, value: Any, withscore: bool = False, version: int | None = None
    ) -> Command[Any]:
        """Return the rank of a member, counted from the lowest score.

        Args:
            value: the member.
            withscore: also return the score; requires Valkey, or Redis 7.2 or later.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The rank, which is 0 for the lowest score; None if it isn't a member. With `withscore`,
            the rank and the score.

        Raises:
            NotSupportedError: `withscore` is set, and the server is older than Redis 7.2.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrank/
        """
        return self._rank("ZRANK", key, value, withscore, version)

    def _zrevrank(
        self, key: Any, value: Any, withscore: bool = False, version: int | None = None
    ) -> Command[Any]:
        """Return the rank of a member, counted from the highest score.

        Args:
            value: the member.
            withscore: also return the score; requires Valkey, or Redis 7.2 or later.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The rank, which is 0 for the highest score; None if it isn't a member. With `withscore`,
            the rank and the score.

        Raises:
            NotSupportedError: `withscore` is set, and the server is older than Redis 7.2.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrevrank/
        """
        return self._rank("ZREVRANK", key, value, withscore, version)

    def _rank(self, name: str, key: Any, value: Any, withscore: bool, version: Any) -> Command[Any]:
        args = (name, self._stored_key(key, version), self._encode(value))
        if not withscore:
            return Command(args, parse_optional_int, readonly=True)

        def parse(reply: tuple[int, bytes] | None) -> tuple[int, float] | None:
            return None if reply is None else (reply[0], float(reply[1]))

        return Command((*args, "WITHSCORE"), parse, readonly=True)

    def _zcount(
        self, key: Any, min: ScoreBound, max: ScoreBound, version: int | None = None
    ) -> Command[int]:
        """Count the members with scores in a range.

        Args:
            min, max: the ends of the range, which are included: numbers; "(1.5" excludes the end,
                and "-inf" and "+inf" mean no limit.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The number of members.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zcount/
        """
        args = ("ZCOUNT", self._stored_key(key, version), encode_score(min), encode_score(max))
        return Command(args, int, readonly=True, missing_reply=0)

    def _zlexcount(
        self, key: Any, min: EncodableArg, max: EncodableArg, version: int | None = None
    ) -> Command[int]:
        """Count the members in a range of bytes.

        Args:
            min, max: the ends of the range: "[a" includes the end, "(a" excludes it, and "-" and
                "+" mean no limit. Stored bytes are compared, which is useful if all scores are
                equal.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The number of members.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zlexcount/
        """
        args = ("ZLEXCOUNT", self._stored_key(key, version), encode_name(min), encode_name(max))
        return Command(args, int, readonly=True, missing_reply=0)

    def _zrandmember(
        self,
        key: Any,
        count: int | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Command[Any]:
        """Return random members of a sorted set.

        Args:
            count: return a list of up to so many members; if it is negative, a member may be
                repeated.
            withscores: return pairs of members and scores; requires `count`.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The member, or None if there is none. With `count`, a list.

        Raises:
            ValueError: `withscores` is set without `count`.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrandmember/
        """
        args = ("ZRANDMEMBER", self._stored_key(key, version))
        if count is None:
            if withscores:
                raise ValueError("zrandmember() only returns scores with a count.")
            return Command(args, self._decode_optional, readonly=True)
        parse = self._decode_scored if withscores else self._decode_all
        flags = flag_args(("WITHSCORES", withscores))
        return Command((*args, count, *flags), parse, readonly=True, missing_reply=())

    def _zscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Command[tuple[int, ScoredMembers]]:
        """Return a batch of members of a sorted set and their scores.

        Start with a cursor of 0, and pass the cursor of each result to the next call. A batch may
        be empty.

        Args:
            cursor: where to continue; 0 to start.
            match: a glob pattern that the stored bytes of the members must match.
            count: about how many the server examines; 10 by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The next cursor, which is 0 at the end, and a list of pairs.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zscan/
        """

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, ScoredMembers]:
            return int(reply[0]), self._decode_scored(reply[1])

        args = ("ZSCAN", self._stored_key(key, version), str(cursor))
        return Command((*args, *scan_args(match, count)), parse, missing_reply=EMPTY_SCAN)

    zcard, azcard = sync_method(_zcard), async_method(_zcard)
    zadd, azadd = sync_method(_zadd), async_method(_zadd)
    zincrby, azincrby = sync_method(_zincrby), async_method(_zincrby)
    zrem, azrem = sync_method(_zrem), async_method(_zrem)
    zscore, azscore = sync_method(_zscore), async_method(_zscore)
    zmscore, azmscore = sync_method(_zmscore), async_method(_zmscore)
    zrank, azrank = sync_method(_zrank), async_method(_zrank)
    zrevrank, azrevrank = sync_method(_zrevrank), async_method(_zrevrank)
    zcount, azcount = sync_method(_zcount), async_method(_zcount)
    zlexcount, azlexcount = sync_method(_zlexcount), async_method(_zlexcount)
    zrandmember, azrandmember = sync_method(_zrandmember), async_method(_zrandmember)
    zscan, azscan = sync_method(_zscan), async_method(_zscan)

    # Ranges of ranks, of scores, and of the bytes of members.

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
    ) -> Command[list[Any]]:
        """Return the members in a range of ranks, scores or bytes.

        Args:
            start, end: the ends of the range, which are included: ranks, of which 0 is the first
                and -1 the last; with `byscore`, scores as for `zcount`; with `bylex`, bytes as for
                `zlexcount`. With `desc`, the higher end comes first.
            desc: return the highest score first.
            withscores: return pairs of members and scores.
            byscore: the range is one of scores.
            bylex: the range is one of bytes.
            offset, num: skip the first `offset` members of the range, and return up to `num`; only
                for ranges of scores or bytes.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of members, or of members and scores.

        Raises:
            ValueError: one of `offset` and `num` is missing, or they are given for a range of
                ranks.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrange/
        """
        args = ("ZRANGE", self._stored_key(key, version))
        range_args = zrange_args(start, end, desc, byscore, bylex, offset, num)
        parse = self._decode_scored if withscores else self._decode_all
        flags = flag_args(("WITHSCORES", withscores))
        return Command((*args, *range_args, *flags), parse, readonly=True, missing_reply=())

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
    ) -> Command[int]:
        """Store the members in a range of ranks, scores or bytes.

        Args:
            dest: the key of the result, which is replaced.
            key: the sorted set.
            start, end: the ends of the range, as for `zrange`.
            byscore: the range is one of scores.
            bylex: the range is one of bytes.
            desc: the range begins with the highest score.
            offset, num: skip the first `offset` members of the range, and return up to `num`; only
                for ranges of scores or bytes.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The number of members of the result.

        Raises:
            ValueError: one of `offset` and `num` is missing, or they are given for a range of
                ranks.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zrangestore/
        """
        keys = self._stored_keys((dest, key), version)
        range_args = zrange_args(start, end, desc, byscore, bylex, offset, num)
        return Command(("ZRANGESTORE", *keys, *range_args), int, missing_reply=0)

    def _zremrangebyrank(
        self, key: Any, min: int, max: int, version: int | None = None
    ) -> Command[int]:
        """Remove the members in a range of ranks.

        Args:
            min, max: the ranks of the first and the last member, counted from the lowest score; -1
                is the last.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many were removed.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zremrangebyrank/
        """
        args = ("ZREMRANGEBYRANK", self._stored_key(key, version), min, max)
        return Command(args, int, missing_reply=0)

    def _zremrangebyscore(
        self, key: Any, min: ScoreBound, max: ScoreBound, version: int | None = None
    ) -> Command[int]:
        """Remove the members with scores in a range.

        Args:
            min, max: the ends of the range, which are included: numbers; "(1.5" excludes the end,
                and "-inf" and "+inf" mean no limit.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many were removed.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zremrangebyscore/
        """
        args = (
            "ZREMRANGEBYSCORE",
            self._stored_key(key, version),
            encode_score(min),
            encode_score(max),
        )
        return Command(args, int, missing_reply=0)

    def _zremrangebylex(
        self, key: Any, min: EncodableArg, max: EncodableArg, version: int | None = None
    ) -> Command[int]:
        """Remove the members in a range of bytes.

        Args:
            min, max: the ends of the range: "[a" includes the end, "(a" excludes it, and "-" and
                "+" mean no limit. Stored bytes are compared, which is useful if all scores are
                equal.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many were removed.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zremrangebylex/
        """
        args = (
            "ZREMRANGEBYLEX",
            self._stored_key(key, version),
            encode_name(min),
            encode_name(max),
        )
        return Command(args, int, missing_reply=0)

    zrange, azrange = sync_method(_zrange), async_method(_zrange)
    zrangestore, azrangestore = sync_method(_zrangestore), async_method(_zrangestore)
    zremrangebyrank, azremrangebyrank = (
        sync_method(_zremrangebyrank),
        async_method(_zremrangebyrank),
    )
    zremrangebyscore, azremrangebyscore = (
        sync_method(_zremrangebyscore),
        async_method(_zremrangebyscore),
    )
    zremrangebylex, azremrangebylex = sync_method(_zremrangebylex), async_method(_zremrangebylex)

    # Removing the members with the lowest or the highest scores.

    def _zpopmin(
        self, key: Any, count: int | None = None, version: int | None = None
    ) -> Command[ScoredMembers]:
        """Remove the members with the lowest scores.

        Args:
            count: how many to remove; one by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of members and scores, lowest score first.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zpopmin/
        """
        return self._pop_scored("ZPOPMIN", key, count, version)

    def _zpopmax(
        self, key: Any, count: int | None = None, version: int | None = None
    ) -> Command[ScoredMembers]:
        """Remove the members with the highest scores.

        Args:
            count: how many to remove; one by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of members and scores, highest score first.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/zpopmax/
        """
        return self._pop_scored("ZPOPMAX", key, count, version)

    def _pop_scored(
        self, name: str, key: Any, count: int | None, version: Any
    ) -> Command[ScoredMembers]:
        count_args = () if count is None else (count,)
        return Command(
            (name, self._stored_key(key, version), *count_args),
            self._decode_scored,
            missing_reply=(),
        )

    def _zmpop(
        self,
        num_keys: int,
        keys: Any,
        min: bool = False,
        max: bool = False,
        count: int = 1,
        version: int | None = None,
    ) -> Command[PopResult]:
        """Remove members from the first sorted set that has any.

        Requires Valkey, or Redis 7.0 or later.

        Args:
            num_keys: how many keys there are.
            keys: the keys of the sorted sets, as a list.
            min: remove the members with the lowest scores.
            max: remove the members with the highest scores.
            count: how many members to remove at most.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The key and a list of members and scores; None if all are empty.

        Raises:
            ValueError: the number of keys is wrong, or not exactly one of `min` and `max` is set.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zmpop/
        """
        stored, parse = self._mpop_args(num_keys, keys, version)
        args = ("ZMPOP", num_keys, *stored, min_max_arg(min, max), *option_args(("COUNT", count)))
        return Command(args, parse)

    def _bzmpop(
        self,
        timeout: float,
        numkeys: int,
        keys: Any,
        min: bool = False,
        max: bool = False,
        count: int = 1,
        version: int | None = None,
    ) -> Command[PopResult]:
        """Remove members from the first sorted set that has any; if none has, wait for one.

        Requires Valkey, or Redis 7.0 or later.

        Args:
            timeout: how many seconds to wait; 0 waits forever.
            numkeys: how many keys there are.
            keys: the keys of the sorted sets, as a list.
            min: remove the members with the lowest scores.
            max: remove the members with the highest scores.
            count: how many members to remove at most.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The key and a list of members and scores; None after the timeout.

        Raises:
            ValueError: the number of keys is wrong, or not exactly one of `min` and `max` is set.
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/bzmpop/
        """
        stored, parse = self._mpop_args(numkeys, keys, version)
        args = ("BZMPOP", encode_score(timeout), numkeys, *stored, min_max_arg(min, max))
        return BlockingCommand((*args, *option_args(("COUNT", count))), parse, timeout)

    def _mpop_args(self, numkeys: int, keys: Any, version: Any) -> tuple[list[EncodableArg], Any]:
        key_list = check_numkeys(numkeys, list_or_args(keys))
        stored = self._encode_keys(key_list, version)

        def parse_members(reply: Sequence[Sequence[bytes]]) -> ScoredMembers:
            return [(self._decode(member), float(score)) for member, score in reply]

        return stored, parse_pop(dict(zip(stored, key_list, strict=True)), parse_members)

    def _bzpopmin(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any, float] | None]:
        """Remove the member with the lowest score; if there is none, wait for one.

        Args:
            keys: a key, or a list of keys, of which the first one with a member is used.
            timeout: how many seconds to wait; 0 waits forever.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The key, the member and its score; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/bzpopmin/
        """
        return self._bzpop("BZPOPMIN", keys, timeout, version)

    def _bzpopmax(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any, float] | None]:
        """Remove the member with the highest score; if there is none, wait for one.

        Args:
            keys: a key, or a list of keys, of which the first one with a member is used.
            timeout: how many seconds to wait; 0 waits forever.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The key, the member and its score; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/bzpopmax/
        """
        return self._bzpop("BZPOPMAX", keys, timeout, version)

    def _bzpop(
        self, name: str, keys: Any, timeout: float, version: Any
    ) -> Command[tuple[Any, Any, float] | None]:
        key_list = list_or_args(keys)
        stored = self._encode_keys(key_list, version)
        by_stored_key = dict(zip(stored, key_list, strict=True))

        def parse(reply: Sequence[bytes] | None) -> tuple[Any, Any, float] | None:
            if reply is None:
                return None
            key, member, score = reply
            return by_stored_key[key], self._decode(member), float(score)

        return BlockingCommand((name, *stored, encode_score(timeout)), parse, timeout)

    zpopmin, azpopmin = sync_method(_zpopmin), async_method(_zpopmin)
    zpopmax, azpopmax = sync_method(_zpopmax), async_method(_zpopmax)
    zmpop, azmpop = sync_method(_zmpop), async_method(_zmpop)
    bzmpop, abzmpop = sync_method(_bzmpop), async_method(_bzmpop)
    bzpopmin, abzpopmin = sync_method(_bzpopmin), async_method(_bzpopmin)
    bzpopmax, abzpopmax = sync_method(_bzpopmax), async_method(_bzpopmax)

    # Several sorted sets.

    def _zunion(
        self,
        keys: Any,
        aggregate: str | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Command[list[Any]]:
        """Return the members of any of the sorted sets. The lowest score comes first.

        Args:
            keys: a key, a list of keys, or a mapping of keys to weights that multiply the scores.
                Sets count as sorted sets with scores of 1.
            aggregate: the score of a member that several sets have: "SUM" by default, "MIN" or
                "MAX".
            withscores: return pairs of members and scores.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A list of members, or of members and scores.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zunion/
        """
        return self._combine("ZUNION", keys, aggregate, withscores, version)

    def _zinter(
        self,
        keys: Any,
        aggregate: str | None = None,
        withscores: bool = False,
        version: int | None = None,
    ) -> Command[list[Any]]:
        """Return the members that all sorted sets have in common. The lowest score comes first.

        Args:
            keys: a key, a list of keys, or a mapping of keys to weights that multiply the scores.
                Sets count as sorted sets with scores of 1.
            aggregate: the score of a member that several sets have: "SUM" by default, "MIN" or
                "MAX".
            withscores: return pairs of members and scores.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A list of members, or of members and scores.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zinter/
        """
        return self._combine("ZINTER", keys, aggregate, withscores, version)

    def _zdiff(
        self, keys: Any, withscores: bool = False, version: int | None = None
    ) -> Command[list[Any]]:
        """Return the members of the first sorted set that none of the others has.

        The lowest score comes first.

        Args:
            keys: a key, or a list of keys. Sets count as sorted sets with scores of 1.
            withscores: return pairs of members and scores.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A list of members, or of members and scores.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zdiff/
        """
        return self._combine("ZDIFF", keys, None, withscores, version)

    def _zunionstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Command[int]:
        """Store the members of any of the sorted sets.

        Args:
            dest: the key of the result, which is replaced.
            keys: a key, a list of keys, or a mapping of keys to weights that multiply the scores.
                Sets count as sorted sets with scores of 1.
            aggregate: the score of a member that several sets have: "SUM" by default, "MIN" or
                "MAX".
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The number of members of the result.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zunionstore/
        """
        return self._combine_and_store("ZUNIONSTORE", dest, keys, aggregate, version)

    def _zinterstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Command[int]:
        """Store the members that all sorted sets have in common.

        Args:
            dest: the key of the result, which is replaced.
            keys: a key, a list of keys, or a mapping of keys to weights that multiply the scores.
                Sets count as sorted sets with scores of 1.
            aggregate: the score of a member that several sets have: "SUM" by default, "MIN" or
                "MAX".
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The number of members of the result.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zinterstore/
        """
        return self._combine_and_store("ZINTERSTORE", dest, keys, aggregate, version)

    def _zdiffstore(self, dest: Any, keys: Any, version: int | None = None) -> Command[int]:
        """Store the members of the first sorted set that are in none of the others.

        Args:
            dest: the key of the result, which is replaced.
            keys: a key, or a list of keys. Sets count as sorted sets with scores of 1.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The number of members of the result.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zdiffstore/
        """
        return self._combine_and_store("ZDIFFSTORE", dest, keys, None, version)

    def _zintercard(
        self, numkeys: int, keys: Any, limit: int = 0, version: int | None = None
    ) -> Command[int]:
        """Count the members that all sorted sets have in common.

        Requires Valkey, or Redis 7.0 or later.

        Args:
            numkeys: how many keys there are.
            keys: a list of keys.
            limit: stop counting at this number; 0 counts all.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The number of members.

        Raises:
            ValueError: the number of keys is wrong.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/zintercard/
        """
        stored = self._encode_keys(check_numkeys(numkeys, list_or_args(keys)), version)
        args = ("ZINTERCARD", numkeys, *stored, "LIMIT", limit)
        return Command(args, int, readonly=True, missing_reply=0)

    def _combine(
        self, name: str, keys: Any, aggregate: str | None, withscores: bool, version: Any
    ) -> Command[list[Any]]:
        args = (
            name,
            *self._operands(keys, aggregate, version),
            *flag_args(("WITHSCORES", withscores)),
        )
        parse = self._decode_scored if withscores else self._decode_all
        return Command(args, parse, readonly=True, missing_reply=())

    def _combine_and_store(
        self, name: str, dest: Any, keys: Any, aggregate: str | None, version: Any
    ) -> Command[int]:
        operands = self._operands(keys, aggregate, version)
        return Command((name, self._stored_key(dest, version), *operands), int, missing_reply=0)

    def _operands(self, keys: Any, aggregate: str | None, version: Any) -> tuple[EncodableArg, ...]:
        key_list = list(keys) if isinstance(keys, Mapping) else list_or_args(keys)
        stored = self._encode_keys(key_list, version)
        weights: tuple[EncodableArg, ...] = ()
        if isinstance(keys, Mapping):
            weights = ("WEIGHTS", *map(encode_score, keys.values()))
        return (len(stored), *stored, *weights, *option_args(("AGGREGATE", aggregate)))

    zunion, azunion = sync_method(_zunion), async_method(_zunion)
    zinter, azinter = sync_method(_zinter), async_method(_zinter)
    zdiff, azdiff = sync_method(_zdiff), async_method(_zdiff)
    zunionstore, azunionstore = sync_method(_zunionstore), async_method(_zunionstore)
    zinterstore, azinterstore = sync_method(_zinterstore), async_method(_zinterstore)
    zdiffstore, azdiffstore = sync_method(_zdiffstore), async_method(_zdiffstore)
    zintercard, azintercard = sync_method(_zintercard), async_method(_zintercard)


def zrange_args(
    start: Any,
    end: Any,
    desc: bool,
    byscore: bool,
    bylex: bool,
    offset: int | None,
    num: int | None,
) -> tuple[EncodableArg, ...]:
    """Return the arguments of a range.

    Raises:
        ValueError: one of `offset` and `num` is missing, or they are given for a range of ranks.
    """
    if (offset is None) != (num is None):
        raise ValueError("An offset and a number of members must be given together.")
    if num is not None and not (byscore or bylex):
        raise ValueError("A range of ranks can't have an offset and a number of members.")
    by = flag_args(("BYSCORE", byscore), ("BYLEX", bylex), ("REV", desc))
    limit = () if offset is None or num is None else ("LIMIT", offset, num)
    return (encode_score(start), encode_score(end), *by, *limit)


def min_max_arg(min: bool, max: bool) -> EncodableArg:
    """Return "MIN" or "MAX"; raise ValueError unless exactly one of them is set."""
    if min == max:
        raise ValueError("Set exactly one of min and max.")
    return "MIN" if min else "MAX"

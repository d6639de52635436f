"""Commands on ranges of sorted sets, and on the members with the lowest or highest scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.commands.args import (
    BlockingCommand,
    check_numkeys,
    encode_name,
    encode_score,
    flag_args,
    list_or_args,
    option_args,
)
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    ScoredMembers,
    async_method,
    parse_pop,
    sync_method,
)

ScoreBound = float | str
"""The end of a range of scores: a number, "(1.5" to exclude it, "-inf" or "+inf" for no limit."""

PopResult = tuple[Any, ScoredMembers] | None
"""A key and the members and scores that were removed; None if all sorted sets are empty."""


class SortedSetRangeCommands(Commands):
    """The commands of Valkey's *sorted set* group that select members by their order.

    See `SortedSetCommands` about members and scores, and the errors of all commands. Commands that
    wait for a member occupy a connection while they wait.
    """

    # Ranges of ranks, of scores, and of the bytes of members.

    def _zcount(
        self, key: Any, min: ScoreBound, max: ScoreBound, version: int | None = None
    ) -> Command[int]:
        """Count the members with scores in a range.

        Args:
            min, max: the ends of the range, which are included: numbers; "(1.5" excludes the end,
                and "-inf" and "+inf" mean no limit.

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

        See https://valkey.io/commands/zlexcount/
        """
        args = ("ZLEXCOUNT", self._stored_key(key, version), encode_name(min), encode_name(max))
        return Command(args, int, readonly=True, missing_reply=0)

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

        Raises:
            ValueError: one of `offset` and `num` is missing, or they are given for a range of
                ranks.

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

        Returns:
            The number of members of the result.

        Raises:
            ValueError: one of `offset` and `num` is missing, or they are given for a range of
                ranks.

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

        Returns:
            How many were removed.

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

        Returns:
            How many were removed.

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

        Returns:
            How many were removed.

        See https://valkey.io/commands/zremrangebylex/
        """
        args = (
            "ZREMRANGEBYLEX",
            self._stored_key(key, version),
            encode_name(min),
            encode_name(max),
        )
        return Command(args, int, missing_reply=0)

    zcount, azcount = sync_method(_zcount), async_method(_zcount)
    zlexcount, azlexcount = sync_method(_zlexcount), async_method(_zlexcount)
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

        Returns:
            A list of members and scores, lowest score first.

        See https://valkey.io/commands/zpopmin/
        """
        return self._pop_scored("ZPOPMIN", key, count, version)

    def _zpopmax(
        self, key: Any, count: int | None = None, version: int | None = None
    ) -> Command[ScoredMembers]:
        """Remove the members with the highest scores.

        Args:
            count: how many to remove; one by default.

        Returns:
            A list of members and scores, highest score first.

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

        Returns:
            The key and a list of members and scores; None if all are empty.

        Raises:
            ValueError: the number of keys is wrong, or not exactly one of `min` and `max` is set.

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

        Returns:
            The key and a list of members and scores; None after the timeout.

        Raises:
            ValueError: the number of keys is wrong, or not exactly one of `min` and `max` is set.
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.

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

        Returns:
            The key, the member and its score; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.

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

        Returns:
            The key, the member and its score; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.

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

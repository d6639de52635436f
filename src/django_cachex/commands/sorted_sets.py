"""Commands on sorted sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django_cachex.commands.args import (
    check_numkeys,
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
    parse_raw,
    sync_method,
)


class SortedSetCommands(Commands):
    """The commands of Valkey's *sorted set* group.

    Members are encoded and decoded like the values of `set` and `get`, and scores are floats. Two
    members are the same if their stored bytes are. A sorted set is deleted with its last member.

    Methods raise `WrongTypeError` if a key has another type, and `CrossSlotError` if keys are in
    different slots of a cluster.
    """

    # Members and their number.

    def _zcard(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of members of a sorted set; 0 if the key doesn't exist.

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

        Returns:
            How many members were added; with `ch`, how many were added or changed; with `incr`, the
            score, or None if a condition wasn't met.

        Raises:
            CommandError: the conditions exclude each other.
            ValueError: `mapping` is empty.

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

        Returns:
            The new score.

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

        Returns:
            How many were members.

        Raises:
            ValueError: no member is given.

        See https://valkey.io/commands/zrem/
        """
        args = ("ZREM", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _zscore(self, key: Any, value: Any, version: int | None = None) -> Command[float | None]:
        """Return the score of a member.

        Args:
            value: the member.

        Returns:
            The score; None if it isn't a member.

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

        Returns:
            A list of scores, with None for values that aren't members.

        Raises:
            ValueError: no member is given.

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

        Returns:
            The rank, which is 0 for the lowest score; None if it isn't a member. With `withscore`,
            the rank and the score.

        Raises:
            NotSupportedError: `withscore` is set, and the server is older than Redis 7.2.

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

        Returns:
            The rank, which is 0 for the highest score; None if it isn't a member. With `withscore`,
            the rank and the score.

        Raises:
            NotSupportedError: `withscore` is set, and the server is older than Redis 7.2.

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

        Returns:
            The member, or None if there is none. With `count`, a list.

        Raises:
            ValueError: `withscores` is set without `count`.

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

        Returns:
            The next cursor, which is 0 at the end, and a list of pairs.

        See https://valkey.io/commands/zscan/
        """

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, ScoredMembers]:
            return int(reply[0]), self._decode_scored(reply[1])

        args = ("ZSCAN", self._stored_key(key, version), str(cursor))
        scan = scan_args(self._member_pattern(match), count)
        return Command((*args, *scan), parse, missing_reply=EMPTY_SCAN)

    zcard, azcard = sync_method(_zcard), async_method(_zcard)
    zadd, azadd = sync_method(_zadd), async_method(_zadd)
    zincrby, azincrby = sync_method(_zincrby), async_method(_zincrby)
    zrem, azrem = sync_method(_zrem), async_method(_zrem)
    zscore, azscore = sync_method(_zscore), async_method(_zscore)
    zmscore, azmscore = sync_method(_zmscore), async_method(_zmscore)
    zrank, azrank = sync_method(_zrank), async_method(_zrank)
    zrevrank, azrevrank = sync_method(_zrevrank), async_method(_zrevrank)
    zrandmember, azrandmember = sync_method(_zrandmember), async_method(_zrandmember)
    zscan, azscan = sync_method(_zscan), async_method(_zscan)

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
            keys, aggregate: as for `zunion`.
            withscores: return pairs of members and scores.

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

        See https://valkey.io/commands/zdiff/
        """
        return self._combine("ZDIFF", keys, None, withscores, version)

    def _zunionstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Command[int]:
        """Store the members of any of the sorted sets.

        Args:
            dest: the key of the result, which is replaced.
            keys, aggregate: as for `zunion`.

        Returns:
            The number of members of the result.

        See https://valkey.io/commands/zunionstore/
        """
        return self._combine_and_store("ZUNIONSTORE", dest, keys, aggregate, version)

    def _zinterstore(
        self, dest: Any, keys: Any, aggregate: str | None = None, version: int | None = None
    ) -> Command[int]:
        """Store the members that all sorted sets have in common.

        Args:
            dest: the key of the result, which is replaced.
            keys, aggregate: as for `zunion`.

        Returns:
            The number of members of the result.

        See https://valkey.io/commands/zinterstore/
        """
        return self._combine_and_store("ZINTERSTORE", dest, keys, aggregate, version)

    def _zdiffstore(self, dest: Any, keys: Any, version: int | None = None) -> Command[int]:
        """Store the members of the first sorted set that are in none of the others.

        Args:
            dest: the key of the result, which is replaced.
            keys: a key, or a list of keys. Sets count as sorted sets with scores of 1.

        Returns:
            The number of members of the result.

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

        Raises:
            ValueError: the number of keys is wrong.

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

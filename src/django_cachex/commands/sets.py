"""Commands on sets."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import check_numkeys, list_or_args, scan_args
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    EMPTY_SCAN,
    Command,
    async_method,
    parse_bools,
    sync_method,
)


class SetCommands(Commands):
    """Commands of Valkey's *set* group; members are decoded like values.

    Members are the same where they are stored as the same bytes. What returns a set raises
    TypeError for members that Python's sets cannot hold; `sscan` and `spop` return lists.
    """

    def _scard(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of members, 0 for no such key."""
        return Command(
            ("SCARD", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _sadd(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add `values`; return how many were not members before."""
        args = ("SADD", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _srem(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Remove `values`; return how many were members."""
        args = ("SREM", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _smove(self, src: Any, dst: Any, value: Any, version: int | None = None) -> Command[bool]:
        """Move `value` from one set to another; return whether it was a member of the first."""
        keys = self._stored_keys((src, dst), version)
        return Command(("SMOVE", *keys, self._encode(value)), bool, missing_reply=0)

    def _sismember(self, key: Any, value: Any, version: int | None = None) -> Command[bool]:
        """Return whether `value` is a member."""
        args = ("SISMEMBER", self._stored_key(key, version), self._encode(value))
        return Command(args, bool, readonly=True, missing_reply=0)

    def _smismember(
        self, key: Any, values: Any, *args: Any, version: int | None = None
    ) -> Command[list[bool]]:
        """Return of each of `values` whether it is a member; a list of them, or one by one."""
        given = self._encode_values(list_or_args(values, args))
        command_args = ("SMISMEMBER", self._stored_key(key, version), *given)
        return Command(command_args, parse_bools, readonly=True, missing_reply=[0] * len(given))

    def _smembers(self, key: Any, version: int | None = None) -> Command[set[Any]]:
        """Return all members. Large sets are walked with `sscan_iter`."""
        args = ("SMEMBERS", self._stored_key(key, version))
        return Command(args, self._decode_set, readonly=True, missing_reply=())

    def _spop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Take a random member, None where there is none; with `count`, a list of so many."""
        stored = self._stored_key(key, version)
        if count is None:
            return Command(("SPOP", stored), self._decode_optional)
        return Command(("SPOP", stored, count), self._decode_all, missing_reply=())

    def _srandmember(
        self, key: Any, number: int | None = None, version: int | None = None
    ) -> Command[Any]:
        """Return a random member, None where there is none; with `number`, a list of so many.

        A negative `number` may return a member several times.
        """
        stored = self._stored_key(key, version)
        if number is None:
            return Command(("SRANDMEMBER", stored), self._decode_optional, readonly=True)
        return Command(("SRANDMEMBER", stored, number), self._decode_all, True, missing_reply=())

    # Several sets: one key after the other, or a list of keys.

    def _sunion(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return what is a member of any of the sets."""
        return self._combine_sets("SUNION", keys, args, version)

    def _sinter(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return what is a member of all of the sets."""
        return self._combine_sets("SINTER", keys, args, version)

    def _sdiff(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return what is a member of the first set, and of none of the others."""
        return self._combine_sets("SDIFF", keys, args, version)

    def _combine_sets(
        self, name: str, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Command[set[Any]]:
        command_args = (name, *self._encode_keys(list_or_args(keys, args), version))
        return Command(command_args, self._decode_set, readonly=True, missing_reply=())

    def _sunionstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store in `dest` what `sunion` returns; return how many members that has."""
        return self._combine_sets_and_store("SUNIONSTORE", dest, keys, args, version)

    def _sinterstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store in `dest` what `sinter` returns; return how many members that has."""
        return self._combine_sets_and_store("SINTERSTORE", dest, keys, args, version)

    def _sdiffstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store in `dest` what `sdiff` returns; return how many members that has."""
        return self._combine_sets_and_store("SDIFFSTORE", dest, keys, args, version)

    def _combine_sets_and_store(
        self, name: str, dest: Any, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Command[int]:
        sources = self._encode_keys(list_or_args(keys, args), version)
        return Command((name, self._stored_key(dest, version), *sources), int, missing_reply=0)

    def _sintercard(
        self, numkeys: int, keys: Any, limit: int = 0, version: int | None = None
    ) -> Command[int]:
        """Return how many members `sinter` would return, counting up to `limit`; 0 counts all.

        `numkeys` is how many `keys` there are.
        """
        stored = self._encode_keys(check_numkeys(numkeys, list_or_args(keys)), version)
        args = ("SINTERCARD", numkeys, *stored, "LIMIT", limit)
        return Command(args, int, readonly=True, missing_reply=0)

    def _sscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Command[tuple[int, list[Any]]]:
        """Return the next cursor and a batch of members; a cursor of 0 begins and ends."""

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self._decode_all(reply[1])

        args = ("SSCAN", self._stored_key(key, version), str(cursor))
        return Command((*args, *scan_args(match, count)), parse, missing_reply=EMPTY_SCAN)

    scard, ascard = sync_method(_scard), async_method(_scard)
    sadd, asadd = sync_method(_sadd), async_method(_sadd)
    srem, asrem = sync_method(_srem), async_method(_srem)
    smove, asmove = sync_method(_smove), async_method(_smove)
    sismember, asismember = sync_method(_sismember), async_method(_sismember)
    smismember, asmismember = sync_method(_smismember), async_method(_smismember)
    smembers, asmembers = sync_method(_smembers), async_method(_smembers)
    spop, aspop = sync_method(_spop), async_method(_spop)
    srandmember, asrandmember = sync_method(_srandmember), async_method(_srandmember)
    sunion, asunion = sync_method(_sunion), async_method(_sunion)
    sinter, asinter = sync_method(_sinter), async_method(_sinter)
    sdiff, asdiff = sync_method(_sdiff), async_method(_sdiff)
    sunionstore, asunionstore = sync_method(_sunionstore), async_method(_sunionstore)
    sinterstore, asinterstore = sync_method(_sinterstore), async_method(_sinterstore)
    sdiffstore, asdiffstore = sync_method(_sdiffstore), async_method(_sdiffstore)
    sintercard, asintercard = sync_method(_sintercard), async_method(_sintercard)
    sscan, asscan = sync_method(_sscan), async_method(_sscan)

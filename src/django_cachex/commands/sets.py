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
    """The commands of Valkey's *set* group.

    Members are encoded and decoded like the values of `set` and `get`. Two members are the same if
    their stored bytes are. A set is deleted with its last member.

    Methods raise `WrongTypeError` if a key has another type, and `CrossSlotError` if keys are in
    different slots of a cluster.
    """

    def _scard(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of members of a set; 0 if the key doesn't exist.

        See https://valkey.io/commands/scard/
        """
        return Command(
            ("SCARD", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _sadd(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add members to a set.

        Args:
            *values: the members.

        Returns:
            How many weren't members before.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/sadd/
        """
        args = ("SADD", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _srem(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Remove members from a set.

        Args:
            *values: the members.

        Returns:
            How many were members.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/srem/
        """
        args = ("SREM", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _smove(self, src: Any, dst: Any, value: Any, version: int | None = None) -> Command[bool]:
        """Move a member from one set to another.

        Args:
            src, dst: the keys of the sets.
            value: the member.

        Returns:
            Whether it was a member of `src`.

        See https://valkey.io/commands/smove/
        """
        keys = self._stored_keys((src, dst), version)
        return Command(("SMOVE", *keys, self._encode(value)), bool, missing_reply=0)

    def _sismember(self, key: Any, value: Any, version: int | None = None) -> Command[bool]:
        """Check whether a value is a member of a set.

        See https://valkey.io/commands/sismember/
        """
        args = ("SISMEMBER", self._stored_key(key, version), self._encode(value))
        return Command(args, bool, readonly=True, missing_reply=0)

    def _smismember(
        self, key: Any, values: Any, *args: Any, version: int | None = None
    ) -> Command[list[bool]]:
        """Check which values are members of a set.

        Args:
            values, *args: the values, one by one or as a list.

        Returns:
            A list with a boolean for each value.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/smismember/
        """
        members = self._encode_values(list_or_args(values, args))
        command_args = ("SMISMEMBER", self._stored_key(key, version), *members)
        return Command(command_args, parse_bools, readonly=True, missing_reply=[0] * len(members))

    def _smembers(self, key: Any, version: int | None = None) -> Command[set[Any]]:
        """Return all members of a set. Use `sscan_iter` for a large one.

        Returns:
            A set; empty if the key doesn't exist.

        Raises:
            TypeError: a member can't be in a Python set, such as a list.

        See https://valkey.io/commands/smembers/
        """
        args = ("SMEMBERS", self._stored_key(key, version))
        return Command(args, self._decode_set, readonly=True, missing_reply=())

    def _spop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Remove random members from a set.

        Args:
            count: return a list of up to so many members.

        Returns:
            The member, or None if there is none. With `count`, a list.

        See https://valkey.io/commands/spop/
        """
        stored = self._stored_key(key, version)
        if count is None:
            return Command(("SPOP", stored), self._decode_optional)
        return Command(("SPOP", stored, count), self._decode_all, missing_reply=())

    def _srandmember(
        self, key: Any, number: int | None = None, version: int | None = None
    ) -> Command[Any]:
        """Return random members of a set.

        Args:
            number: return a list of up to so many members; if it is negative, a member may be
                repeated.

        Returns:
            The member, or None if there is none. With `number`, a list.

        See https://valkey.io/commands/srandmember/
        """
        stored = self._stored_key(key, version)
        if number is None:
            return Command(("SRANDMEMBER", stored), self._decode_optional, readonly=True)
        return Command(("SRANDMEMBER", stored, number), self._decode_all, True, missing_reply=())

    # Several sets.

    def _sunion(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return the members of any of the sets.

        Args:
            keys, *args: the keys of the sets, one by one or as a list.

        Raises:
            TypeError: a member can't be in a Python set, such as a list.

        See https://valkey.io/commands/sunion/
        """
        return self._combine_sets("SUNION", keys, args, version)

    def _sinter(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return the members that all sets have in common.

        Args:
            keys, *args: the keys of the sets, one by one or as a list.

        Raises:
            TypeError: a member can't be in a Python set, such as a list.

        See https://valkey.io/commands/sinter/
        """
        return self._combine_sets("SINTER", keys, args, version)

    def _sdiff(self, keys: Any, *args: Any, version: int | None = None) -> Command[set[Any]]:
        """Return the members of the first set that are in none of the others.

        Args:
            keys, *args: the keys of the sets, one by one or as a list.

        Raises:
            TypeError: a member can't be in a Python set, such as a list.

        See https://valkey.io/commands/sdiff/
        """
        return self._combine_sets("SDIFF", keys, args, version)

    def _combine_sets(
        self, name: str, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Command[set[Any]]:
        command_args = (name, *self._encode_keys(list_or_args(keys, args), version))
        return Command(command_args, self._decode_set, readonly=True, missing_reply=())

    def _sunionstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store the members of any of the sets.

        Args:
            dest: the key of the result, which is replaced.
            keys, *args: the keys of the sets, one by one or as a list.

        Returns:
            The number of members of the result.

        See https://valkey.io/commands/sunionstore/
        """
        return self._combine_sets_and_store("SUNIONSTORE", dest, keys, args, version)

    def _sinterstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store the members that all sets have in common.

        Args:
            dest: the key of the result, which is replaced.
            keys, *args: the keys of the sets, one by one or as a list.

        Returns:
            The number of members of the result.

        See https://valkey.io/commands/sinterstore/
        """
        return self._combine_sets_and_store("SINTERSTORE", dest, keys, args, version)

    def _sdiffstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store the members of the first set that are in none of the others.

        Args:
            dest: the key of the result, which is replaced.
            keys, *args: the keys of the sets, one by one or as a list.

        Returns:
            The number of members of the result.

        See https://valkey.io/commands/sdiffstore/
        """
        return self._combine_sets_and_store("SDIFFSTORE", dest, keys, args, version)

    def _combine_sets_and_store(
        self, name: str, dest: Any, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Command[int]:
        sources = self._encode_keys(list_or_args(keys, args), version)
        return Command((name, self._stored_key(dest, version), *sources), int, missing_reply=0)

    def _sintercard(
        self, numkeys: int, keys: Any, limit: int = 0, version: int | None = None
    ) -> Command[int]:
        """Count the members that all sets have in common. Requires Valkey, or Redis 7.0 or later.

        Args:
            numkeys: how many keys there are.
            keys: a list of keys.
            limit: stop counting at this number; 0 counts all.

        Raises:
            ValueError: the number of keys is wrong.

        See https://valkey.io/commands/sintercard/
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
        """Return a batch of members of a set.

        Start with a cursor of 0, and pass the cursor of each result to the next call. A batch may
        be empty.

        Args:
            cursor: where to continue; 0 to start.
            match: a glob pattern that the stored bytes of the members must match.
            count: about how many the server examines; 10 by default.

        Returns:
            The next cursor, which is 0 at the end, and a list of members.

        See https://valkey.io/commands/sscan/
        """

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self._decode_all(reply[1])

        args = ("SSCAN", self._stored_key(key, version), str(cursor))
        scan = scan_args(self._member_pattern(match), count)
        return Command((*args, *scan), parse, missing_reply=EMPTY_SCAN)

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

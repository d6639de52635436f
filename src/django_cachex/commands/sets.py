"""Commands on sets."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import counted, listed, scanning
from django_cachex.commands.base import Commands
from django_cachex.commands.command import NOTHING_FOUND, Request, awaitable, blocking
from django_cachex.commands.parsers import booleans


class Sets(Commands):
    """Commands of Valkey's *set* group; members are decoded like values.

    Members are the same where they are stored as the same bytes. What returns a set raises
    TypeError for members that Python's sets cannot hold; `sscan` and `spop` return lists.
    """

    def _scard(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of members, 0 for no such key."""
        return Request(("SCARD", self.stored_key(key, version)), int, replica=True, absent=0)

    def _sadd(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Add `values`; return how many were not members before."""
        words = ("SADD", self.stored_key(key, version), *self.several_values(values))
        return Request(words, int, absent=0)

    def _srem(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Remove `values`; return how many were members."""
        words = ("SREM", self.stored_key(key, version), *self.several_values(values))
        return Request(words, int, absent=0)

    def _smove(self, src: Any, dst: Any, value: Any, version: int | None = None) -> Request[bool]:
        """Move `value` from one set to another; return whether it was a member of the first."""
        keys = self.stored_keys((src, dst), version)
        return Request(("SMOVE", *keys, self.encode(value)), bool, absent=0)

    def _sismember(self, key: Any, value: Any, version: int | None = None) -> Request[bool]:
        """Return whether `value` is a member."""
        words = ("SISMEMBER", self.stored_key(key, version), self.encode(value))
        return Request(words, bool, replica=True, absent=0)

    def _smismember(
        self, key: Any, values: Any, *args: Any, version: int | None = None
    ) -> Request[list[bool]]:
        """Return of each of `values` whether it is a member; a list of them, or one by one."""
        given = self.several_values(listed(values, args))
        words = ("SMISMEMBER", self.stored_key(key, version), *given)
        return Request(words, booleans, replica=True, absent=[0] * len(given))

    def _smembers(self, key: Any, version: int | None = None) -> Request[set[Any]]:
        """Return all members. Large sets are walked with `sscan_iter`."""
        words = ("SMEMBERS", self.stored_key(key, version))
        return Request(words, self.decode_set, replica=True, absent=())

    def _spop(self, key: Any, count: int | None = None, version: int | None = None) -> Request[Any]:
        """Take a random member, None where there is none; with `count`, a list of so many."""
        stored = self.stored_key(key, version)
        if count is None:
            return Request(("SPOP", stored), self.decode_optional)
        return Request(("SPOP", stored, count), self.decode_all, absent=())

    def _srandmember(
        self, key: Any, number: int | None = None, version: int | None = None
    ) -> Request[Any]:
        """Return a random member, None where there is none; with `number`, a list of so many.

        A negative `number` may return a member several times.
        """
        stored = self.stored_key(key, version)
        if number is None:
            return Request(("SRANDMEMBER", stored), self.decode_optional, replica=True)
        return Request(("SRANDMEMBER", stored, number), self.decode_all, True, absent=())

    # Several sets: one key after the other, or a list of keys.

    def _sunion(self, keys: Any, *args: Any, version: int | None = None) -> Request[set[Any]]:
        """Return what is a member of any of the sets."""
        return self._combined("SUNION", keys, args, version)

    def _sinter(self, keys: Any, *args: Any, version: int | None = None) -> Request[set[Any]]:
        """Return what is a member of all of the sets."""
        return self._combined("SINTER", keys, args, version)

    def _sdiff(self, keys: Any, *args: Any, version: int | None = None) -> Request[set[Any]]:
        """Return what is a member of the first set, and of none of the others."""
        return self._combined("SDIFF", keys, args, version)

    def _combined(
        self, name: str, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Request[set[Any]]:
        words = (name, *self.several_keys(listed(keys, args), version))
        return Request(words, self.decode_set, replica=True, absent=())

    def _sunionstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` what `sunion` returns; return how many members that has."""
        return self._stored_as("SUNIONSTORE", dest, keys, args, version)

    def _sinterstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` what `sinter` returns; return how many members that has."""
        return self._stored_as("SINTERSTORE", dest, keys, args, version)

    def _sdiffstore(
        self, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` what `sdiff` returns; return how many members that has."""
        return self._stored_as("SDIFFSTORE", dest, keys, args, version)

    def _stored_as(
        self, name: str, dest: Any, keys: Any, args: tuple[Any, ...], version: Any
    ) -> Request[int]:
        sources = self.several_keys(listed(keys, args), version)
        return Request((name, self.stored_key(dest, version), *sources), int, absent=0)

    def _sintercard(
        self, numkeys: int, keys: Any, limit: int = 0, version: int | None = None
    ) -> Request[int]:
        """Return how many members `sinter` would return, counting up to `limit`; 0 counts all.

        `numkeys` is how many `keys` there are.
        """
        stored = self.several_keys(counted(numkeys, listed(keys)), version)
        words = ("SINTERCARD", numkeys, *stored, "LIMIT", limit)
        return Request(words, int, replica=True, absent=0)

    def _sscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Request[tuple[int, list[Any]]]:
        """Return the next cursor and a batch of members; a cursor of 0 begins and ends."""

        def read(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self.decode_all(reply[1])

        words = ("SSCAN", self.stored_key(key, version), str(cursor))
        return Request((*words, *scanning(match, count)), read, absent=NOTHING_FOUND)

    scard, ascard = blocking(_scard), awaitable(_scard)
    sadd, asadd = blocking(_sadd), awaitable(_sadd)
    srem, asrem = blocking(_srem), awaitable(_srem)
    smove, asmove = blocking(_smove), awaitable(_smove)
    sismember, asismember = blocking(_sismember), awaitable(_sismember)
    smismember, asmismember = blocking(_smismember), awaitable(_smismember)
    smembers, asmembers = blocking(_smembers), awaitable(_smembers)
    spop, aspop = blocking(_spop), awaitable(_spop)
    srandmember, asrandmember = blocking(_srandmember), awaitable(_srandmember)
    sunion, asunion = blocking(_sunion), awaitable(_sunion)
    sinter, asinter = blocking(_sinter), awaitable(_sinter)
    sdiff, asdiff = blocking(_sdiff), awaitable(_sdiff)
    sunionstore, asunionstore = blocking(_sunionstore), awaitable(_sunionstore)
    sinterstore, asinterstore = blocking(_sinterstore), awaitable(_sinterstore)
    sdiffstore, asdiffstore = blocking(_sdiffstore), awaitable(_sdiffstore)
    sintercard, asintercard = blocking(_sintercard), awaitable(_sintercard)
    sscan, asscan = blocking(_sscan), awaitable(_sscan)

"""Commands on several sorted sets at once: unions, intersections, differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_cachex.commands.args import counted, flags, listed, number
from django_cachex.commands.base import options
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.sorted_sets import ScoredMembers


class SortedAlgebra(ScoredMembers):
    """`keys` is one key or a list; as a mapping, it says by what each set's scores are multiplied.

    Where several sets have a member, its scores are added, or with `aggregate` "MIN" or "MAX" the
    lowest or highest is taken. Sets take part, with scores of 1.
    """

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

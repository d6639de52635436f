"""Commands that take members from the ends of a sorted set.

Some wait for one: they hold a connection as long; a `timeout` is in seconds, 0 means for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.commands.args import counted, listed, number
from django_cachex.commands.base import options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.parsers import Scored, popped_from
from django_cachex.commands.sorted_sets import ScoredMembers

Popped = tuple[Any, Scored] | None
"""A key and what was taken from it; None where nothing was."""


class SortedPops(ScoredMembers):
    """Taking the members with the lowest or the highest scores."""

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


def end_word(min: bool, max: bool) -> Word:
    """Return which end is meant; raise ValueError where not exactly one is."""
    if min == max:
        raise ValueError("Either min or max is to be True.")
    return "MIN" if min else "MAX"

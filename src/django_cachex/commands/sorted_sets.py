"""Commands on sorted sets."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.request import Request, awaitable, blocking


class SortedSets(Commands):
    """Commands of Valkey's *sorted set* group; members are decoded, scores are floats."""

    def _zcard(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of members, 0 for no such key."""
        return Request(("ZCARD", self.stored_key(key, version)), int, replica=True, absent=0)

    def _zrange(
        self,
        key: Any,
        start: int,
        end: int,
        desc: bool = False,
        withscores: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Return the members of ranks `start` to `end`, both included, lowest score first.

        With `withscores`, a list of ``(member, score)``; with `desc`, highest score first.
        """

        def members(reply: list[bytes]) -> list[Any]:
            return [self.decode(member) for member in reply]

        def scored(reply: list[bytes]) -> list[Any]:
            pairs = zip(reply[::2], reply[1::2], strict=True)
            return [(self.decode(member), float(score)) for member, score in pairs]

        words = ("ZRANGE", self.stored_key(key, version), start, end)
        flags = (*(("REV",) if desc else ()), *(("WITHSCORES",) if withscores else ()))
        return Request((*words, *flags), scored if withscores else members, True, absent=())

    zcard, azcard = blocking(_zcard), awaitable(_zcard)
    zrange, azrange = blocking(_zrange), awaitable(_zrange)

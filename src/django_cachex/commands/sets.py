"""Commands on sets."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.request import NOTHING_FOUND, Request, awaitable, blocking


class Sets(Commands):
    """Commands of Valkey's *set* group; members are decoded like values."""

    def _scard(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of members, 0 for no such key."""
        return Request(("SCARD", self.stored_key(key, version)), int, replica=True, absent=0)

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
            return int(reply[0]), [self.decode(member) for member in reply[1]]

        words = ("SSCAN", self.stored_key(key, version), str(cursor))
        return Request(
            (*words, *options(("MATCH", match), ("COUNT", count))), read, absent=NOTHING_FOUND
        )

    scard, ascard = blocking(_scard), awaitable(_scard)
    sscan, asscan = blocking(_sscan), awaitable(_sscan)

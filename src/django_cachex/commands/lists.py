"""Commands on lists."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.request import Request, awaitable, blocking


class Lists(Commands):
    """Commands of Valkey's *list* group; elements are decoded like values."""

    def _llen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the length of the list, 0 for no such key."""
        return Request(("LLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _lrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Request[list[Any]]:
        """Return the elements from `start` to `end`, both included; -1 is the last."""

        def read(reply: list[bytes]) -> list[Any]:
            return [self.decode(element) for element in reply]

        return Request(("LRANGE", self.stored_key(key, version), start, end), read, True, absent=())

    llen, allen = blocking(_llen), awaitable(_llen)
    lrange, alrange = blocking(_lrange), awaitable(_lrange)

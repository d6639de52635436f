"""Commands on hashes."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.request import NOTHING_FOUND, Request, awaitable, blocking


class Hashes(Commands):
    """Commands of Valkey's *hash* group; field names are bytes, values are decoded."""

    def _hlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of fields, 0 for no such key."""
        return Request(("HLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _hscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Request[tuple[int, dict[bytes, Any]]]:
        """Return the next cursor and a batch of fields; a cursor of 0 begins and ends."""

        def read(reply: tuple[bytes, list[bytes]]) -> tuple[int, dict[bytes, Any]]:
            pairs = zip(reply[1][::2], reply[1][1::2], strict=True)
            return int(reply[0]), {name: self.decode(value) for name, value in pairs}

        words = ("HSCAN", self.stored_key(key, version), str(cursor))
        return Request(
            (*words, *options(("MATCH", match), ("COUNT", count))), read, absent=NOTHING_FOUND
        )

    hlen, ahlen = blocking(_hlen), awaitable(_hlen)
    hscan, ahscan = blocking(_hscan), awaitable(_hscan)

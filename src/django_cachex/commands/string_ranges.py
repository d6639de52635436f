"""Commands on strings, the type in which a cache keeps its entries."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, awaitable, blocking


class Strings(Commands):
    """Windows on stored strings: they count in bytes of what is stored, and decode nothing."""

    def _strlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the bytes stored under `key`, 0 for no such key."""
        return Request(("STRLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _getrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Request[bytes]:
        """Return the stored bytes from `start` to `end`, both included; -1 is the last."""
        return Request(
            ("GETRANGE", self.stored_key(key, version), start, end), bytes, True, absent=b""
        )

    strlen, astrlen = blocking(_strlen), awaitable(_strlen)
    getrange, agetrange = blocking(_getrange), awaitable(_getrange)

"""Commands on streams."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.request import Request, awaitable, blocking


class Streams(Commands):
    """Commands of Valkey's *stream* group; ids and field names are bytes, values are decoded."""

    def _xlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of entries, 0 for no such key."""
        return Request(("XLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _xrange(
        self,
        key: Any,
        min: bytes | str = "-",
        max: bytes | str = "+",
        count: int | None = None,
        version: int | None = None,
    ) -> Request[list[tuple[bytes, dict[bytes, Any]]]]:
        """Return the entries from id `min` to `max`, oldest first, as ``(id, fields)``.

        A ``(`` before an id leaves that id out.
        """

        def read(
            reply: list[tuple[bytes, list[bytes]]],
        ) -> list[tuple[bytes, dict[bytes, Any]]]:
            return [(name, self._fields(flat)) for name, flat in reply]

        words = ("XRANGE", self.stored_key(key, version), min, max)
        return Request((*words, *options(("COUNT", count))), read, True, absent=())

    def _fields(self, flat: list[bytes]) -> dict[bytes, Any]:
        return {name: self.decode(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}

    xlen, axlen = blocking(_xlen), awaitable(_xlen)
    xrange, axrange = blocking(_xrange), awaitable(_xrange)

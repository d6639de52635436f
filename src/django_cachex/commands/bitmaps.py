"""Commands on single bits of strings."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import listed
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, Word, awaitable, blocking


class Bits(Commands):
    """Commands of Valkey's *bitmap* group, on the bits of what is stored: no value is decoded.

    Bit 0 is the highest of the first byte. A string made of bits is no value that `get` reads.
    """

    def _getbit(self, key: Any, offset: int, version: int | None = None) -> Request[int]:
        """Return the bit at `offset`, 0 where there is none."""
        words = ("GETBIT", self.stored_key(key, version), offset)
        return Request(words, int, replica=True, absent=0)

    def _setbit(
        self, key: Any, offset: int, value: int, version: int | None = None
    ) -> Request[int]:
        """Make the bit at `offset` `value`, 0 or 1; return what it was."""
        return Request(("SETBIT", self.stored_key(key, version), offset, value), int, absent=0)

    def _bitcount(
        self,
        key: Any,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Return how many bits are 1, between the bytes `start` and `end` if these are given.

        With `mode` "BIT" they are bits: Valkey or Redis 7.0.
        """
        words = ("BITCOUNT", self.stored_key(key, version), *window(start, end, mode))
        return Request(words, int, replica=True, absent=0)

    def _bitpos(
        self,
        key: Any,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Return where the first bit is that is `bit`, -1 where there is none: see `bitcount`."""
        words = ("BITPOS", self.stored_key(key, version), bit, *window(start, end, mode))
        return Request(words, int, replica=True, absent=-1 if bit else 0)

    def _bitop(
        self, operation: str, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Request[int]:
        """Store in `dest` the "AND", "OR", "XOR" or "NOT" of strings; return its bytes."""
        stored = self.several_keys(listed(keys, args), version)
        words = ("BITOP", operation, self.stored_key(dest, version), *stored)
        return Request(words, int, absent=0)

    getbit, agetbit = blocking(_getbit), awaitable(_getbit)
    setbit, asetbit = blocking(_setbit), awaitable(_setbit)
    bitcount, abitcount = blocking(_bitcount), awaitable(_bitcount)
    bitpos, abitpos = blocking(_bitpos), awaitable(_bitpos)
    bitop, abitop = blocking(_bitop), awaitable(_bitop)


def window(start: int | None, end: int | None, mode: str | None) -> tuple[Word, ...]:
    """Return the words of a range; raise ValueError for an end alone, or a unit without both."""
    if (start is None and end is not None) or (mode is not None and end is None):
        raise ValueError("A range has a start before its end, and both where it has a mode.")
    return tuple(word for word in (start, end, mode) if word is not None)

"""Commands on bitmaps: the single bits of strings."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import list_or_args
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Command, EncodableArg, async_method, sync_method


class BitmapCommands(Commands):
    """Commands of Valkey's *bitmap* group, on the bits of what is stored: no value is decoded.

    Bit 0 is the highest of the first byte. A string made of bits is no value that `get` reads.
    """

    def _getbit(self, key: Any, offset: int, version: int | None = None) -> Command[int]:
        """Return the bit at `offset`, 0 where there is none."""
        args = ("GETBIT", self._stored_key(key, version), offset)
        return Command(args, int, readonly=True, missing_reply=0)

    def _setbit(
        self, key: Any, offset: int, value: int, version: int | None = None
    ) -> Command[int]:
        """Make the bit at `offset` `value`, 0 or 1; return what it was."""
        return Command(
            ("SETBIT", self._stored_key(key, version), offset, value), int, missing_reply=0
        )

    def _bitcount(
        self,
        key: Any,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
        version: int | None = None,
    ) -> Command[int]:
        """Return how many bits are 1, between the bytes `start` and `end` if these are given.

        With `mode` "BIT" they are bits: Valkey or Redis 7.0.
        """
        args = ("BITCOUNT", self._stored_key(key, version), *range_args(start, end, mode))
        return Command(args, int, readonly=True, missing_reply=0)

    def _bitpos(
        self,
        key: Any,
        bit: int,
        start: int | None = None,
        end: int | None = None,
        mode: str | None = None,
        version: int | None = None,
    ) -> Command[int]:
        """Return where the first bit is that is `bit`, -1 where there is none: see `bitcount`."""
        args = ("BITPOS", self._stored_key(key, version), bit, *range_args(start, end, mode))
        return Command(args, int, readonly=True, missing_reply=-1 if bit else 0)

    def _bitop(
        self, operation: str, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Store in `dest` the "AND", "OR", "XOR" or "NOT" of strings; return its bytes."""
        stored = self._encode_keys(list_or_args(keys, args), version)
        command_args = ("BITOP", operation, self._stored_key(dest, version), *stored)
        return Command(command_args, int, missing_reply=0)

    getbit, agetbit = sync_method(_getbit), async_method(_getbit)
    setbit, asetbit = sync_method(_setbit), async_method(_setbit)
    bitcount, abitcount = sync_method(_bitcount), async_method(_bitcount)
    bitpos, abitpos = sync_method(_bitpos), async_method(_bitpos)
    bitop, abitop = sync_method(_bitop), async_method(_bitop)


def range_args(start: int | None, end: int | None, mode: str | None) -> tuple[EncodableArg, ...]:
    """Return the range as arguments; raise ValueError for an end alone, or a unit without both."""
    if (start is None and end is not None) or (mode is not None and end is None):
        raise ValueError("A range has a start before its end, and both where it has a mode.")
    return tuple(arg for arg in (start, end, mode) if arg is not None)

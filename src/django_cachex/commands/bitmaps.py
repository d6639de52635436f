"""Commands on bitmaps, which are the bits of strings, and on HyperLogLogs."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import list_or_args
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    async_method,
    parse_none,
    sync_method,
)


class BitmapCommands(Commands):
    """The commands of Valkey's *bitmap* group, on stored bytes that `get` can't read.

    Methods raise `WrongTypeError` if a key isn't a string, and `CrossSlotError` if their keys are
    in different slots of a cluster.
    """

    def _getbit(self, key: Any, offset: int, version: int | None = None) -> Command[int]:
        """Return a bit of what is stored at `key`.

        Args:
            offset: the position of the bit; 0 is the highest bit of the first byte.

        Returns:
            0 or 1; 0 if there is no such bit.

        See https://valkey.io/commands/getbit/
        """
        args = ("GETBIT", self._stored_key(key, version), offset)
        return Command(args, int, readonly=True, missing_reply=0)

    def _setbit(
        self, key: Any, offset: int, value: int, version: int | None = None
    ) -> Command[int]:
        """Set a bit of what is stored at `key`.

        Args:
            offset: the position of the bit; 0 is the highest bit of the first byte.
            value: 0 or 1.

        Returns:
            The old bit.

        See https://valkey.io/commands/setbit/
        """
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
        """Count the bits that are 1.

        Args:
            start, end: the first and the last byte to examine; all of them by default. Negative
                numbers count from the end.
            mode: "BIT" if `start` and `end` are positions of bits, which requires Valkey, or Redis
                7.0 or later; "BYTE" by default.

        Raises:
            ValueError: `end` is given without `start`, or `mode` without `end`.

        See https://valkey.io/commands/bitcount/
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
        """Find the first bit with a value.

        Args:
            bit: 0 or 1.
            start, end: the first and the last byte to examine; all of them by default. Negative
                numbers count from the end.
            mode: "BIT" if `start` and `end` are positions of bits, which requires Valkey, or Redis
                7.0 or later; "BYTE" by default.

        Returns:
            The position of the bit, counted from the first byte; -1 if there is none.

        Raises:
            ValueError: `end` is given without `start`, or `mode` without `end`.

        See https://valkey.io/commands/bitpos/
        """
        args = ("BITPOS", self._stored_key(key, version), bit, *range_args(start, end, mode))
        return Command(args, int, readonly=True, missing_reply=-1 if bit else 0)

    def _bitop(
        self, operation: str, dest: Any, keys: Any, *args: Any, version: int | None = None
    ) -> Command[int]:
        """Combine the bits of several keys, and store the result.

        Args:
            operation: "AND", "OR", "XOR" or "NOT"; "NOT" takes one key.
            dest: the key of the result.
            keys, *args: the keys to combine, one by one or as a list.

        Returns:
            The length of the result in bytes.

        See https://valkey.io/commands/bitop/
        """
        stored = self._encode_keys(list_or_args(keys, args), version)
        command_args = ("BITOP", operation, self._stored_key(dest, version), *stored)
        return Command(command_args, int, missing_reply=0)

    getbit, agetbit = sync_method(_getbit), async_method(_getbit)
    setbit, asetbit = sync_method(_setbit), async_method(_setbit)
    bitcount, abitcount = sync_method(_bitcount), async_method(_bitcount)
    bitpos, abitpos = sync_method(_bitpos), async_method(_bitpos)
    bitop, abitop = sync_method(_bitop), async_method(_bitop)


class HyperLogLogCommands(Commands):
    """The commands of Valkey's *hyperloglog* group. What is counted is encoded like values.

    A HyperLogLog estimates how many different values were counted. Commands raise `WrongTypeError`
    if a key has another type, and `CrossSlotError` if their keys are in different slots of a
    cluster.
    """

    def _pfadd(self, key: Any, *values: Any, version: int | None = None) -> Command[bool]:
        """Count values. Values that were counted before don't change the estimate.

        Args:
            *values: the values.

        Returns:
            Whether the estimate changed.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/pfadd/
        """
        args = ("PFADD", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, bool, missing_reply=0)

    def _pfcount(self, sources: Any, *args: Any, version: int | None = None) -> Command[int]:
        """Estimate how many different values were counted.

        Args:
            sources, *args: one key, or several keys, one by one or as a list, whose values are
                counted together.

        Returns:
            The estimate, with a standard error of 0.81 %.

        See https://valkey.io/commands/pfcount/
        """
        command_args = ("PFCOUNT", *self._encode_keys(list_or_args(sources, args), version))
        return Command(command_args, int, readonly=True, missing_reply=0)

    def _pfmerge(
        self, dest: Any, sources: Any, *args: Any, version: int | None = None
    ) -> Command[None]:
        """Merge several HyperLogLogs into one.

        Args:
            dest: the key of the result; values that were counted there stay.
            sources, *args: the keys to merge, one by one or as a list.

        See https://valkey.io/commands/pfmerge/
        """
        stored = self._encode_keys(list_or_args(sources, args), version)
        return Command(("PFMERGE", self._stored_key(dest, version), *stored), parse_none)

    pfadd, apfadd = sync_method(_pfadd), async_method(_pfadd)
    pfcount, apfcount = sync_method(_pfcount), async_method(_pfcount)
    pfmerge, apfmerge = sync_method(_pfmerge), async_method(_pfmerge)


def range_args(start: int | None, end: int | None, mode: str | None) -> tuple[EncodableArg, ...]:
    """Return the arguments of a range; raise ValueError if one is missing."""
    if (start is None and end is not None) or (mode is not None and end is None):
        raise ValueError("A range with an end needs a start, and one with a mode needs both.")
    return tuple(arg for arg in (start, end, mode) if arg is not None)

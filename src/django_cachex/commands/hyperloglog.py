"""Commands on HyperLogLogs, which estimate how many different values were counted."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import list_or_args
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Command, async_method, parse_none, sync_method


class HyperLogLogCommands(Commands):
    """The commands of Valkey's *hyperloglog* group. What is counted is encoded like values."""

    def _pfadd(self, key: Any, *values: Any, version: int | None = None) -> Command[bool]:
        """Count values. Values that were counted before don't change the estimate.

        Args:
            *values: the values.
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the estimate changed.

        Raises:
            ValueError: no value is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/pfadd/
        """
        args = ("PFADD", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, bool, missing_reply=0)

    def _pfcount(self, sources: Any, *args: Any, version: int | None = None) -> Command[int]:
        """Estimate how many different values were counted.

        Args:
            sources, *args: one key, or several keys, one by one or as a list, whose values are
                counted together.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The estimate, with a standard error of 0.81 %.

        Raises:
            WrongTypeError: a key has another type.

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
            version: the version of all keys; the alias's VERSION by default.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/pfmerge/
        """
        stored = self._encode_keys(list_or_args(sources, args), version)
        return Command(("PFMERGE", self._stored_key(dest, version), *stored), parse_none)

    pfadd, apfadd = sync_method(_pfadd), async_method(_pfadd)
    pfcount, apfcount = sync_method(_pfcount), async_method(_pfcount)
    pfmerge, apfmerge = sync_method(_pfmerge), async_method(_pfmerge)

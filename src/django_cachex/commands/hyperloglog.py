"""Commands on HyperLogLogs, which estimate how many different values there were."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import list_or_args
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Command, async_method, parse_none, sync_method


class HyperLogLogCommands(Commands):
    """Commands of Valkey's *hyperloglog* group; what is counted is encoded like values."""

    def _pfadd(self, key: Any, *values: Any, version: int | None = None) -> Command[bool]:
        """Count `values`; return whether the estimate changed."""
        args = ("PFADD", self._stored_key(key, version), *self._encode_values(values))
        return Command(args, bool, missing_reply=0)

    def _pfcount(self, sources: Any, *args: Any, version: int | None = None) -> Command[int]:
        """Estimate how many different values were counted under any of the keys `sources`."""
        command_args = ("PFCOUNT", *self._encode_keys(list_or_args(sources, args), version))
        return Command(command_args, int, readonly=True, missing_reply=0)

    def _pfmerge(
        self, dest: Any, sources: Any, *args: Any, version: int | None = None
    ) -> Command[None]:
        """Count under `dest`, too, what was counted under the keys `sources`."""
        stored = self._encode_keys(list_or_args(sources, args), version)
        return Command(("PFMERGE", self._stored_key(dest, version), *stored), parse_none)

    pfadd, apfadd = sync_method(_pfadd), async_method(_pfadd)
    pfcount, apfcount = sync_method(_pfcount), async_method(_pfcount)
    pfmerge, apfmerge = sync_method(_pfmerge), async_method(_pfmerge)

"""Commands on HyperLogLogs, which estimate how many different values there were."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import listed
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, awaitable, blocking, done


class HyperLogLogs(Commands):
    """Commands of Valkey's *hyperloglog* group; what is counted is encoded like values."""

    def _pfadd(self, key: Any, *values: Any, version: int | None = None) -> Request[bool]:
        """Count `values`; return whether the estimate changed."""
        words = ("PFADD", self.stored_key(key, version), *self.several_values(values))
        return Request(words, bool, absent=0)

    def _pfcount(self, sources: Any, *args: Any, version: int | None = None) -> Request[int]:
        """Estimate how many different values were counted under any of the keys `sources`."""
        words = ("PFCOUNT", *self.several_keys(listed(sources, args), version))
        return Request(words, int, replica=True, absent=0)

    def _pfmerge(
        self, dest: Any, sources: Any, *args: Any, version: int | None = None
    ) -> Request[None]:
        """Count under `dest`, too, what was counted under the keys `sources`."""
        stored = self.several_keys(listed(sources, args), version)
        return Request(("PFMERGE", self.stored_key(dest, version), *stored), done)

    pfadd, apfadd = blocking(_pfadd), awaitable(_pfadd)
    pfcount, apfcount = blocking(_pfcount), awaitable(_pfcount)
    pfmerge, apfmerge = blocking(_pfmerge), awaitable(_pfmerge)

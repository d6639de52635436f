"""The sentinels of one service: where its primary and its replicas are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from django_cachex.cache.server import Server
from django_cachex.cache.topologies import Part, Plan
from django_cachex.commands.command import Command, parse_raw
from django_cachex.commands.exceptions import CachexError, ServerUnavailable

Address = tuple[str, int]

UNUSABLE = frozenset({"s_down", "o_down", "disconnected"})


class Sentinels:
    """Those that watch over one service. The one that answered last is asked first."""

    def __init__(self, service: str, sentinels: Sequence[Server]) -> None:
        self.service = service
        self._order = tuple(sentinels)
        self.address = f"{service}@{','.join(host_and_port(one) for one in sentinels)}"

    def primary(self) -> Plan[Address]:
        """Find the primary; raise `ServerUnavailable` where no sentinel knows it."""
        found = yield from self._answer("GET-MASTER-ADDR-BY-NAME")
        return found[0].decode(), int(found[1])

    def replica(self) -> Plan[Address]:
        """Find a replica that is up, any of them; the primary where there is none."""
        listed = yield from self._answer("REPLICAS")
        usable = [address for flat in listed if (address := usable_address(flat))]
        return random.choice(usable) if usable else (yield from self.primary())

    def distrust_first(self) -> None:
        """Ask another sentinel next time: what the first one says is out of date."""
        first, *others = self._order
        self._order = (*others, first)

    def _answer(self, question: str) -> Plan[Any]:
        command = Command(("SENTINEL", question, self.service), parse_raw, idempotent=True)
        reasons = []
        for sentinel in self._order:
            [answer] = yield [Part(sentinel, command)]
            if isinstance(answer, CachexError):
                reasons.append(str(answer))
            elif answer is None:
                reasons.append(f"{host_and_port(sentinel)} does not know it.")
            else:
                others = (one for one in self._order if one is not sentinel)
                self._order = (sentinel, *others)
                return answer
        raise ServerUnavailable(f"No sentinel leads to {self.service}: {' '.join(reasons)}")


def usable_address(flat: Sequence[bytes]) -> Address | None:
    """Return where a replica is that Sentinel describes, None where it cannot be asked."""
    about = dict(zip(flat[::2], flat[1::2], strict=False))
    if UNUSABLE.intersection(about.get(b"flags", b"").decode().split(",")):
        return None
    return about[b"ip"].decode(), int(about[b"port"])


def host_and_port(server: Server) -> str:
    return server.address.rpartition("/")[0]

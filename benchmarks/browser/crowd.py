"""Servers with very many keys, and what their commands took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import valkey

from tests import servers

NEEDLES = 3
VALUE_BYTES = 100


@dataclass(frozen=True)
class Latency:
    """How long commands held a server, in milliseconds: all but one in a thousand, and all."""

    most: float
    longest: float
    commands: int


@contextmanager
def crowd(keys: int) -> Iterator[servers.Server]:
    """Run a Valkey with this many keys of one alias, of which three begin with `needle:`."""
    with servers.valkey("--enable-debug-command", "local") as server:
        with valkey.Valkey(port=server.port, socket_timeout=600) as raw:
            raw.execute_command("DEBUG", "POPULATE", keys - NEEDLES, ":1:user", VALUE_BYTES)
            raw.mset({f":1:needle:{n}": "x" * VALUE_BYTES for n in range(NEEDLES)})
            raw.config_set("latency-tracking-info-percentiles", "99.9 100")
        yield server


@contextmanager
def latency(server: servers.Server) -> Iterator[list[Latency]]:
    """Add to the list, at the end, how long the commands took that were run meanwhile."""
    found: list[Latency] = []
    with valkey.Valkey(port=server.port) as raw:
        raw.config_resetstat()
        yield found
        figures = raw.info("latencystats")
        calls = raw.info("commandstats")
    ours = {name.rpartition("_")[2]: both for name, both in figures.items() if "config" not in name}
    most = max(float(both["p99.9"]) for both in ours.values()) / 1000
    longest = max(float(both["p100"]) for both in ours.values()) / 1000
    found.append(Latency(most, longest, sum(one["calls"] for one in calls.values())))


def bytes_moved(server: servers.Server) -> int:
    """Return how many bytes a server has sent and received, this question aside."""
    with valkey.Valkey(port=server.port) as raw:
        stats = raw.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])

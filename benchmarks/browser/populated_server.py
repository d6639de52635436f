"""Servers with very many keys, and the latency of their commands."""

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
    """How many milliseconds commands blocked a server: 99.9th percentile and longest."""

    p999: float
    longest: float
    commands: int


@contextmanager
def populated_server(keys: int) -> Iterator[servers.Server]:
    """Run a server with this many keys of one alias, three of which start with `needle:`."""
    with servers.valkey("--enable-debug-command", "local") as server:
        with valkey.Valkey(port=server.port, socket_timeout=600) as raw:
            raw.execute_command("DEBUG", "POPULATE", keys - NEEDLES, ":1:user", VALUE_BYTES)
            raw.mset({f":1:needle:{n}": "x" * VALUE_BYTES for n in range(NEEDLES)})
            raw.config_set("latency-tracking-info-percentiles", "99.9 100")
        yield server


@contextmanager
def record_latency(server: servers.Server) -> Iterator[list[Latency]]:
    """Record the latency of the commands that run meanwhile; the list is filled at the end."""
    latencies: list[Latency] = []
    with valkey.Valkey(port=server.port) as raw:
        raw.config_resetstat()
        yield latencies
        figures = raw.info("latencystats")
        calls = raw.info("commandstats")
    percentiles = {
        name.rpartition("_")[2]: both for name, both in figures.items() if "config" not in name
    }
    p999 = max(float(both["p99.9"]) for both in percentiles.values()) / 1000
    longest = max(float(both["p100"]) for both in percentiles.values()) / 1000
    latencies.append(Latency(p999, longest, sum(one["calls"] for one in calls.values())))


def network_bytes(server: servers.Server) -> int:
    """Return how many bytes a server has received and sent."""
    with valkey.Valkey(port=server.port) as raw:
        stats = raw.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])

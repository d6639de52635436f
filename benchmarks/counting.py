"""Counting the exact costs of a page: round trips, commands, queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import valkey
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tests import servers
from tests.inspectors.valkey.proxy import Proxy


def count_round_trips(proxy: Proxy, visit: Callable[[], object]) -> int:
    """Count the round trips of a visit through a proxy, after connections were made."""
    visit()
    before = proxy.trips
    visit()
    return proxy.trips - before


@contextmanager
def count_commands(server: servers.Server) -> Iterator[Counter[str]]:
    """Count the commands that a server receives; the counter is filled at the end."""
    counted: Counter[str] = Counter()
    with valkey.Valkey(port=server.port) as client:
        calls_before = command_calls(client)
        yield counted
        counted.update(command_calls(client))
        counted.subtract(calls_before)
    counted["INFO"] -= 1  # The INFO that read the counts before.
    for name in [name for name, count in counted.items() if not count]:
        del counted[name]


def command_calls(client: valkey.Valkey) -> dict[str, int]:
    """Return how often a server has run each command."""
    statistics: Any = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_").replace("|", " ").upper(): figures["calls"]
        for name, figures in statistics.items()
    }


def capture_queries(database: str, visit: Callable[[], object]) -> list[str]:
    """Return the SQL statements of a visit."""
    with CaptureQueriesContext(connections[database]) as captured:
        visit()
    return [query["sql"] for query in captured]

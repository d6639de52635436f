"""Counting what a page costs where it is exact: round trips, commands, queries."""

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


def round_trips(between: Proxy, visit: Callable[[], object]) -> int:
    """Return the round trips of a visit through a proxy, once the connections are made."""
    visit()
    before = between.trips
    visit()
    return between.trips - before


@contextmanager
def commands(server: servers.Server) -> Iterator[Counter[str]]:
    """Fill the counter, at the end, with the commands that the server was sent meanwhile."""
    counted: Counter[str] = Counter()
    with valkey.Valkey(port=server.port) as client:
        before = calls(client)
        yield counted
        counted.update(calls(client))
        counted.subtract(before)
    counted["INFO"] -= 1  # The one that counted what was before.
    for name in [name for name, count in counted.items() if not count]:
        del counted[name]


def calls(client: valkey.Valkey) -> dict[str, int]:
    """Return how often a server has run each command."""
    statistics: Any = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_").replace("|", " ").upper(): figures["calls"]
        for name, figures in statistics.items()
    }


def queries(database: str, visit: Callable[[], object]) -> list[str]:
    """Return the statements that a visit sends to a database."""
    with CaptureQueriesContext(connections[database]) as captured:
        visit()
    return [query["sql"] for query in captured]

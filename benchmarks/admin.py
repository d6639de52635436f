"""The page about the cost of the cache admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks import (
    database,
    disk,
    filling,
    index,
    keys,
    memcached,
    memory,
    opening,
    packages,
    users,
)
from benchmarks.bench import Bench, Visitor
from benchmarks.figure import Figure
from benchmarks.machine import describe_environment
from tests import servers

FIGURES: tuple[Callable[[Bench], Figure], ...] = (
    keys.measure,
    packages.measure,
    database.measure,
    disk.measure,
    memcached.measure,
    index.measure,
    opening.measure,
    memory.measure,
    users.measure,
)

INTRODUCTION = """\
# What the cache admin costs

How long the pages of the cache admin take, and how many round trips they need. This page was
written by `make bench`.

Times are medians of whole pages, requested with Django's test client: middleware, session, user and
templates. Measurements that are compared took turns in one run. A ratio is the median of the ratios
of all rounds, with the lowest and the highest. Round trips are counted on the connection, and
commands by the server. Figures that miss their goal are bold."""


def report() -> Iterator[str]:
    """Yield the sections of the page as they are measured."""
    yield INTRODUCTION
    with servers.valkey() as valkey:
        bench = Bench(Visitor(), valkey)
        yield describe_environment(valkey)
        filling.send_commands(valkey, 0, filling.key_commands(bench.sizes.keys))
        filling.send_commands(valkey, 1, filling.key_commands(bench.sizes.few_keys))
        for measure in FIGURES:
            yield measure(bench).markdown()

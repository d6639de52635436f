"""The index: a hundred aliases on one server, compared with one alias."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.counting import count_commands, count_round_trips
from benchmarks.figure import Figure, Measurement
from tests.inspectors.valkey.proxy import proxy

ROUND_TRIPS = "round trips an alias"
COMMANDS = "commands an alias"
GOALS = {ROUND_TRIPS: 3}


def measure(bench: Bench) -> Figure:
    count = bench.sizes.aliases
    round_trips, sent = count_index(bench, count)
    counts = {ROUND_TRIPS: round_trips / count, COMMANDS: sum(sent.values()) / count}
    seconds, reference = bench.compare(
        partial(time_index, bench, count), partial(time_index, bench, 1)
    )
    return Figure(
        f"Index: {count:,} aliases on one server",
        f"The database of the aliases contains {bench.sizes.keys:,} keys.",
        GOALS,
        [Measurement("index", counts, seconds, reference, note=", ".join(sorted(sent)))],
        (f"of {count:,} aliases", "of one alias"),
    )


def cache_settings(port: int, count: int) -> dict[str, Any]:
    others = {f"alias-{n}": valkey_alias(port, KEY_PREFIX=f"p{n}") for n in range(1, count)}
    return {"default": valkey_alias(port, KEY_PREFIX="p0"), **others}


def time_index(bench: Bench, count: int) -> float:
    """Return how many seconds the index with `count` aliases takes."""
    with override_settings(CACHES=cache_settings(bench.valkey.port, count)):
        return bench.visitor.time_page(LINKS.caches())


def count_index(bench: Bench, count: int) -> tuple[int, Counter[str]]:
    """Return the round trips and the commands of the index with `count` aliases."""
    with (
        proxy(bench.valkey.port) as counting_proxy,
        override_settings(CACHES=cache_settings(counting_proxy.port, count)),
    ):
        visit = partial(bench.visitor.open, LINKS.caches())
        trips = count_round_trips(counting_proxy, visit)
        with count_commands(bench.valkey) as sent:
            visit()
    return trips, sent

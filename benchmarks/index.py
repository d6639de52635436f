"""The index: a hundred aliases on one server beside one alias."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.counting import commands, round_trips
from benchmarks.figure import Figure, Measured
from tests.inspectors.valkey.proxy import proxy

TRIPS = "round trips an alias"
COMMANDS = "commands an alias"
GOALS = {TRIPS: 3}


def measure(bench: Bench) -> Figure:
    count = bench.sizes.aliases
    trips, sent = counted(bench, count)
    counts = {TRIPS: trips / count, COMMANDS: sum(sent.values()) / count}
    seconds, reference = bench.side_by_side(partial(timed, bench, count), partial(timed, bench, 1))
    return Figure(
        f"Index: {count:,} aliases on one server",
        f"The database of the aliases contains {bench.sizes.keys:,} keys.",
        GOALS,
        [Measured("index", counts, seconds, reference, note=", ".join(sorted(sent)))],
        (f"of {count:,} aliases", "of one alias"),
    )


def aliases(port: int, count: int) -> dict[str, Any]:
    every = {f"alias-{n}": valkey_alias(port, KEY_PREFIX=f"p{n}") for n in range(1, count)}
    return {"default": valkey_alias(port, KEY_PREFIX="p0"), **every}


def timed(bench: Bench, count: int) -> float:
    """Return the seconds that the index of this many aliases takes."""
    with override_settings(CACHES=aliases(bench.valkey.port, count)):
        return bench.visitor.timed(LINKS.caches())


def counted(bench: Bench, count: int) -> tuple[int, Counter[str]]:
    """Return the round trips and the commands of a page of this many aliases."""
    with (
        proxy(bench.valkey.port) as between,
        override_settings(CACHES=aliases(between.port, count)),
    ):
        visit = partial(bench.visitor.open, LINKS.caches())
        trips = round_trips(between, visit)
        with commands(bench.valkey) as sent:
            visit()
    return trips, sent

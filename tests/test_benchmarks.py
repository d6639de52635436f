"""Every benchmark at a tiny size: what it counts stays within its goals. Times prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import (
    database,
    deleting,
    disk,
    filling,
    index,
    keys,
    memory,
    opening,
    packages,
    users,
)
from benchmarks.bench import Bench, Sizes, Visitor
from benchmarks.figure import RATIO, Figure, Measurement
from tests import servers

TINY = Sizes(
    keys=1500,
    few_keys=300,
    rows=1500,
    few_rows=300,
    aliases=5,
    elements=2000,
    many_elements=3000,
    string_bytes=2_000_000,
    pages_walked=2,
    rounds=1,
)

# How many SCANs it takes to fill a page with one key in five is chance.
BY_CHANCE = {f"search that one key in 5 matches: {keys.ROUND_TRIPS}"}


@pytest.fixture
def bench(db: None, valkey_server: servers.Server) -> Bench:
    filling.send_commands(valkey_server, 0, filling.key_commands(TINY.keys))
    filling.send_commands(valkey_server, 1, filling.key_commands(TINY.few_keys))
    return Bench(Visitor(), valkey_server, TINY)


@pytest.mark.parametrize(
    "measure",
    [
        *(keys.measure, packages.measure, database.measure),
        *(index.measure, opening.measure, memory.measure),
    ],
    ids=["keys", "packages", "database", "index", "opening", "memory"],
)
def test_what_is_counted_stays_within_its_goals(
    bench: Bench, measure: Callable[[Bench], Figure]
) -> None:
    figure = measure(bench)
    assert any(name in figure.goals for line in figure.lines for name in line.counts)
    assert set(figure.misses()) - BY_CHANCE == set()


def test_pages_of_diskcache_are_full(bench: Bench) -> None:
    shown = [line.counts[keys.KEYS_SHOWN] for line in disk.measure(bench).lines]
    assert shown == [100, 100, 100, 1]


def test_the_walk_follows_the_pages(bench: Bench) -> None:
    (line,) = memory.measure(bench).lines
    assert line.counts["pages"] == TINY.pages_walked + 1


def test_pages_that_are_compared_are_full(bench: Bench) -> None:
    (line,) = users.measure(bench).lines
    assert line.counts[keys.KEYS_SHOWN] >= users.ROWS
    assert line.counts["users shown"] == users.ROWS
    assert len(line.seconds) == len(line.reference) == TINY.rounds


def test_a_table_shows_medians_and_what_misses_its_goal() -> None:
    line = Measurement("page", {"queries": 3}, [0.010, 0.020, 0.060], [0.010, 0.010, 0.010], "why")
    lines = [line, Measurement("other page")]
    figure = Figure("Pages", "About.", {"queries": 2, RATIO: 1.5}, lines, ("new", "old"))
    assert figure.misses() == ["page: queries"]
    assert figure.markdown().splitlines() == [
        "## Pages",
        "",
        "About. Goals: queries at most 2, ratio at most 1.5.",
        "",
        "|  | queries | new | old | ratio (lowest–highest) |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| page | **3** | 20.0 ms | 10.0 ms | **2.00** (1.00–6.00) |",
        "| other page | – | – | – | – |",
        "",
        "- page: why",
    ]


@pytest.mark.slow
def test_everything_is_deleted_by_both_ways_that_are_compared(
    db: None, valkey_server: servers.Server
) -> None:
    figure = deleting.measure(valkey_server, keys=3000, rounds=1)
    assert [len(line.seconds) for line in figure.lines] == [1, 1]

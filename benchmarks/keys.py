"""The key browser: a page of a million keys beside the same page of a thousand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.test import override_settings

from benchmarks.addresses import LINKS, keys_from, middle
from benchmarks.bench import Bench, valkey_alias
from benchmarks.counting import commands, round_trips
from benchmarks.figure import RATIO, Figure, Measured
from benchmarks.filling import SECTIONS, key_name
from tests.inspectors.valkey.proxy import Proxy, proxy

TRIPS = "round trips"
SHOWN = "keys shown"
KEY_BOX = 'name="selected"'
"""What a page has once for each key."""

GOALS = {TRIPS: 3, RATIO: 1.5}

Url = Callable[[str], str]
"""The URL of a page for an alias."""


def measure(bench: Bench) -> Figure:
    with proxy(bench.valkey.port) as between, override_settings(CACHES=aliases(bench, between)):
        lines = [
            line(bench, what, many, few, between)
            for (what, many), few in zip(
                pages(bench, "many", bench.sizes.keys).items(),
                pages(bench, "few", bench.sizes.few_keys).values(),
                strict=True,
            )
        ]
    return Figure(
        f"Key browser: {bench.sizes.keys:,} keys in Valkey",
        "Whole pages of 100 keys, if there are that many. One key in ten is a collection, whose "
        "length needs another round trip.",
        GOALS,
        lines,
        (f"of {bench.sizes.keys:,}", f"of {bench.sizes.few_keys:,}"),
    )


def aliases(bench: Bench, between: Proxy) -> dict[str, dict[str, object]]:
    return {
        "default": valkey_alias(bench.valkey.port, 2),
        "many": valkey_alias(bench.valkey.port, 0),
        "few": valkey_alias(bench.valkey.port, 1),
        "counted": valkey_alias(between.port, 0),
    }


def pages(bench: Bench, alias: str, count: int) -> dict[str, Url]:
    """Return the pages of a cache of this many keys."""
    return {
        "first page": LINKS.keys,
        "page in the middle": partial(
            keys_from, place=middle(alias, count), user=bench.visitor.user
        ),
        "search that every key matches": partial(LINKS.keys, q="user:*"),
        f"search that one key in {len(SECTIONS)} matches": partial(LINKS.keys, q="*:profile"),
        "search for the exact name of a key": partial(LINKS.keys, q=key_name(count // 2)),
    }


def line(bench: Bench, what: str, many: Url, few: Url, between: Proxy) -> Measured:
    seconds, reference = bench.pages_side_by_side(many("many"), few("few"))
    with commands(bench.valkey) as sent:
        page = bench.visitor.open(many("many"))
    trips = round_trips(between, partial(bench.visitor.open, many("counted")))
    # A proxy makes a search that goes on for some time end early; each SCAN is a round trip.
    counts = {SHOWN: page.count(KEY_BOX), TRIPS: max(trips, sent["SCAN"])}
    return Measured(what, counts, seconds, reference)

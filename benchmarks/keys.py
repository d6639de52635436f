"""The key browser with a million keys, compared with a thousand keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.test import override_settings

from benchmarks.addresses import LINKS, keys_url, middle_position
from benchmarks.bench import Bench, valkey_alias
from benchmarks.counting import count_commands, count_round_trips
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.filling import SECTIONS, key_name
from tests.inspectors.valkey.proxy import Proxy, proxy

ROUND_TRIPS = "round trips"
KEYS_SHOWN = "keys shown"
KEY_CHECKBOX = 'name="selected"'
"""HTML that a page contains once per key."""

GOALS = {ROUND_TRIPS: 3, RATIO: 1.5}

UrlFactory = Callable[[str], str]
"""Returns the URL of a page for an alias."""


def measure(bench: Bench) -> Figure:
    with (
        proxy(bench.valkey.port) as counting_proxy,
        override_settings(CACHES=cache_settings(bench, counting_proxy)),
    ):
        lines = [
            measure_page(bench, label, many, few, counting_proxy)
            for (label, many), few in zip(
                page_urls(bench, "many", bench.sizes.keys).items(),
                page_urls(bench, "few", bench.sizes.few_keys).values(),
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


def cache_settings(bench: Bench, counting_proxy: Proxy) -> dict[str, dict[str, object]]:
    return {
        "default": valkey_alias(bench.valkey.port, 2),
        "many": valkey_alias(bench.valkey.port, 0),
        "few": valkey_alias(bench.valkey.port, 1),
        "counted": valkey_alias(counting_proxy.port, 0),
    }


def page_urls(bench: Bench, alias: str, count: int) -> dict[str, UrlFactory]:
    """Return the URL factories of the pages of a cache with `count` keys."""
    return {
        "first page": LINKS.keys,
        "page in the middle": partial(
            keys_url, position=middle_position(alias, count), user=bench.visitor.user
        ),
        "search that every key matches": partial(LINKS.keys, q="user:*"),
        f"search that one key in {len(SECTIONS)} matches": partial(LINKS.keys, q="*:profile"),
        "search for the exact name of a key": partial(LINKS.keys, q=key_name(count // 2)),
    }


def measure_page(
    bench: Bench, label: str, many: UrlFactory, few: UrlFactory, counting_proxy: Proxy
) -> Measurement:
    seconds, reference = bench.compare_pages(many("many"), few("few"))
    with count_commands(bench.valkey) as sent:
        page = bench.visitor.open(many("many"))
    trips = count_round_trips(counting_proxy, partial(bench.visitor.open, many("counted")))
    # A long search ends earlier through the slower proxy; each SCAN is one round trip.
    counts = {KEYS_SHOWN: page.count(KEY_CHECKBOX), ROUND_TRIPS: max(trips, sent["SCAN"])}
    return Measurement(label, counts, seconds, reference)

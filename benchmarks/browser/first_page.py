"""The key browser's first page without a filter: very many keys compared with a thousand."""

from __future__ import annotations

from functools import partial

from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.browser.populated_server import network_bytes
from benchmarks.counting import count_round_trips
from benchmarks.figure import RATIO, Figure, Measurement
from tests import servers
from tests.inspectors.valkey.proxy import proxy

ROUND_TRIPS = "round trips"
BYTES = "bytes over the wire, ratio"
GOALS = {ROUND_TRIPS: 3, BYTES: 1.3, RATIO: 1.3}


def measure(bench: Bench, many: servers.Server, few: servers.Server, keys: int) -> Figure:
    caches = {"default": valkey_alias(many.port), "few": valkey_alias(few.port)}
    with proxy(many.port) as counting_proxy:
        caches["counted"] = valkey_alias(counting_proxy.port)
        with override_settings(CACHES=caches):
            seconds, reference = bench.compare_pages(LINKS.keys("default"), LINKS.keys("few"))
            counts = {
                ROUND_TRIPS: count_round_trips(
                    counting_proxy, partial(bench.visitor.open, LINKS.keys("counted"))
                ),
                BYTES: first_page_bytes(bench, many, "default")
                / first_page_bytes(bench, few, "few"),
            }
    line = Measurement(f"{keys:,} keys", counts, seconds, reference)
    about = "Whole pages of 100 keys without a filter, requested with Django's test client."
    return Figure("The first page", about, GOALS, [line], (f"of {keys:,}", "of 1,000"))


def first_page_bytes(bench: Bench, server: servers.Server, alias: str) -> int:
    """Return the bytes between the admin and a server for the first page, once connected."""
    overhead = -network_bytes(server) + network_bytes(server)  # Bytes of INFO itself.
    before = network_bytes(server)
    bench.visitor.open(LINKS.keys(alias))
    return network_bytes(server) - before - overhead

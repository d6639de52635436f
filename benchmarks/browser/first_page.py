"""The first page of the key browser, no filter: of very many keys beside a thousand."""

from __future__ import annotations

from functools import partial

from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.browser.crowd import bytes_moved
from benchmarks.counting import round_trips
from benchmarks.figure import RATIO, Figure, Measured
from tests import servers
from tests.inspectors.valkey.proxy import proxy

TRIPS = "round trips"
BYTES = "bytes over the wire, ratio"
GOALS = {TRIPS: 3, BYTES: 1.3, RATIO: 1.3}


def measure(bench: Bench, many: servers.Server, few: servers.Server, keys: int) -> Figure:
    caches = {"default": valkey_alias(many.port), "few": valkey_alias(few.port)}
    with proxy(many.port) as between:
        caches["counted"] = valkey_alias(between.port)
        with override_settings(CACHES=caches):
            seconds, reference = bench.pages_side_by_side(LINKS.keys("default"), LINKS.keys("few"))
            counts = {
                TRIPS: round_trips(between, partial(bench.visitor.open, LINKS.keys("counted"))),
                BYTES: moved(bench, many, "default") / moved(bench, few, "few"),
            }
    line = Measured(f"{keys:,} keys", counts, seconds, reference)
    about = "Whole pages of 100 keys without a filter, requested with Django's test client."
    return Figure("The first page", about, GOALS, [line], (f"of {keys:,}", "of 1,000"))


def moved(bench: Bench, server: servers.Server, alias: str) -> int:
    """Return the bytes between the admin and a server for the first page, connected before."""
    asking = -bytes_moved(server) + bytes_moved(server)  # What the question itself takes.
    before = bytes_moved(server)
    bench.visitor.open(LINKS.keys(alias))
    return bytes_moved(server) - before - asking

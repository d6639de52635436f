"""The key browser of other packages' caches, compared with this package's."""

from __future__ import annotations

from functools import partial

from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench
from benchmarks.counting import count_round_trips
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.keys import KEY_CHECKBOX, KEYS_SHOWN, ROUND_TRIPS
from tests.inspectors.valkey.proxy import Proxy, proxy

OWN_ROUND_TRIPS = "round trips of this package's"
GOALS = {RATIO: 1.1}

# The backends of other packages, and ours with the same driver.
PAIRS = {
    "Django's RedisCache": ("django.core.cache.backends.redis.RedisCache", "RedisCache"),
    "django-redis": ("django_redis.cache.RedisCache", "RedisCache"),
    "django-valkey": ("django_valkey.cache.ValkeyCache", "ValkeyCache"),
}


def measure(bench: Bench) -> Figure:
    with proxy(bench.valkey.port) as counting_proxy:
        lines = [measure_backend(bench, name, counting_proxy) for name in PAIRS]
    return Figure(
        "Key browser: other packages' caches",
        f"First pages of 100 of {bench.sizes.few_keys:,} keys, compared with this package's "
        "backend for the same driver. As many round trips.",
        {**GOALS, ROUND_TRIPS: max(line.counts[OWN_ROUND_TRIPS] for line in lines)},
        lines,
        ("the package's", "this package's"),
    )


def measure_backend(bench: Bench, name: str, counting_proxy: Proxy) -> Measurement:
    theirs, ours = PAIRS[name]
    backends = {"theirs": theirs, "ours": f"django_cachex.cache.{ours}"}
    scheme = "valkey" if ours == "ValkeyCache" else "redis"
    caches = {
        f"{whose}{way}": {"BACKEND": path, "LOCATION": f"{scheme}://127.0.0.1:{port}/1"}
        for whose, path in backends.items()
        for way, port in (("", bench.valkey.port), ("-counted", counting_proxy.port))
    }
    with override_settings(CACHES={"default": caches["ours"], **caches}):
        page = bench.visitor.open(LINKS.keys("theirs"))
        seconds, reference = bench.compare_pages(LINKS.keys("theirs"), LINKS.keys("ours"))
        trips, own_trips = (
            count_round_trips(
                counting_proxy, partial(bench.visitor.open, LINKS.keys(f"{whose}-counted"))
            )
            for whose in backends
        )
    counts = {
        KEYS_SHOWN: page.count(KEY_CHECKBOX),
        ROUND_TRIPS: trips,
        OWN_ROUND_TRIPS: own_trips,
    }
    return Measurement(name, counts, seconds, reference)

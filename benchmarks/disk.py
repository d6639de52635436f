"""diskcache in the key browser: a million keys, compared with a thousand keys."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.test import override_settings

from benchmarks.bench import Bench
from benchmarks.database import page_urls
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.filling import DAY, VALUE, key_name
from benchmarks.keys import KEY_CHECKBOX, KEYS_SHOWN

GOALS = {RATIO: 1.5}


def measure(bench: Bench) -> Figure:
    with tempfile.TemporaryDirectory(prefix="cachex-") as folder:
        settings = {alias: disk_params(Path(folder, alias)) for alias in ("default", "many", "few")}
        with override_settings(CACHES=settings):
            fill("many", bench.sizes.keys)
            fill("few", bench.sizes.few_keys)
            many = page_urls(bench, "many", bench.sizes.keys)
            few = page_urls(bench, "few", bench.sizes.few_keys)
            lines = [
                measure_page(bench, label, url, few_url)
                for (label, url), few_url in zip(many.items(), few.values(), strict=True)
            ]
    return Figure(
        f"Key browser: {bench.sizes.keys:,} keys in diskcache",
        "Whole pages of 100 keys, if there are that many, from 8 shards.",
        GOALS,
        lines,
        (f"of {bench.sizes.keys:,}", f"of {bench.sizes.few_keys:,}"),
    )


def disk_params(folder: Path) -> dict[str, Any]:
    return {"BACKEND": "diskcache.DjangoCache", "LOCATION": str(folder)}


def fill(alias: str, count: int) -> None:
    """Store `count` keys in an empty cache, as its `set` does."""
    cache: Any = caches[alias]
    fanout, now = cache._cache, time.time()
    rows = defaultdict(list)
    for n in range(count):
        key = cache.make_key(key_name(n))
        expires = None if n % 4 == 1 else now + (DAY + n) / 1000
        rows[fanout._hash(key) % fanout._count].append((key, now, expires, now, VALUE.decode()))
    statement = (
        "INSERT INTO Cache (key, raw, store_time, expire_time, access_time, mode, value) "
        "VALUES (?, 1, ?, ?, ?, 1, ?)"
    )
    for number, shard in enumerate(fanout._shards):
        with closing(shard._con.cursor()) as cursor, shard.transact():
            cursor.executemany(statement, rows[number])


def measure_page(bench: Bench, label: str, url: str, reference_url: str) -> Measurement:
    shown = bench.visitor.open(url).count(KEY_CHECKBOX)
    return Measurement(label, {KEYS_SHOWN: shown}, *bench.compare_pages(url, reference_url))

"""Fill the demo's caches with the same data at every start.

This runs in the process of the server, because LocMemCache and NotebookCache are local to it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import valkey
from django.conf import settings
from django.contrib.sessions.backends.cached_db import KEY_PREFIX as SESSION_PREFIX
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.db import transaction

from demo import oddities, shop
from demo.shop import DAY, Entry

REACHABLE_ALIASES = (
    *("default", "sessions", "catalogue", "dj-redis"),
    *("local", "pages", "files", "disk", "stranger"),
    *(["memcached"] if settings.MEMCACHED else []),
)


def seed() -> None:
    """Clear and fill all reachable caches."""
    for alias in REACHABLE_ALIASES:
        caches[alias].clear()
    _fill_default()
    _store(caches["sessions"], _sessions())
    caches["sessions"].set_many(oddities.COMPRESSED, oddities.DAY)
    _store(caches["catalogue"], shop.products(600))
    _store(caches["dj-redis"], shop.products(300))
    _store(caches["local"], shop.products(150))
    with transaction.atomic():  # Otherwise, DatabaseCache commits each entry.
        _store(caches["pages"], shop.pages(400))
    _store(caches["files"], shop.pages(60))
    _fill_disk(caches["disk"])
    if settings.MEMCACHED:
        _store(caches["memcached"], shop.searches(random.Random(5)))
    caches["stranger"].set_many({"greeting": "hello", "answer": 42, "list": [1, 2, 3]}, DAY)


def _store(cache: BaseCache, entries: Iterable[Entry]) -> None:
    by_timeout: dict[int | None, dict[str, Any]] = defaultdict(dict)
    for entry in entries:
        by_timeout[entry.timeout][entry.key] = entry.value
    for timeout, values in by_timeout.items():
        cache.set_many(values, timeout)


def _sessions() -> Iterable[Entry]:
    for session_id, content in shop.sessions():
        yield Entry(SESSION_PREFIX + session_id, content, 14 * DAY)


def _fill_disk(cache: Any) -> None:
    """Store pictures with a tag for each product, so that they can be removed together."""
    for number in range(1, 61):
        for size, length in (("small", 3_000), ("large", 60_000)):
            picture = b"\x89PNG\r\n\x1a\n" + random.Random(number).randbytes(length)
            cache.set(f"{number}:{size}", picture, 7 * DAY, tag=f"product:{number}")
        for _view in range(number % 7):
            cache.get(f"{number}:small")


def _fill_default() -> None:
    cache = caches["default"]
    _store(cache, shop.entries())
    oddities.fill_awkward_values(cache)
    shop.cache_page(cache)
    with valkey.Valkey.from_url(settings.CACHES["default"]["LOCATION"]) as client:
        _fill_raw(cache, client)
        _fill_collections(cache, client)


def _fill_raw(cache: BaseCache, client: valkey.Valkey) -> None:
    pipeline = client.pipeline(transaction=False)
    for key, value in oddities.raw_values().items():
        pipeline.set(cache.make_key(key), value, ex=DAY)
    pipeline.set(cache.make_key("caf").encode() + b"\xe9", b"a key that is not UTF-8")
    pipeline.set("another-application:1:secret", b"not under this alias's prefix")
    pipeline.execute()


def _fill_collections(cache: BaseCache, client: valkey.Valkey) -> None:
    """Write hashes, sorted sets, lists, sets and a stream with the driver."""
    rng = random.Random(7)
    pipeline = client.pipeline(transaction=False)
    for number in range(1, 301):
        cart = cache.make_key(f"cart:{number}")
        pipeline.hset(
            cart, mapping={good: rng.randrange(1, 5) for good in rng.sample(shop.GOODS, 4)}
        )
        pipeline.expire(cart, timedelta(days=rng.randrange(1, 8)))
    for week in range(1, 27):
        scores = {f"user:{rng.randrange(2_000)}": rng.randrange(1_000) for _ in range(120)}
        pipeline.zadd(cache.make_key(f"leaderboard:2026-W{week:02}"), scores)
    pipeline.zadd(
        cache.make_key("leaderboard:all-time"),
        {f"user:{n}": rng.random() * 1e6 for n in range(20_000)},
    )
    for name, length in (("emails", 5_000), ("thumbnails", 40), ("invoices", 3)):
        jobs = [f'{{"job": {n}, "user": {rng.randrange(2_000)}}}' for n in range(length)]
        pipeline.rpush(cache.make_key(f"queue:{name}"), *jobs)
    for name in ("beta-testers", "newsletter", "blocked"):
        members = [f"user:{n}" for n in rng.sample(range(2_000), 250)]
        pipeline.sadd(cache.make_key(f"members:{name}"), *members)
    for number in range(500):
        event = {"order": number, "state": rng.choice(("paid", "packed", "sent"))}
        pipeline.xadd(
            cache.make_key("events:orders"), event, id=f"{1_767_600_000_000 + number * 977}-0"
        )
    pipeline.execute()

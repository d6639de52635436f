"""Caches of every kind with something in them, under the demo's aliases."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import valkey
from django.conf import settings
from django.core.cache import CacheKeyWarning, caches
from django.core.cache.backends.base import BaseCache
from django.core.management import call_command

from demo import oddities, shop
from demo.stranger import NotebookCache
from tests.servers import Server, free_port

DAY = 86_400
USERS = 600
TABLE = "cached_pages"
TEMPLATES = Path(shop.__file__).parent / "templates"


def cache_settings(server: Server, folder: Path) -> dict[str, dict[str, Any]]:
    """Return CACHES with one alias of each kind; at `dead`, nobody listens."""
    builtin = "django.core.cache.backends"
    return {
        "default": {
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": f"valkey://{server.address}/0",
            "KEY_PREFIX": "shop",
        },
        "sessions": {
            "BACKEND": "django_cachex.cache.RedisCache",
            "LOCATION": f"redis://{server.address}/1",
            "OPTIONS": {"compressor": "zlib"},
        },
        "catalogue": {
            "BACKEND": f"{builtin}.redis.RedisCache",
            "LOCATION": f"redis://{server.address}/2",
        },
        "dj-redis": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://{server.address}/3",
        },
        "local": {"BACKEND": f"{builtin}.locmem.LocMemCache", "LOCATION": "browser"},
        "pages": {"BACKEND": f"{builtin}.db.DatabaseCache", "LOCATION": TABLE},
        "files": {"BACKEND": f"{builtin}.filebased.FileBasedCache", "LOCATION": str(folder)},
        "disk": {"BACKEND": "diskcache.DjangoCache", "LOCATION": str(folder / "disk")},
        "off": {"BACKEND": f"{builtin}.dummy.DummyCache"},
        "stranger": {"BACKEND": f"{NotebookCache.__module__}.{NotebookCache.__qualname__}"},
        "dead": {
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": f"valkey://shop:a-password@127.0.0.1:{free_port()}/0",
        },
    }


def fill() -> None:
    """Empty the caches and fill each with a little of everything."""
    call_command("createcachetable", verbosity=0)
    for alias in ("local", "pages", "stranger"):  # The others are as new as their folder or server.
        caches[alias].clear()
    _fill_default(caches["default"])
    caches["sessions"].set_many({f"visitor:{n}": {"seen": [n]} for n in range(60)}, DAY)
    caches["sessions"].set_many(oddities.COMPRESSED, DAY)
    for alias in ("catalogue", "dj-redis", "local", "pages", "files", "disk"):
        caches[alias].set_many({f"product:{n}": f"product {n}" for n in range(30)}, DAY)
    caches["stranger"].set("greeting", "hello", DAY)


def _fill_default(cache: BaseCache) -> None:
    cache.set_many({f"user:{n}": {"id": n, "plan": "pro"} for n in range(1, USERS + 1)}, DAY)
    cache.set("views:product:1", 7, None)
    cache.set_many({f"odd:{name}": value for name, value in oddities.VALUES.items()}, DAY)
    cache.set("report:2025.csv", "order,customer,total\n" * 50_000, DAY)
    with warnings.catch_warnings():
        # They are not portable to memcached, which is the point of them.
        warnings.simplefilter("ignore", CacheKeyWarning)
        cache.set_many(dict.fromkeys(oddities.KEYS, "an awkward key"), DAY)
    shop.cache_page(cache)
    with raw("default") as client:
        for key, value in oddities.raw_values().items():
            client.set(cache.make_key(key), value, ex=DAY)
        _fill_collections(cache, client)


def _fill_collections(cache: BaseCache, client: valkey.Valkey) -> None:
    for number in range(1, 6):
        client.hset(cache.make_key(f"cart:{number}"), mapping={"kettle": 1, "a-lamp": 2})
    client.rpush(cache.make_key("queue:emails"), *(f'{{"job": {n}}}' for n in range(300)))
    client.sadd(cache.make_key("members:blocked"), *(f"user:{n}" for n in range(40)))
    scores = {f"user:{n}": n * 1.5 for n in range(40)}
    client.zadd(cache.make_key("leaderboard:2026-W01"), scores)
    for number in range(5):
        client.xadd(cache.make_key("events:orders"), {"order": str(number), "state": "paid"})


def raw(alias: str) -> valkey.Valkey:
    """Return a plain client of the server of an alias."""
    return valkey.Valkey.from_url(settings.CACHES[alias]["LOCATION"])

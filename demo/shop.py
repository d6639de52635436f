"""Generated data as in the caches of a shop, the same at every start."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.utils import make_template_fragment_key
from django.http import HttpRequest, HttpResponse
from django.utils.cache import learn_cache_key, patch_response_headers, patch_vary_headers
from django.utils.safestring import mark_safe

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NAMES = ("Ada", "Björn", "Chiara", "Dmitri", "Emre", "Fatou", "Gao", "Hana", "Inês", "João")
CITIES = ("Aarhus", "Brno", "Cádiz", "Dakar", "Esch", "Fukuoka", "Graz", "Hué")
GOODS = ("kettle", "lamp", "mug", "notebook", "pan", "rug", "scarf", "teapot", "umbrella", "vase")
START = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A key, its value, and its timeout in seconds; None never expires."""

    key: str
    value: Any
    timeout: int | None


@dataclass
class Basket:
    """A class of the application, which the admin shows without importing it."""

    owner: int
    lines: list[tuple[str, int]] = field(default_factory=list)
    coupon: Decimal | None = None


def entries() -> Iterator[Entry]:
    """Yield about 4,500 entries with typical values of Django applications."""
    rng = random.Random(1)
    for make in (users, counters, fragments, searches, baskets, rates, flags):
        yield from make(rng)


def users(rng: random.Random) -> Iterator[Entry]:
    for number in range(1, 2_001):
        name = rng.choice(NAMES)
        profile = {
            "id": number,
            "name": name,
            "email": f"{name.lower()}.{number}@example.com",
            "city": rng.choice(CITIES),
            "newsletter": rng.random() < 0.4,
            "joined": (date(2019, 1, 1) + timedelta(rng.randrange(2_500))).isoformat(),
            "orders": [rng.randrange(10_000, 99_999) for _ in range(rng.randrange(4))],
        }
        yield Entry(f"user:{number}", profile, rng.choice((10 * MINUTE, HOUR, 6 * HOUR, DAY)))


def counters(rng: random.Random) -> Iterator[Entry]:
    for number in range(1, 1_201):
        yield Entry(f"views:product:{number}", rng.randrange(50_000), None)
    for number in range(1, 101):
        yield Entry(f"ratelimit:login:203.0.113.{number}", rng.randrange(5), 15 * MINUTE)


def fragments(rng: random.Random) -> Iterator[Entry]:
    for number in range(1, 301):
        good = rng.choice(GOODS)
        html = f'<article class="product">\n  <h2>{good.title()} {number}</h2>\n</article>\n'
        yield Entry(make_template_fragment_key("product", [number]), mark_safe(html), 2 * HOUR)


def searches(rng: random.Random) -> Iterator[Entry]:
    for number in range(500):
        words = f"{rng.choice(GOODS)}+{rng.choice(CITIES)}".lower()
        found = json.dumps({"found": rng.randrange(400), "ids": rng.sample(range(5_000), 20)})
        yield Entry(f"search:{words}:{number}", found, rng.choice((5 * MINUTE, 30 * MINUTE)))


def baskets(rng: random.Random) -> Iterator[Entry]:
    for number in range(1, 201):
        lines = [(good, rng.randrange(1, 4)) for good in rng.sample(GOODS, 3)]
        yield Entry(f"basket:{number}", Basket(number, lines, Decimal("4.90")), 7 * DAY)


def rates(rng: random.Random) -> Iterator[Entry]:
    for number, currency in enumerate(("CHF", "CZK", "DKK", "GBP", "JPY", "SEK", "USD")):
        rate = Decimal(rng.randrange(10_000, 99_999)) / 10_000
        yield Entry(f"rate:EUR:{currency}", rate, 12 * HOUR)
        yield Entry(f"rate:EUR:{currency}:fetched", START + timedelta(hours=number), 12 * HOUR)


def flags(rng: random.Random) -> Iterator[Entry]:
    for name in ("new-checkout", "dark-mode", "gift-cards", "wishlist"):
        yield Entry(f"flag:{name}", rng.random() < 0.5, None)
    yield Entry("flags:regions", {"beta": {"AT", "DE"}, "off": {"CH"}, "since": START}, None)


def sessions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield session IDs and session data of anonymous visitors."""
    rng = random.Random(2)
    for _ in range(400):
        seen = rng.sample(range(1, 1_201), rng.randrange(1, 8))
        yield (
            f"{rng.getrandbits(128):032x}",
            {"language": rng.choice(["de", "en", "fr"]), "seen": seen},
        )


def products(count: int) -> Iterator[Entry]:
    rng = random.Random(3)
    for number in range(1, count + 1):
        product = {
            "sku": f"{rng.choice(GOODS)}-{number:04}",
            "price": Decimal(rng.randrange(100, 20_000)) / 100,
            "stock": {city: rng.randrange(40) for city in rng.sample(CITIES, 3)},
        }
        yield Entry(f"product:{number}", product, rng.choice((None, HOUR, DAY)))


def pages(count: int) -> Iterator[Entry]:
    rng = random.Random(4)
    for number in range(1, count + 1):
        html = f"<!doctype html>\n<title>{rng.choice(GOODS)}</title>\n" + "<p>…</p>\n" * 20
        yield Entry(f"page:/products/{number}/", html, rng.choice((None, HOUR, DAY)))


def cache_page(cache: BaseCache) -> None:
    """Store a response and the headers that it varies on, as Django's cache middleware does."""
    request = HttpRequest()
    request.method, request.path = "GET", "/products/1/"
    request.META["HTTP_HOST"] = "localhost"
    response = HttpResponse("<!doctype html>\n<title>Teapot</title>\n" + "<p>…</p>\n" * 20)
    response.set_cookie("seen", "1")
    patch_vary_headers(response, ["Cookie"])
    patch_response_headers(response, DAY)
    cache.set(learn_cache_key(request, response, DAY, "shop", cache), response, DAY)

"""What a shop would have in its caches: made up, the same at every start."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.safestring import mark_safe

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NAMES = ("Ada", "Björn", "Chiara", "Dmitri", "Emre", "Fatou", "Gao", "Hana", "Inês", "João")
CITIES = ("Aarhus", "Brno", "Cádiz", "Dakar", "Esch", "Fukuoka", "Graz", "Hué")
GOODS = ("kettle", "lamp", "mug", "notebook", "pan", "rug", "scarf", "teapot", "umbrella", "vase")
START = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A key, what it holds, and its timeout in seconds; None never expires."""

    key: str
    value: Any
    timeout: int | None


@dataclass
class Basket:
    """A class of the application's own: the admin shows it without importing it."""

    owner: int
    lines: list[tuple[str, int]] = field(default_factory=list)
    coupon: Decimal | None = None


def entries() -> Iterator[Entry]:
    """Yield some 4 500 entries with the values that Django applications store."""
    dice = random.Random(1)
    for make in (users, counters, fragments, searches, baskets, rates, flags):
        yield from make(dice)


def users(dice: random.Random) -> Iterator[Entry]:
    for number in range(1, 2_001):
        name = dice.choice(NAMES)
        profile = {
            "id": number,
            "name": name,
            "email": f"{name.lower()}.{number}@example.com",
            "city": dice.choice(CITIES),
            "newsletter": dice.random() < 0.4,
            "joined": (date(2019, 1, 1) + timedelta(dice.randrange(2_500))).isoformat(),
            "orders": [dice.randrange(10_000, 99_999) for _ in range(dice.randrange(4))],
        }
        yield Entry(f"user:{number}", profile, dice.choice((10 * MINUTE, HOUR, 6 * HOUR, DAY)))


def counters(dice: random.Random) -> Iterator[Entry]:
    for number in range(1, 1_201):
        yield Entry(f"views:product:{number}", dice.randrange(50_000), None)
    for number in range(1, 101):
        yield Entry(f"ratelimit:login:203.0.113.{number}", dice.randrange(5), 15 * MINUTE)


def fragments(dice: random.Random) -> Iterator[Entry]:
    for number in range(1, 301):
        good = dice.choice(GOODS)
        html = f'<article class="product">\n  <h2>{good.title()} {number}</h2>\n</article>\n'
        yield Entry(f"template.cache.product.{number}", mark_safe(html), 2 * HOUR)


def searches(dice: random.Random) -> Iterator[Entry]:
    for number in range(500):
        words = f"{dice.choice(GOODS)}+{dice.choice(CITIES)}".lower()
        found = json.dumps({"found": dice.randrange(400), "ids": dice.sample(range(5_000), 20)})
        yield Entry(f"search:{words}:{number}", found, dice.choice((5 * MINUTE, 30 * MINUTE)))


def baskets(dice: random.Random) -> Iterator[Entry]:
    for number in range(1, 201):
        lines = [(good, dice.randrange(1, 4)) for good in dice.sample(GOODS, 3)]
        yield Entry(f"basket:{number}", Basket(number, lines, Decimal("4.90")), 7 * DAY)


def rates(dice: random.Random) -> Iterator[Entry]:
    for number, currency in enumerate(("CHF", "CZK", "DKK", "GBP", "JPY", "SEK", "USD")):
        rate = Decimal(dice.randrange(10_000, 99_999)) / 10_000
        yield Entry(f"rate:EUR:{currency}", rate, 12 * HOUR)
        yield Entry(f"rate:EUR:{currency}:fetched", START + timedelta(hours=number), 12 * HOUR)


def flags(dice: random.Random) -> Iterator[Entry]:
    for name in ("new-checkout", "dark-mode", "gift-cards", "wishlist"):
        yield Entry(f"flag:{name}", dice.random() < 0.5, None)
    yield Entry("flags:regions", {"beta": {"AT", "DE"}, "off": {"CH"}, "since": START}, None)


def sessions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield session ids and what visitors without an account have in theirs."""
    dice = random.Random(2)
    for _ in range(400):
        seen = dice.sample(range(1, 1_201), dice.randrange(1, 8))
        yield (
            f"{dice.getrandbits(128):032x}",
            {"language": dice.choice(["de", "en", "fr"]), "seen": seen},
        )


def products(count: int) -> Iterator[Entry]:
    dice = random.Random(3)
    for number in range(1, count + 1):
        product = {
            "sku": f"{dice.choice(GOODS)}-{number:04}",
            "price": Decimal(dice.randrange(100, 20_000)) / 100,
            "stock": {city: dice.randrange(40) for city in dice.sample(CITIES, 3)},
        }
        yield Entry(f"product:{number}", product, dice.choice((None, HOUR, DAY)))


def pages(count: int) -> Iterator[Entry]:
    dice = random.Random(4)
    for number in range(1, count + 1):
        html = f"<!doctype html>\n<title>{dice.choice(GOODS)}</title>\n" + "<p>…</p>\n" * 20
        yield Entry(f"page:/products/{number}/", html, dice.choice((None, HOUR, DAY)))

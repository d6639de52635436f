"""Keys and values that break careless tools, as found in old caches."""

from __future__ import annotations

import io
import json
import pickle
import random
import warnings
import zlib
from typing import Any

from django.core.cache import CacheKeyWarning
from django.core.cache.backends.base import BaseCache

DAY = 86_400
KEYS = (
    '<script>alert("key")</script>',
    "spaces, 'quotes' and \"more\"",
    "a/path?with=query&more#fragment%20",
    "glob*characters?[in]\\it",
    "ключ:名前:🗝",
    "long:" + "x" * 6_000,
    "",
)
VALUES: dict[str, Any] = {
    "none": None,
    "empty": "",
    "true": True,
    "nan": float("nan"),
    "beyond-64-bits": 2**70,
    "digits-as-text": "00123",
    "markup": '<img src=x onerror="alert(1)"><script>alert("value")</script>',
    "tuple": (1, (2, (3,))),
    "nested": {"a": [{"b": [{"c": [{"d": [None, True, 1.5, "text"]}]}]}]},
    "bytes": bytes(range(256)),
    "large-json": {
        "currency": "EUR",
        "shipping": {"weight": 12.5, "zones": [{"zone": n, "price": 4.9 + n} for n in range(8)]},
        "products": [
            {"id": n, "name": f"Kettle no. {n}", "price": n / 4, "tags": ["kitchen", "steel"]}
            for n in range(120)
        ],
        "notes": "A value of some size: its blocks can be closed.",
    },
}


COMPRESSED: dict[str, Any] = {
    "search:kettle": [
        {"id": number, "name": f"Kettle {number}", "on sale": number % 3 == 0}
        for number in range(1, 41)
    ]
}
"""Values that are long enough to be compressed."""


class CallsPrint:
    """An object whose pickle makes `pickle.loads` call a function."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("A tool unpickled a value only to show it.",)


def fill_awkward_values(cache: BaseCache) -> None:
    """Store awkward keys and values through the cache, as an application would."""
    with warnings.catch_warnings():
        # The keys are deliberately not portable to memcached.
        warnings.simplefilter("ignore", CacheKeyWarning)
        cache.set_many(dict.fromkeys(KEYS, "an awkward key"), DAY)
    cache.set_many({f"odd:{name}": value for name, value in VALUES.items()}, DAY)
    cache.set("report:2025.csv", _report(2_000_000), 7 * DAY)


def raw_values() -> dict[str, bytes]:
    """Return values by key, as written by other programs and older releases."""
    missing_class = (
        b"\x80\x02cshop_before_the_rewrite.models\nBasket\n)\x81}X\x05\x00\x00\x00itemsK\x03sb."
    )
    return {
        "raw:json-of-another-service": json.dumps({"written by": ["a", "Go", "service"]}).encode(),
        "raw:text": "plain text, größer als ASCII".encode(),
        "raw:compressed": zlib.compress(b"compressed by hand " * 200),
        "raw:thumbnail.png": b"\x89PNG\r\n\x1a\n" + random.Random(5).randbytes(4_000),
        "raw:pickle-of-a-vanished-class": missing_class,
        "raw:pickle-that-calls": pickle.dumps(CallsPrint()),
        "raw:pickle-cut-short": pickle.dumps(list(range(1_000)))[:-100],
    }


def _report(size: int) -> str:
    """Return `size` characters of CSV."""
    rng = random.Random(6)
    text = io.StringIO()
    text.write("order,customer,total\n")
    while text.tell() < size:
        text.write(f"{rng.randrange(10**6)},{rng.randrange(10**4)},{rng.randrange(10**5)}\n")
    return text.getvalue()[:size]

"""Numbers of more digits than Python writes: shown as what they are, beside all else."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import VALKEY, Configure, locmem_params, valkey_params
from tests.admin.page import Page

DIGITS = "9" * 5000
HUGE = 10**5000

SERIALIZERS: dict[str, Any] = {
    "pickle": "pickle",
    "json": "json",
    "orjson": "orjson",
    "msgpack": "msgpack",
    "json, pickle": ["json", "pickle"],
    "pickle, msgpack": ["pickle", "msgpack"],
    "msgpack, json": ["msgpack", "json"],
}
STORED = {
    "digits": DIGITS.encode(),
    "negative": b"-" + DIGITS.encode(),
    "JSON": b'{"a": [1, ' + DIGITS.encode() + b"]}",
    "a pickle": pickle.dumps(HUGE),
    "a pickle of a list": pickle.dumps([1, HUGE, {HUGE: 2}, (HUGE,)]),
    "a pickle of old": b"L" + DIGITS.encode() + b"L\n.",
    "a float": b"9" * 400 + b".5",
}


@pytest.fixture(params=SERIALIZERS)
def alias(
    request: pytest.FixtureRequest, valkey_server: servers.Server, configure: Configure
) -> str:
    options = {"serializer": SERIALIZERS[request.param]}
    configure(valkey=valkey_params(valkey_server, OPTIONS=options))
    return "valkey"


def shown(page: Page) -> str:
    assert page.status == 200
    assert "Error in" not in page.text, page.text
    return page.text


def test_one_of_them_breaks_neither_its_page_nor_its_collection(
    admin: Browser, alias: str, raw: valkey.Valkey
) -> None:
    for name, stored in STORED.items():
        raw.set(f"p:1:{name}", stored)
        shown(admin.open(addresses.key(alias, f"p:1:{name}")))
    fields = {"first": b"first", **STORED}
    raw.rpush("p:1:list", b"first", *STORED.values())
    raw.sadd("p:1:set", b"first", *STORED.values())
    raw.zadd("p:1:zset", {b"first": 1, **dict.fromkeys(STORED.values(), 2)})
    raw.hset("p:1:hash", mapping=fields)
    raw.xadd("p:1:stream", fields)
    for type in ("list", "set", "zset", "hash", "stream"):
        text = shown(admin.open(addresses.key(alias, f"p:1:{type}")))
        assert "first" in text
        assert DIGITS[:500] in text
    for type in ("set", "zset"):
        assert "first" in shown(admin.open(addresses.key(alias, f"p:1:{type}", match="first")))
    shown(admin.open(addresses.keys(alias)))


def test_digits_are_counted(admin: Browser, raw: valkey.Valkey, server_cache: Any) -> None:
    raw.set("p:1:key", DIGITS)
    text = shown(admin.open(addresses.key("valkey", "p:1:key")))
    assert "5,000 digits" in text
    assert DIGITS in text
    raw.set("p:1:key", pickle.dumps(HUGE))
    assert "a very large integer" in shown(admin.open(addresses.key("valkey", "p:1:key")))


@pytest.mark.parametrize("backend", [VALKEY, "locmem"])
def test_a_sum_of_too_many_digits_is_refused(
    admin: Browser, valkey_server: servers.Server, configure: Configure, backend: str
) -> None:
    params = locmem_params() if backend == "locmem" else valkey_params(valkey_server)
    configure(counting={**params, "KEY_PREFIX": "p"})
    largest = 10**4300 - 1
    caches["counting"].set("key", largest)
    form = admin.open(addresses.key("counting", "p:1:key", mode="increase"))
    page = admin.submit(form, "add-number", by="1")
    assert page.status == 200
    assert "too many digits to be shown" in page.text
    assert caches["counting"].get("key") == largest


def test_what_is_typed_is_refused_in_words(admin: Browser, server_cache: Any) -> None:
    for store_as, value in (
        ("integer", DIGITS),
        ("json", DIGITS),
        ("json", json.dumps({"a": 1}).replace("1", DIGITS)),
        ("auto", f"[{DIGITS}]"),
    ):
        sent = {"key": "key", "value": value, "store_as": store_as, "type": "string"}
        page = admin.post(addresses.add("valkey"), sent)
        assert page.status == 200
        assert "4,300 digits" in page.text
    assert server_cache.get("key") is None
    # A text of digits is a text.
    sent = {"key": "key", "value": DIGITS, "store_as": "text", "type": "string"}
    admin.post(addresses.add("valkey"), sent)
    assert server_cache.get("key") == DIGITS


@pytest.mark.parametrize("figure", ["9" * 5000, "-" + "9" * 5000, "inf", "nan", "1e400", "-7"])
def test_figures_of_a_server_that_are_none_are_text(
    admin: Browser, valkey_server: servers.Server, configure: Configure, figure: str
) -> None:
    fields = (
        *("uptime_in_seconds", "used_memory", "maxmemory", "used_memory_peak", "keyspace_hits"),
        *("mem_fragmentation_ratio", "connected_clients", "maxclients", "connected_slaves"),
    )
    lines = [f"{name}:{figure}" for name in ("redis_version", *fields)]
    lines += [f"db{figure}:keys=1", f"db0:keys={figure},expires={figure},avg_ttl={figure}"]
    text = "\r\n".join(lines).encode()
    with servers.lying(valkey_server.port) as liar:
        liar.lies = {"INFO": b"$%d\r\n%b\r\n" % (len(text), text)}
        place = f"redis://{liar.address}/0"
        configure(valkey=valkey_params(valkey_server, LOCATION=place.replace("redis", "valkey")))
        for page in (admin.open(addresses.info("valkey")), admin.open(addresses.caches())):
            assert page.status == 200

"""What saving costs: the value or element that is saved is read alone, then written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from benchmarks.counting import count_commands
from django_cachex.inspectors.valkey.element_rows import make_id
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure
from tests.inspectors.valkey.proxy import Proxy, proxy

KEY = "p:1:key"
BACKEND = "django_cachex.cache.ValkeyCache"
ROWS = 300


@pytest.fixture
def between(valkey_server: servers.Server) -> Iterator[Proxy]:
    with proxy(valkey_server.port) as between:
        yield between


@pytest.fixture
def store(configure: Configure, valkey_server: servers.Server, between: Proxy) -> Any:
    """A plain client; the pages reach the server through `between`."""
    location = f"valkey://{between.address}/0"
    configure(store={"BACKEND": BACKEND, "LOCATION": location, "KEY_PREFIX": "p"})
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


def stored(value: object) -> Any:
    return caches["store"]._encode(value)  # type: ignore[attr-defined]


FILLS: dict[str, Callable[[Any], Any]] = {
    "string": lambda store: store.set(KEY, stored("old"), px=60_000),
    "number": lambda store: store.set(KEY, "5"),
    "hash": lambda store: store.hset(KEY, mapping={f"f{n}": stored("old") for n in range(ROWS)}),
    "list": lambda store: store.rpush(KEY, *[stored("old")] * ROWS),
    "set": lambda store: store.sadd(KEY, *(stored(f"m{n}") for n in range(ROWS))),
    "zset": lambda store: store.zadd(KEY, {stored(f"m{n}"): n for n in range(ROWS)}),
}

SAVES: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "value": ("string", "edit", "save", {"value": "new"}),
    "ttl": ("string", "expire", "set-ttl", {"timeout": "60"}),
    "moment": ("string", "expire", "set-ttl", {"moment": "2100-01-01T00:00:00"}),
    "longer ttl": ("string", "expire", "set-ttl", {"timeout": "+60"}),
    "number": ("number", "increase", "add-number", {"by": "2"}),
    "field": ("hash", "edit-field", "set-field", {"value": "new"}),
    "name of a field": ("hash", "rename-field", "set-field-name", {"field": "new"}),
    "item": ("list", "edit-item", "set-item", {"value": "new"}),
    "next item": ("list", "insert-item", "put-item", {"value": "new"}),
    "member": ("set", "edit-member", "set-member", {"value": "new"}),
    "scored member": ("zset", "edit-member", "set-member", {"value": "new"}),
    "score": ("zset", "edit-score", "set-score", {"score": "2.5"}),
}
"""What is saved -> the type, the mode of the form and of its submission, and what is entered."""

PAGES = {"HSCAN", "SSCAN", "ZSCAN", "ZRANGE", "LRANGE"}


@pytest.mark.parametrize("what", SAVES)
def test_saving_takes_two_round_trips_and_reads_nothing_else(
    admin: Browser, store: Any, between: Proxy, valkey_server: servers.Server, what: str
) -> None:
    type, opens, saves, entered = SAVES[what]
    for _round in range(2):  # In the first one, the server learns the script.
        store.flushdb()
        FILLS[type](store)
        page = admin.open(addresses.key("store", KEY, mode=opens, element=element_id(type)))
        data = {**page.form(saves).data(), **entered}
        before = store.dump(KEY), store.pexpiretime(KEY)
        between.trips = 0
        with count_commands(valkey_server) as commands:
            saved = admin.post(page.url, data, follow=False)
        assert saved.status == 302
        assert (store.dump(KEY), store.pexpiretime(KEY)) != before
    assert between.trips == 2
    assert not {*PAGES, "EVAL"} & set(commands)


def element_id(type: str) -> str:
    """Return the ID of the seventh element; a string has none."""
    if type in ("string", "number"):
        return ""
    return "7" if type == "list" else make_id(b"f7" if type == "hash" else stored("m7"), 0)


def test_an_input_that_is_not_valid_comes_back_on_the_whole_page(
    admin: Browser, store: Any
) -> None:
    FILLS["zset"](store)
    page = admin.open(addresses.key("store", KEY, mode="edit-score", element=element_id("zset")))
    page = admin.submit(page, "set-score", score="much")
    assert page.status == 200
    assert "much" in page.form("set-score").data()["score"]
    assert len(page.column("Member")) > 50

"""The key browser: what is found, what is said of it, and what is not shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    REDIS,
    VALKEY,
    BrowserOf,
    Configure,
    locmem_params,
)
from tests.admin.steps import listed, walk

# Columns.


def test_columns_say_type_ttl_and_size(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("text", "x" * 2000, 3 * 86400 + 7200)
    server_cache.set("forever", 5, None)
    raw.rpush("p:1:list", *"abc")
    raw.sadd("p:1:set", "a")
    raw.zadd("p:1:zset", {"a": 1, "b": 2})
    raw.hset("p:1:hash", mapping={str(number): "v" for number in range(1500)})
    raw.xadd("p:1:stream", {"a": "1"})
    table = admin.open(addresses.keys("valkey")).table("Key")
    assert table.headers[-5:] == ["Key", "Kind", "Type", "TTL", "Size"]
    rows = {name: table.row("Key", name) for name in ("text", "list", "set", "zset", "hash")}
    assert {name: row["Type"] for name, row in rows.items()} == {
        "text": "string",
        "list": "list",
        "set": "set",
        "zset": "zset",
        "hash": "hash",
    }
    assert rows["text"]["TTL"].startswith(("3 days 1 h", "3 days 2 h"))
    assert rows["text"]["Size"].startswith("2.0 kB")
    assert [rows[name]["Size"] for name in ("list", "set", "zset", "hash")] == [
        "3 items",
        "1 member",
        "2 members",
        "1,500 fields",
    ]
    assert table.row("Key", "stream")["Size"] == "1 entry"
    assert table.row("Key", "forever")["TTL"] == "never"


def test_types_are_filtered_by(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    server_cache.set("string", "x")
    raw.rpush("p:1:list", "a")
    raw.sadd("p:1:set", "a")
    raw.zadd("p:1:zset", {"a": 1})
    raw.hset("p:1:hash", "a", "b")
    raw.xadd("p:1:stream", {"a": "1"})
    page = admin.open(addresses.keys("valkey"))
    types = ("string", "list", "set", "zset", "hash", "stream")
    assert {*page.form("search").control("type").options} == {"", *types}
    for type in types:
        page = admin.submit(page, "search", type=type)
        assert listed(page) == [type]
        assert page.form("search").control("type").value == type


def test_an_exact_match_of_another_type_is_left_out(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "x")
    raw.rpush("p:1:key:list", "a")
    assert listed(admin.open(addresses.keys("valkey", q="key", type="list"))) == ["key:list"]


def test_types_are_asked_for_only_where_keys_have_them(
    admin: Browser, configure: Configure
) -> None:
    configure()
    caches["default"].set("a", 1)
    page = admin.open(addresses.keys("default"))
    assert "type" not in page.form("search").names
    assert "Type" not in page.table("Key").headers


@pytest.mark.parametrize("type", ["String", "strin", "ReJSON-RL", "\x00", "*", "<b>"])
def test_an_unknown_type_falls_back_with_a_notice(
    admin: Browser, server_cache: Any, type: str
) -> None:
    server_cache.set("a", 1)
    page = admin.open(addresses.keys("valkey", type=type))
    assert listed(page) == ["a"]
    assert "This cache has no key type" in page.text
    assert "All types are shown" in page.text


# Page sizes.


def test_page_sizes_are_offered_and_kept(admin: Browser, server_cache: Any, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 60}
    server_cache.set_many({f"{number:03}": 1 for number in range(600)})
    page = admin.open(addresses.keys("valkey"))
    control = page.form("search").control("size")
    assert control.options == ["25", "50", "100", "250", "500"]
    assert control.value == "100"
    for size in control.options:
        page = admin.submit(page, "search", size=size)
        assert page.form("search").control("size").value == size
        assert len(listed(page)) == int(size)
        assert page.has_action("next-page")


@pytest.mark.parametrize("size", ["7", "abc", "-25", "1e2", "0025", "100000", "٢٥", "25 ", "\x00"])
def test_a_bad_page_size_falls_back_with_a_notice(
    admin: Browser, server_cache: Any, size: str
) -> None:
    server_cache.set("a", 1)
    page = admin.open(addresses.keys("valkey", size=size))
    assert listed(page) == ["a"]
    assert "The page size must be 25, 50, 100, 250 or 500." in page.text
    assert "so the page size is 100" in page.text
    assert page.form("search").control("size").value == "100"


# Empty states.


def test_an_empty_cache_says_so_and_what_to_do(
    admin: Browser, browser_of: BrowserOf, listing: str
) -> None:
    page = admin.open(addresses.keys(listing))
    assert "This cache is empty" in page.sections
    assert page.has_action("add")
    assert not page.has_action("next-page")
    assert not browser_of("view_key").open(addresses.keys(listing)).has_action("add")


def test_no_match_says_how_many_were_examined(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({f"n:{number}": 1 for number in range(1234)})
    page = admin.open(addresses.keys("valkey", q="zzz"))
    assert "No key matches, all 1,234 examined" in page.sections
    assert "This cache is empty" not in page.text
    assert not page.has_action("continue")


def test_none_so_far_goes_on_until_all_is_examined(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.000001, "SCAN_COUNT": 500}
    server_cache.set_many({f"n:{number}": 1 for number in range(3000)})
    page = admin.open(addresses.keys("valkey", q="zzz*", size=500))
    [heading] = [text for text in page.sections if text.startswith("None so far")]
    assert re.search(r"of about 3,000 keys examined", heading)
    assert not page.has_action("next-page")
    pages = walk(admin, page, "continue")
    assert len(pages) > 2
    assert any(text.startswith("No key matches, all 3,000") for text in pages[-1].sections)
    shares = [int(re.findall(r"\((\d+) %\)", page.text)[0]) for page in pages[:-1]]
    assert shares == sorted(set(shares))


def test_a_backend_that_cannot_list_says_so_and_opens_exact_keys(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    page = admin.open(addresses.keys("stranger"))
    assert "This backend cannot list its keys" in page.sections
    opened = admin.submit(page, "open-key", q="hello")
    assert opened.heading == "hello"


# Whose keys.


def test_keys_of_other_prefixes_and_versions_are_absent(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("mine", 1)
    server_cache.set("old", 1, version=2)
    for stranger in ("q:1:a", "p:10:b", "p:11", "pp:1:c", "xp:1:d", "P:1:e", "loose", "p::1:f"):
        raw.set(stranger, "x")
    page = admin.open(addresses.keys("valkey"))
    assert listed(page) == ["mine"]
    assert listed(admin.open(addresses.keys("valkey", q="o"))) == []


def test_only_strangers_keys_make_an_empty_cache(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set("q:1:a", "x")
    page = admin.open(addresses.keys("valkey"))
    assert "This cache is empty" in page.sections
    assert "0 shown · 1 key in the database examined" in page.text
    assert "all 1" not in page.text
    raw.set("q:1:b", "x")
    assert "2 keys in the database examined" in admin.open(addresses.keys("valkey")).text


def test_one_key_examined_is_not_all_keys(admin: Browser, server_cache: Any) -> None:
    server_cache.set("a", "x")
    assert "1 shown · 1 key examined" in admin.open(addresses.keys("valkey")).text
    page = admin.open(addresses.keys("valkey", q="nothing"))
    assert "No key matches, 1 examined" in page.sections


@pytest.mark.parametrize("prefix", ["a*b", "a?b", "a[b]", "a\\b", "p:1", "ü", "%"])
@pytest.mark.parametrize("backend", [VALKEY, REDIS, DATABASE])
def test_prefixes_are_taken_literally(
    admin: Browser,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
    backend: str,
    prefix: str,
) -> None:
    places = {
        VALKEY: f"valkey://{valkey_server.address}",
        REDIS: f"redis://{valkey_server.address}",
        DATABASE: database_table,
    }
    odd = {"BACKEND": backend, "LOCATION": places[backend], "KEY_PREFIX": prefix}
    configure(odd=odd, near={**odd, "KEY_PREFIX": "axb"})
    caches["odd"].set("mine", 1)
    caches["near"].set("near", 1)
    assert listed(admin.open(addresses.keys("odd"))) == ["mine"]
    assert listed(admin.open(addresses.keys("odd", q="n*e"))) == []


def test_expired_keys_are_absent(admin: Browser, listing: str) -> None:
    caches[listing].set("alive", 1)
    caches[listing].set("expired", 1, 0.001)
    servers.wait_until(
        lambda: listed(admin.open(addresses.keys(listing))) == ["alive"], "the expiry", 5
    )


# Which cache.


@pytest.mark.parametrize("route", ["keys", "add", "info", "cache_history"])
@pytest.mark.parametrize("alias", ["nobody", "VALKEY", "../valkey", "a" * 5000, "%00", "ü"])
def test_unknown_aliases_are_not_found(
    admin: Browser, server_cache: Any, route: str, alias: str
) -> None:
    assert admin.open(getattr(addresses, route)(alias)).status == 404


@pytest.mark.parametrize("route", ["keys", "add"])
def test_without_a_cache_one_is_chosen_first(
    admin: Browser, browser_of: BrowserOf, server_cache: Any, route: str
) -> None:
    page = admin.open(getattr(addresses, route)())
    assert page.url.split("?")[0] == addresses.caches()
    assert "Choose a cache first." in page.text
    blind = browser_of("view_key", "add_key")
    page = blind.open(getattr(addresses, route)())
    assert page.status == 200
    assert {"valkey", "default"} <= {link.text for link in page.links}
    chosen = blind.click(page, "open", "valkey")
    assert chosen.status == 200
    assert "cache=valkey" in chosen.url


@pytest.mark.parametrize("route", ["keys", "add"])
def test_without_a_cache_the_only_one_is_taken(
    admin: Browser, configure: Configure, route: str
) -> None:
    configure()
    page = admin.open(getattr(addresses, route)())
    assert page.status == 200
    assert page.has_action("search" if route == "keys" else "add")


@pytest.mark.parametrize("alias", ["two words", "a:b", "a/b?c#d", "ümläut", "add", "<b>", "a%20b"])
def test_aliases_may_have_any_name(admin: Browser, settings: Any, alias: str) -> None:
    settings.CACHES = {"default": locmem_params(), alias: locmem_params()}
    caches[alias].set("hello", "v")
    index = admin.open(addresses.caches())
    keys = admin.click(index, "open", alias)
    assert keys.heading.startswith(alias)
    key = admin.click(keys, "open", "hello")
    assert key.heading == "hello"
    assert admin.open(addresses.info(alias)).heading.startswith(alias)
    gone = admin.submit(admin.click(key, "delete"), "confirm")
    assert words.DELETED in gone.text
    assert caches[alias].get("hello") is None

"""The columns of the key browser: chosen, remembered, sorted by; and parts of it for a script."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.steps import listed

ALL = ["type", "ttl", "memory", "size", "idle", "encoding"]


def headers(page: Any) -> list[str]:
    return [header for header in page.table("TTL").headers if header] or page.table("Key").headers


def choose(person: Browser, *names: str) -> Any:
    query = "&".join(f"columns={name}" for name in ("", *names))
    return person.open(f"{addresses.keys('valkey')}&{query}")


def test_columns_are_chosen_and_remembered(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "x" * 100)
    page = admin.open(addresses.keys("valkey"))
    assert page.table("Key").headers[1:] == ["Key", "Kind", "Type", "TTL", "Size"]
    page = choose(admin, *ALL)
    expected = ["Key", "Type", "TTL", "Memory", "Size", "Idle", "Encoding"]
    assert page.table("Key").headers[1:] == expected
    assert "columns=" not in page.url
    assert page.column("Encoding") == ["raw"]
    assert page.column("Memory")[0].endswith(" B")
    assert admin.open(addresses.keys("valkey")).table("Key").headers[1:] == expected
    page = choose(admin, "memory")
    assert page.table("Key").headers[1:] == ["Key", "Memory"]
    assert choose(admin).table("Key").headers[1:] == ["Key"]


def test_what_is_not_shown_is_not_asked_for(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "x")
    choose(admin, "encoding")
    raw.config_resetstat()
    admin.open(addresses.keys("valkey"))
    asked = {name.removeprefix("cmdstat_") for name in raw.info("commandstats")}
    assert "object|encoding" in asked
    assert not asked & {"type", "pttl", "strlen", "memory|usage", "object|idletime"}


@pytest.mark.parametrize("cookie", ["", "none", "x.y", "ttl.ttl", ".", "é", "a" * 3000, "<b>"])
def test_a_cookie_that_makes_no_sense_breaks_nothing(
    admin: Browser, server_cache: Any, cookie: str
) -> None:
    server_cache.set("key", "x")
    admin.client.cookies["cachex_columns"] = cookie
    page = admin.open(addresses.keys("valkey"))
    assert page.status == 200
    assert listed(page) == ["key"]


def test_other_backends_offer_what_they_know(admin: Browser, listing: str) -> None:
    caches[listing].set("key", 1)
    page = admin.open(f"{addresses.keys(listing)}&" + "&".join(f"columns={one}" for one in ALL))
    count = 7 if listing in ("valkey", "django") else 3
    assert len(page.table("Key").headers) == 1 + count


def test_looking_does_not_count_as_use(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("used", 1)
    raw.restore("p:1:unused", 0, raw.dump("p:1:used"), idletime=90_000)
    choose(admin, "size", "idle")
    for _look in range(2):
        page = admin.open(addresses.keys("valkey", q="unused"))
        assert page.column("Idle") == ["1 day 1 h"]


# Sorting.


@pytest.fixture
def sizes(server_cache: Any, raw: valkey.Valkey) -> Any:
    server_cache.set("b", "x" * 10, None)
    server_cache.set("c", "x" * 3000, 50)
    server_cache.set("a", "x" * 200, 5000)
    raw.rpush("p:1:list", *range(5))
    return server_cache


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("key", ["a", "b", "c", "list"]),
        ("-key", ["list", "c", "b", "a"]),
        ("size", ["b", "a", "c", "list"]),
        ("-size", ["list", "c", "a", "b"]),
        ("ttl", ["c", "a", "b", "list"]),
    ],
)
def test_rows_are_sorted_and_that_is_labelled(
    admin: Browser, sizes: Any, sort: str, names: list[str]
) -> None:
    page = admin.open(addresses.keys("valkey", sort=sort))
    found = listed(page)
    assert found[:2] == names[:2] if sort == "ttl" else found == names
    assert "only the keys on this page, not all matching keys" in page.text
    label = {"key": "Key", "size": "Size", "ttl": "TTL"}[sort.strip("-")]
    assert f"Sorted by {label}:" in page.text
    back = admin.click(page, "sort", label)
    assert listed(back)[:1] != found[:1]


@pytest.mark.parametrize("sort", ["memory", "x", "-", "--key", "\x00", "<b>", "k" * 5000])
def test_an_order_that_is_none_is_that_of_the_search(admin: Browser, sizes: Any, sort: str) -> None:
    page = admin.open(addresses.keys("valkey", sort=sort))
    assert page.status == 200
    assert set(listed(page)) == {"a", "b", "c", "list"}
    assert "<b>" not in page.html
    assert 'aria-sort="' not in page.html


# Parts for a script.


def test_a_part_is_the_same_table_without_the_frame(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({f"key:{number:03}": 1 for number in range(60)})
    first = admin.open(addresses.keys("valkey", size=25))
    link = first.link("next-page").url
    part = admin.open(f"{link}&live=5")
    assert "<html" not in part.html
    assert "cx-heading" not in part.html
    rest = listed(part)
    assert rest
    assert not set(rest) & set(listed(first))
    assert f"{len(rest) + 5} shown" in part.text
    assert "&amp;live=" not in part.html
    assert not part.has_action("first-page")
    second = admin.click(first, "next-page")
    part = admin.open(f"{second.link('next-page').url}&live=5")
    assert listed(admin.click(part, "previous-page")) == listed(first)
    assert listed(admin.click(part, "first-page")) == listed(first)


@pytest.mark.parametrize("live", ["-1", "x", "1e3", "99999999", "0x1", "²", "\x00", "9" * 5000])
def test_a_part_that_makes_no_sense_is_a_page(admin: Browser, server_cache: Any, live: str) -> None:
    server_cache.set("key", 1)
    page = admin.open(addresses.keys("valkey", live=live))
    assert page.status == 200
    assert "<html" in page.html
    assert listed(page) == ["key"]


def test_a_part_is_for_those_who_may_see_the_page(browser_of: BrowserOf, server_cache: Any) -> None:
    assert browser_of("view_cache").open(addresses.keys("valkey", live="0")).status == 403


def test_a_part_says_what_failed(admin: Browser, configure: Any) -> None:
    location = "valkey://127.0.0.1:1/0"
    configure(dead={"BACKEND": "django_cachex.cache.ValkeyCache", "LOCATION": location})
    part = admin.open(addresses.keys("dead", live="0"))
    assert part.status == 200
    assert "connection refused" in part.text
    assert "data-next-url" not in part.html

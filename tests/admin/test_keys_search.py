"""Searching keys: what a text means, and the key of exactly that name first."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.steps import listed, walk

NAMES = [
    *("user:1", "user:2", "User:3", "xuser:1y"),
    *("a*b", "a?b", "a[b]", "a\\b", "ab", "per%cent", "under_score", "bang!"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("user:1", {"user:1", "xuser:1y"}),
        ("user:*", {"user:1", "user:2"}),
        ("*:1", {"user:1"}),
        ("*ser*1*", {"user:1", "xuser:1y"}),
        ("User", {"User:3"}),
        ("?", {"a?b"}),
        ("[b]", {"a[b]"}),
        ("[ab]", set()),
        ("a\\b", {"a\\b"}),
        ("a*b", {"a*b", "a?b", "a\\b", "ab"}),
        ("%", {"per%cent"}),
        ("_", {"under_score"}),
        ("!", {"bang!"}),
        ("*", set(NAMES)),
        ("", set(NAMES)),
        (" ", set()),
        ("nothing like it", set()),
    ],
)
def test_search_finds_what_its_text_means(
    admin: Browser, listing: str, text: str, found: set[str]
) -> None:
    for name in NAMES:
        caches[listing].set(name, "v")
    first = admin.open(addresses.keys(listing, q=text))
    names = [name for page in walk(admin, first) for name in listed(page)]
    assert set(names) == found
    assert len(names) == len(found)


def test_search_is_a_form_that_keeps_what_was_asked(admin: Browser, listing: str) -> None:
    caches[listing].set("user:1", "v")
    caches[listing].set("other", "v")
    page = admin.submit(admin.open(addresses.keys(listing)), "search", q='us<"er', size="50")
    form = page.form("search")
    assert (form.control("q").value, form.control("size").value) == ('us<"er', "50")
    page = admin.submit(page, "search", q="user")
    assert listed(page) == ["user:1"]
    assert page.form("search").control("size").value == "50"


def test_a_key_of_exactly_the_name_comes_first_and_the_others_on_request(
    admin: Browser, listing: str
) -> None:
    caches[listing].set_many({f"a:key:{number}": number for number in range(300)})
    caches[listing].set("key", "v")
    first = admin.open(addresses.keys(listing, q="key", size=25))
    assert listed(first) == ["key"]
    assert "1 shown · the key with exactly this name" in first.text
    others = walk(admin, admin.click(first, "next-page"))
    names = [name for page in others for name in listed(page)]
    assert set(names) == {f"a:key:{number}" for number in range(300)}


def test_an_exact_match_is_found_among_many_at_once(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.000001}
    server_cache.set_many({f"n:{number}": 1 for number in range(5000)})
    server_cache.set("the-one", 1)
    assert listed(admin.open(addresses.keys("valkey", q="the-one"))) == ["the-one"]

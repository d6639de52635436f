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
    if first.has_action("contains"):
        first = admin.click(first, "contains")
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


def test_a_key_of_exactly_the_name_is_shown_alone_and_all_that_contain_it_on_request(
    admin: Browser, listing: str
) -> None:
    caches[listing].set_many({f"a:key:{number}": number for number in range(300)})
    caches[listing].set("key", "v")
    first = admin.open(addresses.keys(listing, q="key", size=25))
    assert listed(first) == ["key"]
    assert "1 shown · the key with exactly this name" in first.text
    assert not first.has_action("next-page")
    pages = walk(admin, admin.click(first, "contains"))
    names = [name for page in pages for name in listed(page)]
    assert set(names) == {"key", *(f"a:key:{number}" for number in range(300))}


def test_bulk_actions_are_offered_for_the_keys_that_are_listed(
    admin: Browser, listing: str
) -> None:
    caches[listing].set_many({"job:1": 1, "job:10": 1, "job:2": 1})
    page = admin.open(addresses.keys(listing, q="job:1"))
    assert listed(page) == ["job:1"]
    assert not any(page.has_action(f"{name}-matching") for name in ("delete", "expire"))
    page = admin.click(page, "contains")
    assert sorted(listed(page)) == ["job:1", "job:10"]
    assert page.link("delete-matching").text == 'Delete all that contain "job:1"'
    counted = admin.click(page, "delete-matching")
    asked = admin.submit(counted, "ask")
    assert sorted(listed(admin.click(asked, "cancel"))) == ["job:1", "job:10"]
    admin.submit(asked, "confirm")
    assert caches[listing].get_many(["job:1", "job:10", "job:2"]) == {"job:2": 1}


def test_another_text_is_another_search_for_an_exact_name(
    admin: Browser, server_cache: Any
) -> None:
    server_cache.set_many({"job:1": 1, "job:10": 1, "job:2": 1, "job:20": 1})
    page = admin.click(admin.open(addresses.keys("valkey", q="job:1")), "contains")
    assert sorted(listed(admin.submit(page, "search", size="25"))) == ["job:1", "job:10"]
    assert listed(admin.submit(page, "search", q="job:2")) == ["job:2"]


def test_the_text_of_a_bulk_action_is_short(admin: Browser, server_cache: Any) -> None:
    server_cache.set("k" * 240, 1)
    page = admin.open(addresses.keys("valkey", q="k" * 200))
    assert len(page.link("delete-matching").text) < 80


@pytest.mark.parametrize("text", ["us?r", "user:[12]", "user:[^1]*"])
def test_an_empty_result_says_which_wildcard_there_is(
    admin: Browser, listing: str, text: str
) -> None:
    caches[listing].set("user:1", 1)
    hint = "* stands for anything; ? and [ ] are ordinary characters."
    assert hint in admin.open(addresses.keys(listing, q=text)).text
    assert hint in admin.open(addresses.matching(listing, action="delete", q=text)).text
    assert hint not in admin.open(addresses.keys(listing, q="nothing*")).text


def test_an_exact_match_is_found_among_many_at_once(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.000001}
    server_cache.set_many({f"n:{number}": 1 for number in range(5000)})
    server_cache.set("the-one", 1)
    assert listed(admin.open(addresses.keys("valkey", q="the-one"))) == ["the-one"]

"""What is too long: searches are told so, and no name is too long for the state of a page."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from django_cachex.inspectors.query import MAX_PATTERN_LENGTH
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.steps import listed
from tests.admin.test_command_line import Ran

TOO_LONG = "a" * (MAX_PATTERN_LENGTH + 1)
SAID = "Not searched"
POO = "\N{PILE OF POO}"

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")


@pytest.mark.parametrize("text", [TOO_LONG, f"*{TOO_LONG}*", "a*" * MAX_PATTERN_LENGTH])
def test_a_search_that_is_too_long_shows_no_key_and_says_so(
    admin: Browser, listing: str, text: str
) -> None:
    caches[listing].set("a", "v")
    page = admin.open(addresses.keys(listing, q=text))
    assert page.status == 200
    assert SAID in page.text
    assert not page.has_action("next-page")
    part = admin.open(addresses.keys(listing, q=text, live="0"))
    assert (part.status, SAID in part.text) == (200, True)
    assert listed(admin.click(page, "clear-search")) == ["a"]


def test_a_key_of_a_long_name_is_found_by_it(admin: Browser, server_cache: Any) -> None:
    name = "a" * 600
    server_cache.set(name, "v")
    page = admin.open(addresses.keys("valkey", q=name))
    assert len(listed(page)) == 1
    assert SAID not in page.text
    assert not page.has_action("next-page")


@pytest.mark.parametrize("act", ["delete", "expire"])
def test_a_pattern_that_is_too_long_changes_nothing(admin: Browser, listing: str, act: str) -> None:
    caches[listing].set("a", "v", None)
    url = addresses.matching(listing, q="a*" * MAX_PATTERN_LENGTH, action=act, ttl="100")
    for page in (admin.open(url), admin.post(url, {"step": "run"})):
        assert (page.status, f"Nothing was changed. {SAID}" in page.text) == (200, True)
    assert caches[listing].get("a") == "v"
    assert not LogEntry.objects.exists()


def test_namespaces_under_what_is_too_long_are_not_counted(admin: Browser, listing: str) -> None:
    caches[listing].set("a:b", "v")
    page = admin.open(addresses.namespaces(listing, under=TOO_LONG))
    assert (page.status, SAID in page.text) == (200, True)
    assert "a:*" in admin.click(page, "all-namespaces").text


@pytest.mark.parametrize("type", ["hash", "set", "zset"])
def test_a_search_of_elements_that_is_too_long_says_so(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, type: str
) -> None:
    if type == "hash":
        raw.hset("p:1:key", "field", "1")
    elif type == "set":
        raw.sadd("p:1:key", "field")
    else:
        raw.zadd("p:1:key", {"field": 1})
    page = admin.open(addresses.key("valkey", "p:1:key", find=TOO_LONG))
    assert (page.status, SAID in page.text) == (200, True)
    assert "field" in page.text


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "valkey", TOO_LONG),
        ("delete", "valkey", "--pattern", TOO_LONG, "--yes"),
        ("expire", "valkey", "--pattern", TOO_LONG, "--in", "5", "--yes"),
        ("namespaces", "valkey", "--under", TOO_LONG),
    ],
)
def test_the_command_line_says_so_too(server_cache: Any, words: tuple[str, ...]) -> None:
    server_cache.set("a", "v", None)
    ran = Ran(*words)
    assert ran.code == 2
    assert SAID in ran.err
    assert server_cache.ttl("a") is None


def test_long_names_with_separators_are_counted_and_deleted(admin: Browser, listing: str) -> None:
    for number in range(126):
        part = f"{number:03}".ljust(80, POO)
        name = f"{part}:{part[:60]}:{part}:" if listing != "table" else f"{part}:{part}:{part}:"
        caches[listing].set(f"{name[:240]}", "v")
    page = admin.open(addresses.namespaces(listing))
    assert page.status == 200
    assert "126 keys counted" in page.text
    page = admin.open(addresses.matching(listing, q="*", action="delete"))
    assert page.status == 200
    assert admin.submit(page, "ask").status == 200


def test_keys_of_any_length_are_paged_through(admin: Browser, listing: str) -> None:
    names = [*(f"a{number:02}" for number in range(24)), "b" * 400_000, "c"]
    caches[listing].set_many(dict.fromkeys(names, "v"))
    page = admin.open(addresses.keys(listing, size="25"))
    assert page.status == 200
    shown = len(listed(page))
    if shown < len(names):
        page = admin.click(page, "next-page")
        assert page.status == 200
        shown += len(listed(page))
    assert shown == len(names)

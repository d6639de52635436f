"""Page by page through a cache: nothing is lost, and tokens are good for one search only."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import valkey
from django.core.cache import caches
from django.core.signing import TimestampSigner

from django_cachex.admin.forms.search import MAX_EARLIER_PAGES, MAX_TOKEN_LENGTH
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import FILES, BrowserOf, Configure, valkey_params
from tests.admin.page import Page
from tests.admin.steps import listed, walk

REFUSED = words.FIRST_PAGE


@pytest.fixture(autouse=True)
def _patient(settings: Any) -> None:
    """A page is as long as requested however slow the machine is."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 60, "TIMEOUT": 60}


def token_of(page: Page) -> str:
    [token] = parse_qs(urlsplit(page.link("next-page").url).query)["token"]
    return token


@pytest.mark.parametrize("size", [25, 100, 500])
def test_next_walks_all_keys(admin: Browser, listing: str, size: int) -> None:
    names = {f"key:{number:04}" for number in range(730)}
    caches[listing].set_many(dict.fromkeys(names, 1))
    pages = walk(admin, admin.open(addresses.keys(listing, size=size)))
    found = [name for page in pages for name in listed(page)]
    assert set(found) == names
    assert len(pages) <= 730 // size + 1
    if listing in ("table", "default"):
        assert sorted(found) == sorted(names)


def test_next_walks_all_files(admin: Browser, configure: Configure, tmp_path: Any) -> None:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files")})
    for number in range(60):
        caches["files"].set(str(number), number)
    pages = walk(admin, admin.open(addresses.keys("files", size=25)))
    found = [name for page in pages for name in listed(page)]
    assert len(found) == len(set(found)) == 60


def test_next_finds_the_few_among_many_strangers(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({f"other:{number}": 1 for number in range(20_000)})
    names = {f"mine:{number}" for number in range(60)}
    server_cache.set_many(dict.fromkeys(names, 1))
    pages = walk(admin, admin.open(addresses.keys("valkey", size=25)))
    assert {name for page in pages for name in listed(page)} == names


def test_next_keeps_the_search(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"a:{number:03}": 1 for number in range(130)})
    caches[listing].set_many({f"b:{number:03}": 1 for number in range(130)})
    page = admin.open(addresses.keys(listing, q="a:*", size=25))
    pages = walk(admin, page)
    found = {name for page in pages for name in listed(page)}
    assert found == {f"a:{number:03}" for number in range(130)}
    assert all(page.form("search").control("q").value == "a:*" for page in pages)


def test_first_returns_to_the_beginning(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"{number:03}": 1 for number in range(130)})
    first = admin.open(addresses.keys(listing, size=25))
    assert not first.has_action("first-page")
    second = admin.click(first, "next-page")
    assert listed(second) != listed(first)
    again = admin.click(second, "first-page")
    assert listed(again) == listed(first)
    assert again.form("search").control("size").value == "25"


def test_keys_deleted_meanwhile_lose_no_others(admin: Browser, listing: str) -> None:
    names = [f"key:{number:03}" for number in range(130)]
    caches[listing].set_many(dict.fromkeys(names, 1))
    first = admin.open(addresses.keys(listing, size=25))
    gone = set(listed(first))
    caches[listing].delete_many(gone)
    found = {name for page in walk(admin, admin.click(first, "next-page")) for name in listed(page)}
    assert found == set(names) - gone


def test_the_line_above_the_table_is_true(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"{number:04}": 1 for number in range(1010)})
    pages = walk(admin, admin.open(addresses.keys(listing, size=250)))
    examined = []
    for page in pages:
        [(shown, line)] = re.findall(r"([\d,]+) shown · (.*?examined)", page.text)
        assert int(shown) == len(listed(page))
        examined.append(int(re.findall(r"[\d,]+", line)[0].replace(",", "")))
    assert examined == sorted(examined)
    assert examined[-1] == 1010
    assert "all 1,010 keys examined" in pages[-1].text


# Pages of exactly the size that was requested.


def walk_exactly(person: Browser, alias: str, size: int, **query: Any) -> list[str]:
    """Return the keys of all pages, after checking that only the last one is not full."""
    pages = walk(person, person.open(addresses.keys(alias, size=size, **query)))
    *full, last = [listed(page) for page in pages]
    assert {len(names) for names in full} <= {size}
    assert len(last) <= size
    return [name for names in (*full, last) for name in names]


@pytest.mark.parametrize("size", [25, 100])
def test_every_page_but_the_last_is_full(admin: Browser, listing: str, size: int) -> None:
    names = {f"key:{number:04}" for number in range(730)}
    caches[listing].set_many(dict.fromkeys(names, 1))
    assert sorted(walk_exactly(admin, listing, size)) == sorted(names)


def test_pages_of_a_rare_pattern_are_full(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({f"p:1:other:{number}": 1 for number in range(20_000)})
    names = {f"mine:{number}" for number in range(160)}
    server_cache.set_many(dict.fromkeys(names, 1))
    assert sorted(walk_exactly(admin, "valkey", 25, q="mine:*")) == sorted(names)


def test_long_names_do_not_wait_in_the_token(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    names = [f"{number:03}{'k' * 900}" for number in range(130)]
    raw.mset({f"p:1:{name}": 1 for name in names})
    assert len(token_of(admin.open(addresses.keys("valkey", size=25)))) <= MAX_TOKEN_LENGTH
    found = walk_exactly(admin, "valkey", 25)
    assert sorted(name[:3] for name in found) == [name[:3] for name in names]


def test_sessions_do_not_wait_in_the_token(
    browser_of: BrowserOf, server_cache: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    prefix = "django.contrib.sessions.cache"
    server_cache.set_many({f"{prefix}{number:032}": 1 for number in range(300)})
    plain = [f"plain:{number}" for number in range(30)]
    server_cache.set_many(dict.fromkeys(plain, 1))
    found = walk_exactly(browser_of("view_key"), "valkey", 25)
    assert sorted(name for name in found if name.startswith("plain")) == sorted(plain)
    # The person's own session is here as well.
    assert sum(name.startswith("session ••••") for name in found) == 301


@pytest.mark.parametrize("gone", ["waiting", "shown"])
@pytest.mark.parametrize("length", [1, 900])
def test_a_page_is_full_although_keys_were_deleted_meanwhile(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, gone: str, length: int
) -> None:
    names = [f"{number:03}{'k' * length}" for number in range(400)]
    raw.mset({f"p:1:{name}": 1 for name in names})
    first = admin.open(addresses.keys("valkey", size=100))
    assert len(listed(first)) == 100
    following = admin.click(first, "next-page")
    doomed = listed(first)[50:] if gone == "shown" else listed(following)[:10]
    raw.delete(*(f"p:1:{name}" for name in names if name[:3] in {one[:3] for one in doomed}))
    pages = walk(admin, admin.click(first, "next-page"))
    assert len(listed(pages[0])) == 100
    seen = {name[:3] for page in (first, *pages) for name in listed(page)}
    assert seen >= {name[:3] for name in names} - {one[:3] for one in doomed}


# Back to the pages before.


def test_previous_goes_back_to_what_was_shown(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"key:{number:04}": 1 for number in range(730)})
    pages = walk(admin, admin.open(addresses.keys(listing, size=100, sort="-key")))
    assert not pages[0].has_action("previous-page")
    back = walk(admin, pages[-1], "previous-page")
    assert [listed(page) for page in reversed(back)] == [listed(page) for page in pages]
    assert back[-1].url.split("?")[0] == pages[0].url.split("?")[0]
    for page in (*pages, *back):
        assert listed(page) == sorted(listed(page), reverse=True)


def test_forward_again_after_previous_shows_the_same(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({f"key:{number:04}": 1 for number in range(400)})
    pages = walk(admin, admin.open(addresses.keys("valkey", size=25)))
    back = admin.click(admin.click(pages[6], "previous-page"), "previous-page")
    again = walk(admin, back)
    assert [listed(page) for page in again] == [listed(page) for page in pages[4:]]


def test_one_can_go_back_a_limited_number_of_pages(admin: Browser, listing: str) -> None:
    caches[listing].set_many({f"key:{number:04}": 1 for number in range(730)})
    pages = walk(admin, admin.open(addresses.keys(listing, size=25)))
    assert len(pages) > MAX_EARLIER_PAGES + 2
    for page in pages[:-1]:
        assert len(token_of(page)) <= MAX_TOKEN_LENGTH
    back = walk(admin, pages[-1], "previous-page")
    assert 10 < len(back) <= MAX_EARLIER_PAGES + 1
    assert [listed(page) for page in back] == [listed(page) for page in pages[::-1]][: len(back)]
    assert listed(admin.click(back[-1], "first-page")) == listed(pages[0])


# Tokens.


@pytest.fixture
def many(server_cache: Any, configure: Configure, valkey_server: Any) -> Any:
    params = valkey_params(valkey_server)
    configure(valkey=params, other={**params, "VERSION": 2})
    for alias in ("valkey", "other"):
        caches[alias].set_many({f"key:{number:03}": 1 for number in range(130)})
    return server_cache


def test_a_token_is_good_for_its_search(admin: Browser, many: Any) -> None:
    first = admin.open(addresses.keys("valkey", size=25))
    again = admin.open(addresses.keys("valkey", size=50, token=token_of(first)))
    assert REFUSED not in again.text
    assert not set(listed(again)) & set(listed(first))


@pytest.mark.parametrize(
    ("alias", "changes"),
    [
        ("other", {}),
        ("valkey", {"q": "key"}),
        ("valkey", {"q": "*"}),
        ("valkey", {"type": "string"}),
    ],
)
def test_a_token_of_another_search_is_refused(
    admin: Browser, many: Any, alias: str, changes: dict[str, str]
) -> None:
    token = token_of(admin.open(addresses.keys("valkey", size=25)))
    page = admin.open(addresses.keys(alias, size=25, token=token, **changes))
    assert REFUSED in page.text
    assert listed(page) == listed(admin.open(addresses.keys(alias, size=25, **changes)))


def test_a_token_of_another_person_is_refused(
    admin: Browser, browser_of: BrowserOf, many: Any
) -> None:
    token = token_of(admin.open(addresses.keys("valkey", size=25)))
    assert REFUSED in browser_of("view_key").open(addresses.keys("valkey", token=token)).text


@pytest.mark.parametrize(
    "forged",
    ["x", "\x00", "12345", ":", "a:b:c", "eyJ", "ü" * 50, "a" * 5000, TimestampSigner().sign("7")],
    # Workers must agree on names, and a signature holds the time.
    ids=["letter", "nul", "digits", "colon", "parts", "base64", "text", "long", "signed elsewhere"],
)
def test_a_forged_token_is_refused(admin: Browser, many: Any, forged: str) -> None:
    page = admin.open(addresses.keys("valkey", token=forged))
    assert page.status == 200
    assert REFUSED in page.text
    assert len(listed(page)) >= 100


def test_a_token_is_refused_when_a_character_of_it_is_changed(admin: Browser, many: Any) -> None:
    token = token_of(admin.open(addresses.keys("valkey", size=25)))
    for place in range(0, len(token), 5):
        other = "A" if token[place] != "A" else "B"
        tampered = token[:place] + other + token[place + 1 :]
        assert REFUSED in admin.open(addresses.keys("valkey", token=tampered)).text, place

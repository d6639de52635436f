"""The list of keys is kept in the state in which it was left: search, filters, page and sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params
from tests.admin.page import Page
from tests.admin.steps import listed, walk

SEARCH = {"q": "user:", "type": "string", "larger": "1", "size": "25", "sort": "-ttl"}
FILTERS = "_changelist_filters"


def params(page: Page | str) -> dict[str, str]:
    """Return the parameters of the URL of a page."""
    url = page if isinstance(page, str) else page.url
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def second_page(admin: Browser, server_cache: Any) -> Page:
    """The second page of a search with filters and a sort order."""
    server_cache.set_many({f"user:{number:03}": "x" * 50 for number in range(400)}, 1000)
    page = admin.click(admin.open(addresses.keys("valkey", **SEARCH)), "next-page")
    assert params(page).keys() == {"cache", "token", *SEARCH}
    return page


def open_first(admin: Browser, page: Page) -> Page:
    return admin.click(page, "open", listed(page)[0])


WAYS: dict[str, Callable[[Browser, Page], Page]] = {
    "breadcrumb of the key": lambda admin, key: admin.click(key, "cache"),
    "after an edit": lambda admin, key: admin.click(
        admin.submit(admin.submit(key, "edit"), "save", value="other"), "cache"
    ),
    "after a refused edit": lambda admin, key: admin.click(
        admin.submit(admin.submit(key, "edit"), "save", value="[", store_as="json"), "cache"
    ),
    "after a cancelled edit": lambda admin, key: admin.click(
        admin.click(admin.submit(key, "edit"), "cancel"), "cache"
    ),
    "after a new name": lambda admin, key: admin.click(
        admin.submit(admin.click(key, "rename"), "set-name", name="user:new"), "cache"
    ),
    "history": lambda admin, key: admin.click(admin.click(key, "history"), "cache"),
    "after a cancelled deletion": lambda admin, key: admin.click(
        admin.click(admin.click(key, "delete"), "cancel"), "cache"
    ),
    "deletion": lambda admin, key: admin.submit(admin.click(key, "delete"), "confirm"),
    "help": lambda admin, key: admin.click(admin.click(key, "help"), "cache"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_back_leads_to_the_list_as_it_was_left(
    admin: Browser, second_page: Page, way: str
) -> None:
    page = WAYS[way](admin, open_first(admin, second_page))
    assert params(page) == params(second_page)
    assert {*listed(page)} & {*listed(second_page)}
    assert words.FIRST_PAGE not in page.text


def test_a_deletion_names_the_key(admin: Browser, second_page: Page) -> None:
    name = listed(second_page)[0]
    done = admin.submit(admin.click(open_first(admin, second_page), "delete"), "confirm")
    assert f'The key "{name}" was deleted.' in done.text
    assert name not in listed(done)


def test_a_key_that_has_gone_leads_back_too(admin: Browser, second_page: Page) -> None:
    name = listed(second_page)[0]
    caches["valkey"].delete(name)
    page = open_first(admin, second_page)
    assert words.NO_SUCH_KEY in page.text
    assert params(page) == params(second_page)


def test_adding_a_key_leads_back_too(admin: Browser, second_page: Page) -> None:
    form = admin.click(second_page, "add")
    assert params(admin.click(form, "cancel")) == params(second_page)
    added = admin.submit(form, "add", key="user:added", value="x")
    assert params(admin.click(added, "cache")) == params(second_page)


@pytest.mark.parametrize("mode", ["help", "view"])
def test_a_search_in_a_collection_keeps_the_state(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, mode: str
) -> None:
    raw.hset("p:1:user:hash", mapping={f"f{number}": "v" for number in range(5)})
    found = admin.open(addresses.keys("valkey", q="user:*", size=50))
    page = admin.submit(open_first(admin, found), "show", find="f1")
    assert params(admin.click(page, "cache")) == params(found)


def test_keys_with_long_names_lead_back_too(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(f"p:1:user:{'x' * 6000}", "value")
    found = admin.open(addresses.keys("valkey", q="user:*", sort="key"))
    page = admin.submit(found, "open")
    assert params(admin.click(page, "cache")) == params(found)
    asked = admin.submit(page, "delete")
    done = admin.submit(asked, "confirm")
    assert raw.dbsize() == 0
    assert params(done) == params(found)


def test_live_results_lead_back_to_the_page_that_they_were_added_to(
    admin: Browser, second_page: Page
) -> None:
    [next_url] = [
        attrs["data-next-url"] for _tag, attrs in second_page.tags if "data-next-url" in attrs
    ]
    results = admin.open(f"{next_url}&live=5")
    state = params(f"?{params(results.link('open').url)[FILTERS]}")
    page = params(second_page)
    assert state.keys() == page.keys() - {"cache"}
    same = page.keys() - {"cache", "token"}  # The same place has another token each time.
    assert {name: state[name] for name in same} == {name: page[name] for name in same}
    back = admin.open(addresses.keys("valkey", **state))
    assert back.column("Key") == second_page.column("Key")


HOSTILE = {
    "other parameters": "next=https://evil.example/&cache=default&q=a&action=delete",
    "an address": "https://evil.example/?q=a",
    "no text": "%00%ff",
    "too long": f"q={'a' * 5000}",
    "many": "&".join(f"q{number}=a" for number in range(2000)),
    "again": f"{FILTERS}=q%3Da&q=a",
}


@pytest.mark.parametrize("given", HOSTILE)
def test_only_parameters_of_the_list_are_carried(admin: Browser, hello: Any, given: str) -> None:
    page = admin.open(addresses.key("valkey", "p:1:hello", **{FILTERS: HOSTILE[given]}))
    assert page.status == 200
    back = page.link("cache").url
    assert back.startswith(addresses.keys("valkey"))
    assert params(back).keys() <= {"cache", "q"}
    assert params(back)["cache"] == "valkey"
    done = admin.submit(admin.click(page, "delete"), "confirm")
    assert urlsplit(done.url).path == urlsplit(addresses.keys()).path


def test_a_state_that_is_too_long_loses_the_page_before_the_search(
    admin: Browser, hello: Any
) -> None:
    state = {"q": "hel*", "size": "50", "token": "t" * 2000}
    given = addresses.urlencode(state)
    page = admin.open(addresses.key("valkey", "p:1:hello", **{FILTERS: given}))
    assert params(page.link("cache").url) == {"cache": "valkey", "q": "hel*", "size": "50"}


def test_links_stay_short_enough_for_web_servers(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(f"p:1:{'a' * 2200}", "value")
    page = admin.open(addresses.keys("valkey", q="a*" * 200, size=25))
    for link in page.links:
        assert len(link.url) <= 4000


def test_a_key_of_another_cache_does_not_lead_to_its_list(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    params_of_both = valkey_params(valkey_server)
    configure(valkey=params_of_both, other={**params_of_both, "KEY_PREFIX": "q"})
    raw.set("q:1:theirs", "x")
    found = admin.open(addresses.keys("valkey", scope="store", q="theirs"))
    page = admin.click(found, "open", "q:1:theirs")
    assert page.link("cache").url == addresses.keys("other")


def test_the_list_has_no_state_in_its_links_at_first(admin: Browser, hello: Any) -> None:
    page = admin.open(addresses.keys("valkey"))
    assert FILTERS not in page.html
    assert len(walk(admin, page)) == 1

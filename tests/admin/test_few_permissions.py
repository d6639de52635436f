"""What the pages say to people who hold a single permission."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.people import SINGLES, Held, named
from tests.admin.steps import page_url


def note(page: Page) -> str:
    """Return the note on what one may not do on a page."""
    found = re.findall(r"<p[^>]*data-permission-note[^>]*>(.*?)</p>", page.html, re.DOTALL)
    return "".join(found).replace("&quot;", '"')


@pytest.mark.parametrize(("held", "route"), [("view_key", "keys"), ("add_key", "add")])
def test_caches_are_chosen_by_name_support_level_and_state(
    caches_of_every_kind: list[str], browser_of: BrowserOf, held: str, route: str
) -> None:
    person = browser_of(held)
    page = person.open(getattr(addresses, route)())
    names, states, levels = (
        [text.split()[0] for text in page.column(header)]  # Hints follow.
        for header in ("Cache Name", "State", "Support Level")
    )
    states = dict(zip(names, states, strict=True))
    levels = dict(zip(names, levels, strict=True))
    assert (states["valkey"], levels["valkey"]) == ("up", "cachex")
    assert levels["table"] == "wrapped"
    if held == "view_key":
        assert (states["refusing"], states["dummy"]) == ("down", "unknown")
    assert page.table("Cache Name").headers == ["Cache Name", "Support Level", "State"]
    for secret in ("valkey://", "django_cachex.cache", "refused", " ms"):
        assert secret not in page.text


@pytest.mark.parametrize("held", ["view_key", "add_key"])
def test_breadcrumbs_lead_to_the_caches_that_one_may_open(
    hello: Any, browser_of: BrowserOf, held: str
) -> None:
    person = browser_of(held)
    page = person.open(page_url("keys" if held == "view_key" else "add"))
    index = person.click(page, "caches")
    assert {"default", "valkey"} <= set(index.column("Cache Name"))


@pytest.mark.parametrize("route", ["keys", "key"])
def test_who_may_only_view_keys_is_told_what_changing_them_needs(
    hello: Any, admin: Browser, browser_of: BrowserOf, route: str
) -> None:
    said = note(browser_of("view_key").open(page_url(route)))
    assert said.startswith('You may view keys; changing them needs the permission "Can change key"')
    assert '"Can delete key"' in said
    said = note(browser_of("view_key", "change_key").open(page_url(route)))
    assert "Can change key" not in said
    assert '"Can delete key"' in said
    assert note(admin.open(page_url(route))) == ""


def test_nothing_is_said_of_what_no_permission_would_allow(
    hello: Any, settings: Any, browser_of: BrowserOf
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only"}}
    assert note(browser_of("view_key").open(page_url("key"))) == ""


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("edit", ["Can change key"]),
        ("expire", ["Can change cache"]),
        ("rename", ["Can add key", "Can delete key"]),
    ],
)
def test_a_form_that_one_may_not_use_says_so(
    hello: Any, browser_of: BrowserOf, mode: str, names: list[str]
) -> None:
    page = browser_of("view_key").open(addresses.key("valkey", "p:1:hello", mode=mode))
    assert page.status == 200
    alerts = re.findall(r'class="[^"]*cx-alert.*?</div>', page.html, re.DOTALL)
    assert [all(f"&quot;{name}&quot;" in alert for name in names) for alert in alerts] == [True]


NEEDS = {
    "caches": "Can view cache",
    "info": "Can view cache",
    "cache_history": "Can view cache",
    "keys": "Can view key",
    "key": "Can view key",
    "history": "Can view key",
    "download": "Can view key",
    "add": "Can add key",
    "delete": "Can delete key",
}


@pytest.mark.parametrize("held", SINGLES, ids=named)
@pytest.mark.parametrize("route", NEEDS)
def test_a_refusal_is_a_page_of_the_admin_that_names_the_permission(
    hello: Any, browser_of: BrowserOf, held: Held, route: str
) -> None:
    person = browser_of(*held)
    page = person.open(page_url(route))
    if page.status == 200:
        return
    assert page.status == 403
    assert f'"{NEEDS[route]}"' in page.text
    assert "django_cachex/cachex.css" in page.html
    assert "hello" not in page.text.replace(page.url, "")
    assert person.click(page, "home").status == 200


@pytest.mark.parametrize("route", ["keys", "add", "info", "cache_history", "matching"])
def test_a_refusal_does_not_tell_which_caches_exist(
    hello: Any, settings: Any, browser_of: BrowserOf, route: str
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"default": "hidden"}}
    person = browser_of()
    pages = [person.open(getattr(addresses, route)(alias)) for alias in ("valkey", "default", "no")]
    assert [page.status for page in pages] == [403] * 3
    assert len({page.text for page in pages}) == 1


@pytest.mark.parametrize("route", ["key", "history", "delete", "download"])
def test_a_refusal_does_not_tell_which_keys_exist(
    hello: Any, browser_of: BrowserOf, route: str
) -> None:
    person = browser_of()
    ids = [("valkey", "p:1:hello"), ("valkey", "p:1:none"), ("valkey", "other"), ("no", "hello")]
    pages = [person.open(getattr(addresses, route)(*one)) for one in ids]
    assert [page.status for page in pages] == [403] * len(ids)
    assert len({page.text for page in pages}) == 1


def test_a_refused_change_names_the_permission_too(hello: Any, browser_of: BrowserOf) -> None:
    page = browser_of("view_key").post(page_url("key"), {"mode": "set-ttl", "timeout": "60"})
    assert page.status == 403
    assert '"Can change cache"' in page.text

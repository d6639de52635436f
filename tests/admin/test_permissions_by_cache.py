"""A project's own permission methods decide cache by cache, on every page."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpRequest

from django_cachex.admin.admin import KeyAdmin
from django_cachex.admin.links import parse_object_id
from tests import servers
from tests.admin import addresses
from tests.admin.conftest import BrowserOf, Configure, valkey_params


@pytest.fixture
def closed_to_all(
    valkey_server: servers.Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alias `theirs`, whose keys a project's own permission shows to nobody; `ours` is open."""
    configure(
        theirs=valkey_params(valkey_server), ours=valkey_params(valkey_server, KEY_PREFIX="q")
    )
    for alias in ("theirs", "ours"):
        caches[alias].set("user:1", {"to": "you"}, 1000)

    def has_view_permission(self: Any, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or parse_object_id(obj.id)[0] != "theirs"

    for verb in ("view", "change", "delete"):
        monkeypatch.setattr(KeyAdmin, f"has_{verb}_permission", has_view_permission)


PAGES = {
    "list": lambda alias: addresses.keys(alias),
    "search": lambda alias: addresses.keys(alias, q="user"),
    "live": lambda alias: addresses.keys(alias, q="user", live="0"),
    "namespaces": lambda alias: addresses.namespaces(alias),
    "inside": lambda alias: addresses.namespaces(alias, under="user:"),
    "matching": lambda alias: addresses.matching(alias, action="delete", q="user*"),
    "key": lambda alias: addresses.key(alias, f"{'p' if alias == 'theirs' else 'q'}:1:user:1"),
}


@pytest.mark.usefixtures("closed_to_all")
@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_the_keys_of_a_closed_cache(browser_of: BrowserOf, name: str) -> None:
    person = browser_of("view_cache", "view_key", "change_key", "delete_key")
    page = person.open(PAGES[name]("theirs"))
    assert page.status == 403
    assert "user" not in page.text.replace("users", "")
    assert person.open(PAGES[name]("ours")).status == 200


@pytest.mark.usefixtures("closed_to_all")
def test_no_link_leads_there(browser_of: BrowserOf) -> None:
    page = browser_of("view_cache", "view_key").open(addresses.caches())
    assert addresses.keys("ours") in {link.url for link in page.links}
    assert addresses.keys("theirs") not in {link.url for link in page.links}

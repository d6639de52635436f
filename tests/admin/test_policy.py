"""CACHEX_ADMIN: aliases hidden or read-only, and limits, as a project sets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, Configure, valkey_params
from tests.admin.page import Page

PAGES: dict[str, Callable[[], str]] = {
    "keys": lambda: addresses.keys("valkey"),
    "info": lambda: addresses.info("valkey"),
    "cache history": lambda: addresses.cache_history("valkey"),
    "key": lambda: addresses.key("valkey", "p:1:hello"),
    "key history": lambda: addresses.history("valkey", "p:1:hello"),
    "add": lambda: addresses.add("valkey"),
    "delete": lambda: addresses.delete("valkey", "p:1:hello"),
    "download": lambda: addresses.download("valkey", "p:1:hello"),
}


def changes() -> list[tuple[str, dict[str, Any]]]:
    """Return every POST that changes something in alias `valkey`."""
    key_id = addresses.object_id("valkey", "p:1:hello")
    return [
        (addresses.caches(), {"action": "flush", "selected": ["valkey"], "confirmed": "1"}),
        (addresses.keys("valkey"), {"action": "delete", "selected": [key_id], "confirmed": "1"}),
        (addresses.delete("valkey", "p:1:hello"), {"confirmed": "1"}),
        (addresses.key("valkey", "p:1:hello"), {"mode": "set-ttl", "timeout": "5"}),
        (addresses.key("valkey", "p:1:hello"), {"mode": "set-name", "name": "other"}),
        (
            addresses.key("valkey", "p:1:hello"),
            {"mode": "make-copy", "name": "other", "into": "valkey"},
        ),
        (addresses.add("valkey"), {"key": "new", "value": "x", "store_as": "text"}),
    ]


# Hidden.


@pytest.fixture
def hidden(hello: Any, settings: Any) -> Any:
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "hidden"}}
    return hello


@pytest.mark.parametrize("name", PAGES)
def test_hidden_caches_have_no_page(admin: Browser, hidden: Any, name: str) -> None:
    assert admin.open(PAGES[name]()).status == 404
    assert admin.post(PAGES[name](), {"confirmed": "1"}).status == 404


def test_hidden_caches_are_not_listed(admin: Browser, hidden: Any) -> None:
    page = admin.open(addresses.caches())
    assert [cell.split()[0] for cell in page.column("Cache Name")] == ["default"]
    assert "valkey" not in page.text
    assert page.link("show-cachex").text == "cachex 0"


def test_hidden_caches_are_not_changed(admin: Browser, hidden: Any, raw: valkey.Valkey) -> None:
    for url, data in changes():
        admin.post(url, data)
    assert hidden.get("hello") == {"to": "you"}
    assert raw.ttl("p:1:hello") > 900
    assert raw.dbsize() == 1


def test_hidden_caches_are_not_to_choose_from(
    hidden: Any, browser_of: Callable[..., Browser]
) -> None:
    page = browser_of("view_key").open(addresses.keys())
    assert page.status == 200
    assert "valkey" not in {link.text for link in page.links}


def test_hidden_caches_are_no_way_to_another(
    admin: Browser, hidden: Any, settings: Any, raw: valkey.Valkey
) -> None:
    key_id = addresses.object_id("valkey", "p:1:hello")
    data = {"action": "delete", "selected": [key_id], "confirmed": "1"}
    admin.post(addresses.keys("default"), data)
    for route in ("change", "delete", "history"):
        page = admin.post(addresses.by_form(route), {"id": key_id, "confirmed": "1"})
        assert page.status == 404
    assert raw.dbsize() == 1


# Read-only.


@pytest.fixture
def read_only(hello: Any, settings: Any) -> Any:
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only"}}
    return hello


def test_read_only_caches_are_read(admin: Browser, read_only: Any) -> None:
    assert admin.open(addresses.keys("valkey")).column("Key") == ["hello"]
    assert '"to": "you"' in admin.open(addresses.key("valkey", "p:1:hello")).text
    assert admin.open(addresses.info("valkey")).status == 200
    assert admin.open(addresses.history("valkey", "p:1:hello")).status == 200


def test_read_only_caches_offer_no_change(admin: Browser, read_only: Any) -> None:
    index = admin.open(addresses.caches())
    boxes = {one.value for form in index.forms for one in form.controls if one.name == "selected"}
    assert "valkey" not in boxes
    keys = admin.open(addresses.keys("valkey"))
    key = admin.open(addresses.key("valkey", "p:1:hello"))
    for page, does in (
        *((keys, does) for does in ("add", "delete")),
        *((key, does) for does in ("edit", "expire", "delete")),
    ):
        assert not page.has_action(does), does
    for route in ("add", "delete"):
        assert admin.open(PAGES[route]()).status == 403
    for mode in ("edit", "expire"):
        page = admin.open(addresses.key("valkey", "p:1:hello", mode=mode))
        assert not page.has_action("save")
        assert not page.has_action("set-ttl")


def test_read_only_caches_are_not_changed(
    admin: Browser, read_only: Any, settings: Any, raw: valkey.Valkey
) -> None:
    settings.CACHEX_ADMIN = {}
    page = admin.open(addresses.key("valkey", "p:1:hello", mode="edit"))
    data = {**page.form("save").data(), "value": "[1]"}
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only"}}
    for url, given in [*changes(), (addresses.key("valkey", "p:1:hello"), data)]:
        admin.post(url, given)
    assert read_only.get("hello") == {"to": "you"}
    assert raw.ttl("p:1:hello") > 900
    assert raw.dbsize() == 1


def test_a_read_only_cache_is_named_where_it_was_to_be_flushed(
    admin: Browser, read_only: Any
) -> None:
    page = admin.post(addresses.caches(), {"action": "flush", "selected": ["valkey", "default"]})
    assert page.heading == 'Flush "default"?'
    assert '"valkey"' in page.text.split("Not included:")[1]


def test_a_flush_next_door_does_not_empty_a_read_only_cache(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    # FLUSHDB knows no policy. Whose keys would go is not said: it may be a hidden cache.
    configure(
        precious=valkey_params(valkey_server),
        legacy={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/0"},
    )
    caches["precious"].set("a", 1)
    settings.CACHEX_ADMIN = {"ALIASES": {"precious": "read-only"}}
    data = {"action": "flush", "selected": ["legacy"]}
    for given in (data, {**data, "confirmed": "1"}):
        page = admin.post(addresses.caches(), given)
        assert "also delete keys that CACHEX_ADMIN protects" in page.text
        assert '"precious"' not in page.text
    assert caches["precious"].get("a") == 1


# Limits.


def test_the_page_size_is_a_setting(admin: Browser, server_cache: Any, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"PAGE_SIZE": 25, "SCAN_BUDGET": 60}
    server_cache.set_many({f"{number:03}": 1 for number in range(130)})
    page = admin.open(addresses.keys("valkey"))
    assert page.form("search").control("size").value == "25"
    assert len(page.column("Key")) == 25
    assert page.has_action("next-page")


def test_the_preview_is_a_setting(admin: Browser, server_cache: Any, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"PREVIEW_BYTES": 100}
    server_cache.set("key", "x" * 1000)
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert "First 100 of 1,000 characters shown." in page.text
    assert "x" * 101 not in page.text


def test_elements_and_their_length_are_settings(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"ELEMENTS": 3, "ELEMENT_CHARS": 10}
    raw.rpush("p:1:key", *["y" * 50] * 5)
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert "Index 0 to 2 of 5 items" in page.text
    assert [cell.split("…")[0] for cell in page.column("Value")] == ["y" * 10] * 3


def test_what_is_decoded_is_a_setting(admin: Browser, server_cache: Any, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"DECODE_BYTES": 100}
    server_cache.set("key", {"a": "x" * 200})
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert "Not decoded" in page.text
    assert not page.has_action("edit")


def test_the_timeout_is_a_setting(admin: Browser, configure: Configure, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.3}
    with servers.silent() as port:
        configure(
            hanging={
                "BACKEND": "django_cachex.cache.ValkeyCache",
                "LOCATION": f"valkey://127.0.0.1:{port}/0",
            }
        )
        page: Page = admin.open(addresses.keys("hanging"))
    assert page.seconds < 1
    assert "did not answer within 0.3 s" in page.text


def test_the_time_for_a_search_is_a_setting(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.000001, "SCAN_COUNT": 10}
    server_cache.set_many({f"{number:04}": 1 for number in range(2000)})
    page = admin.open(addresses.keys("valkey", q="none"))
    [heading] = [text for text in page.sections if text.startswith("None so far")]
    [examined] = re.findall(r"None so far, ([\d,]+) of", heading)
    assert int(examined.replace(",", "")) <= 100


# What may be learnt of caches by who may see none.


@pytest.mark.parametrize("alias", ["valkey", "default", "unknown"])
def test_who_may_see_nothing_is_not_told_which_caches_there_are(
    browser_of: Callable[..., Browser], hidden: Any, alias: str
) -> None:
    nobody = browser_of()
    for url in (
        addresses.keys(alias),
        addresses.info(alias),
        addresses.key(alias, "p:1:hello"),
        addresses.add(alias),
        addresses.namespaces(alias),
        addresses.cache_history(alias),
    ):
        assert nobody.open(url).status == 403

"""Narrowing a search: filters, and whose keys are looked for."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, valkey_params
from tests.admin.steps import listed


@pytest.fixture
def mixed(listing: str) -> str:
    """An alias of each kind with keys that differ in size and expiry."""
    cache = caches[listing]
    cache.set("short", "x", 50)
    cache.set("middle", "x", 500)
    cache.set("never", "x", None)
    cache.set("large", "x" * 20_000, None)
    cache.set("large-and-short", "x" * 20_000, 50)
    return listing


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"expires": "never"}, {"never", "large"}),
        ({"expires": "60"}, {"short", "large-and-short"}),
        ({"expires_after": "60"}, {"middle"}),
        ({"expires_after": "60", "expires": "3600"}, {"middle"}),
        ({"expires_after": "3600"}, set()),
        ({"larger": "10000"}, {"large", "large-and-short"}),
        ({"larger": "10000", "expires": "60"}, {"large-and-short"}),
        ({"larger": "10000", "expires": "never", "q": "l*"}, {"large"}),
        ({"larger": "10000000"}, set()),
        ({"larger": "123"}, {"large", "large-and-short"}),
    ],
)
def test_filters_are_combined(
    admin: Browser, mixed: str, query: dict[str, str], found: set[str]
) -> None:
    if mixed in ("valkey", "django") and query == {"larger": "123"}:
        pytest.skip("There it is the memory that counts, and that of any key is more.")
    page = admin.open(addresses.keys(mixed, **query))
    assert set(listed(page)) == found
    assert re.search(r"all [25] (keys )?examined", page.text)  # By the index only those two.
    form = page.form("search")
    assert {name: form.control(name).value for name in query} == query


def test_an_exact_name_passes_the_filters_too(admin: Browser, mixed: str) -> None:
    assert listed(admin.open(addresses.keys(mixed, q="large", larger="10000"))) == ["large"]
    page = admin.open(addresses.keys(mixed, q="never", larger="10000"))
    assert listed(page) == []


def test_keys_that_nobody_used_for_long_are_found(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("used", 1)
    raw.restore("p:1:unused", 0, raw.dump("p:1:used"), idletime=90_000)
    assert listed(admin.open(addresses.keys("valkey", idle="86400"))) == ["unused"]
    assert listed(admin.open(addresses.keys("valkey", idle="604800"))) == []


def test_where_uses_are_counted_idle_keys_are_not_known_and_that_is_said(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", 1)
    raw.config_set("maxmemory-policy", "allkeys-lfu")
    try:
        page = admin.open(addresses.keys("valkey", idle="3600"))
    finally:
        raw.config_set("maxmemory-policy", "noeviction")
    assert page.status == 200
    assert listed(page) == []
    assert (
        "key isn't shown, because the server doesn't say whether it matches \"Idle for at least\"."
        in (page.text)
    )


@pytest.mark.parametrize("name", ["expires", "expires_after", "larger", "idle", "scope"])
@pytest.mark.parametrize(
    "value", ["0", "-1", "x", "1.5", "9" * 40, "never!", "１２", "\x00", "<b>", "1" * 5000]
)
def test_values_that_make_no_sense_are_named_and_left_out(
    admin: Browser, server_cache: Any, name: str, value: str
) -> None:
    server_cache.set("key", 1)
    page = admin.open(addresses.keys("valkey", **{name: value}))
    assert page.status == 200
    assert listed(page) == ["key"]
    assert "It is ignored." in page.text or "are shown." in page.text
    assert "<b>" not in page.html


def test_a_filter_that_a_backend_does_not_have_is_left_out(admin: Browser, listing: str) -> None:
    caches[listing].set("key", 1)
    page = admin.open(addresses.keys(listing, idle="3600"))
    is_server = listing in ("valkey", "django")
    assert listed(page) == ([] if is_server else ["key"])
    assert ("It is ignored." in page.text) is not is_server


def test_a_token_is_bound_to_the_filters(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({f"key:{number:03}": 1 for number in range(130)}, None)
    page = admin.open(addresses.keys("valkey", size=25, expires="never"))
    [token] = parse_qs(urlsplit(page.link("next-page").url).query)["token"]
    for changes in ({}, {"expires": "60"}, {"expires": "never", "scope": "versions"}):
        page = admin.open(addresses.keys("valkey", size=25, token=token, **changes))
        assert words.FIRST_PAGE in page.text
    page = admin.open(addresses.keys("valkey", size=25, token=token, expires="never"))
    assert words.FIRST_PAGE not in page.text


# Whose keys.


@pytest.fixture
def shared(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> valkey.Valkey:
    """Aliases `valkey` and `other` in one database, another version, and a stranger's key."""
    params = valkey_params(valkey_server)
    configure(valkey=params, other={**params, "KEY_PREFIX": "q"})
    for key in ("p:1:mine", "p:2:newer", "q:1:theirs", "loose"):
        raw.set(key, "x")
    return raw


def test_keys_of_every_version_are_found_opened_and_deleted(
    browser_of: BrowserOf, shared: valkey.Valkey
) -> None:
    person = browser_of("view_key", "delete_key")
    page = person.open(addresses.keys("valkey", scope="versions"))
    assert set(page.column("Stored key")) == {"p:1:mine", "p:2:newer"}
    assert "Keys are shown as they are stored." in page.text
    assert person.click(page, "open", "p:2:newer").status == 200
    chosen = addresses.object_id("valkey", "p:2:newer")
    person.submit(person.submit(page, "delete", selected=[chosen]), "confirm")
    assert sorted(shared.keys()) == [b"loose", b"p:1:mine", b"q:1:theirs"]


def test_versions_that_are_another_caches_are_left_to_it(
    admin: Browser, shared: valkey.Valkey, configure: Configure, valkey_server: servers.Server
) -> None:
    params = valkey_params(valkey_server)
    configure(valkey=params, newer={**params, "VERSION": 2})
    page = admin.open(addresses.keys("valkey", scope="versions"))
    assert [name for name in page.column("Stored key") if "p:2" in name] == [
        'p:2:newer belongs to the cache "newer"'
    ]
    assert "/newer" in page.link("open", "p:2:newer").url
    assert admin.open(addresses.key("valkey", "p:2:newer")).status == 404


def test_the_whole_database_is_shown_to_superusers_with_a_warning(
    admin: Browser, shared: valkey.Valkey
) -> None:
    page = admin.open(addresses.keys("valkey", scope="store"))
    found = page.column("Stored key")
    assert {name.split()[0] for name in found} == {"p:1:mine", "p:2:newer", "q:1:theirs", "loose"}
    assert "including keys of other caches and other applications" in page.text
    assert "loose doesn't belong to a cache in CACHES" in found
    assert 'q:1:theirs belongs to the cache "other"' in found
    assert "loose" not in {link.text for link in page.links}
    values = {one.value for one in page.form("delete").controls}
    assert addresses.object_id("valkey", "loose") not in values
    assert addresses.object_id("valkey", "q:1:theirs") not in values
    assert admin.click(page, "open", "q:1:theirs").status == 200


def test_the_whole_database_is_not_offered_to_others(
    browser_of: BrowserOf, shared: valkey.Valkey
) -> None:
    everything = ("view_cache", "change_cache", "view_key", "add_key", "change_key", "delete_key")
    person = browser_of(*everything)
    page = person.open(addresses.keys("valkey", scope="store"))
    assert listed(page) == ["mine"]
    assert 'This cache has no scope "store"' in page.text
    assert "store" not in page.form("search").control("scope").options


def test_keys_of_a_hidden_cache_are_hidden_everywhere(
    admin: Browser, shared: valkey.Valkey, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"other": "hidden"}}
    for query in ({"scope": "store"}, {"scope": "store", "q": "theirs"}, {"scope": "versions"}):
        page = admin.open(addresses.keys("valkey", **query))
        assert page.status == 200
        assert "q:1:theirs" not in page.text.replace("other applications", "")


def test_sessions_of_other_versions_are_masked_and_not_found(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    secret = "abcdefgh12345678"
    raw.set(f"p:2:django.contrib.sessions.cache{secret}", "x")
    person = browser_of("view_key")
    page = person.open(addresses.keys("valkey", scope="versions"))
    assert secret not in page.html
    for text in (secret, "*abc*", f"django.contrib.sessions.cache{secret}"):
        found = person.open(addresses.keys("valkey", scope="versions", q=text))
        assert page.column("Stored key")
        assert found.column("Stored key") == []
        assert "0 shown" in found.text


def test_the_exact_name_is_a_stored_key_in_the_whole_database(
    admin: Browser, shared: valkey.Valkey
) -> None:
    page = admin.open(addresses.keys("valkey", scope="store", q="loose"))
    assert page.column("Stored key") == ["loose doesn't belong to a cache in CACHES"]
    assert "the key with exactly this name" in page.text
    wider = admin.click(page, "contains")
    assert wider.column("Stored key") == page.column("Stored key")

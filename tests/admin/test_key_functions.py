"""Aliases with a KEY_FUNCTION: listed where the key can be told, else opened by exact name."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from django_cachex.admin.log_entries import logged_object_id
from django_cachex.admin.user_sessions import session_id
from django_cachex.inspectors import inspector_for
from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, locmem_params, valkey_params
from tests.admin.steps import listed


def bare(key: str, key_prefix: str, version: int) -> str:
    """Make a stored key of the key alone."""
    return key


def slashed(key: str, key_prefix: str, version: int) -> str:
    """Make a stored key with the version before the prefix."""
    return f"v{version}/{key_prefix}/{key}"


def hashed(key: str, key_prefix: str, version: int) -> str:
    """Make a stored key that hides the key."""
    return hashlib.sha256(f"{key_prefix}{version}{key}".encode()).hexdigest()


def reversed_key(key: str, key_prefix: str, version: int) -> str:
    """Make a stored key with everything else after the key."""
    return f"{key}:{version}:{key_prefix}"


@pytest.fixture(params=["valkey", "local"])
def with_function(
    request: pytest.FixtureRequest, valkey_server: servers.Server, configure: Configure
) -> Any:
    """Return a function that configures alias `own` with a key function, each kind in turn."""

    def make(function: str) -> Any:
        path = f"{__name__}.{function}"
        params = valkey_params(valkey_server) if request.param == "valkey" else locmem_params()
        configure(own={**params, "KEY_PREFIX": "p", "KEY_FUNCTION": path})
        caches["own"].set_many({"hello": {"to": "you"}, "other": 1}, 1000)
        return caches["own"]

    return make


@pytest.mark.parametrize("function", ["bare", "slashed"])
def test_keys_that_end_with_the_key_are_listed(
    admin: Browser, with_function: Any, function: str
) -> None:
    cache = with_function(function)
    page = admin.open(addresses.keys("own"))
    assert sorted(listed(page)) == ["hello", "other"]
    assert '"to": "you"' in admin.click(page, "open", "hello").text
    assert listed(admin.open(addresses.keys("own", q="he*"))) == ["hello"]
    deleted = admin.submit(admin.click(admin.click(page, "open", "hello"), "delete"), "confirm")
    assert words.DELETED in deleted.text
    assert cache.get("hello") is None


@pytest.mark.parametrize("function", ["hashed", "reversed_key"])
def test_keys_that_hide_the_key_are_opened_by_exact_name(
    admin: Browser, with_function: Any, function: str
) -> None:
    cache = with_function(function)
    page = admin.open(addresses.keys("own"))
    assert listed(page) == []
    assert "KEY_FUNCTION" in page.text
    opened = admin.submit(page, "open-key", q="hello")
    assert '"to": "you"' in opened.text
    saved = admin.submit(admin.submit(opened, "edit"), "save", value="[1]")
    assert words.SAVED in saved.text
    assert cache.get("hello") == [1]
    missing = admin.submit(page, "open-key", q="nothing")
    assert words.NO_SUCH_KEY in missing.text
    added = admin.submit(admin.open(addresses.add("own")), "add", key="new", value="v")
    assert "was stored as" in added.text
    assert cache.get("new") == "v"
    admin.submit(admin.click(opened, "delete"), "confirm")
    assert cache.get("hello") is None


def test_a_flush_that_would_take_others_is_refused_with_the_reason(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    configure(own=valkey_params(valkey_server, KEY_FUNCTION=f"{__name__}.hashed"))
    caches["own"].set("hello", 1)
    raw.set("stranger", "x")
    data = {"action": "flush", "selected": ["own"]}
    asked = admin.post(addresses.caches(), data)
    assert '"own" can\'t be flushed.' in asked.text
    admin.post(addresses.caches(), {**data, "confirmed": "1"})
    assert raw.dbsize() == 2


@pytest.mark.parametrize("function", ["hashed", "reversed_key"])
def test_sessions_stay_secret_where_keys_are_hidden(
    admin: Browser, browser_of: BrowserOf, with_function: Any, settings: Any, function: str
) -> None:
    cache = with_function(function)
    person = browser_of("view_key", "delete_key")
    page = person.open(addresses.keys("own"))
    name = "django.contrib.sessions.cache0123456789abcdefghijklmnopqrstuv"
    cache.set(name, {"secret": "basket"}, 1000)
    settings.SESSION_CACHE_ALIAS = "own"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    for one in (person, admin):  # Whose own sessions are there from now on.
        one.client.force_login(one.user)
    assert "basket" not in person.submit(page, "open-key", q=name).text
    stored = str(cache.make_key(name))
    assert "basket" not in person.open(addresses.key("own", stored)).text
    person.post(addresses.delete("own", stored), {"confirmed": "1"})
    assert cache.get(name) == {"secret": "basket"}
    assert "basket" in admin.submit(page, "open-key", q=name).text


def turned(key: str, key_prefix: str, version: int) -> str:
    return f"{key[::-1]}.{version}"


def turn_back(stored: str) -> str:
    return stored.rpartition(".")[0][::-1]


@pytest.mark.parametrize("alias", ["own", "other"])
def test_sessions_stay_masked_where_a_function_of_the_project_reverses_names(
    admin: Browser,
    browser_of: BrowserOf,
    configure: Configure,
    valkey_server: servers.Server,
    settings: Any,
    alias: str,
) -> None:
    # Without the name that the function restores, nothing tells a session in `own` from other keys.
    params = {
        "BACKEND": "django_valkey.cache.ValkeyCache",
        "LOCATION": f"valkey://{valkey_server.address}/0",
        "KEY_FUNCTION": f"{__name__}.turned",
        "REVERSE_KEY_FUNCTION": f"{__name__}.turn_back",
    }
    configure(own=params, other=locmem_params())
    settings.SESSION_CACHE_ALIAS = alias
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    id = "0123456789abcdefghijklmnopqrstuv"
    name = f"django.contrib.sessions.cache{id}"
    inspector = inspector_for("own")
    stored = inspector.make_key(name)
    inspector.cache.set_many({name: {"secret": "basket"}, "hello": 1}, 1000)
    person = browser_of("view_key", "delete_key")
    for one in (person, admin):  # Whose own sessions are there from now on.
        one.client.force_login(one.user)

    shown = listed(person.open(addresses.keys("own")))
    assert f"session ••••••••{id[-4:]}" in shown
    assert "hello" in shown
    for text in (name, f"*{id[:9]}*", id[20:]):
        page = person.open(addresses.keys("own", q=text))
        assert not any("••••" in found for found in listed(page))
    assert "basket" not in person.open(addresses.key("own", stored.decode())).text
    person.post(addresses.delete("own", stored.decode()), {"confirmed": "1"})
    assert inspector.cache.get(name) == {"secret": "basket"}
    assert id not in logged_object_id(inspector, stored)
    assert id[::-1] not in logged_object_id(inspector, stored)

    assert name in listed(admin.open(addresses.keys("own")))
    assert "basket" in admin.open(addresses.key("own", stored.decode())).text
    assert session_id(inspector, stored) == id

"""Sessions kept in a cache: whoever knows such a key is that user."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.management import call_command

from django_cachex.admin.models import Cache
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    ROOMY,
    VALKEY,
    BrowserOf,
    Configure,
    stored_key,
    valkey_params,
)

SESSION = "0123456789abcdefghijklmnopqrstuv"
PREFIXES = {
    "django.contrib.sessions.backends.cache": "django.contrib.sessions.cache",
    "django.contrib.sessions.backends.cached_db": "django.contrib.sessions.cached_db",
}

EVERYTHING = ("view_cache", "change_cache", "view_key", "add_key", "change_key", "delete_key")


@pytest.fixture(params=PREFIXES)
def prefix(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.SESSION_ENGINE = request.param
    return PREFIXES[request.param]


@pytest.fixture(params=["valkey", "table", "default"])
def sessions(
    request: pytest.FixtureRequest,
    prefix: str,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
    settings: Any,
) -> str:
    """An alias with one known session and a key that is none, each kind in turn."""
    alias = str(request.param)
    configure(
        valkey=valkey_params(valkey_server),
        table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
    )
    settings.SESSION_CACHE_ALIAS = alias
    caches[alias].set(f"{prefix}{SESSION}", {"secret": "basket"}, 1000)
    caches[alias].set("plain", "visible", 1000)
    return alias


def session_key(alias: str, prefix: str) -> bytes:
    return stored_key(alias, f"{prefix}{SESSION}")


def test_ids_are_masked_in_the_list(browser_of: BrowserOf, sessions: str, prefix: str) -> None:
    page = browser_of(*EVERYTHING).open(addresses.keys(sessions))
    assert "plain" in page.column("Key")
    assert any(name.startswith("session ••••") for name in page.column("Key"))
    assert SESSION not in page.html
    assert addresses.object_id(sessions, session_key(sessions, prefix)) not in page.html
    # Nor those of the people who are looking, whose sessions are here as well.
    assert prefix not in page.text
    ids = {one.value for one in page.form("delete").controls}
    assert addresses.object_id(sessions, stored_key(sessions, "plain")) in ids
    masked = [name for name in page.column("Key") if "••••" in name]
    assert not {link.text for link in page.links} & set(masked)


@pytest.mark.parametrize("part", ["", "sessions", SESSION, SESSION[:1], SESSION[-4:], "*", "*0*"])
def test_no_search_finds_them_letter_by_letter(
    browser_of: BrowserOf, sessions: str, prefix: str, part: str
) -> None:
    person = browser_of(*EVERYTHING)
    for text in (part, f"{prefix}{part}*", f"{prefix}{SESSION}", f"*{part}"):
        page = person.open(addresses.keys(sessions, q=text))
        assert SESSION not in page.text.replace(text, "")
        if text.strip("*"):
            assert not any("••••" in name for name in page.column("Key"))


def test_next_does_not_tell_that_a_session_matches(
    browser_of: BrowserOf, sessions: str, prefix: str
) -> None:
    # One more than these fills a page, and there would be a next: a search of each letter.
    guess = f"{prefix}{SESSION[:1]}"
    caches[sessions].set_many({f"{number:02}{guess}": 1 for number in range(24)})
    page = browser_of("view_key", "add_key").open(addresses.keys(sessions, q=guess, size=25))
    assert len(page.column("Key")) == 24
    assert "24 shown" in page.text
    assert not any(page.has_action(does) for does in ("next-page", "continue"))


def test_they_are_not_opened(browser_of: BrowserOf, sessions: str, prefix: str) -> None:
    person = browser_of(*EVERYTHING)
    stored = session_key(sessions, prefix)
    for query in ({}, {"view": "text"}, {"view": "hex"}, {"mode": "edit"}, {"mode": "read"}):
        page = person.open(addresses.key(sessions, stored, **query))
        assert "basket" not in page.text
        assert "62 61 73 6b 65 74" not in page.text
        assert not page.has_action("edit")
        assert not page.has_action("save")
        assert not page.has_action("expire")
        assert not page.has_action("delete")


def test_they_are_not_changed(browser_of: BrowserOf, sessions: str, prefix: str) -> None:
    person = browser_of(*EVERYTHING)
    stored = session_key(sessions, prefix)
    key_id = addresses.object_id(sessions, stored)
    url = addresses.key(sessions, stored)
    tries = [
        (url, {"mode": "save", "value": "x", "store_as": "text", "expected": ""}),
        (url, {"mode": "set-ttl", "timeout": "5"}),
        (url, {"mode": "set-name", "name": "open"}),
        (url, {"mode": "make-copy", "name": "open", "into": sessions}),
        (url, {"mode": "set-value", "value": "x", "store_as": "text", "confirmed": "1"}),
        (addresses.download(sessions, stored), {}),
        (addresses.download(sessions, stored, **{"as": "json"}), {}),
        (addresses.delete(sessions, stored), {"confirmed": "1"}),
        (addresses.by_form("delete"), {"id": key_id, "confirmed": "1"}),
        (
            addresses.keys(sessions),
            {"action": "delete", "selected": [key_id], "confirmed": "1"},
        ),
        (
            addresses.add(sessions),
            {"key": f"{prefix}{SESSION}", "value": "x", "store_as": "text", "replace": "on"},
        ),
        (
            addresses.add(sessions),
            {"key": f"{prefix}{'9' * 32}", "value": "{}", "store_as": "json"},
        ),
    ]
    for place, data in tries:
        page = person.post(place, data)
        assert page.status in (200, 403), place
        assert "basket" not in page.text
    assert caches[sessions].get(f"{prefix}{SESSION}") == {"secret": "basket"}
    assert caches[sessions].get(f"{prefix}{'9' * 32}") is None


def test_their_delete_page_is_refused(browser_of: BrowserOf, sessions: str, prefix: str) -> None:
    page = browser_of("delete_key").open(addresses.delete(sessions, session_key(sessions, prefix)))
    assert page.status == 403


def test_superusers_see_and_change_them(sessions: str, prefix: str, admin: Browser) -> None:
    page = admin.open(addresses.keys(sessions, q=SESSION))
    assert page.column("Key") == [f"{prefix}{SESSION}"]
    page = admin.click(page, "open", f"{prefix}{SESSION}")
    assert "basket" in page.text
    admin.submit(admin.click(page, "delete"), "confirm")
    assert caches[sessions].get(f"{prefix}{SESSION}") is None


def test_other_keys_stay_open(browser_of: BrowserOf, sessions: str) -> None:
    page = browser_of("view_key").open(addresses.keys(sessions, q="plain"))
    assert page.column("Key") == ["plain"]


def test_the_same_names_are_no_sessions_where_no_cache_holds_any(
    browser_of: BrowserOf, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    configure(valkey=valkey_params(valkey_server))
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    name = f"{next(iter(PREFIXES.values()))}{SESSION}"
    caches["valkey"].set(name, "v")
    assert browser_of("view_key").open(addresses.keys("valkey")).column("Key") == [name]


def test_another_alias_over_the_same_entries_shows_no_session(
    browser_of: BrowserOf, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    # A second alias that can see the same stored keys is a way around the mask.
    params = valkey_params(valkey_server)
    configure(valkey=params, twin=params)
    settings.SESSION_ENGINE, settings.SESSION_CACHE_ALIAS = next(iter(PREFIXES)), "valkey"
    prefix = PREFIXES[settings.SESSION_ENGINE]
    caches["valkey"].set(f"{prefix}{SESSION}", {"secret": "basket"})
    person = browser_of("view_key", "delete_key")
    assert SESSION not in person.open(addresses.keys("twin")).html
    stored = stored_key("twin", f"{prefix}{SESSION}")
    assert "basket" not in person.open(addresses.key("twin", stored)).text


@pytest.mark.parametrize("backend", [VALKEY, DJANGO_REDIS])
@pytest.mark.parametrize("spelling", ["localhost", "socket"])
def test_another_spelling_of_the_server_shows_no_session(
    browser_of: BrowserOf,
    valkey_server: servers.Server,
    configure: Configure,
    prefix: str,
    settings: Any,
    spelling: str,
    backend: str,
) -> None:
    # Nobody can tell from their addresses that both are one server.
    scheme = "valkey" if backend == VALKEY else "redis"
    place = {
        "localhost": f"{scheme}://localhost:{valkey_server.port}/0",
        "socket": f"unix://{valkey_server.folder / 's'}?db=0",
    }[spelling]
    params = valkey_params(valkey_server)
    configure(valkey=params, twin={**params, "BACKEND": backend, "LOCATION": place})
    settings.SESSION_CACHE_ALIAS = "valkey"
    caches["valkey"].set(f"{prefix}{SESSION}", {"secret": "basket"})
    person = browser_of(*EVERYTHING)
    listing = person.open(addresses.keys("twin"))
    assert f"session ••••••••{SESSION[-4:]}" in listing.column("Key")
    assert SESSION not in listing.html
    page = person.open(addresses.key("twin", stored_key("twin", f"{prefix}{SESSION}")))
    assert "basket" not in page.text
    assert not page.has_action("delete")


def test_history_and_recent_actions_hold_no_session_id(
    sessions: str, prefix: str, admin: Browser, browser_of: BrowserOf
) -> None:
    stored = session_key(sessions, prefix)
    admin.submit(admin.open(addresses.delete(sessions, stored)), "confirm")
    for url in (addresses.cache_history(sessions), "/admin/"):
        assert SESSION not in browser_of(*EVERYTHING).open(url).html


# Written down.


def everything_written(caplog: pytest.LogCaptureFixture) -> str:
    entries = LogEntry.objects.values_list("object_id", "object_repr", "change_message")
    ids = [decoded_id(one) for one, _repr, _message in entries]
    return "\n".join([*map(str, entries), *ids, caplog.text])


def decoded_id(object_id: str) -> str:
    encoded = object_id.partition(":")[2]
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("latin-1")


def test_no_session_id_is_written_down(
    sessions: str, prefix: str, admin: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stored = session_key(sessions, prefix)
    name = f"{prefix}{SESSION}"
    admin.post(addresses.key(sessions, stored), {"mode": "set-ttl", "timeout": "500"})
    copy = {"mode": "make-copy", "name": f"{name}2", "into": sessions}
    admin.post(addresses.key(sessions, stored), copy)
    rename = {"mode": "set-name", "name": f"{name}3"}
    admin.post(addresses.key(sessions, stored_key(sessions, f"{name}2")), rename)
    for pattern in (f"{name}*", f"*{SESSION}", f"*cache{SESSION}*", SESSION):
        page = admin.open(addresses.matching(sessions, action="expire", q=pattern, ttl="60"))
        if page.has_action("ask"):
            admin.submit(admin.submit(page, "ask"), "confirm")
    call_command("cachex", "delete", sessions, f"{name}3", "--yes", stderr=StringIO())
    words = ("expire", sessions, "--pattern", f"*{SESSION}", "--in", "90", "--yes")
    call_command("cachex", *words, stdout=StringIO())
    admin.submit(admin.open(addresses.delete(sessions, session_key(sessions, prefix))), "confirm")
    written = everything_written(caplog)
    assert LogEntry.objects.count() > 3
    assert SESSION not in written
    assert f"••••{SESSION[-4:]}" in written


def test_what_was_written_down_before_is_masked_in_history(
    browser_of: BrowserOf, sessions: str, prefix: str, superuser: Any
) -> None:
    LogEntry.objects.create(
        user=superuser,
        content_type=ContentType.objects.get_for_model(Cache),
        object_id=sessions,
        object_repr=sessions,
        action_flag=2,
        change_message=f'Delete all keys that match "{prefix}{SESSION}*" or "*{SESSION}".',
    )
    page = browser_of("view_cache").open(addresses.cache_history(sessions))
    assert "Delete all keys" in page.text
    assert SESSION not in page.html


def test_a_superuser_finds_the_history_of_a_session(
    sessions: str, prefix: str, admin: Browser
) -> None:
    stored = session_key(sessions, prefix)
    admin.post(addresses.key(sessions, stored), {"mode": "set-ttl", "timeout": "500"})
    assert "TTL set to 500 s" in admin.open(addresses.history(sessions, stored)).text


def test_a_session_without_a_name_of_its_own_is_one(
    browser_of: BrowserOf, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    # An engine may leave its prefix empty: then every key of the alias may be a session.
    settings.SESSION_ENGINE = "tests.admin.nameless_sessions"
    configure(
        valkey=valkey_params(valkey_server), other=valkey_params(valkey_server, KEY_PREFIX="q")
    )
    settings.SESSION_CACHE_ALIAS = "valkey"
    for alias in ("valkey", "other"):
        caches[alias].set(SESSION, {"secret": "basket"})
    person = browser_of("view_key")
    assert SESSION not in person.open(addresses.keys("valkey")).html
    assert "basket" not in person.open(addresses.key("valkey", stored_key("valkey", SESSION))).text
    assert person.open(addresses.keys("other")).column("Key") == [SESSION]

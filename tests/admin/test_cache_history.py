"""The history of a cache: who changed which key, found by key and by user."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_cachex.admin import entry_search
from django_cachex.admin.entry_search import search_entries
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.views import history
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, UserWith, valkey_params
from tests.admin.page import Page
from tests.servers import Server


def log_key(user: User, name: str, flag: int = CHANGE, alias: str = "valkey") -> LogEntry:
    """Write an entry about a key, as the admin's pages do."""
    return log(user, Key, addresses.object_id(alias, f"p:1:{name}"), f"{name} ({alias})", flag)


def log(user: User, model: Any, object_id: str, name: str, flag: int = CHANGE) -> LogEntry:
    return LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(model),
        object_id=object_id,
        object_repr=name,
        action_flag=flag,
        change_message=f"Change of {name}.",
    )


def open_history(person: Browser, **query: str) -> Page:
    return person.open(addresses.cache_history("valkey", **query))


def names(page: Page) -> list[str]:
    return page.column("Key")


def test_all_changes_of_a_cache_are_listed_newest_first(admin: Browser, server_cache: Any) -> None:
    admin.post(addresses.add("valkey"), {"key": "a", "value": "1", "store_as": "auto"})
    admin.post(addresses.key("valkey", "p:1:a"), {"mode": "set-ttl", "timeout": "60"})
    admin.post(addresses.delete("valkey", "p:1:a"), {"confirmed": "1"})
    admin.post(addresses.caches(), {"action": "flush", "selected": ["valkey"], "confirmed": "1"})
    page = open_history(admin)
    assert names(page) == ["valkey", "a", "a", "a"]
    assert page.column("Action") == ["Changed", "Deleted", "Changed", "Added"]
    assert page.column("User") == ["root"] * 4
    assert page.column("What changed")[1] == "Deleted 1 key."
    assert [link.url for link in page.links if link.text == "a"] == [
        addresses.history("valkey", "p:1:a"),
        *[addresses.key("valkey", "p:1:a")] * 2,
    ]


def test_changes_are_found_by_parts_of_names(
    admin: Browser, server_cache: Any, user_with: UserWith
) -> None:
    other = user_with("view_key", name="Maria")
    log(other, Cache, "valkey", 'valkey: keys "views:*"')
    log_key(other, "user:1:profile")
    log_key(admin.user, "user:2:profile")
    log_key(admin.user, "cart:2")
    page = open_history(admin)
    assert names(page) == ["cart:2", "user:2:profile", "user:1:profile", 'keys "views:*"']
    assert names(admin.submit(page, "search", key="USER:")) == ["user:2:profile", "user:1:profile"]
    assert names(admin.submit(page, "search", key="views:")) == ['keys "views:*"']
    assert names(admin.submit(page, "search", key="profile", user="mar")) == ["user:1:profile"]
    nothing = admin.submit(page, "search", key="(valkey)")  # This is not part of the name.
    assert names(nothing) == []
    assert nothing.form("search").control("key").value == "(valkey)"
    assert len(names(admin.click(nothing, "show-all"))) == 4


def test_changes_of_other_caches_are_not_listed(admin: Browser, server_cache: Any) -> None:
    for alias in ("valkey2", "Valkey", "default"):
        log_key(admin.user, "a", alias=alias)
        log(admin.user, Cache, alias, alias)
    log(admin.user, Key, "nonsense", "nonsense")
    assert "No changes recorded" in open_history(admin).sections


def test_changes_are_paged(
    admin: Browser, server_cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_ENTRIES", 3)
    for number in range(7):
        log_key(admin.user, f"key:{number}")
        log_key(admin.user, f"other:{number}")
    page = open_history(admin, key="key")
    assert not page.has_action("newest")
    assert names(page) == ["key:6", "key:5", "key:4"]
    log_key(admin.user, "key:new")
    page = admin.click(page, "older")
    assert names(page) == ["key:3", "key:2", "key:1"]
    page = admin.click(page, "older")
    assert names(page) == ["key:0"]
    assert not page.has_action("older")
    assert names(admin.click(page, "newest"))[0] == "key:new"


def test_a_search_that_takes_too_long_says_how_far_it_came(
    admin: Browser, server_cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SEARCH_SECONDS", 0)
    monkeypatch.setattr(entry_search, "FIRST_RANGE", 2)
    for number in range(6):
        log_key(admin.user, f"key:{number}")
    moment = timezone.now() - timedelta(days=40)
    LogEntry.objects.update(action_time=moment)
    page = open_history(admin, key="key:1")
    assert names(page) == []
    assert f"{timezone.localtime(moment):%Y-%m-%d}" in page.text
    page = admin.click(admin.click(page, "older"), "older")
    assert names(page) == ["key:1"]


def test_a_search_stops_at_its_deadline_and_continues_there(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [log_key(superuser, f"key:{number}").pk for number in range(30)]
    monkeypatch.setattr(entry_search, "FIRST_RANGE", 10)
    monkeypatch.setattr(entry_search, "BATCH_SIZE", 4)
    found, before, steps = [], 0, 0
    while steps == 0 or before:
        with CaptureQueriesContext(connection) as queries:
            page = search_entries(LogEntry.objects.all(), lambda entry: True, before, 100, 0)
        assert len(queries) == 2  # The newest id, and one range.
        found += [entry.pk for entry in page.entries]
        before, steps = page.before, steps + 1
    assert found == ids[::-1]
    assert steps >= 8


def test_gaps_between_ids_take_few_queries(superuser: User) -> None:
    far = log_key(superuser, "far")
    LogEntry.objects.filter(pk=far.pk).update(id=10**15)
    log_key(superuser, "near")
    deadline = time.monotonic() + 60
    with CaptureQueriesContext(connection) as queries:
        page = search_entries(LogEntry.objects.all(), lambda entry: True, 0, 100, deadline)
    assert len(page.entries) == 2
    assert page.before == 0
    assert len(queries) < 100


def test_who_may_not_view_keys_sees_only_changes_of_the_cache(
    browser_of: BrowserOf, superuser: User, server_cache: Any
) -> None:
    log_key(superuser, "secret:1")
    log(superuser, Cache, "valkey", "valkey")
    page = open_history(browser_of("view_cache"))
    assert page.column("Cache") == ["valkey"]
    assert "secret" not in page.html
    assert open_history(browser_of("view_cache"), key="secret").column("Cache") == []
    assert names(open_history(browser_of("view_cache", "view_key"))) == ["valkey", "secret:1"]


def test_keys_of_a_hidden_cache_are_not_listed(
    admin: Browser, configure: Configure, valkey_server: Server, settings: Any
) -> None:
    configure(
        valkey=valkey_params(valkey_server), hidden=valkey_params(valkey_server, KEY_PREFIX="h")
    )
    log(admin.user, Key, addresses.object_id("valkey", "h:1:a"), "h:1:a (valkey)")
    assert len(names(open_history(admin))) == 1
    settings.CACHEX_ADMIN = {"ALIASES": {"hidden": "hidden"}}
    assert names(open_history(admin)) == []
    assert names(open_history(admin, key="h:1")) == []
    assert admin.open(addresses.cache_history("hidden")).status == 404


SESSION = "0123456789abcdefghijklmnopqrstuv"
PREFIX = "django.contrib.sessions.cache"


def test_no_search_tells_more_of_a_session_than_is_shown(
    superuser: User, browser_of: BrowserOf, server_cache: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    admin = Browser(superuser)
    caches["valkey"].set(f"{PREFIX}{SESSION}", {"secret": "basket"}, 1000)
    stored = f"p:1:{PREFIX}{SESSION}"
    admin.post(addresses.key("valkey", stored), {"mode": "set-ttl", "timeout": "60"})
    # An earlier version wrote this.
    log(admin.user, Key, addresses.object_id("valkey", stored), f"{PREFIX}{SESSION}")
    for person in (admin, browser_of("view_cache", "view_key")):
        page = open_history(person)
        assert names(page) == [f"session ••••••••{SESSION[-4:]}"] * 2
        assert person is admin or SESSION not in page.html  # The old message has it.
        assert addresses.object_id("valkey", stored) not in page.html
        for text in (SESSION, SESSION[:1], SESSION[:8], PREFIX, "sessions.cache"):
            assert names(open_history(person, key=text)) == []


@pytest.mark.parametrize("before", ["x", "-1", "0", "1" * 30, "٣", "\0"])
def test_an_invalid_position_is_the_newest(admin: Browser, server_cache: Any, before: str) -> None:
    log_key(admin.user, "a")
    for url in (
        addresses.cache_history("valkey", before=before),
        addresses.history("valkey", "p:1:a", before=before),
    ):
        page = admin.open(url)
        assert len(page.column("What changed")) == 1
        assert "newest changes" in page.text


@pytest.mark.parametrize("text", ["\0", "x" * 5000, "%", "_", "\\", "'"])
def test_any_text_can_be_searched_for(admin: Browser, server_cache: Any, text: str) -> None:
    log_key(admin.user, "abc")
    for name in ("key", "user"):
        page = open_history(admin, **{name: text})
        assert page.status == 200
        assert names(page) == []


def test_a_missing_key_leads_to_its_history(admin: Browser, server_cache: Any) -> None:
    server_cache.set("a", 1)
    admin.post(addresses.delete("valkey", "p:1:a"), {"confirmed": "1"})
    page = admin.open(addresses.key("valkey", "p:1:a"))
    found = admin.click(page, "key-history", "See its history")
    assert found.url == addresses.history("valkey", "p:1:a")
    assert found.column("Action") == ["Deleted"]
    assert admin.click(found, "cache-history").url == addresses.cache_history("valkey")


def test_a_missing_key_offers_no_history_to_who_may_not_see_it(
    browser_of: BrowserOf, server_cache: Any
) -> None:
    page = browser_of("view_cache", "delete_key").open(addresses.delete("valkey", "p:1:a"))
    assert page.status == 200
    assert addresses.history("valkey", "p:1:a") not in page.html


def test_a_name_in_a_message_is_escaped(admin: Browser, server_cache: Any) -> None:
    page = admin.open(addresses.key("valkey", "p:1:<b>bold"))
    assert "<b>bold" not in page.html
    assert "<b>bold" in page.text


def test_the_flags_of_entries_are_named(admin: Browser, server_cache: Any) -> None:
    for flag in (ADDITION, CHANGE, DELETION, 9):
        log_key(admin.user, "a", flag)
    page = admin.open(addresses.history("valkey", "p:1:a"))
    assert page.column("Action") == ["", "Deleted", "Changed", "Added"]


def test_applications_changes_are_said_not_to_be_recorded(
    admin: Browser, server_cache: Any
) -> None:
    for url in (addresses.cache_history("valkey"), addresses.history("valkey", "p:1:a")):
        assert "Changes made by applications aren't" in admin.open(url).text
    log_key(admin.user, "a")
    for url in (addresses.cache_history("valkey"), addresses.history("valkey", "p:1:a")):
        assert "Changes made by applications aren't" in admin.open(url).text

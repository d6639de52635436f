"""Giving a key another name: it keeps what it holds, and takes no other's place unasked."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.steps import detail


def renaming(person: Browser, name: str = "key") -> Page:
    return person.click(detail(person, name), "rename")


def test_a_key_of_any_type_is_renamed_with_its_ttl(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush("p:1:key", "a", "b")
    store.pexpire("p:1:key", 123_456)
    expiry = store.execute_command("PTTL", "p:1:key")
    page = admin.submit(renaming(admin), "set-name", name="other")
    assert 'Renamed from "key" to "other".' in page.text
    assert page.heading == "other"
    assert store.lrange("p:1:other", 0, -1) == [b"a", b"b"]
    assert expiry - 5_000 < store.pttl("p:1:other") <= expiry
    assert not store.exists("p:1:key")
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user) == (CHANGE, admin.user)
    assert entry.object_id == addresses.object_id("store", "p:1:other")
    assert entry.change_message == 'Renamed from "key" to "other".'


def test_another_key_is_overwritten_only_when_told_and_confirmed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set_many({"key": "mine", "other": "theirs"}, 1000)
    form = renaming_valkey(admin)
    refused = admin.submit(form, "set-name", name="other")
    assert words.EXISTS in refused.text
    assert refused.form("set-name").control("name").value == "other"
    assert server_cache.get("other") == "theirs"
    asked = admin.submit(refused, "set-name", overwrite="on")
    assert asked.heading == 'Replace "other" in "valkey"?'
    assert "other: string, " in asked.text
    assert "expires in 16 min" in asked.text
    assert server_cache.get("other") == "theirs"
    done = admin.submit(asked, "confirm")
    assert 'Renamed from "key" to "other", replacing any existing key.' in done.text
    assert (server_cache.get("other"), server_cache.get("key")) == ("mine", None)
    assert LogEntry.objects.count() == 1


def renaming_valkey(person: Browser) -> Page:
    return person.open(addresses.key("valkey", "p:1:key", mode="rename"))


@pytest.mark.parametrize(
    "name", ["<b>x</b>", " spaces ", "a:b/c?d#e%20", "名前 🗝", "x" * 6_000, "key:*[a]\\"]
)
def test_names_of_every_kind_are_taken_as_they_are_typed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, name: str
) -> None:
    server_cache.set("key", "v", None)
    page = admin.submit(renaming_valkey(admin), "set-name", name=name)
    assert "Renamed from" in page.text
    assert "<b>x</b>" not in page.html
    assert raw.keys("*") == [f"p:1:{name}".encode()]


def test_the_same_name_changes_nothing(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "v")
    page = admin.submit(renaming_valkey(admin), "set-name")
    assert words.UNCHANGED in page.text
    assert admin.submit(renaming_valkey(admin), "set-name", name="").form("set-name")
    assert not LogEntry.objects.exists()


def test_a_key_that_cannot_be_typed_is_renamed(
    admin: Browser, raw: valkey.Valkey, hello: Any
) -> None:
    raw.set(b"p:1:\xff\xfe", "5")
    page = admin.open(addresses.key("valkey", b"p:1:\xff\xfe", mode="rename"))
    assert page.form("set-name").control("name").value == ""
    assert "Renamed from" in admin.submit(page, "set-name", name="typed").text
    assert raw.get("p:1:typed") == b"5"


def test_a_vanished_key_is_not_renamed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v")
    form = renaming_valkey(admin)
    server_cache.delete("key")
    assert words.NO_SUCH_KEY in admin.submit(form, "set-name", name="other").text
    assert raw.dbsize() == 0
    assert not LogEntry.objects.exists()


def test_a_key_with_a_long_name_is_renamed_by_form(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    name = "x" * 6_000
    raw.set(f"p:1:{name}", "5")
    key_id = addresses.object_id("valkey", f"p:1:{name}")
    page = admin.post(addresses.by_form("change"), {"id": key_id, "mode": "rename"})
    assert page.form("set-name").control("name").value == name
    cancelled = admin.submit(page, "cancel", name="short")
    assert cancelled.status == 200
    assert raw.keys("*") == [f"p:1:{name}".encode()]
    done = admin.submit(page, "set-name", name="short")
    assert done.heading == "short"
    assert raw.keys("*") == [b"p:1:short"]


def test_it_takes_both_permissions(browser_of: BrowserOf, hello: Any) -> None:
    url = addresses.key("valkey", "p:1:hello")
    for held in (("view_key", "add_key"), ("view_key", "delete_key"), ("view_key", "change_key")):
        person = browser_of(*held)
        assert not person.open(url).has_action("rename")
        assert not person.open(f"{url}?mode=rename").has_action("set-name")
        assert person.post(url, {"mode": "set-name", "name": "x"}).status == 403
    assert browser_of("view_key", "add_key", "delete_key").open(url).has_action("rename")
    assert caches["valkey"].get("hello")


def test_nobody_but_a_superuser_makes_a_session_of_a_key(
    admin: Browser, browser_of: BrowserOf, hello: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "default"
    session = f"django.contrib.sessions.cache{'a' * 32}"
    person = browser_of("view_key", "add_key", "change_key", "delete_key")
    url = addresses.key("valkey", "p:1:hello")
    assert person.post(url, {"mode": "set-name", "name": session}).status == 403
    copy = {"mode": "make-copy", "name": session, "into": "valkey"}
    assert person.post(url, copy).status == 403
    assert hello.get(session) is None
    assert hello.get("hello") == {"to": "you"}

"""History: who changed what, and when; values never."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.utils import timezone

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, stored_key

KINDS = ("default", "valkey", "redis", "django", "table", "files")


@pytest.mark.parametrize("alias", KINDS)
def test_changes_of_a_key_are_shown_newest_first(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    listing = admin.open(addresses.keys(alias))
    page = admin.click(listing, "open", listing.column("Key")[0])
    empty = admin.click(page, "history")
    assert "No changes recorded" in empty.sections
    admin.submit(admin.submit(page, "expire"), "set-ttl", timeout="60")
    admin.submit(admin.submit(page, "edit"), "save", value="topsecret", store_as="text")
    history = admin.click(page, "history")
    newest, oldest = history.column("What changed")
    assert "Value changed" in newest
    assert "fingerprint" in newest
    assert words.expires_in(60) in oldest
    assert history.column("User") == ["root", "root"]
    assert "topsecret" not in history.html
    assert all(len(when) >= 8 for when in history.column("Date and time"))


def test_the_history_of_a_deleted_key_can_be_read(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 1)
    admin.submit(admin.open(addresses.delete("valkey", "p:1:key")), "confirm")
    page = admin.open(addresses.history("valkey", "p:1:key"))
    assert page.column("What changed") == ["Deleted 1 key."]


def test_flushes_are_in_the_history_of_the_cache(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    for alias in ("valkey", "default"):
        data = {"action": "flush", "selected": [alias], "confirmed": "1"}
        admin.post(addresses.caches(), data)
    page = admin.open(addresses.cache_history("valkey"))
    assert page.column("What changed") == ['Flushed "valkey": 1 entry deleted.']


def test_one_keys_history_is_not_anothers(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({"a": 1, "b": 1})
    admin.post(addresses.key("valkey", "p:1:a"), {"mode": "set-ttl", "timeout": "60"})
    assert admin.open(addresses.history("valkey", "p:1:b")).column("What changed") == []


def test_history_needs_the_permission_to_see_the_key(
    browser_of: BrowserOf, server_cache: Any
) -> None:
    assert browser_of("view_key").open(addresses.history("valkey", "p:1:a")).status == 200
    assert browser_of("view_cache").open(addresses.history("valkey", "p:1:a")).status == 403
    assert browser_of("view_key").open(addresses.cache_history("valkey")).status == 403


def test_values_are_recorded_as_fingerprints_only(admin: Browser, server_cache: Any) -> None:
    for value in ("topsecret", "topsecret", "another"):
        server_cache.set("key", "old")
        page = admin.open(addresses.key("valkey", "p:1:key"))
        admin.submit(admin.submit(page, "edit"), "save", value=value, store_as="text")
    records = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert records[0] == records[1] != records[2]
    assert not any("topsecret" in record for record in records)


def test_every_change_is_logged(
    admin: Browser, server_cache: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "django_cachex.audit")
    server_cache.set("key", "topsecret")
    admin.post(addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": "60"})
    admin.post(addresses.delete("valkey", "p:1:key"), {"confirmed": "1"})
    admin.post(addresses.caches(), {"action": "flush", "selected": ["valkey"], "confirmed": "1"})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4  # A flush in steps has one when it begins, and one for each step.
    assert all("valkey" in line and str(admin.user.pk) in line for line in lines)
    assert not any("topsecret" in line for line in lines)


def test_records_are_in_the_projects_language(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    server_cache.set("key", 1)
    admin.post(
        addresses.key("valkey", "p:1:key"),
        {"mode": "set-ttl", "timeout": "123456"},
        headers={"accept-language": "de"},
    )
    assert words.expires_in(123_456) in LogEntry.objects.get().change_message


def test_a_large_deletion_is_one_record_of_the_cache(admin: Browser, server_cache: Any) -> None:
    names = [f"key:{number}" for number in range(501)]
    server_cache.set_many(dict.fromkeys(names, 1))
    ids = [addresses.object_id("valkey", stored_key("valkey", name)) for name in names]
    data = {"action": "delete", "selected": ids, "confirmed": "1"}
    assert "Deleted 501 keys." in admin.post(addresses.keys("valkey"), data).text
    entry = LogEntry.objects.get()
    assert entry.object_id == "valkey"
    assert "501" in entry.change_message
    assert caches["valkey"].get("key:0") is None


def test_an_old_record_shows_its_whole_date(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 1)
    admin.post(addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": "60"})
    when = timezone.now() - timedelta(days=40)
    LogEntry.objects.update(action_time=when)
    [shown] = admin.open(addresses.history("valkey", "p:1:key")).column("Date and time")
    assert timezone.localtime(when).strftime("%Y-%m-%d") in shown

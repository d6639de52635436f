"""Replacing a value that cannot be edited: deliberately, and not over somebody's change."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.steps import detail, opened


def test_a_value_that_cannot_be_edited_is_replaced_after_a_question(
    admin: Browser, editable: str
) -> None:
    caches[editable].set("key", (1, 2), 1000)
    page = opened(admin, editable)
    assert not page.has_action("edit")
    form = admin.submit(page, "replace")
    assert "(1, 2)" in form.text
    asked = admin.submit(form, "set-value", value="[1, 2]")
    assert asked.heading.startswith("Replace the value of")
    assert "pickle of tuple" in asked.text
    assert caches[editable].get("key") == (1, 2)
    done = admin.submit(asked, "confirm")
    assert f"{words.SAVED} Value replaced (" in done.text
    assert caches[editable].get("key") == [1, 2]
    assert "TTL 16 min" in done.text
    [entry] = LogEntry.objects.all()
    assert "Value replaced" in entry.change_message
    assert "[1" not in entry.change_message


def test_a_value_too_large_to_decode_is_replaced(admin: Browser, store: valkey.Valkey) -> None:
    store.set("p:1:key", b"x" * 2_000_000)
    asked = admin.submit(admin.submit(detail(admin), "replace"), "set-value", value=" text\n")
    assert words.SAVED in admin.submit(asked, "confirm").text
    assert caches["store"].get("key") == " text\n"


def test_a_value_that_changed_meanwhile_is_not_replaced(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", (1, 2))
    form = admin.submit(detail_of(admin), "replace")
    asked = admin.submit(form, "set-value", value="mine")
    server_cache.set("key", (3, 4))
    told = admin.submit(asked, "confirm")
    assert words.CHANGED_MEANWHILE in told.text
    assert "(3, 4)" in told.text
    assert told.form("overwrite").control("value").value == "mine"
    assert server_cache.get("key") == (3, 4)
    again = admin.submit(admin.submit(told, "overwrite"), "confirm")
    assert words.SAVED in again.text
    assert server_cache.get("key") == "mine"


def detail_of(person: Browser) -> Any:
    return person.open(addresses.key("valkey", "p:1:key"))


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}], ids=repr)
def test_what_can_be_edited_is_not_replaced_unseen(
    admin: Browser, server_cache: Any, value: Any
) -> None:
    server_cache.set("key", value)
    assert not detail_of(admin).has_action("replace")
    data = {"mode": "set-value", "value": "x", "store_as": "text", "confirmed": "1"}
    page = admin.post(addresses.key("valkey", "p:1:key"), data)
    assert words.SAVED not in page.text
    assert server_cache.get("key") == value


def test_it_takes_change_key_and_keeps_the_ttl_without_change_cache(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", (1, 2), 1000)
    expiry = raw.execute_command("PEXPIRETIME", "p:1:key")
    assert not browser_of("view_key").open(addresses.key("valkey", "p:1:key")).has_action("replace")
    person = browser_of("change_key")
    form = person.submit(detail_of(person), "replace")
    assert "timeout" not in form.form("set-value").names
    person.submit(person.submit(form, "set-value", value="x"), "confirm")
    assert server_cache.get("key") == "x"
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == expiry

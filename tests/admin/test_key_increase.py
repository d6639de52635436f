"""Numbers: increased whatever they are by then, edited as numbers, and still counted with."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.steps import detail


def increasing(person: Browser) -> Page:
    return person.submit(detail(person), "increase")


def test_an_integer_is_increased_whatever_it_is_by_then(
    admin: Browser, store: valkey.Valkey
) -> None:
    caches["store"].set("key", 7, 1000)
    form = increasing(admin)
    caches["store"].set("key", 100, 1000)
    page = admin.submit(form, "add-number", by="-3")
    assert "Increased by -3. The number is now 97." in page.text
    assert caches["store"].get("key") == 97
    assert 990 < store.ttl("p:1:key") <= 1000
    assert LogEntry.objects.get().change_message == "Increased by -3."
    caches["store"].incr("key")
    assert caches["store"].get("key") == 98


def test_a_float_is_increased_and_stays_one(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", 1.5, 1000)
    page = admin.submit(increasing(admin), "add-number", by="1")
    assert "The number is now 2.5." in page.text
    assert caches["store"].get("key") == 2.5
    admin.submit(increasing(admin), "add-number", by="1e-3")
    assert caches["store"].get("key") == pytest.approx(2.501)


@pytest.mark.parametrize(
    "by", ["", "x", "1.5", "1e3", "NaN", "inf", "1_000", "9" * 40, "٥", "0x10", "--1", "<b>"]
)
def test_what_an_integer_cannot_be_increased_by_is_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, by: str
) -> None:
    server_cache.set("key", 7)
    url = addresses.key("valkey", "p:1:key")
    page = admin.post(url, {"mode": "add-number", "by": by})
    assert page.form("add-number").control("by").value == by
    assert raw.get("p:1:key") == b"7"
    assert not LogEntry.objects.exists()


def test_past_64_bits_the_server_refuses_and_says_why(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 2**63 - 1)
    url = addresses.key("valkey", "p:1:key")
    page = admin.post(url, {"mode": "add-number", "by": "1"})
    assert "Not saved" in page.text
    assert "overflow" in page.text
    assert server_cache.get("key") == 2**63 - 1


@pytest.mark.parametrize("value", [True, None, "7", [7], {"a": 7}], ids=repr)
def test_only_numbers_are_increased(admin: Browser, server_cache: Any, value: Any) -> None:
    server_cache.set("key", value)
    url = addresses.key("valkey", "p:1:key")
    assert not admin.open(url).has_action("increase")
    page = admin.post(url, {"mode": "add-number", "by": "1"})
    assert "Not saved" in page.text
    assert server_cache.get("key") == value


def test_a_vanished_number_is_not_made_again(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 7)
    form = admin.open(addresses.key("valkey", "p:1:key", mode="increase"))
    server_cache.delete("key")
    assert words.NO_SUCH_KEY in admin.submit(form, "add-number", by="1").text
    assert server_cache.get("key") is None


def test_it_takes_change_key(browser_of: BrowserOf, server_cache: Any) -> None:
    server_cache.set("key", 7)
    url = addresses.key("valkey", "p:1:key")
    person = browser_of("view_key", "add_key", "delete_key", "change_cache")
    assert not person.open(url).has_action("increase")
    assert person.post(url, {"mode": "add-number", "by": "1"}).status == 403
    browser_of("change_key").post(url, {"mode": "add-number", "by": "1"})
    assert server_cache.get("key") == 8

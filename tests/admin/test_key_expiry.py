"""Changing when a key expires: in so many seconds, never, and never by accident."""

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
from tests.admin.steps import editing, opened


def expiring(person: Browser, editable: str) -> Page:
    return person.submit(opened(person, editable), "expire")


def test_a_ttl_is_set(admin: Browser, editable: str) -> None:
    caches[editable].set("key", {"a": 1}, 1000)
    page = admin.submit(expiring(admin, editable), "set-ttl", timeout="7200")
    assert words.expires_in(7200) in page.text
    assert "TTL 1 h 59 min" in page.text
    assert caches[editable].get("key") == {"a": 1}
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user) == (CHANGE, admin.user)
    assert words.expires_in(7200) in entry.change_message


def test_a_ttl_is_removed(admin: Browser, editable: str) -> None:
    caches[editable].set("key", 1, 1000)
    page = admin.submit(expiring(admin, editable), "set-ttl", timeout="never")
    assert words.NEVER_NOW in page.text
    assert "never expires" in opened(admin, editable).text


def test_a_key_that_never_expires_gets_a_ttl(admin: Browser, editable: str) -> None:
    caches[editable].set("key", 1, None)
    page = admin.submit(expiring(admin, editable), "set-ttl", timeout="7200")
    assert "never expires" not in page.text
    assert "TTL 1 h 59 min" in page.text


def test_ttls_of_collections_are_set(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    raw.rpush("p:1:key", "a")
    admin.submit(expiring(admin, "valkey"), "set-ttl", timeout="60")
    assert 55 < raw.ttl("p:1:key") <= 60
    admin.submit(expiring(admin, "valkey"), "set-ttl", timeout="never")
    assert raw.ttl("p:1:key") == -1


NO_DURATION = "Enter a duration, such as 90 (seconds), 1h 30m, 2 days or PT1H30M"
AT_LEAST = 'Enter at least 1 second. You entered "{}". To delete the key, select Delete.'
AT_MOST = 'Enter at most 10,000,000,000 seconds. You entered "{}".'

REFUSED = {
    "soon": NO_DURATION,
    "5.5": NO_DURATION,
    "1e3": NO_DURATION,
    "1,000": NO_DURATION,
    "1_000": NO_DURATION,
    "٥": NO_DURATION,
    "²": NO_DURATION,
    "0x10": NO_DURATION,
    "--5": NO_DURATION,
    "+-": NO_DURATION,
    "-": NO_DURATION,
    "None": NO_DURATION,
    "<b>": NO_DURATION,
    "9" * 61: NO_DURATION,
    "1:30": '"{}" could be hours and minutes or minutes and seconds.',
    "0": AT_LEAST,
    "00": AT_LEAST,
    "-0": AT_LEAST,
    "-5": AT_LEAST,
    "-1h": AT_LEAST,
    "500 ms": AT_LEAST,
    "-99999999999999": AT_LEAST,
    "99999999999999": AT_MOST,
    "10000000001": AT_MOST,
    "20000 weeks": AT_MOST,
}


@pytest.mark.parametrize("given", REFUSED)
def test_timeouts_that_make_no_sense_are_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str
) -> None:
    server_cache.set("key", "v", 1000)
    before = raw.execute_command("PEXPIRETIME", "p:1:key")
    for page, does in (
        (expiring(admin, "valkey"), "set-ttl"),
        (editing(admin, "valkey"), "save"),
    ):
        page = admin.submit(page, does, timeout=given)
        assert REFUSED[given].format(given) in page.text
        assert page.form(does).control("timeout").value == given
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == before
    assert not LogEntry.objects.exists()


WRITTEN = {"007": 7, " 60 ": 60, "90s": 90, "1h 30m": 5400, "2 Weeks": 1_209_600, "PT2M": 120}


@pytest.mark.parametrize("given", WRITTEN)
def test_durations_are_written_as_people_write_them(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str
) -> None:
    for does, opens in (("set-ttl", "expire"), ("save", "edit")):
        server_cache.set("key", "v", None)
        page = admin.open(addresses.key("valkey", "p:1:key", mode=opens))
        admin.submit(page, does, timeout=given)
        assert 0 <= WRITTEN[given] * 1000 - raw.pttl("p:1:key") < 10_000
    admin.submit(admin.open(addresses.add("valkey")), "add", key="new", timeout=given)
    assert 0 <= WRITTEN[given] * 1000 - raw.pttl("p:1:new") < 10_000


def test_the_longest_timeout_is_taken(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    page = admin.submit(expiring(admin, "valkey"), "set-ttl", timeout="10000000000")
    assert words.SAVED in page.text
    assert raw.ttl("p:1:key") > 9_999_999_000
    assert admin.open(addresses.keys("valkey")).status == 200


def test_the_longest_timeout_never_breaks_a_page(admin: Browser, editable: str) -> None:
    caches[editable].set("key", "v", 1000)
    page = admin.submit(expiring(admin, editable), "set-ttl", timeout="10000000000")
    assert page.status == 200
    assert caches[editable].get("key") == "v"
    assert admin.open(addresses.keys(editable)).status == 200


def test_an_empty_field_is_no_choice(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    server_cache.set("key", "v", 1000)
    for empty in ("", "   "):
        page = admin.submit(expiring(admin, "valkey"), "set-ttl", timeout=empty)
        assert "Enter a TTL, or a date and time." in page.text
    assert 990 < raw.ttl("p:1:key") <= 1000
    assert not LogEntry.objects.exists()


def shortcuts(page: Page) -> list[str]:
    """Return the values of the buttons that change a TTL with one click."""
    return [one.value for form in page.forms for one in form.buttons if one.name == "timeout"]


def test_only_shortcuts_that_change_something_are_offered(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    assert shortcuts(expiring(admin, "valkey")) == ["+1h", "+1d", "never"]
    raw.persist("p:1:key")
    page = expiring(admin, "valkey")
    assert shortcuts(page) == []
    assert "Currently never expires." in page.text


@pytest.mark.parametrize(("shortcut", "seconds"), [("+1h", 3600), ("+1d", 86400)])
def test_a_shortcut_adds_to_the_ttl_that_is_left(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, shortcut: str, seconds: int
) -> None:
    server_cache.set("key", "v", 1000)
    form = expiring(admin, "valkey")
    raw.expire("p:1:key", 50)
    admin.submit(form, shortcut)
    assert seconds + 40 < raw.ttl("p:1:key") <= seconds + 50
    assert LogEntry.objects.count() == 1


def test_a_shortcut_removes_the_ttl(admin: Browser, editable: str) -> None:
    caches[editable].set("key", "v", 1000)
    page = admin.submit(expiring(admin, editable), "never")
    assert "never expires" in page.text
    assert LogEntry.objects.count() == 1


def test_an_edit_with_an_empty_timeout_keeps_the_ttl(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    before = raw.execute_command("PEXPIRETIME", "p:1:key")
    page = editing(admin, "valkey")
    assert "Leave empty to keep the current TTL." in page.text
    assert page.form("save").control("timeout").value == ""
    admin.submit(page, "save", value="new", timeout=" ")
    assert server_cache.get("key") == "new"
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == before


def test_an_edit_may_set_the_ttl_too(admin: Browser, editable: str) -> None:
    caches[editable].set("key", "old", 1000)
    page = admin.submit(editing(admin, editable), "save", value="new", timeout="60")
    assert words.expires_in(60) in page.text
    assert caches[editable].get("key") == "new"
    never = admin.submit(editing(admin, editable), "save", value="newer", never="on")
    assert words.NEVER_NOW in never.text


def test_a_vanished_key_is_not_made_by_its_ttl(admin: Browser, editable: str) -> None:
    caches[editable].set("key", 1, 1000)
    form = expiring(admin, editable)
    caches[editable].delete("key")
    page = admin.submit(form, "set-ttl", timeout="60")
    assert words.NO_SUCH_KEY in page.text
    assert words.SAVED not in page.text
    assert caches[editable].get("key") is None
    assert not LogEntry.objects.exists()


def test_no_ttl_form_without_permission(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", 1, 1000)
    person = browser_of("view_key", "change_key")
    url = addresses.key("valkey", "p:1:key")
    page = person.open(f"{url}?mode=expire")
    assert page.status == 200
    assert not page.has_action("set-ttl")
    assert person.post(url, {"mode": "set-ttl", "timeout": "5"}).status == 403
    assert raw.ttl("p:1:key") > 990

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
    page = admin.submit(expiring(admin, editable), "set-ttl", never="on")
    assert words.NEVER_NOW in page.text
    assert "never expires" in opened(admin, editable).text


def test_a_key_that_never_expires_gets_a_ttl(admin: Browser, editable: str) -> None:
    caches[editable].set("key", 1, None)
    page = admin.submit(expiring(admin, editable), "set-ttl", timeout="60")
    assert "never expires" not in page.text
    assert "TTL 59 s" in page.text


def test_ttls_of_collections_are_set(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    raw.rpush("p:1:key", "a")
    admin.submit(expiring(admin, "valkey"), "set-ttl", timeout="60")
    assert 55 < raw.ttl("p:1:key") <= 60
    admin.submit(expiring(admin, "valkey"), "set-ttl", never="on")
    assert raw.ttl("p:1:key") == -1


WHOLE = 'Enter a whole number of seconds, or choose Never expires. You entered "{}".'
AT_LEAST = 'Enter at least 1 second. You entered "{}". To delete the key, select Delete.'
AT_MOST = (
    'Enter at most 10,000,000,000 seconds. You entered "{}". If the key shouldn\'t expire, '
    "choose Never expires."
)

REFUSED = {
    "1h": WHOLE,
    "5.5": WHOLE,
    "1e3": WHOLE,
    "1,000": WHOLE,
    "1_000": WHOLE,
    "٥": WHOLE,
    "²": WHOLE,
    "0x10": WHOLE,
    "--5": WHOLE,
    "+-5": WHOLE,
    "-": WHOLE,
    "None": WHOLE,
    "<b>": WHOLE,
    "9" * 31: WHOLE,
    "0": AT_LEAST,
    "00": AT_LEAST,
    "-0": AT_LEAST,
    "-5": AT_LEAST,
    "-99999999999999": AT_LEAST,
    "99999999999999": AT_MOST,
    "10000000001": AT_MOST,
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
        expected = REFUSED[given].format(given)
        if does == "save":
            expected = expected.replace(
                "or choose Never expires. You", "or leave empty to keep the current TTL. You"
            )
        assert expected in page.text
        assert page.form(does).control("timeout").value == given
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == before
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("given", "seconds"), [("007", 7), (" 60 ", 60), ("+5", 5), ("1", 1)])
def test_whole_numbers_may_be_written_in_other_ways(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str, seconds: int
) -> None:
    server_cache.set("key", "v", 1000)
    admin.post(addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": given})
    assert LogEntry.objects.count() == 1
    assert raw.pttl("p:1:key") <= seconds * 1000


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
        assert (
            "Enter a timeout, a date and time, or seconds to add, or choose Never expires."
            in page.text
        )
    assert 990 < raw.ttl("p:1:key") <= 1000
    assert not LogEntry.objects.exists()


def test_only_fields_of_the_form_are_asked_for(admin: Browser, server_cache: Any) -> None:
    # Nothing can be added to the TTL of a key that never expires.
    server_cache.set("key", "v", None)
    page = expiring(admin, "valkey")
    assert "Enter one of these:" in page.text
    assert "Currently never expires." in page.text
    page = admin.submit(page, "set-ttl", timeout="")
    assert "Enter a timeout or a date and time, or choose Never expires." in page.text


def test_both_at_once_is_no_choice(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    server_cache.set("key", "v", 1000)
    page = admin.submit(expiring(admin, "valkey"), "set-ttl", timeout="60", never="on")
    assert (
        "Choose only one: a timeout, a date and time, seconds to add, or Never expires."
        in page.text
    )
    assert 990 < raw.ttl("p:1:key") <= 1000


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

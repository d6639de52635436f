"""Adding a key: stored as asked, never over another, and said with its expiry."""

from __future__ import annotations

import re
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, locmem_params, valkey_params
from tests.admin.page import Page


def add(person: Browser, alias: str = "valkey", **fields: Any) -> Page:
    return person.submit(person.open(addresses.add(alias)), "add", **fields)


@pytest.mark.parametrize(
    ("text", "store_as", "stored"),
    [
        ('{"a": [1, 2.5, null, "é"]}', "auto", {"a": [1, 2.5, None, "é"]}),
        ("[1, 2]", "auto", [1, 2]),
        ("  [1]  ", "auto", [1]),
        ("plain", "auto", "plain"),
        ("5", "auto", "5"),
        ("true", "auto", "true"),
        ("", "auto", ""),
        ("  two  spaces  ", "auto", "  two  spaces  "),
        (" ", "auto", " "),
        ("a\r\nb\r\n", "text", "a\nb\n"),
        ("[1]", "text", "[1]"),
        ("{not json", "text", "{not json"),
        ("5", "integer", 5),
        ("-7", "integer", -7),
        ("1" * 30, "integer", int("1" * 30)),
        ("5", "json", 5),
        ('"5"', "json", "5"),
        ("null", "json", None),
        ("1.5", "json", 1.5),
    ],
)
def test_what_is_typed_is_stored_as_asked(
    admin: Browser, editable: str, text: str, store_as: str, stored: Any
) -> None:
    page = add(admin, editable, key="new", value=text, store_as=store_as)
    assert "was stored as" in page.text
    found = caches[editable].get("new", "missing")
    assert (type(found), found) == (type(stored), stored)


def test_an_integer_can_be_counted_up(admin: Browser, server_cache: Any) -> None:
    add(admin, key="counter", value="5", store_as="integer")
    assert server_cache.incr("counter") == 6


@pytest.mark.parametrize(
    ("text", "store_as", "reason"),
    [
        ('{"a": 1', "auto", "This is not JSON. Line 1, column 8"),
        ("{'a': 1}", "auto", "This is not JSON. Line 1, column 2: expected a key in double"),
        ('{"a": 1, "a": 2}', "auto", "occurs twice"),
        ("[NaN]", "auto", "NaN is not JSON."),
        ("", "json", "This is not JSON."),
        ("x", "integer", "Enter a whole number"),
        ("1.0", "integer", "Enter a whole number"),
        ("x", "yaml", "yaml"),
    ],
)
def test_malformed_values_are_refused_and_the_form_kept(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, text: str, store_as: str, reason: str
) -> None:
    page = add(admin, key=" odd key ", value=text, store_as=store_as, timeout="77")
    assert reason in page.text
    form = page.form("add")
    assert form.control("key").value == " odd key "
    assert form.control("value").value == text
    assert form.control("timeout").value == "77"
    assert raw.dbsize() == 0
    assert not LogEntry.objects.exists()
    mended = admin.submit(page, "add", value="[1]", store_as="json")
    assert "was stored as" in mended.text
    assert raw.keys() == [b"p:1: odd key "]


@pytest.mark.parametrize("name", ["  spaces  ", "a/b?c#d%e", "<b>", "ümläut😀", "x" * 300, "a:b"])
def test_names_are_taken_exactly(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, name: str
) -> None:
    page = add(admin, key=name, value="v")
    assert page.status == 200
    assert raw.keys() == [f"p:1:{name}".encode()]
    assert "<b>" not in page.html


def test_a_name_is_required(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    page = add(admin, key="", value="v")
    assert "This field is required." in page.text
    assert raw.dbsize() == 0


# Keys that exist.


def test_an_existing_key_is_refused_unless_replaced(admin: Browser, editable: str) -> None:
    caches[editable].set("key", "old", 1000)
    page = add(admin, editable, key="key", value="new")
    assert f"{words.EXISTS} {words.REPLACE_IT}" in page.text
    assert caches[editable].get("key") == "old"
    assert page.form("add").control("value").value == "new"
    done = admin.submit(page, "add", replace="on")
    assert "replacing any existing key" in done.text
    assert caches[editable].get("key") == "new"
    assert LogEntry.objects.get().action_flag == CHANGE


def test_a_key_of_another_type_is_replaced_whole(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.rpush("p:1:key", "a", "b")
    assert words.EXISTS in add(admin, key="key", value="new").text
    add(admin, key="key", value="new", replace="on")
    assert server_cache.get("key") == "new"


def test_replacing_what_is_not_there_does_not_claim_to_have_replaced(
    admin: Browser, server_cache: Any
) -> None:
    page = add(admin, key="key", value="new", replace="on")
    assert server_cache.get("key") == "new"
    assert "was stored as" in page.text
    assert "replacing what was there" not in page.text


def test_who_may_not_replace_is_not_told_to(browser_of: BrowserOf, server_cache: Any) -> None:
    server_cache.set("key", "old")
    person = browser_of("add_key", "view_key")
    page = add(person, key="key", value="new")
    assert words.EXISTS in page.text
    assert words.REPLACE_IT not in page.text
    forged = {"key": "key", "value": "new", "store_as": "text", "replace": "on"}
    assert "was stored as" not in person.post(addresses.add("valkey"), forged).text
    assert server_cache.get("key") == "old"


# When it expires.


def test_the_default_timeout_is_named_and_used(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    configure(valkey=valkey_params(valkey_server, TIMEOUT=1234))
    page = admin.open(addresses.add("valkey"))
    assert "this cache's default timeout (20 min 34 s)" in page.text
    done = admin.submit(page, "add", key="a", value="v")
    assert words.expires_in(1234) in done.text
    assert 1230 < raw.ttl("p:1:a") <= 1234


def test_a_default_of_never_is_named_and_used(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    configure(valkey=valkey_params(valkey_server, TIMEOUT=None))
    page = admin.open(addresses.add("valkey"))
    assert "this cache's default timeout (never expires)" in page.text
    assert words.NEVER in admin.submit(page, "add", key="a", value="v").text
    assert raw.ttl("p:1:a") == -1


def test_a_timeout_or_never_is_used(admin: Browser, server_cache: Any, raw: valkey.Valkey) -> None:
    assert words.expires_in(60) in add(admin, key="a", value="v", timeout="60").text
    assert 50 < raw.ttl("p:1:a") <= 60
    assert words.NEVER in add(admin, key="b", value="v", never="on").text
    assert raw.ttl("p:1:b") == -1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "soon",
            "2 days or PT1H30M, or leave empty for this cache's default (5 min). "
            'You entered "soon".',
        ),
        ("0", 'Enter at least 1 second. You entered "0".'),
        ("-5", 'Enter at least 1 second. You entered "-5".'),
        ("99999999999999", "Enter at most 10,000,000,000 seconds."),
    ],
)
def test_timeouts_that_make_no_sense_are_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str, message: str
) -> None:
    page = add(admin, key="a", value="v", timeout=given)
    assert message in page.text
    assert raw.dbsize() == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"will expire in 5 min, on [-\d]+ at [:\d]+ "),
        ({"timeout": "1h 30m"}, r"will expire in 1 h 30 min, on [-\d]+ at [:\d]+ "),
        ({"never": "on"}, "will never expire"),
    ],
)
def test_the_moment_of_expiry_is_shown_before_anything_is_stored(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: dict[str, str], said: str
) -> None:
    page = admin.open(addresses.add("valkey"))
    assert "will expire in 5 min" in page.text  # The default of this cache.
    page = admin.submit(page, "preview", key="new", value="v", **given)
    assert re.search(said, page.text)
    assert page.form("add").control("value").value == "v"
    assert raw.dbsize() == 0
    assert not LogEntry.objects.exists()
    admin.submit(page, "add")
    assert raw.dbsize() == 1


@pytest.mark.parametrize("given", ["soon", "0"])
def test_no_moment_is_shown_for_nonsense(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str
) -> None:
    page = admin.submit(admin.open(addresses.add("valkey")), "preview", key="k", timeout=given)
    assert "The key will" not in page.text
    assert page.form("add").control("timeout").value == given
    assert raw.dbsize() == 0


@pytest.mark.parametrize("timeout", [0, -5])
def test_a_cache_whose_default_stores_nothing_says_so(
    admin: Browser, valkey_server: servers.Server, configure: Configure, timeout: int
) -> None:
    configure(
        valkey=valkey_params(valkey_server, TIMEOUT=timeout), local=locmem_params(TIMEOUT=timeout)
    )
    for alias in ("valkey", "local"):
        page = add(admin, alias, key="a", value="v")
        assert page.status == 200
        assert "was stored as" not in page.text
        assert not LogEntry.objects.exists()


# What is said, and where it leads.


def test_the_message_says_what_was_stored_and_until_when(admin: Browser, editable: str) -> None:
    page = add(admin, editable, key="new", value='{"a": 1}', timeout="60")
    assert words.stored("new") in page.text
    assert words.expires_in(60) in page.text
    assert '"a": 1' in page.text
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user) == (ADDITION, admin.user)
    assert "Stored as" in entry.change_message
    assert '"a"' not in entry.change_message


def test_a_name_in_a_message_is_text(admin: Browser, server_cache: Any) -> None:
    page = add(admin, key="<script>alert(1)</script>\u202e", value="v")
    assert "<script>alert(1)</script>" in page.text
    assert "<script>alert" not in page.html
    assert "\u202e" not in page.html


def test_a_very_long_name_can_be_added(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    page = add(admin, key="k" * 6000, value="v")
    assert page.status == 200
    assert "was stored as" in page.text
    assert raw.exists("p:1:" + "k" * 6000)


def test_a_store_that_refuses_the_key_says_why(admin: Browser, configure: Configure) -> None:
    configure(picky={"BACKEND": "tests.admin.strangers.PickyCache", "LOCATION": "picky"})
    page = add(admin, "picky", key="k" * 300, value="v")
    assert page.status == 200
    assert "the label does not fit the shelf" in page.text
    assert page.form("add").control("value").value == "v"
    assert not LogEntry.objects.exists()


def test_a_server_that_is_down_keeps_the_form(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    page = add(admin, "refusing", key="a", value="written with care")
    assert page.status == 200
    assert '"refusing"' in page.text
    assert "was stored as" not in page.text
    assert page.form("add").control("value").value == "written with care"
    assert not LogEntry.objects.exists()


def test_backends_that_store_nothing_have_no_add_page(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    for alias in ("dummy", "broken"):
        assert not admin.open(addresses.keys(alias)).has_action("add")
        assert admin.open(addresses.add(alias)).status == 403

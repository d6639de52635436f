"""Editing a value: what was not touched stays as it was, and nobody's change is lost."""

from __future__ import annotations

import decimal
from collections import OrderedDict
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import caches
from django.utils.safestring import SafeString

from tests.admin import words
from tests.admin.browser import Browser
from tests.admin.steps import editing, opened

JSON_KINDS = [
    *(0, 5, -7, 10**30, True, False, None, 1.5, -0.0, 1e300, 0.1),
    *("", "text", " two  spaces ", "line\nbreak", "cr\rlf\r\n", "\ttab\t", "\nfirst", "\n\nfirst"),
    *("007", "5", "true", "null", "{", '{"a": 1}', "[1]", '"quoted"', "é ü 😀", "<b>&amp;</b>"),
    *("\x00nul", "\u2028\u202e\ufeff", "&lt;", "'single'", "\\n", "</textarea>", "x" * 3000),
    *([], {}, [[]], [1, [2, {"a": None}]], {"": ""}, {"b": 1, "a": 2}),
    {"items": [1.0, "x\ny", True], "keys": {"nested": {"é": "</script>"}}},
    ["\x00", "\ud7ff", "\u2029"],
]


@pytest.mark.parametrize("value", JSON_KINDS, ids=lambda value: repr(value)[:24])
def test_saving_what_was_not_touched_changes_no_byte(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, value: Any
) -> None:
    server_cache.set("key", value, 1000)
    before = raw.get("p:1:key")
    saved = admin.submit(editing(admin, "valkey"), "save")
    assert words.UNCHANGED in saved.text
    assert raw.get("p:1:key") == before
    # Even where only the TTL is changed, or the text retyped, the value stays what it was.
    admin.submit(editing(admin, "valkey"), "save", timeout="500")
    assert raw.get("p:1:key") == before
    assert 490 < raw.ttl("p:1:key") <= 500


@pytest.mark.parametrize(
    "value", [5, True, None, 1.5, "text", " a\nb ", [1, "é"], {"b": 1, "a": [None]}], ids=repr
)
def test_a_value_stored_again_has_the_bytes_of_before(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, value: Any
) -> None:
    server_cache.set("key", value, 1000)
    before = raw.get("p:1:key")
    form = editing(admin, "valkey").form("save")
    same = {name: form.control(name).value for name in ("value", "store_as")}
    other = admin.submit(editing(admin, "valkey"), "save", value="something", store_as="text")
    assert words.SAVED in other.text
    assert server_cache.get("key") == "something"
    admin.submit(editing(admin, "valkey"), "save", **same)
    assert raw.get("p:1:key") == before


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        b"bytes",
        decimal.Decimal("1.0"),
        SafeString("<b>safe</b>"),
        OrderedDict(a=1),
        {1: "integer key"},
        {"deep": (1,)},
        float("nan"),
        [float("inf")],
        {"a": {"b": b"x"}},
    ],
    ids=repr,
)
def test_values_that_would_not_come_back_exactly_are_not_edited(
    admin: Browser, editable: str, value: Any
) -> None:
    caches[editable].set("key", value)
    page = opened(admin, editable)
    assert not page.has_action("edit")
    assert words.NOT_EDITABLE in page.text
    assert not admin.open(f"{page.url}?mode=edit").has_action("save")


def test_edits_keep_the_ttl_to_the_millisecond(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "old")
    raw.pexpire("p:1:key", 123_456)
    expiry = raw.execute_command("PEXPIRETIME", "p:1:key")
    admin.submit(editing(admin, "valkey"), "save", value="new")
    assert server_cache.get("key") == "new"
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == expiry


def test_edits_keep_keys_that_never_expire(admin: Browser, editable: str) -> None:
    caches[editable].set("key", "old", None)
    admin.submit(editing(admin, editable), "save", value="new")
    assert caches[editable].get("key") == "new"
    assert "never expires" in opened(admin, editable).text


def test_an_edit_is_said_stored_and_recorded(admin: Browser, editable: str) -> None:
    caches[editable].set("key", {"a": 1}, 1000)
    page = admin.submit(editing(admin, editable), "save", value='{"a": 2}')
    assert page.heading in ("key", opened(admin, editable).heading)
    assert words.SAVED in page.text
    assert caches[editable].get("key") == {"a": 2}
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user, entry.content_type.model) == (CHANGE, admin.user, "key")
    assert "Value changed" in entry.change_message
    assert '"a": 2' not in entry.change_message
    assert "16 min" in page.text


@pytest.mark.parametrize(
    ("text", "store_as", "stored"),
    [
        ('{"a": [1, 2.5, null]}', "auto", {"a": [1, 2.5, None]}),
        ("[]", "auto", []),
        ("  [1]", "auto", [1]),
        ("plain", "auto", "plain"),
        ("5", "auto", "5"),
        (" padded ", "auto", " padded "),
        ("", "auto", ""),
        ("[1]", "text", "[1]"),
        ("5", "integer", 5),
        (" -5 ", "integer", -5),
        ("null", "json", None),
        ('"5"', "json", "5"),
        ("true", "json", True),
        ("a\nb", "text", "a\nb"),
    ],
)
def test_what_is_typed_is_stored_as_asked(
    admin: Browser, server_cache: Any, text: str, store_as: str, stored: Any
) -> None:
    server_cache.set("key", "old")
    admin.submit(editing(admin, "valkey"), "save", value=text, store_as=store_as)
    found = server_cache.get("key")
    assert (type(found), found) == (type(stored), stored)


@pytest.mark.parametrize(
    ("text", "store_as"),
    [
        ('{"a": 1', "auto"),
        ("{'a': 1}", "auto"),
        ("[1,]", "json"),
        ("nope", "json"),
        ("", "json"),
        ("NaN", "json"),
        ('{"a": 1, "a": 2}', "json"),
        ("1.5", "integer"),
        ("1e3", "integer"),
        ("", "integer"),
        ("x", "pickle"),
        ("[" * 5000, "auto"),
        ("9" * 5000, "integer"),
        ('"\\ud800"', "json"),
    ],
    ids=lambda text: text[:12],
)
def test_what_cannot_be_stored_is_refused_and_kept_in_the_form(
    admin: Browser, server_cache: Any, text: str, store_as: str
) -> None:
    server_cache.set("key", "old", 1000)
    page = admin.submit(editing(admin, "valkey"), "save", value=text, store_as=store_as)
    assert page.status == 200
    assert words.SAVED not in page.text
    assert page.form("save").control("value").value == text
    assert server_cache.get("key") == "old"
    assert not LogEntry.objects.exists()
    again = admin.submit(page, "save", value="mended", store_as="text")
    assert words.SAVED in again.text
    assert server_cache.get("key") == "mended"

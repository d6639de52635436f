"""Key detail: what a key is and holds, for people to read, whatever it holds."""

from __future__ import annotations

import decimal
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.steps import detail, shown

# What it is.


def test_head_says_what_the_key_is(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", {"name": "Ana", "plan": "pro"}, 95_000)
    page = detail(admin)
    assert page.heading == "key"
    length = store.strlen("p:1:key")
    for fact in (
        *("Stored key p:1:key", "Type string", "JSON in a pickle (protocol 5)", "Cache store"),
        *(f"Size {length} B", "Memory ", "TTL 1 day 2 h"),
    ):
        assert fact in page.text


def test_ttl_is_in_words_in_seconds_and_as_a_moment(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", 1, 3723)
    page = detail(admin)
    assert re.search(r"TTL 1 h [12] min", page.text)
    [(seconds, moment)] = re.findall(r"([\d,]+) s, until ([-\d: ]+) \S+", page.text)
    assert 3700 < int(seconds.replace(",", "")) <= 3723
    assert re.search(r"\d{2}:\d{2}:\d{2}", moment)


def test_a_key_that_never_expires_says_so(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", 1, None)
    page = detail(admin)
    assert "never expires" in page.text
    assert "until" not in page.text


@pytest.mark.parametrize(
    ("value", "label", "text"),
    [
        (5, "integer", "5"),
        (True, "boolean", "true"),
        (None, "None", "null"),
        ("plain", "text", "plain"),
        ("", "text", ""),
        ("007", "text", "007"),
        (1.5, "number", "1.5"),
        ([1, "é", None], "JSON", '[\n  1,\n  "é",\n  null\n]'),
        ({"a": {"b": []}}, "JSON", '{\n  "a": {\n    "b": []\n  }\n}'),
        ((1, 2), "tuple", "(1, 2)"),
        (decimal.Decimal("1.10"), "Decimal", "1.10"),
        (datetime(2024, 2, 29, tzinfo=UTC), "datetime", "2024-02-29T00:00:00+00:00"),
        (b"\xff\x00", "bytes", "ff 00"),
        ({"items": 1, "keys": 2}, "JSON", '"items": 1'),
    ],
)
def test_values_are_shown_formatted(
    admin: Browser, store: valkey.Valkey, value: Any, label: str, text: str
) -> None:
    caches["store"].set("key", value)
    page = detail(admin)
    assert label in page.text
    if text:
        assert text in shown(page)
    else:
        assert "The value is empty." in page.text


def test_views_show_text_and_hex(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", {"a": 1})
    page = detail(admin)
    text = admin.click(page, "view-text")
    assert "\\x80\\x05" in shown(text)
    hexadecimal = admin.click(text, "view-hex")
    assert shown(hexadecimal).startswith("000000  80 05")
    assert '"a": 1' in shown(admin.click(hexadecimal, "view-formatted"))


@pytest.mark.parametrize("view", ["Hex", "", "\x00", "raw", "__class__", "label"])
def test_an_unknown_view_is_the_formatted_one(
    admin: Browser, store: valkey.Valkey, view: str
) -> None:
    caches["store"].set("key", {"a": 1})
    page = detail(admin, view=view)
    assert page.status == 200
    assert '"a": 1' in shown(page)


# Collections.


def test_lists(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush("p:1:key", "first", "second", pickle.dumps({"a": 1}), b"\xff", "")
    page = detail(admin)
    assert "5 items" in page.text
    assert "All 5 items shown" in page.text
    assert page.column("Index") == ["0", "1", "2", "3", "4"]
    first, second, third, fourth, fifth = page.column("Value")
    assert (first, second) == ("first", "second")
    assert '"a": 1' in third
    assert "\\xff" in fourth
    assert "(empty)" in fifth


def test_sets(admin: Browser, store: valkey.Valkey) -> None:
    store.sadd("p:1:key", "b", "a")
    page = detail(admin)
    assert "2 members" in page.text
    assert sorted(page.column("Member")) == ["a", "b"]


def test_sorted_sets(admin: Browser, store: valkey.Valkey) -> None:
    store.zadd("p:1:key", {"low": -1.5, "high": 1e21, "mid": 3})
    page = detail(admin)
    assert page.column("Member") == ["low", "mid", "high"]
    assert page.column("Score") == ["-1.5", "3", "1e+21"]


def test_hashes(admin: Browser, store: valkey.Valkey) -> None:
    store.hset("p:1:key", mapping={"items": "x", "<b>": "y", b"\xfe": "z", "": "w"})
    page = detail(admin)
    assert "4 fields" in page.text
    fields = dict(zip(page.column("Field"), page.column("Value"), strict=True))
    assert fields["items"] == "x"
    assert fields["<b>"] == "y"
    assert "<b>" not in page.html
    assert any("\\xfe" in name for name in fields)


def test_streams(admin: Browser, store: valkey.Valkey) -> None:
    store.xadd("p:1:key", {"a": "1"}, id="1-1")
    page = detail(admin)
    assert "1 entry" in page.text
    assert page.column("Entry") == ["1-1"]
    assert page.column("a") == ["1"]


@pytest.mark.parametrize("count", [99, 100, 101, 20_000])
def test_the_first_hundred_elements_are_shown(
    admin: Browser, store: valkey.Valkey, count: int
) -> None:
    store.rpush("p:1:key", *range(count))
    page = detail(admin)
    assert len(page.column("Value")) == min(count, 100)
    whole, part = f"All {count} items shown", f"Index 0 to 99 of {count:,} items"
    expected = whole if count <= 100 else part
    assert expected in page.text


def test_long_elements_are_cut(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush("p:1:key", "x" * 200_000)
    page = detail(admin)
    assert "x" * 900 in page.text
    assert "x" * 1100 not in page.html
    assert len(page.html) < 40_000


def test_collections_have_no_editor_of_their_value(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush("p:1:key", "a")
    page = detail(admin, mode="edit")
    assert page.status == 200
    assert not page.has_action("save")
    assert not page.has_action("edit")


# Keys that are not there.


@pytest.mark.parametrize("mode", ["", "edit", "expire"])
def test_a_vanished_key_returns_to_the_list_with_a_notice(
    admin: Browser, store: valkey.Valkey, mode: str
) -> None:
    page = detail(admin, mode=mode)
    assert page.status == 200
    assert page.url == addresses.keys("store")
    assert f'{words.NO_SUCH_KEY} "key" in "store"' in page.text


def test_opening_a_key_never_scans(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", 1)
    store.config_resetstat()
    detail(admin)
    commands = store.info("commandstats")
    assert not {"cmdstat_scan", "cmdstat_keys"} & set(commands)

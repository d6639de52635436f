"""Adding keys of every type with their first elements, a line each, in one submit."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page


def adding(person: Browser, alias: str = "store") -> Page:
    return person.open(addresses.add(alias))


def added(person: Browser, type: str, lines: str, **more: str) -> Page:
    return person.submit(adding(person), "add", key="key", type=type, value=lines, **more)


TYPES = {
    "list": ("b\na\nb\n", "a list of 3 items"),
    "set": ("b\na", "a set of 2 members"),
    "zset": ("2.5 b c\n-inf a\n1e3 d", "a sorted set of 3 members"),
    "hash": ("plan=pro\nnote=a=b\n =empty name follows\nempty=", "a hash of 4 fields"),
    "stream": ("order=5\norder=6", "a stream with one entry"),
}


@pytest.mark.parametrize("type", TYPES)
def test_the_format_of_a_type_is_shown_with_an_example_that_can_be_stored(
    admin: Browser, store: valkey.Valkey, type: str
) -> None:
    page = admin.open(addresses.add("store", type=type))
    formats = {
        attrs["data-type"]: attrs["data-example"]
        for _tag, attrs in page.tags
        if "data-type" in attrs
    }
    assert formats.keys() == {"string", *TYPES}  # A script shows one of them.
    [example] = [attrs["placeholder"] for tag, attrs in page.tags if tag == "textarea"]
    assert example == formats[type]
    admin.submit(page, "add", key="key", value=example)
    assert store.type("p:1:key").decode() == type


@pytest.mark.parametrize("type", TYPES)
def test_keys_of_every_type_are_added(admin: Browser, store: valkey.Valkey, type: str) -> None:
    lines, said = TYPES[type]
    page = added(admin, type, lines, timeout="60")
    assert f"{words.stored('key')} {said}." in page.text
    assert page.heading == "key"
    assert store.type("p:1:key").decode() == type
    assert 50 < store.ttl("p:1:key") <= 60
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.user) == (ADDITION, admin.user)
    assert said in entry.change_message
    assert "pro" not in entry.change_message


def test_elements_are_exactly_what_was_typed(admin: Browser, store: valkey.Valkey) -> None:
    cache = caches["store"]
    page = added(admin, "list", ' spaces \n007\n[1, "é"]\n"quoted"\n{"a": null}')
    expected = [" spaces ", "007", [1, "é"], '"quoted"', {"a": None}]
    assert page.column("Value")[1].startswith("007 text")
    raw = store.lrange("p:1:key", 0, -1)
    for element, stored in zip(expected, raw, strict=True):
        cache.set("same", element)
        assert store.get("p:1:same") == stored


def test_lines_are_stored_as_asked(admin: Browser, store: valkey.Valkey) -> None:
    added(admin, "set", "1\n-5", store_as="integer")
    assert set(store.smembers("p:1:key")) == {b"1", b"-5"}


def test_scores_and_members(admin: Browser, store: valkey.Valkey) -> None:
    added(admin, "zset", "2.5 1\n-inf 2\n+3 3", store_as="integer")
    scores = dict(store.zrange("p:1:key", 0, -1, withscores=True))
    assert scores == {b"1": 2.5, b"2": float("-inf"), b"3": 3.0}


@pytest.mark.parametrize(
    ("type", "lines", "said"),
    [
        ("list", "", "Enter at least one line"),
        ("list", "a\n\nb", "Line 2: the line is empty."),
        ("list", 'ok\n{"a"', "Line 2: This is not JSON."),
        ("set", "a\nb\na", "Line 3 repeats line 1."),
        ("zset", "5", "Line 1: enter a score, a space and the member"),
        ("zset", "1 a\nx b", 'Line 2: "x" isn\'t a score'),
        ("zset", "nan a", 'Line 1: "nan" isn\'t a score'),
        ("zset", "1_0 a", 'Line 1: "1_0" isn\'t a score'),
        ("zset", "٥ a", "isn't a score"),
        ("zset", "1 a\n2 a", "Line 2 repeats line 1."),
        ("hash", "plan=pro\nplan", "Line 2: enter the field, an equals sign and the value"),
        ("hash", "a=1\na=2", "Line 2 repeats line 1."),
        ("stream", "no equals sign", "Line 1: enter the field"),
        ("list", "x\n" * 10_001, "Enter at most 10000 lines."),
    ],
)
def test_a_line_that_makes_no_sense_is_named_beside_the_field_and_stores_nothing(
    admin: Browser, hello: Any, raw: valkey.Valkey, type: str, lines: str, said: str
) -> None:
    page = admin.submit(adding(admin, "valkey"), "add", key="key", type=type, value=lines)
    assert said in page.text
    form = page.form("add")
    assert form.control("value").value.replace("\r\n", "\n") == lines
    assert form.control("type").value == type
    assert not raw.exists("p:1:key")
    assert not LogEntry.objects.exists()


def test_a_type_that_is_not_offered_is_refused(
    admin: Browser, hello: Any, raw: valkey.Valkey
) -> None:
    for type in ("json", "ReJSON-RL", "\x00", "x" * 1000):
        data = {"key": "key", "type": type, "value": "a", "store_as": "text"}
        assert admin.post(addresses.add("valkey"), data).status == 200
    assert not raw.exists("p:1:key")


def test_a_key_that_exists_is_replaced_only_when_told_and_permitted(
    admin: Browser, browser_of: BrowserOf, hello: Any, raw: valkey.Valkey
) -> None:
    data = {"key": "hello", "type": "list", "value": "a\nb", "store_as": "text"}
    page = admin.post(addresses.add("valkey"), data)
    assert f"{words.EXISTS} {words.REPLACE_IT}" in page.text
    refused = browser_of("add_key").post(addresses.add("valkey"), {**data, "replace": "on"})
    assert words.EXISTS in refused.text
    assert hello.get("hello") == {"to": "you"}
    admin.post(addresses.add("valkey"), {**data, "replace": "on"})
    assert raw.type("p:1:hello") == b"list"
    assert raw.llen("p:1:hello") == 2


@pytest.mark.parametrize("alias", ["default", "table", "files", "stranger"])
def test_backends_without_types_are_asked_for_a_value_alone(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    page = adding(admin, alias)
    assert "type" not in page.form("add").names
    admin.submit(page, "add", key="new", value="[1]", timeout="60")
    assert caches[alias].get("new") == [1]

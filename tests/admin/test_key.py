"""Key detail: what a key is and holds, for people to read, whatever it holds."""

from __future__ import annotations

import decimal
import html
import os
import pickle
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, REDIS, VALKEY, Configure
from tests.admin.reader import Page

STORES = {
    "valkey": ("valkey_server", VALKEY, "valkey"),
    "redis": ("redis_server", REDIS, "redis"),
    "django": ("redis_server", DJANGO_REDIS, "redis"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, configure: Configure) -> Iterator[valkey.Valkey]:
    """A plain client of the server behind alias `store`, of each kind in turn."""
    fixture, backend, scheme = STORES[request.param]
    server: servers.Server = request.getfixturevalue(fixture)
    location = f"{scheme}://{server.address}/0"
    configure(store={"BACKEND": backend, "LOCATION": location, "KEY_PREFIX": "p"})
    with valkey.Valkey(port=server.port) as client:
        yield client


def detail(person: Browser, name: bytes | str = "key", **query: str) -> Page:
    stored = b"p:1:" + (name.encode() if isinstance(name, str) else name)
    return person.open(addresses.key("store", stored, **query))


def shown(page: Page) -> str:
    """Return the value as it stands on the page, line by line."""
    [text] = re.findall(r"<pre[^>]*>(.*?)</pre>", page.html, re.DOTALL)
    return html.unescape(text)


# What it is.


def test_head_says_what_the_key_is(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", {"name": "Ana", "plan": "pro"}, 95_000)
    page = detail(admin)
    assert page.heading == "key"
    length = store.strlen("p:1:key")
    for fact in (
        *("Stored key p:1:key", "Type string", "JSON in a pickle (protocol 5)", "Cache store"),
        *(f"Length {length} B", "Memory ", "TTL 1 day 2 h"),
    ):
        assert fact in page.text


def test_ttl_is_in_words_in_seconds_and_as_a_moment(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", 1, 3723)
    page = detail(admin)
    assert re.search(r"TTL 1 h [12] min", page.text)
    [(seconds, moment)] = re.findall(r"([\d,]+) s, until ([-\d: ]+)", page.text)
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
        assert "Empty: it holds nothing." in page.text


def test_views_show_text_and_hex(admin: Browser, store: valkey.Valkey) -> None:
    caches["store"].set("key", {"a": 1})
    page = detail(admin)
    text = admin.click(page, "Text")
    assert "\\x80\\x05" in shown(text)
    hexadecimal = admin.click(text, "Hex")
    assert shown(hexadecimal).startswith("000000  80 05")
    assert '"a": 1' in shown(admin.click(hexadecimal, "Formatted"))


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
    assert "All 5 shown" in page.text
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
    assert page.column("Field") == ["a"]


@pytest.mark.parametrize("count", [99, 100, 101, 20_000])
def test_the_first_hundred_elements_are_shown(
    admin: Browser, store: valkey.Valkey, count: int
) -> None:
    store.rpush("p:1:key", *range(count))
    page = detail(admin)
    assert len(page.column("Value")) == min(count, 100)
    expected = f"All {count} shown" if count <= 100 else f"First 100 of {count:,} shown"
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
    assert not page.offers("Save")
    assert not page.offers("Edit")


# Values that want to do harm, or that cannot be read.


class Harmful:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.path}",)


class Vanishing:
    """A class that does not import when its pickle is read."""

    def __init__(self) -> None:
        self.colour = "teal"


@pytest.mark.parametrize("kind", ["string", "list", "hash"])
def test_pickles_never_run(admin: Browser, store: valkey.Valkey, tmp_path: Path, kind: str) -> None:
    proof = tmp_path / "proof"
    data = pickle.dumps(Harmful(proof))
    if kind == "string":
        store.set("p:1:key", data)
    elif kind == "list":
        store.rpush("p:1:key", data)
    else:
        store.hset("p:1:key", "field", data)
    for query in ({}, {"view": "text"}, {"view": "hex"}, {"mode": "edit"}, {"mode": "expire"}):
        page = detail(admin, **query)
        assert page.status == 200
    assert "system" in detail(admin).text
    assert not detail(admin).offers("Edit")
    assert admin.open(addresses.keys("store")).status == 200
    gone = admin.submit(admin.open(addresses.delete("store", "p:1:key")), "Delete 1 key")
    assert "Deleted 1 key." in gone.text
    assert not proof.exists()


def test_objects_of_classes_that_do_not_import_are_labelled(
    admin: Browser, store: valkey.Valkey
) -> None:
    data = pickle.dumps(Vanishing()).replace(b"Vanishing", b"Vanished!")
    store.set("p:1:key", data)
    page = detail(admin)
    assert "Vanished!" in page.text
    assert "teal" in page.text
    assert words.NOT_EDITABLE in page.text
    assert not page.offers("Edit")


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps({"a": 1})[:-3],
        b"\x80\x05",
        b"\x80\x05]",
        b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"not a pickle",
        b"\xff\xfe\xfd",
        b"\x00" * 100,
        b"",
        zlib.compress(b"x" * 1000),
        zlib.compress(b"\x00" * 50_000_000),
        b"9" * 5000,
        b"]" * 10_000 + b".",
        b"(" * 100_000,
        "\u202egnp.exe\u202c".encode(),
        b"\xed\xa0\x80",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_values_that_are_damaged_or_strange_are_shown_and_deletable(
    admin: Browser, store: valkey.Valkey, data: bytes
) -> None:
    store.set("p:1:key", data)
    for view in ("formatted", "text", "hex"):
        page = detail(admin, view=view)
        assert page.status == 200
        assert len(page.html) < 200_000
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", page.html)
    assert detail(admin, mode="edit").status == 200
    gone = admin.submit(admin.open(addresses.delete("store", "p:1:key")), "Delete 1 key")
    assert "Deleted 1 key." in gone.text
    assert not store.exists("p:1:key")


def test_twenty_megabytes_are_shown_in_part(admin: Browser, store: valkey.Valkey) -> None:
    store.set("p:1:key", b"x" * 20_000_000)
    page = detail(admin)
    assert page.status == 200
    assert len(page.html) < 60_000
    assert page.seconds < 2.5
    assert "First 5,000 of 20,000,000 bytes shown" in page.text
    assert "It is not decoded: 20.0 MB is more than the limit" in page.text
    assert not page.offers("Edit")


def test_strings_of_servers_own_making_are_shown_and_deletable(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.pfadd("p:1:key", *range(100))
    page = detail(admin)
    assert page.status == 200
    assert "HYLL" in page.text
    admin.submit(admin.click(page, "Delete"), "Delete 1 key")
    assert not store.exists("p:1:key")


def test_without_the_memory_command_the_rest_is_shown(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">pw", "~*", "+@all", "-memory", "-pttl")
    try:
        location = f"valkey://clerk:pw@{valkey_server.address}/0"
        configure(store={"BACKEND": VALKEY, "LOCATION": location, "KEY_PREFIX": "p"})
        raw.set("p:1:key", "5")
        page = detail(admin)
        assert shown(page) == "5"
        assert "Memory" not in page.text
        listing = admin.open(addresses.keys("store"))
        assert listing.table("Key").row("Key", "key")["TTL"] == "not known"
    finally:
        raw.execute_command("ACL", "DELUSER", "clerk")


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

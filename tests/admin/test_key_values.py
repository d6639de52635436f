"""Values that want to do harm, or that cannot be read: shown as far as they go, never run."""

from __future__ import annotations

import os
import pickle
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
import valkey

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import VALKEY, Configure
from tests.admin.steps import detail, shown


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
    assert not detail(admin).has_action("edit")
    assert admin.open(addresses.keys("store")).status == 200
    gone = admin.submit(admin.open(addresses.delete("store", "p:1:key")), "confirm")
    assert words.DELETED in gone.text
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
    assert not page.has_action("edit")


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
    gone = admin.submit(admin.open(addresses.delete("store", "p:1:key")), "confirm")
    assert words.DELETED in gone.text
    assert not store.exists("p:1:key")


def test_twenty_megabytes_are_shown_in_part(admin: Browser, store: valkey.Valkey) -> None:
    store.set("p:1:key", b"x" * 20_000_000)
    page = detail(admin)
    assert page.status == 200
    assert len(page.html) < 60_000
    assert page.seconds < 2.5
    assert "First 5,000 of 20,000,000 bytes shown" in page.text
    assert "Not decoded: 20.0 MB exceeds the limit" in page.text
    assert not page.has_action("edit")


def test_of_what_is_too_large_once_opened_nobody_says_how_large(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.set("p:1:key", zlib.compress(b"x" * 20_000_000))
    page = detail(admin)
    assert "First 5,000 of more than 1,048,576 characters shown" in page.text
    assert "Not decoded: its decompressed size exceeds the limit of 1.0 MB." in page.text
    assert not page.has_action("edit")


def test_strings_of_servers_own_making_are_shown_and_deletable(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.pfadd("p:1:key", *range(100))
    page = detail(admin)
    assert page.status == 200
    assert "HYLL" in page.text
    admin.submit(admin.click(page, "delete"), "confirm")
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
        assert listing.table("Key").row("Key", "key")["TTL"] == "unknown"
    finally:
        raw.execute_command("ACL", "DELUSER", "clerk")

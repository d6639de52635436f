"""Backends that cannot list, or cannot name: values only on request, and honest about the TTL."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import (
    FILES,
    STRANGER,
    UNFLUSHABLE,
    BrowserOf,
    Configure,
)
from tests.admin.page import Page
from tests.admin.strangers import ShelfCache

COUNTING = "tests.admin.strangers.CountingCache"


@pytest.fixture
def stranger(configure: Configure, tmp_path: Path) -> Any:
    """The cache object of a backend that nothing is known of, with keys `hello` and `none`."""
    configure(stranger={"BACKEND": STRANGER, "LOCATION": str(tmp_path), "KEY_PREFIX": "s"})
    cache = caches["stranger"]
    cache.set("hello", {"to": "you"}, 1000)
    cache.set("none", None, 1000)
    return cache


def opened(person: Browser, name: str, alias: str = "stranger") -> Page:
    return person.submit(person.open(addresses.keys(alias)), "open-key", q=name)


def test_a_value_is_read_only_on_request(admin: Browser, stranger: Any) -> None:
    page = opened(admin, "hello")
    assert page.heading == "hello"
    assert "you" not in page.text.split()
    assert "may run code" in page.text
    by_get = admin.open(f"{page.url}{'&' if '?' in page.url else '?'}mode=read")
    assert '"you"' not in by_get.text
    read = admin.submit(page, "read")
    assert '"to": "you"' in read.text


@pytest.mark.parametrize("mode", ["read", "edit", "save", "expire", "set-ttl"])
def test_no_get_reads_a_value(admin: Browser, stranger: Any, mode: str) -> None:
    page = admin.open(addresses.key("stranger", "hello", mode=mode))
    assert page.status == 200
    assert '"you"' not in page.text


def test_a_stored_none_is_there(admin: Browser, stranger: Any) -> None:
    page = admin.submit(opened(admin, "none"), "read")
    assert page.heading == "none"
    assert words.NO_SUCH_KEY not in page.text


def test_a_key_that_is_not_there_is_found_out_on_reading(admin: Browser, stranger: Any) -> None:
    page = opened(admin, "nothing")
    assert page.heading == "nothing"
    assert words.NO_SUCH_KEY in admin.submit(page, "read").text


def test_an_edit_requires_a_timeout_and_says_that_the_old_one_is_lost(
    admin: Browser, stranger: Any
) -> None:
    page = admin.submit(admin.submit(opened(admin, "hello"), "read"), "edit")
    assert "Enter a new one" in page.text
    refused = admin.submit(page, "save", value='{"to": "me"}')
    assert "Enter a timeout, or choose Never expires." in refused.text
    assert stranger.get("hello") == {"to": "you"}
    assert refused.form("save").control("value").value == '{"to": "me"}'
    saved = admin.submit(refused, "save", timeout="60")
    assert words.SAVED in saved.text
    assert stranger.get("hello") == {"to": "me"}
    assert LogEntry.objects.count() == 1


def test_an_edit_sees_another_persons_change(admin: Browser, stranger: Any) -> None:
    page = admin.submit(admin.submit(opened(admin, "hello"), "read"), "edit")
    stranger.set("hello", "theirs", 1000)
    told = admin.submit(page, "save", value="mine", store_as="text", timeout="60")
    assert "Not saved" in told.text
    assert stranger.get("hello") == "theirs"


def test_an_edit_needs_change_key_alone(browser_of: BrowserOf, stranger: Any) -> None:
    # The timeout is part of an edit that cannot keep the old one.
    person = browser_of("change_key")
    page = person.submit(person.submit(opened(person, "hello"), "read"), "edit")
    person.submit(page, "save", value="mine", store_as="text", timeout="60")
    assert stranger.get("hello") == "mine"


def test_what_cannot_be_done_is_absent(admin: Browser, stranger: Any) -> None:
    page = admin.submit(opened(admin, "hello"), "read")
    assert not page.has_action("expire")
    assert "TTL in seconds" not in page.text
    assert not admin.open(addresses.keys("stranger")).has_action("delete")


def test_delete_by_exact_name(admin: Browser, stranger: Any) -> None:
    asked = admin.click(opened(admin, "hello"), "delete")
    assert words.DELETED in admin.submit(asked, "confirm").text
    assert stranger.get("hello") is None
    again = admin.post(addresses.delete("stranger", "hello"), {"confirmed": "1"})
    assert "1 was already gone." in again.text


def test_add_by_exact_name(admin: Browser, stranger: Any) -> None:
    page = admin.open(addresses.add("stranger"))
    taken = admin.submit(page, "add", key="hello", value="x")
    assert words.EXISTS in taken.text
    admin.submit(page, "add", key="new", value="[1]", timeout="60")
    assert stranger.get("new") == [1]


class Unloadable:
    """A value whose text would be a deed."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __repr__(self) -> str:
        os.close(os.open(self.proof, os.O_CREAT))
        return "<script>alert(1)</script>"

    __str__ = __repr__


@pytest.mark.parametrize("kind", ["alone", "in a list", "as a key"])
def test_showing_a_value_runs_none_of_its_code(
    admin: Browser, stranger: Any, tmp_path: Path, kind: str
) -> None:
    proof = tmp_path / "proof"
    thing = Unloadable(proof)
    stranger.set("hello", {"alone": thing, "in a list": [thing], "as a key": {thing: 1}}[kind])
    page = admin.submit(opened(admin, "hello"), "read")
    assert page.status == 200
    assert "Unloadable" in page.text
    assert not proof.exists()
    assert not page.has_action("edit")


def test_a_backend_that_fails_to_load_says_so(
    admin: Browser, configure: Configure, tmp_path: Path
) -> None:
    configure(stranger={"BACKEND": "tests.admin.strangers.FailingCache", "LOCATION": "x"})
    page = opened(admin, "hello")
    assert page.status == 200
    read = admin.submit(page, "read")
    assert read.status == 200
    assert '"stranger"' in read.text
    assert "the shelf has fallen" in read.text


class LeakyCache(ShelfCache):
    """Says where it is, with the password, in whatever fails."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        raise RuntimeError(f"cannot reach {self.location}")


def test_neither_page_nor_log_holds_a_password(
    admin: Browser, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    place = "redis://clerk:hunter2@cache.example/0"
    configure(stranger={"BACKEND": f"{__name__}.LeakyCache", "LOCATION": place})
    read = admin.submit(opened(admin, "hello"), "read")
    assert "cannot reach" in read.text
    assert "hunter2" not in read.html
    [record] = [one for one in caplog.records if one.name == "django_cachex.admin"]
    line = logging.Formatter().format(record)
    assert line.startswith("stranger: RuntimeError: cannot reach redis://")
    assert "test_key_limited.py" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "value", ["héllo " * 4_000_000, b"hello " * 4_000_000], ids=["text", "bytes"]
)
def test_of_a_huge_value_the_beginning_is_shown_and_how_much_there_is(
    admin: Browser, stranger: Any, value: str | bytes
) -> None:
    stranger.set("hello", value, 1000)
    page = admin.submit(opened(admin, "hello"), "read")
    first = "héllo héllo" if isinstance(value, str) else "hello hello"
    assert first in page.text
    unit = "characters" if isinstance(value, str) else "bytes"
    assert f"First 5,000 of 24,000,000 {unit} shown." in page.text
    assert len(page.html) < 100_000
    assert "Cut" not in page.text.split()
    assert not page.has_action("edit")
    assert stranger.get("hello") == value


def test_a_long_name_opens(admin: Browser, stranger: Any) -> None:
    name = "x" * 240
    stranger.set(name, "long", 1000)
    assert "long" in admin.submit(opened(admin, name), "read").text


def test_help_says_how_to_get_more(admin: Browser, configure: Configure) -> None:
    configure(stranger={"BACKEND": UNFLUSHABLE, "LOCATION": "x"})
    page = admin.open(addresses.keys("stranger", help="1"))
    assert "register an inspector" in page.text


# Files: their names are one-way hashes.


@pytest.fixture
def files(configure: Configure, tmp_path: Path) -> Any:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files")})
    cache = caches["files"]
    cache.set("hello", {"to": "you"}, 1000)
    return cache


def test_files_are_listed_under_their_hashes(admin: Browser, files: Any) -> None:
    page = admin.open(addresses.keys("files"))
    [name] = page.column("Key")
    assert len(name) == 32
    assert "hash" in page.text
    assert page.column("TTL")[0].startswith("16 min")
    assert '"to": "you"' in admin.click(page, "open", name).text


def test_an_exact_name_finds_its_file(admin: Browser, files: Any) -> None:
    files.set("other", 1)
    page = admin.open(addresses.keys("files", q="hello"))
    [name] = page.column("Key")
    assert '"to": "you"' in admin.click(page, "open", name).text
    assert admin.open(addresses.keys("files", q="hell")).column("Key") == []


@pytest.mark.parametrize(
    "stored", ["../secret", "/etc/passwd", "..", "", "x" * 32, "A" * 32, "0" * 33, "0" * 32 + "/.."]
)
def test_no_other_file_is_read_or_deleted(
    admin: Browser, files: Any, tmp_path: Path, stored: str
) -> None:
    secret = tmp_path / "secret.djcache"
    secret.write_bytes(b"secret")
    page = admin.open(addresses.key("files", stored))
    assert page.status in (200, 404)
    gone = admin.post(addresses.delete("files", stored), {"confirmed": "1"})
    assert gone.status in (200, 404)
    assert "Deleted" not in gone.text
    assert secret.read_bytes() == b"secret"
    assert files.get("hello") == {"to": "you"}


def test_a_value_that_cannot_be_edited_is_replaced_with_a_new_timeout(
    admin: Browser, stranger: Any
) -> None:
    stranger.set("hello", (1, 2), 1000)
    read = admin.submit(opened(admin, "hello"), "read")
    assert not read.has_action("edit")
    form = admin.submit(read, "replace")
    assert "(1, 2)" in form.text
    refused = admin.submit(form, "set-value", value="[3]")
    assert "Enter a timeout, or choose Never expires." in refused.text
    asked = admin.submit(refused, "set-value", timeout="60")
    assert stranger.get("hello") == (1, 2)
    assert words.SAVED in admin.submit(asked, "confirm").text
    assert stranger.get("hello") == [3]


def test_a_number_is_read_before_it_is_increased(
    admin: Browser, configure: Configure, tmp_path: Path
) -> None:
    configure(stranger={"BACKEND": COUNTING, "LOCATION": str(tmp_path)})
    caches["stranger"].set("hello", 7, 1000)
    page = opened(admin, "hello")
    assert not page.has_action("increase")
    by_link = admin.open(addresses.key("stranger", "hello", mode="increase"))
    assert not by_link.has_action("add-number")
    form = admin.submit(admin.submit(page, "read"), "increase")
    done = admin.submit(form, "add-number", by="5")
    assert "Increased by 5. The number is now 12." in done.text
    assert caches["stranger"].get("hello") == 12


def test_what_no_backend_offers_is_not_on_its_page(admin: Browser, stranger: Any) -> None:
    stranger.set("hello", 7, 1000)
    page = admin.submit(opened(admin, "hello"), "read")
    for does in ("increase", "rename", "copy", "download"):
        assert not page.has_action(does)

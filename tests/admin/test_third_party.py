"""A stranger's inspector, registered through the public call alone, is on every page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from django_cachex.inspectors import Inspector, register, unregister
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    SetValue,
)
from django_cachex.inspectors.info import FlushPreview, InfoField, InfoSection, Status, Unit
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, KeyValue, ScanPage
from django_cachex.inspectors.values import ValueFormat, decode, fingerprint
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import STRANGER, BrowserOf, Configure


class ShelfInspector(Inspector):
    """What the author of the shelf would write: everything but types."""

    support = Support.WRAPPED
    can_list = can_get = can_add = can_edit = can_keep_ttl = can_delete = True
    can_ttl = can_expire = can_info = can_flush = True
    unsupported_reasons = {"can_type": "A shelf has no types."}

    cache: Any

    @property
    def location(self) -> str:
        return f"shelf {self.cache.location}"

    def notes(self) -> Sequence[str]:
        return ("Shelves are dusted on Mondays.",)

    def status(self) -> Status:
        return Status(keys=len(self.cache.shelf), latency=0.001)

    def scan(self, query: Query, token: str, want: int, deadline: float) -> ScanPage:
        names = sorted(made.encode() for made in self.cache.shelf)
        own = [
            name
            for name in names
            if self.owns(name) and query.pattern.matches(self.display_key(name))
        ]
        start = int(token or 0)
        found = own[start : start + want]
        more = str(start + want) if start + want < len(own) else ""
        return ScanPage(found, more, len(found), len(names))

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        return [
            KeyInfo(key, ttl=TTL_NONE if key.decode() in self.cache.shelf else -2, size=7)
            for key in keys
        ]

    def read(self, stored: bytes) -> KeyValue | None:
        [description] = self.describe([stored])
        if not description.exists:
            return None
        data = self.dumps(self.cache.shelf[stored.decode()][0])
        content = decode(data, value_format=ValueFormat("shelf", "json", self.dumps))
        return KeyValue(description, content, expected=fingerprint(data))

    @staticmethod
    def dumps(value: Any) -> bytes:
        return json.dumps(value).encode()

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        shelf, made = self.cache.shelf, stored.decode()
        match edit:
            case AddValue() if made in shelf and not edit.replace:
                return EditResult(EditStatus.EXISTS)
            case AddValue():
                shelf[made] = (edit.value, None)
            case _ if made not in shelf:
                return EditResult(EditStatus.GONE)
            case SetValue() if edit.value == "forbidden":
                return EditResult(EditStatus.REFUSED, "Not on this shelf.")
            case SetValue() if edit.ttl is KEEP:
                shelf[made] = (edit.value, shelf[made][1])
            case SetValue() | Expire():
                shelf[made] = (getattr(edit, "value", shelf[made][0]), 9e9)
        return EditResult(EditStatus.DONE)

    def delete(self, keys: Sequence[bytes]) -> int:
        return sum(self.cache.shelf.pop(key.decode(), None) is not None for key in keys)

    def preview_flush(self) -> FlushPreview:
        return FlushPreview("a broom", "The whole shelf is swept.", len(self.cache.shelf))

    def flush(self) -> int:
        count = len(self.cache.shelf)
        self.cache.shelf.clear()
        return count

    def info(self) -> Sequence[InfoSection]:
        boards = InfoField("Boards", 12345, Unit.NUMBER)
        return (InfoSection("Carpentry", (InfoField("Wood", "oak"), boards)),)


@pytest.fixture
def shelf(configure: Configure, tmp_path: Any) -> Iterator[Any]:
    """The cache object of alias `shelf`, whose backend's author has registered an inspector."""
    register(STRANGER, ShelfInspector)
    configure(shelf={"BACKEND": STRANGER, "LOCATION": str(tmp_path), "KEY_PREFIX": "s"})
    caches["shelf"].set("hello", {"to": "you"})
    caches["shelf"].set("other", "thing")
    try:
        yield caches["shelf"]
    finally:
        unregister(STRANGER)


def test_it_is_in_the_index(admin: Browser, shelf: Any, tmp_path: Any) -> None:
    row = admin.open(addresses.caches()).table("Cache Name").row("Cache Name", "shelf")
    assert row["Support Level"].split()[0] == "wrapped"
    assert row["Location"] == f"shelf {tmp_path}"
    assert row["Keys"] == "2"
    assert row["State"].startswith("up")


def test_its_keys_are_browsed(admin: Browser, shelf: Any) -> None:
    page = admin.open(addresses.keys("shelf"))
    assert page.column("Key") == ["hello", "other"]
    assert page.column("TTL") == ["never", "never"]
    assert "Shelves are dusted on Mondays." in page.text
    assert admin.open(addresses.keys("shelf", q="he*")).column("Key") == ["hello"]
    assert "A shelf has no types." in admin.open(addresses.keys("shelf", help="1")).text


def test_its_pages_are_walked(admin: Browser, shelf: Any) -> None:
    for number in range(60):
        shelf.set(f"n:{number:02}", number)
    first = admin.open(addresses.keys("shelf", size=25))
    second = admin.click(first, "next-page")
    third = admin.click(second, "next-page")
    assert [len(page.column("Key")) for page in (first, second, third)] == [25, 25, 12]
    assert not third.has_action("next-page")


def test_its_keys_are_opened_and_edited(admin: Browser, shelf: Any) -> None:
    page = admin.click(admin.open(addresses.keys("shelf")), "open", "hello")
    assert '"to": "you"' in page.text
    saved = admin.submit(admin.submit(page, "edit"), "save", value='{"to": "me"}')
    assert words.SAVED in saved.text
    assert shelf.get("hello") == {"to": "me"}
    changed = admin.submit(admin.submit(page, "expire"), "set-ttl", timeout="60")
    assert words.expires_in(60) in changed.text
    refused = admin.submit(admin.submit(page, "edit"), "save", value="forbidden", store_as="text")
    assert "Not on this shelf." in refused.text
    assert LogEntry.objects.count() == 2


def test_its_keys_are_added_and_deleted(admin: Browser, shelf: Any) -> None:
    form = admin.open(addresses.add("shelf"))
    assert words.EXISTS in admin.submit(form, "add", key="hello").text
    added = admin.submit(form, "add", key="new", value="[1]")
    assert added.heading == "new"
    assert words.DELETED in admin.submit(admin.click(added, "delete"), "confirm").text
    assert shelf.get("new") is None
    page = admin.open(addresses.keys("shelf"))
    ids = [one.value for one in page.form("delete").controls if one.name == "selected"]
    done = admin.submit(admin.submit(page, "delete", selected=ids), "confirm")
    assert "Deleted 2 keys." in done.text
    assert shelf.shelf == {}


def test_it_is_flushed(admin: Browser, shelf: Any) -> None:
    data = {"action": "flush", "selected": ["shelf"]}
    asked = admin.post(addresses.caches(), data)
    for said in ("a broom", "The whole shelf is swept.", "about 2"):
        assert said in asked.text
    assert "2 entries deleted" in admin.submit(asked, "confirm").text
    assert shelf.shelf == {}


def test_it_has_info(admin: Browser, shelf: Any) -> None:
    page = admin.open(addresses.info("shelf"))
    assert "Carpentry" in page.sections
    assert "oak" in page.text
    assert "12,345" in page.text


def test_permissions_hold_for_it(browser_of: BrowserOf, shelf: Any) -> None:
    person = browser_of("view_key")
    page = person.open(addresses.key("shelf", "s:1:hello"))
    assert '"to": "you"' in page.text
    for does in ("edit", "expire", "delete"):
        assert not page.has_action(does)
    person.post(addresses.delete("shelf", "s:1:hello"), {"confirmed": "1"})
    assert shelf.get("hello")


class FaultyInspector(ShelfInspector):
    """Everything it is asked raises, with a password in the text."""

    def _fail(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("cannot reach shelf://bo:hunter2@attic/0")

    status = scan = describe = read = apply = delete = preview_flush = flush = info = _fail


def test_one_that_raises_breaks_no_page(admin: Browser, shelf: Any) -> None:
    register(STRANGER, FaultyInspector)
    pages = [
        admin.open(addresses.caches()),
        admin.open(addresses.keys("shelf")),
        admin.open(addresses.keys("shelf", q="hello")),
        admin.open(addresses.info("shelf")),
        admin.open(addresses.key("shelf", "s:1:hello")),
        admin.post(addresses.key("shelf", "s:1:hello"), {"mode": "set-ttl", "timeout": "5"}),
        admin.post(addresses.delete("shelf", "s:1:hello"), {"confirmed": "1"}),
        admin.post(addresses.add("shelf"), {"key": "a", "value": "b", "store_as": "text"}),
        admin.post(addresses.caches(), {"action": "flush", "selected": ["shelf"]}),
        admin.post(
            addresses.caches(), {"action": "flush", "selected": ["shelf"], "confirmed": "1"}
        ),
    ]
    for page in pages:
        assert page.status == 200, page.url
        assert "cannot reach" in page.text, page.url
        assert "hunter2" not in page.html
    assert not LogEntry.objects.exists()


def test_one_that_cannot_be_made_breaks_no_page(admin: Browser, shelf: Any) -> None:
    register(STRANGER, "no.such.module.Inspector")
    for url in (addresses.caches(), addresses.keys("shelf"), addresses.info("shelf")):
        page = admin.open(url)
        assert page.status == 200
        assert "no.such" in page.text or "No module named" in page.text

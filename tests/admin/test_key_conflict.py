"""Two people at one key, and keys that change or vanish under a form: no change is lost."""

from __future__ import annotations

import pickle
import uuid
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import (
    BrowserOf,
    Configure,
    valkey_params,
)
from tests.admin.steps import editing, opened


def test_the_second_of_two_people_is_told_and_keeps_what_they_wrote(
    admin: Browser, browser_of: BrowserOf, editable: str
) -> None:
    caches[editable].set("key", "original", 1000)
    colleague = browser_of("change_key")
    mine, theirs = editing(admin, editable), editing(colleague, editable)
    assert words.SAVED in colleague.submit(theirs, "save", value="theirs").text
    page = admin.submit(mine, "save", value="mine <b>")
    assert words.CHANGED_MEANWHILE in page.text
    assert caches[editable].get("key") == "theirs"
    assert page.form("overwrite").control("value").value == "mine <b>"
    assert "theirs" in page.text
    assert page.html.count(">Current value<") == 1
    assert LogEntry.objects.count() == 1
    # Having seen both, the person may insist.
    assert words.SAVED in admin.submit(page, "overwrite").text
    assert caches[editable].get("key") == "mine <b>"


def test_a_conflict_after_a_conflict_is_told_again(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "original")
    page, does = editing(admin, "valkey"), "save"
    for other in ("first", "second"):
        server_cache.set("key", other)
        page = admin.submit(page, does, value="mine")
        does = "overwrite"
        assert "Not saved" in page.text
        assert other in page.text
        assert server_cache.get("key") == other


def test_a_key_that_vanished_under_the_form_is_not_made_again(
    admin: Browser, editable: str
) -> None:
    caches[editable].set("key", "original")
    form = editing(admin, editable)
    caches[editable].delete("key")
    page = admin.submit(form, "save", value="mine <b>", timeout="1h")
    assert caches[editable].get("key") is None
    assert not LogEntry.objects.exists()
    if editable == "files":  # It stores hashes instead of names, so a name can't be filled in.
        assert words.NO_SUCH_KEY in page.text
        return
    assert "Not saved" in page.text
    # What was entered is kept, and the person may store it after all.
    assert page.form("add").control("value").value == "mine <b>"
    assert not page.has_action("edit")
    assert words.SAVED not in admin.submit(page, "add").text
    assert caches[editable].get("key") == "mine <b>"


def test_who_may_not_add_keys_is_only_told_that_the_key_is_gone(
    browser_of: BrowserOf, server_cache: Any
) -> None:
    server_cache.set("key", "original")
    editor = browser_of("view_key", "change_key")
    form = editing(editor, "valkey")
    server_cache.delete("key")
    page = editor.submit(form, "save", value="mine")
    assert words.NO_SUCH_KEY in page.text
    assert not page.has_action("add")


def test_a_key_whose_type_changed_under_the_form_is_left_alone(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "original")
    form = editing(admin, "valkey")
    raw.delete("p:1:key")
    raw.rpush("p:1:key", "a")
    page = admin.submit(form, "save", value="mine")
    assert page.status == 200
    assert "Not saved" in page.text
    assert raw.lrange("p:1:key", 0, -1) == [b"a"]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("expected", ["", "0" * 16, "x", "\x00"])
def test_a_forged_fingerprint_saves_nothing(admin: Browser, editable: str, expected: str) -> None:
    caches[editable].set("key", "original")
    page = admin.submit(editing(admin, editable), "save", value="mine", expected=expected)
    assert words.SAVED not in page.text
    assert caches[editable].get("key") == "original"


def test_a_value_that_cannot_be_edited_is_not_overwritten_by_a_forged_form(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", (1, 2))
    before = raw.get("p:1:key")
    url = addresses.key("valkey", "p:1:key")
    page = admin.post(url, {"mode": "save", "value": "x", "store_as": "text", "expected": ""})
    assert words.SAVED not in page.text
    assert raw.get("p:1:key") == before


def test_pickles_typed_as_text_stay_text(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "old")
    typed = pickle.dumps({"a": 1}, 0).decode()
    admin.submit(editing(admin, "valkey"), "save", value=typed, store_as="text")
    assert server_cache.get("key") == typed


def test_a_server_lost_while_saving_does_not_lose_the_text(
    admin: Browser, configure: Configure, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.5}
    with servers.valkey() as server:
        configure(valkey=valkey_params(server))
        caches["valkey"].set("key", "old")
        page = editing(admin, "valkey")
    text = f"written at length {uuid.uuid4().hex}"
    page = admin.submit(page, "save", value=text)
    assert page.status == 200
    assert '"valkey"' in page.text
    assert words.SAVED not in page.text
    assert page.form("save").control("value").value == text


def test_a_value_too_large_for_the_form_is_not_lost(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "x" * 600_000)
    page = opened(admin, "valkey")
    assert not page.has_action("edit")
    assert "too large to edit" in page.text


def test_cancel_changes_nothing(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "old")
    back = admin.click(editing(admin, "valkey"), "cancel")
    assert back.heading == "key"
    assert not back.has_action("save")
    assert server_cache.get("key") == "old"

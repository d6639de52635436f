"""Copying a key: to another name, into another cache, over another key only when told."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import (
    BrowserOf,
    Configure,
    locmem_params,
    stored_key,
    valkey_params,
)
from tests.admin.page import Page
from tests.admin.steps import detail


def copying(person: Browser, stored: str = "p:1:key") -> Page:
    return person.open(addresses.key("valkey", stored, mode="copy"))


def test_a_key_of_any_type_is_copied_with_its_ttl(admin: Browser, store: valkey.Valkey) -> None:
    store.hset("p:1:key", mapping={"a": "1"})
    store.expire("p:1:key", 1000)
    form = admin.click(detail(admin), "copy")
    page = admin.submit(form, "make-copy", name="copy", into="store")
    assert page.heading == "copy"
    assert 'Copied from "key" in "store" to "copy" in "store".' in page.text
    assert store.hgetall("p:1:copy") == store.hgetall("p:1:key") == {b"a": b"1"}
    assert 990 < store.ttl("p:1:copy") <= 1000
    entry = LogEntry.objects.get()
    assert entry.action_flag == ADDITION
    assert entry.object_id == addresses.object_id("store", "p:1:copy")


@pytest.fixture
def two(valkey_server: servers.Server, configure: Configure) -> Any:
    """Two caches of one server, and a third whose store is another."""
    configure(
        valkey=valkey_params(valkey_server),
        other=valkey_params(valkey_server, LOCATION=f"valkey://{valkey_server.address}/1"),
        local=locmem_params(),
    )
    caches["valkey"].set("key", {"a": 1}, 1000)
    return caches["valkey"]


def test_a_key_is_copied_into_another_cache(admin: Browser, two: Any) -> None:
    page = admin.submit(copying(admin), "make-copy", into="other")
    assert 'Copied from "key" in "valkey" to "key" in "other".' in page.text
    assert caches["other"].get("key") == {"a": 1}
    assert 990 < (caches["other"].ttl("key") or 0) <= 1000
    assert LogEntry.objects.get().object_id == addresses.object_id("other", "p:1:key")


def test_another_key_is_lost_only_when_told_and_confirmed(admin: Browser, two: Any) -> None:
    caches["other"].set("key", "theirs", None)
    refused = admin.submit(copying(admin), "make-copy", into="other")
    assert words.EXISTS in refused.text
    asked = admin.submit(refused, "make-copy", overwrite="on")
    assert asked.heading == 'Replace "key" in "other"?'
    assert caches["other"].get("key") == "theirs"
    admin.submit(asked, "confirm")
    assert caches["other"].get("key") == {"a": 1}
    assert LogEntry.objects.count() == 1


def test_a_copy_needs_add_key_and_one_that_overwrites_change_key(
    browser_of: BrowserOf, two: Any
) -> None:
    two.set("other", "theirs")
    url = addresses.key("valkey", "p:1:key")
    data = {"mode": "make-copy", "into": "valkey", "name": "other", "confirmed": "1"}
    assert browser_of("view_key", "change_key").post(url, data).status == 403
    adder = browser_of("view_key", "add_key")
    assert adder.open(url).has_action("copy")
    assert "overwrite" not in copying(adder).form("make-copy").names
    adder.post(url, {**data, "overwrite": "on"})
    assert two.get("other") == "theirs"
    assert not LogEntry.objects.exists()
    browser_of("add_key", "change_key").post(url, {**data, "overwrite": "on"})
    assert two.get("other") == {"a": 1}


def test_hidden_and_read_only_caches_are_no_place_to_copy_to(
    admin: Browser, two: Any, settings: Any
) -> None:
    url = addresses.key("valkey", "p:1:key")
    for policy in ("hidden", "read-only"):
        settings.CACHEX_ADMIN = {"ALIASES": {"other": policy}}
        assert (
            "other" not in admin.open(f"{url}?mode=copy").form("make-copy").control("into").options
        )
        page = admin.post(url, {"mode": "make-copy", "into": "other", "name": "key"})
        assert "Copied" not in page.text
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only"}}
    assert admin.submit(copying(admin), "make-copy", into="other").heading == "key"
    assert caches["other"].get("key") == {"a": 1}
    assert caches["valkey"].get("key") == {"a": 1}


@pytest.mark.parametrize("alias", ["nowhere", "", "\x00", "<b>"])
def test_an_alias_that_is_not_offered_is_refused(admin: Browser, two: Any, alias: str) -> None:
    url = addresses.key("valkey", "p:1:key")
    page = admin.post(url, {"mode": "make-copy", "into": alias, "name": "key"})
    assert page.status == 200
    assert page.has_action("make-copy")
    assert not LogEntry.objects.exists()


def test_a_vanished_key_is_not_copied(admin: Browser, two: Any) -> None:
    form = copying(admin)
    two.delete("key")
    assert words.NO_SUCH_KEY in admin.submit(form, "make-copy", into="other").text
    assert caches["other"].get("key") is None


@pytest.mark.parametrize(
    ("source", "target"),
    [
        *(("valkey", "table"), ("valkey", "files"), ("valkey", "stranger")),
        *(("table", "valkey"), ("default", "table")),
    ],
)
def test_a_value_is_copied_between_stores_of_every_kind(
    admin: Browser, caches_of_every_kind: list[str], source: str, target: str
) -> None:
    caches[source].set("key", {"a": [1]}, 1000)
    stored = stored_key(source, "key")
    form = admin.open(addresses.key(source, stored, mode="copy"))
    page = admin.submit(form, "make-copy", into=target, name="copy")
    assert f'to "copy" in "{target}".' in page.text
    assert caches[target].get("copy") == {"a": [1]}
    assert LogEntry.objects.count() == 1
    again = admin.submit(form, "make-copy", into=target, name="copy")
    assert words.EXISTS in again.text

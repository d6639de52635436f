"""Keys of types that nobody here knows, and keys that become something else under a form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from django_cachex.inspectors import register, unregister
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage
from django_cachex.inspectors.types import KeyInfo, KeyValue
from django_cachex.inspectors.valkey.backends import CachexInspector
from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params

BLOOM = "tests.admin.strangers.BloomyCache"


class BloomyInspector(CachexInspector):
    """One for which each stream is of a type that a module brought."""

    def read(self, stored: bytes, window: ElementPage = FIRST_PAGE) -> KeyValue | None:
        entry = super().read(stored, window)
        if entry is None or entry.info.type != "stream":
            return entry
        one = entry.info
        known = KeyInfo(one.key, "MBbloom--", one.ttl, memory=one.memory)
        return KeyValue(known, note="Values of type MBbloom-- can't be shown.")


@pytest.fixture
def bloomy(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> Iterator[Any]:
    register(BLOOM, BloomyInspector)
    configure(valkey=valkey_params(valkey_server, BACKEND=BLOOM))
    raw.xadd("p:1:key", {"a": "1"})
    try:
        yield raw
    finally:
        unregister(BLOOM)


def test_a_type_of_a_module_is_named_sized_dumped_and_deleted(admin: Browser, bloomy: Any) -> None:
    page = admin.open(addresses.key("valkey", "p:1:key"))
    for said in ("Type MBbloom--", "Memory ", "can't be shown", "never expires"):
        assert said in page.text
    assert not page.has_action("edit")
    assert not page.has_action("replace")
    response = admin.client.get(page.link("download").url)
    dumped = b"".join(response.streaming_content)
    renamed = admin.submit(admin.click(page, "rename"), "set-name", name="other")
    assert renamed.heading == "other"
    copied = admin.submit(admin.click(renamed, "copy"), "make-copy", name="copy")
    assert copied.heading == "copy"
    admin.submit(admin.click(copied, "delete"), "confirm")
    assert bloomy.keys("*") == [b"p:1:other"]
    bloomy.restore("again", 0, dumped)
    assert bloomy.xlen("again") == 1


def test_what_became_another_type_is_told_and_what_was_written_kept(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "old")
    form = admin.open(addresses.key("valkey", "p:1:key", mode="edit"))
    raw.delete("p:1:key")
    raw.rpush("p:1:key", "a")
    page = admin.submit(form, "save", value="written at length")
    assert "Not saved: the type of this key is now list." in page.text
    assert page.form("save").control("value").value == "written at length"
    assert raw.lrange("p:1:key", 0, -1) == [b"a"]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("value", [5, -7, 2**70, 1.5], ids=repr)
def test_numbers_are_edited_as_numbers(admin: Browser, server_cache: Any, value: Any) -> None:
    server_cache.set("key", value, 1000)
    form = admin.open(addresses.key("valkey", "p:1:key", mode="edit"))
    assert form.form("save").control("value").tag == "input"
    page = admin.submit(form, "save", value="12")
    assert f"{words.SAVED} Value changed" in page.text
    assert "(now 2 B, fingerprint " in page.text
    assert caches["valkey"].incr("key") == 13


def test_a_number_that_is_none_is_refused(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", 5)
    form = admin.open(addresses.key("valkey", "p:1:key", mode="edit"))
    page = admin.submit(form, "save", value="five")
    assert words.SAVED not in page.text
    assert page.form("save").control("value").value == "five"
    assert server_cache.get("key") == 5

"""Keys of any name: listed, opened, edited, given a TTL, looked up in history, deleted."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.page import Page, matches_action

ODD = [
    b"plain",
    b"a/b?c#d%e&f_g",
    b"a/change/",
    b"history/delete/",
    b"\"quoted\" 'twice'",
    b"<script>alert(1)</script>",
    b"<img src=x onerror=alert(1)>",
    b"&lt;&amp;",
    b"colon:and:more:",
    b"  two  spaces  ",
    b"%00%2F..%5C",
    b"../../etc/passwd",
    b"_3A_5F",
    b"*?[a]\\",
    b"line\nfeed\r\ttab",
    b"\x00nul\x00",
    b"\xff\xfe not utf-8",
    b"\xed\xa0\x80 surrogate",
    "ümläut 日本語 😀".encode(),
    "\u202eright to left".encode(),
    b"{{ 7|add:7 }}{% now 'Y' %}",
    b"",
    b"1",
    b"add",
    b"x" * 255,
    b"y" * 2600,
    b"z" * 6000,
    "é".encode() * 3000,
]


def keys_page(person: Browser) -> Page:
    page = person.open(addresses.keys("valkey"))
    assert page.status == 200
    return page


def first_row(page: Page) -> str:
    """Return the key of the only row, as the page writes it."""
    [name] = page.column("Key")
    return name


def open_row(person: Browser, page: Page) -> Page:
    """Open the only key of a list, by its link or, where the id is too long, by its button."""
    return follow(person, page, "open", first_row(page))


def follow(person: Browser, page: Page, does: str, about: str = "") -> Page:
    """Press what does this, be it a link or a button."""
    if any(matches_action(link, does, about) for link in page.links):
        return person.click(page, does, about)
    return person.submit(page, does, about)


def is_safe(page: Page) -> bool:
    """Whether nothing of a name became markup, or would be drawn in another order."""
    return not any(
        text in page.html for text in ("<script>alert", "<img src=x", "\x00", "\u202e", "\u202d")
    )


@pytest.mark.parametrize("name", ODD, ids=lambda name: repr(name[:16]))
def test_every_act_works_on_a_key_of_any_name(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, name: bytes
) -> None:
    stored = b"p:1:" + name
    server_cache.set("pattern", "old", 1000)
    raw.rename("p:1:pattern", stored)

    listing = keys_page(admin)
    page = open_row(admin, listing)
    assert page.status == 200
    assert "old" in page.text

    page = admin.submit(follow(admin, page, "edit"), "save", value="new")
    assert words.SAVED in page.text
    assert b"new" in (raw.get(stored) or b"")

    page = open_row(admin, keys_page(admin))
    page = admin.submit(follow(admin, page, "expire"), "set-ttl", timeout="60")
    assert words.SAVED in page.text
    assert 50 < raw.ttl(stored) <= 60

    page = open_row(admin, keys_page(admin))
    history = follow(admin, page, "history")
    assert history.status == 200
    assert len(history.column("What changed")) == 2

    asked = follow(admin, open_row(admin, keys_page(admin)), "delete")
    assert asked.heading.startswith("Delete ")
    assert asked.heading.endswith('from "valkey"?')
    done = admin.submit(asked, "confirm")
    assert words.DELETED in done.text
    assert raw.dbsize() == 0
    assert all(is_safe(one) for one in (listing, page, history, asked, done))
    for entry in LogEntry.objects.all():
        assert entry.object_id == addresses.object_id("valkey", stored)
        assert entry.object_repr.isprintable()
    assert LogEntry.objects.count() == 3
    index = admin.open("/admin/")
    assert index.status == 200
    assert is_safe(index)


@pytest.mark.parametrize("name", ODD, ids=lambda name: repr(name[:16]))
def test_keys_of_any_name_open_by_their_id(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, name: bytes
) -> None:
    stored = b"p:1:" + name
    raw.set(stored, "5")
    key_id = addresses.object_id("valkey", stored)
    for route in ("change", "delete", "history"):
        page = admin.post(addresses.by_form(route), {"id": key_id})
        assert page.status == 200
        assert "valkey" in page.text
    if len(key_id) < 3000:
        assert admin.open(addresses.key("valkey", stored)).status == 200
    assert raw.get(stored) == b"5"


def test_ids_too_long_for_a_url_travel_in_forms_only(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(b"p:1:" + b"z" * 6000, "5")
    listing = keys_page(admin)
    page = open_row(admin, listing)
    for one in (listing, page, follow(admin, page, "delete"), follow(admin, page, "history")):
        assert max(len(link.url) for link in one.links) < 4000
        assert max((len(form.action) for form in one.forms), default=0) < 4000
        assert max((len(b.action) for form in one.forms for b in form.buttons), default=0) < 4000


def test_a_form_without_an_id_is_not_found(admin: Browser, server_cache: Any) -> None:
    for route in ("change", "delete", "history"):
        assert admin.post(addresses.by_form(route)).status == 404
        assert admin.open(addresses.by_form(route)).status == 404


def test_the_copy_button_has_the_key_itself(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(b"p:1:a<b>\"c'", "5")
    page = admin.open(addresses.key("valkey", b"p:1:a<b>\"c'"))
    assert "a<b>\"c'" in [attrs.get("data-copy") for _tag, attrs in page.tags]


def test_titles_hold_no_names(admin: Browser, server_cache: Any) -> None:
    server_cache.set("secret-name", 1)
    for route in ("key", "delete", "history"):
        page = admin.open(getattr(addresses, route)("valkey", "p:1:secret-name"))
        assert "secret-name" not in page.title


# The other stores, with what each can hold.


@pytest.mark.parametrize("alias", ["default", "table", "files", "stranger"])
@pytest.mark.parametrize(
    "name",
    ["a/b?c#d%e&f_g", "<script>alert(1)</script>", "quo\"te'd", "ümläut😀", "x" * 200, "two words"],
    ids=lambda name: name[:8],
)
@pytest.mark.filterwarnings("ignore::django.core.cache.backends.base.CacheKeyWarning")
def test_other_stores_take_odd_names(
    admin: Browser, caches_of_every_kind: list[str], alias: str, name: str
) -> None:
    caches[alias].clear()
    caches[alias].set(name, "old", 1000)
    listing = admin.open(addresses.keys(alias))
    if alias == "stranger":
        page = admin.submit(listing, "open-key", q=name)
        page = admin.submit(page, "read")
    else:
        page = open_row(admin, listing)
    assert "old" in page.text
    assert is_safe(page)
    done = admin.submit(admin.click(page, "delete"), "confirm")
    assert words.DELETED in done.text
    assert is_safe(done)
    assert caches[alias].get(name) is None


ALIKE = {
    "cafe\u0301".encode(): r"cafe\u0301",
    "caf\u00e9".encode(): "caf\u00e9",
    b"nul\0": r"nul\x00",
    rb"nul\x00": r"nul\\x00",
    "heart\ufe0f".encode(): r"heart\ufe0f",
    b"heart": "heart",
}


def test_names_that_look_the_same_are_told_apart(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({b"p:1:" + name: "v" for name in ALIKE})
    assert sorted(keys_page(admin).column("Key")) == sorted(ALIKE.values())
    for name, shown in ALIKE.items():
        page = admin.open(addresses.key("valkey", b"p:1:" + name))
        assert page.heading == shown


@pytest.mark.parametrize("name", ALIKE, ids=ascii)
def test_a_name_is_offered_for_another_only_as_it_is(
    name: bytes, admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(b"p:1:" + name, "v")
    page = admin.open(addresses.key("valkey", b"p:1:" + name, mode="rename"))
    offered = page.form("set-name").control("name").value
    assert offered in ("", name.decode())
    assert offered or ALIKE[name] != name.decode()

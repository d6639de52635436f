"""Keys whose names are too long for a line, or for a URL."""

from __future__ import annotations

from typing import Any

import pytest
import valkey

from tests.admin import addresses
from tests.admin.browser import Browser

GIANT = 100_000
MOST = 6_000_000
"""Bytes of a page: what one form can send, twice, and a page's own."""


def stored(number: int, length: int = GIANT) -> str:
    return f"p:1:{number:02}{'k' * length}{number:02}"


@pytest.fixture
def giant(server_cache: Any, raw: valkey.Valkey) -> str:
    """Store a key of a giant name; return its id."""
    raw.set(stored(7), "v")
    return addresses.object_id("valkey", stored(7))


def test_a_list_of_giant_names_is_a_page_of_bounded_size(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({stored(number): "v" for number in range(100)})
    page = admin.open(addresses.keys("valkey"))
    assert len(page.column("Key")) == 100
    assert len(set(page.column("Key"))) == 100
    assert len(page.html) < MOST
    assert "To open a key with a very long name, search for part of the name." in page.text


def test_what_a_list_of_giant_names_offers_can_be_done(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.mset({stored(number): "v" for number in range(100)})
    page = admin.open(addresses.keys("valkey", q="*42"))
    form = page.form("delete")
    [key_id] = [one.value for one in form.controls if one.name == "selected"]
    asked = admin.submit(page, "delete", selected=[key_id])
    assert "k" * 1_000 not in asked.text
    assert admin.submit(asked, "confirm").status == 200
    assert not raw.exists(stored(42))
    assert raw.dbsize() == 99


def test_a_giant_name_is_whole_in_its_title_and_when_copied(admin: Browser, giant: str) -> None:
    page = admin.post(addresses.by_form("change"), {"id": giant})
    name = stored(7).removeprefix("p:1:")
    assert page.heading == f"{name[:200]}…{name[-99:]}"
    assert f'title="{name}"' in page.html
    assert f'data-copy="{name}"' in page.html


@pytest.mark.parametrize("step", ["delete", "history"])
def test_a_giant_name_is_cut_in_headings_and_trails(admin: Browser, giant: str, step: str) -> None:
    page = admin.post(addresses.by_form(step), {"id": giant})
    assert page.status == 200
    assert "k" * 1_000 not in page.text


@pytest.mark.parametrize("step", ["change", "delete", "history"])
def test_every_page_of_a_giant_name_can_be_refreshed_and_has_its_help(
    admin: Browser, giant: str, step: str
) -> None:
    page = admin.post(addresses.by_form(step), {"id": giant})
    assert page.has_action("refresh") == (step != "delete")
    for does in ("refresh", "help", "close-help")[step == "delete" :]:
        url = page.url
        page = admin.submit(page, does)
        assert (page.status, page.url.partition("?")[0]) == (200, url.partition("?")[0])
        assert page.has_action("close-help") == (does == "help")


def test_the_history_of_a_giant_name_leads_on(admin: Browser, giant: str) -> None:
    page = admin.post(addresses.by_form("change"), {"id": giant})
    page = admin.submit(page, "history")
    assert page.status == 200
    page = admin.submit(page, "refresh")
    assert page.status == 200
    assert "No changes recorded" in page.text

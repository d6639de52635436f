"""Pages offer what one may do, and show no more than one may see."""

from __future__ import annotations

from typing import Any

import pytest
import valkey
from django.contrib.auth.models import User

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, UserWith
from tests.admin.people import (
    ALL,
    ALL_BUT_ONE,
    PAIRS,
    PERMISSIONS,
    SINGLES,
    Expectation,
    Held,
    named,
    sees_caches,
    sees_keys,
)
from tests.admin.steps import edit_data, page_url

OFFERS: list[tuple[str, str, Expectation]] = [
    ("flush", "caches", lambda held: "change_cache" in held),
    ("info", "caches", lambda held: sees_keys(held) and sees_caches(held)),
    ("add", "keys", lambda held: "add_key" in held),
    ("info", "keys", sees_caches),
    ("delete", "keys", lambda held: "delete_key" in held),
    ("edit", "key", lambda held: "change_key" in held),
    ("expire", "key", lambda held: "change_cache" in held),
    ("rename", "key", lambda held: {"add_key", "delete_key"} <= held),
    ("copy", "key", lambda held: "add_key" in held),
    ("download", "key", sees_keys),
    ("delete", "key", lambda held: "delete_key" in held),
    ("history", "key", sees_keys),
    ("keys", "info", sees_keys),
]


@pytest.mark.parametrize("held", [*SINGLES, *PAIRS, *ALL_BUT_ONE, ALL], ids=named)
def test_pages_offer_what_one_may_do_and_nothing_else(
    hello: Any, browser_of: BrowserOf, held: Held
) -> None:
    person, wrong = browser_of(*held), []
    for does, route, may in OFFERS:
        page = person.open(page_url(route))
        if page.status == 200 and page.has_action(does) != may(held):
            wrong.append((route, does))
    assert wrong == []


def test_only_who_may_replace_is_asked_whether_to(hello: Any, browser_of: BrowserOf) -> None:
    adds = browser_of("add_key").open(addresses.add("valkey")).form("add")
    replaces = browser_of("add_key", "change_key").open(addresses.add("valkey")).form("add")
    assert "replace" not in adds.names
    assert "replace" in replaces.names


def test_a_ttl_is_not_among_what_an_edit_changes_without_the_permission(
    hello: Any, admin: Browser, browser_of: BrowserOf, raw: valkey.Valkey
) -> None:
    person, data = browser_of("change_key"), edit_data(admin)
    page = person.open(addresses.key("valkey", "p:1:hello", mode="edit"))
    assert {"timeout", "never"}.isdisjoint(page.form("save").names)
    before = raw.pttl("p:1:hello")
    person.post(page_url("key"), {**data, "timeout": "5", "never": ""})
    assert hello.get("hello") == {"to": "me"}
    assert before - 5000 < raw.pttl("p:1:hello") <= before


def test_delete_permission_alone_shows_no_value(hello: Any, browser_of: BrowserOf) -> None:
    page = browser_of("delete_key").open(page_url("delete"))
    assert page.has_action("confirm")
    assert "you" not in page.text.split()


def test_add_permission_alone_shows_nothing_it_did_not_store(
    hello: Any, browser_of: BrowserOf
) -> None:
    person = browser_of("add_key")
    page = person.open(addresses.add("valkey"))
    taken = person.submit(page, "add", key="hello", value="x", store_as="text")
    assert words.EXISTS in taken.text
    assert "you" not in taken.text.split()
    added = person.submit(page, "add", key="new", value="thing", store_as="text")
    assert added.status == 200
    assert "was stored as" in added.text
    assert "hello" not in added.text


def test_inactive_staff_are_sent_to_the_login(hello: Any, user_with: UserWith) -> None:
    user = user_with(*PERMISSIONS)
    person = Browser(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    page = person.open(addresses.caches(), follow=False)
    assert page.status == 302
    assert "/login/" in page.url

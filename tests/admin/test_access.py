"""Who may open what and do what: SPEC's permissions, made exact by the design."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.people import (
    ACTING_PAIRS,
    ALL,
    ALL_BUT_ONE,
    NONE,
    PEOPLE,
    SINGLES,
    Expectation,
    Held,
    named,
    sees_caches,
    sees_keys,
)
from tests.admin.steps import edit_data, page_url

PAGES: dict[str, tuple[str, Expectation]] = {
    "index": ("caches", sees_caches),
    "cache info": ("info", sees_caches),
    "cache history": ("cache_history", sees_caches),
    "key browser": ("keys", sees_keys),
    "key detail": ("key", sees_keys),
    "key history": ("history", sees_keys),
    "download": ("download", sees_keys),
    "add": ("add", lambda held: "add_key" in held),
    "delete": ("delete", lambda held: "delete_key" in held),
}


@pytest.mark.parametrize("held", PEOPLE, ids=named)
def test_pages_open_for_those_and_only_those_who_may_see_them(
    hello: Any, browser_of: BrowserOf, held: Held
) -> None:
    person = browser_of(*held)
    found = {name: person.open(page_url(route)).status for name, (route, _) in PAGES.items()}
    expected = {name: 200 if opens(held) else 403 for name, (_, opens) in PAGES.items()}
    assert found == expected


@pytest.mark.parametrize("route", sorted({route for route, _opens in PAGES.values()}))
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_to_the_site_are_sent_to_the_login(hello: Any, route: str, method: str) -> None:
    outsider = User.objects.create_user("outsider")
    outsider.user_permissions.set(
        Permission.objects.filter(content_type__app_label="django_cachex")
    )
    for user in (None, outsider):
        person = Browser(user)
        page = getattr(person, "open" if method == "get" else "post")(page_url(route), follow=False)
        assert page.status == 302
        assert page.url.split("?")[0].endswith("/admin/login/")
    assert hello.get("hello") == {"to": "you"}


# What changes something.


def is_flushed(cache: Any) -> bool:
    return cache.get("hello") is None


def is_edited(cache: Any) -> bool:
    return bool(cache.get("hello") == {"to": "me"})


def is_expiring(cache: Any) -> bool:
    return 0 < (cache.ttl("hello") or 0) <= 60


def is_added(cache: Any) -> bool:
    return bool(cache.get("new") == "thing")


def is_replaced(cache: Any) -> bool:
    return bool(cache.get("hello") == "other")


def is_renamed(cache: Any) -> bool:
    return bool(cache.get("other") == {"to": "you"} and cache.get("hello") is None)


def is_copied(cache: Any) -> bool:
    return bool(cache.get("other") == {"to": "you"} == cache.get("hello"))


NEW = {"key": "new", "value": "thing", "store_as": "text"}
OTHER = {"key": "hello", "value": "other", "store_as": "text", "replace": "on"}
SELECTED = addresses.object_id("valkey", "p:1:hello")

Act = tuple[str, Callable[[Browser], dict[str, Any]], Callable[[Any], bool], Expectation]

ACTS: dict[str, Act] = {
    "flush": (
        "caches",
        lambda _: {"action": "flush", "selected": ["valkey"], "confirmed": "1"},
        is_flushed,
        lambda held: "change_cache" in held,
    ),
    "delete selected": (
        "keys",
        lambda _: {"action": "delete", "selected": [SELECTED], "confirmed": "1"},
        is_flushed,
        lambda held: sees_keys(held) and "delete_key" in held,
    ),
    "delete": (
        "delete",
        lambda _: {"confirmed": "1"},
        is_flushed,
        lambda held: "delete_key" in held,
    ),
    "edit": ("key", edit_data, is_edited, lambda held: "change_key" in held),
    "change the TTL": (
        "key",
        lambda _: {"mode": "set-ttl", "timeout": "60"},
        is_expiring,
        lambda held: "change_cache" in held and sees_keys(held),
    ),
    "rename": (
        "key",
        lambda _: {"mode": "set-name", "name": "other"},
        is_renamed,
        lambda held: {"add_key", "delete_key"} <= held and sees_keys(held),
    ),
    "copy": (
        "key",
        lambda _: {"mode": "make-copy", "name": "other", "into": "valkey"},
        is_copied,
        lambda held: "add_key" in held and sees_keys(held),
    ),
    "add": ("add", lambda _: NEW, is_added, lambda held: "add_key" in held),
    "replace": (
        "add",
        lambda _: OTHER,
        is_replaced,
        lambda held: {"add_key", "change_key"} <= held,
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("held", [NONE, *SINGLES, *ACTING_PAIRS, *ALL_BUT_ONE, ALL], ids=named)
def test_acts_are_done_for_those_and_only_those_who_may(
    hello: Any, admin: Browser, browser_of: BrowserOf, held: Held, act: str
) -> None:
    route, data, is_done, may = ACTS[act]
    page = browser_of(*held).post(page_url(route), data(admin), follow=False)
    assert page.status < 500
    assert is_done(hello) == may(held), page.text
    assert LogEntry.objects.count() == int(may(held))


@pytest.mark.parametrize("act", ACTS)
def test_superusers_need_no_permission(hello: Any, admin: Browser, act: str) -> None:
    route, data, is_done, _may = ACTS[act]
    admin.post(page_url(route), data(admin))
    assert is_done(hello)


@pytest.mark.parametrize("act", ACTS)
def test_acts_need_a_csrf_token(hello: Any, admin: Browser, act: str) -> None:
    route, data, is_done, _may = ACTS[act]
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin.user)
    assert client.post(page_url(route), data(admin)).status_code == 403
    assert not is_done(hello)


@pytest.mark.parametrize("act", ACTS)
def test_no_act_is_done_by_get(hello: Any, admin: Browser, act: str) -> None:
    route, data, is_done, _may = ACTS[act]
    url = page_url(route)
    query = addresses.urlencode(data(admin), doseq=True)
    admin.open(f"{url}{'&' if '?' in url else '?'}{query}")
    assert not is_done(hello)


@pytest.mark.parametrize("act", ["flush", "delete selected", "delete"])
def test_what_destroys_needs_a_confirmation(hello: Any, admin: Browser, act: str) -> None:
    route, data, is_done, _may = ACTS[act]
    unconfirmed = {name: value for name, value in data(admin).items() if name != "confirmed"}
    page = admin.post(page_url(route), unconfirmed)
    assert page.status == 200
    assert page.heading.endswith("?")
    assert not is_done(hello)

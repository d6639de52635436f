"""Who may open what and do what: SPEC's permissions, made exact by the design."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, UserWith

PERMISSIONS = ("view_cache", "change_cache", "view_key", "add_key", "change_key", "delete_key")

Held = frozenset[str]

NONE: Held = frozenset()
ALL: Held = frozenset(PERMISSIONS)
SINGLES = [frozenset({one}) for one in PERMISSIONS]
ALL_BUT_ONE = [ALL - one for one in SINGLES]
PAIRS = [frozenset(pair) for pair in combinations(PERMISSIONS, 2)]
PEOPLE = [NONE, *SINGLES, *PAIRS, *ALL_BUT_ONE, ALL]

# The pairs that some act needs, or that come near to one.
ACTING_PAIRS = [
    frozenset({"change_cache", "view_key"}),
    frozenset({"change_cache", "change_key"}),
    frozenset({"add_key", "change_key"}),
    frozenset({"add_key", "view_key"}),
    frozenset({"view_key", "delete_key"}),
]


def named(held: Held) -> str:
    return "+".join(sorted(held)) if len(held) < 3 else f"all-{'+'.join(ALL - held)}"


def sees_caches(held: Held) -> bool:
    return bool(held & {"view_cache", "change_cache"})


def sees_keys(held: Held) -> bool:
    return bool(held & {"view_key", "change_key"})


Expectation = Callable[[Held], bool]

PAGES: dict[str, tuple[str, Expectation]] = {
    "index": ("caches", sees_caches),
    "cache info": ("info", sees_caches),
    "cache history": ("cache_history", sees_caches),
    "key browser": ("keys", sees_keys),
    "key detail": ("key", sees_keys),
    "key history": ("history", sees_keys),
    "add": ("add", lambda held: "add_key" in held),
    "delete": ("delete", lambda held: "delete_key" in held),
}


def page_url(name: str) -> str:
    function = getattr(addresses, name)
    if name == "caches":
        return str(function())
    if name in ("key", "history", "delete"):
        return str(function("valkey", "p:1:hello"))
    return str(function("valkey"))


@pytest.fixture
def hello(server_cache: Any) -> Any:
    """A cache with one key, `hello`, that lives for a thousand seconds."""
    server_cache.set("hello", {"to": "you"}, 1000)
    return server_cache


@pytest.mark.parametrize("held", PEOPLE, ids=named)
def test_pages_open_for_those_and_only_those_who_may_see_them(
    hello: Any, browser_of: BrowserOf, held: Held
) -> None:
    person = browser_of(*held)
    found = {name: person.open(page_url(route)).status for name, (route, _) in PAGES.items()}
    expected = {name: 200 if opens(held) else 403 for name, (_, opens) in PAGES.items()}
    assert found == expected


@pytest.mark.parametrize("route", {route for route, _opens in PAGES.values()})
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


def edit_data(administrator: Browser) -> dict[str, Any]:
    page = administrator.open(addresses.key("valkey", "p:1:hello", mode="edit"))
    return {**page.form("Save").data(), "value": '{"to": "me"}'}


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


# What pages offer.


OFFERS: dict[str, tuple[str, Expectation]] = {
    "Flush selected caches": ("caches", lambda held: "change_cache" in held),
    "info": ("caches", lambda held: sees_keys(held) and sees_caches(held)),
    "Add key": ("keys", lambda held: "add_key" in held),
    "Cache info": ("keys", sees_caches),
    "Delete selected keys": ("keys", lambda held: "delete_key" in held),
    "Edit": ("key", lambda held: "change_key" in held),
    "Change TTL": ("key", lambda held: "change_cache" in held),
    "Delete": ("key", lambda held: "delete_key" in held),
    "History": ("key", sees_keys),
    "Keys": ("info", sees_keys),
}


@pytest.mark.parametrize("held", [*SINGLES, *PAIRS, *ALL_BUT_ONE, ALL], ids=named)
def test_pages_offer_what_one_may_do_and_nothing_else(
    hello: Any, browser_of: BrowserOf, held: Held
) -> None:
    person, wrong = browser_of(*held), []
    for label, (route, may) in OFFERS.items():
        page = person.open(page_url(route))
        # "Keys" may stand in the host's sidebar as well, under another address.
        offered = page.offers(label) if label != "Keys" else leads_to_keys(page.links)
        if page.status == 200 and offered != may(held):
            wrong.append((label, offered))
    assert wrong == []


def leads_to_keys(links: Any) -> bool:
    return any(link.text == "Keys" and "cache=valkey" in link.url for link in links)


def test_only_who_may_replace_is_asked_whether_to(hello: Any, browser_of: BrowserOf) -> None:
    adds = browser_of("add_key").open(addresses.add("valkey")).form("Add key")
    replaces = browser_of("add_key", "change_key").open(addresses.add("valkey")).form("Add key")
    assert "replace" not in adds.names
    assert "replace" in replaces.names


def test_a_ttl_is_not_among_what_an_edit_changes_without_the_permission(
    hello: Any, admin: Browser, browser_of: BrowserOf, raw: valkey.Valkey
) -> None:
    person, data = browser_of("change_key"), edit_data(admin)
    page = person.open(addresses.key("valkey", "p:1:hello", mode="edit"))
    assert {"timeout", "never"}.isdisjoint(page.form("Save").names)
    before = raw.pttl("p:1:hello")
    person.post(page_url("key"), {**data, "timeout": "5", "never": ""})
    assert is_edited(hello)
    assert before - 5000 < raw.pttl("p:1:hello") <= before


def test_delete_permission_alone_shows_no_value(hello: Any, browser_of: BrowserOf) -> None:
    page = browser_of("delete_key").open(page_url("delete"))
    assert page.offers("Delete 1 key")
    assert "you" not in page.text.split()


def test_add_permission_alone_shows_nothing_it_did_not_store(
    hello: Any, browser_of: BrowserOf
) -> None:
    person = browser_of("add_key")
    page = person.open(addresses.add("valkey"))
    taken = person.submit(page, "Add key", key="hello", value="x", store_as="text")
    assert words.EXISTS in taken.text
    assert "you" not in taken.text.split()
    added = person.submit(page, "Add key", **NEW)
    assert added.status == 200
    assert "Stored as" in added.text
    assert "hello" not in added.text


def test_inactive_staff_are_sent_to_the_login(hello: Any, user_with: UserWith) -> None:
    user = user_with(*PERMISSIONS)
    person = Browser(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    page = person.open(addresses.caches(), follow=False)
    assert page.status == 302
    assert "/login/" in page.url

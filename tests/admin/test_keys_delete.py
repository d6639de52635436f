"""Deleting the selected keys: asked first, counted, recorded, and only this cache's."""

from __future__ import annotations

import re
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import DELETION, LogEntry
from django.core.cache import caches

from django_cachex.admin.links import parse_object_id
from django_cachex.admin.views.selection import COOKIE
from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, stored_key, valkey_params
from tests.admin.page import Page
from tests.admin.steps import listed


def select(person: Browser, alias: str, *names: str) -> Page:
    """Tick these keys and press the button; return the page that asks."""
    ids = [addresses.object_id(alias, stored_key(alias, name)) for name in names]
    return person.submit(person.open(addresses.keys(alias)), "delete", selected=ids)


def test_the_selected_are_named_counted_and_deleted(admin: Browser, listing: str) -> None:
    caches[listing].set_many(dict.fromkeys(["a", "b", "c"], 1))
    page = select(admin, listing, "a", "b")
    assert page.heading == f'Delete 2 keys from "{listing}"?'
    form = page.form("confirm")
    assert page.button("confirm").text == "Delete 2 keys"
    assert len(form.data()["selected"]) == 2
    done = admin.submit(page, "confirm")
    assert "Deleted 2 keys." in done.text
    assert listed(done) == ["c"]
    assert caches[listing].get_many(["a", "b", "c"]) == {"c": 1}
    entries = LogEntry.objects.filter(action_flag=DELETION)
    names = [f"a ({listing})", f"b ({listing})"]
    assert sorted(entries.values_list("object_repr", flat=True)) == names
    # The history of one key doesn't read as if it had been two.
    assert {entry.change_message for entry in entries} == {
        "Together with 1 other key: Deleted 2 keys."
    }
    assert set(entries.values_list("object_id", flat=True)) == {
        addresses.object_id(listing, stored_key(listing, name)) for name in ("a", "b")
    }


def test_every_listed_key_can_be_ticked(admin: Browser, listing: str) -> None:
    caches[listing].set_many(dict.fromkeys(["a", "b", "c"], 1))
    form = admin.open(addresses.keys(listing)).form("delete")
    boxes = [one for one in form.controls if one.name == "selected"]
    assert sorted(box.value for box in boxes) == sorted(
        addresses.object_id(listing, stored_key(listing, name)) for name in "abc"
    )
    assert all(not box.checked and box.label for box in boxes)


def test_the_safe_way_back_keeps_them_and_the_search(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({"a:1": 1, "b:1": 1})
    found = admin.open(addresses.keys("valkey", q="a", size=50))
    asked = admin.submit(found, "delete", selected=[addresses.object_id("valkey", "p:1:a:1")])
    back = admin.click(asked, "cancel")
    assert listed(back) == ["a:1"]
    assert back.form("search").control("size").value == "50"
    done = admin.submit(asked, "confirm")
    assert done.form("search").control("q").value == "a"
    assert server_cache.get_many(["a:1", "b:1"]) == {"b:1": 1}


def selected(page: Page) -> list[str]:
    """Return the keys whose checkbox is checked."""
    boxes = [one for one in page.form("delete").controls if one.name == "selected"]
    return [parse_object_id(box.value)[1].decode() for box in boxes if box.checked]


def test_the_safe_way_back_keeps_the_selection(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many(dict.fromkeys(["a", "b", "c"], 1))
    asked = select(admin, "valkey", "a", "c")
    server_cache.set("d", 1)
    back = admin.click(asked, "cancel")
    assert sorted(selected(back)) == ["p:1:a", "p:1:c"]
    assert selected(admin.open(back.url)) == []


def test_the_selection_of_the_largest_page_is_kept(admin: Browser, server_cache: Any) -> None:
    names = [f"{number:03}" for number in range(500)]
    server_cache.set_many(dict.fromkeys(names, 1))
    page = admin.open(addresses.keys("valkey", size=500))
    ids = [addresses.object_id("valkey", f"p:1:{name}") for name in names[1:]]
    back = admin.click(admin.submit(page, "delete", selected=ids), "cancel")
    assert sorted(selected(back)) == [f"p:1:{name}" for name in names[1:]]
    assert len(admin.client.cookies[COOKIE].OutputString()) < 4096


def test_what_was_deleted_leaves_nothing_selected(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many(dict.fromkeys(["a", "b"], 1))
    done = admin.submit(select(admin, "valkey", "a"), "confirm")
    assert listed(done) == ["b"]
    assert selected(done) == []


@pytest.mark.parametrize("value", ["x", "====", "\x00", "é", "A" * 5000])
def test_a_selection_that_makes_no_sense_selects_nothing(
    admin: Browser, server_cache: Any, value: str
) -> None:
    server_cache.set("a", 1)
    admin.client.cookies[COOKIE] = value
    page = admin.open(addresses.keys("valkey"))
    assert page.status == 200
    assert selected(page) == []


def test_keys_already_gone_are_told_apart(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many(dict.fromkeys(["a", "b", "c"], 1))
    page = select(admin, "valkey", "a", "b", "c")
    server_cache.delete("b")
    assert "Deleted 2 keys; 1 was already gone." in admin.submit(page, "confirm").text
    names = sorted(entry.object_repr for entry in LogEntry.objects.all())
    assert names == ["a (valkey)", "c (valkey)"]


def test_a_deletion_that_deleted_nothing_does_not_claim_to(
    admin: Browser, server_cache: Any
) -> None:
    server_cache.set("a", 1)
    page = select(admin, "valkey", "a")
    server_cache.delete("a")
    done = admin.submit(page, "confirm")
    assert "1 was already gone." in done.text
    assert "Deleted" not in done.text
    assert not LogEntry.objects.exists()


def test_none_selected_does_nothing_and_says_so(admin: Browser, server_cache: Any) -> None:
    server_cache.set("a", 1)
    page = admin.submit(admin.open(addresses.keys("valkey")), "delete")
    assert "Nothing was changed. First, select the keys to delete." in page.text
    assert listed(page) == ["a"]
    confirmed = admin.post(addresses.keys("valkey"), {"action": "delete", "confirmed": "1"})
    assert "Nothing was changed." in confirmed.text
    assert server_cache.get("a") == 1


def test_an_unknown_action_does_nothing_and_says_so(admin: Browser, server_cache: Any) -> None:
    server_cache.set("a", 1)
    data = {"action": "flush", "selected": [addresses.object_id("valkey", "p:1:a")]}
    page = admin.post(addresses.keys("valkey"), {**data, "confirmed": "1"})
    assert "Nothing was changed." in page.text
    assert server_cache.get("a") == 1


@pytest.fixture
def neighbours(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> valkey.Valkey:
    """Aliases `valkey` and `other`, and a stranger's key, in one database."""
    params = valkey_params(valkey_server)
    configure(valkey=params, other={**params, "KEY_PREFIX": "q"})
    for key in ("p:1:mine", "p:2:version", "q:1:theirs", "loose"):
        raw.set(key, "x")
    return raw


FORGED = {
    "another alias's id": addresses.object_id("other", "q:1:theirs"),
    "another prefix under this alias": addresses.object_id("valkey", "q:1:theirs"),
    "this prefix under another alias": addresses.object_id("other", "p:1:mine"),
    "a stranger's key": addresses.object_id("valkey", "loose"),
    "an unknown alias": addresses.object_id("nobody", "p:1:mine"),
    "an empty key": addresses.object_id("valkey", ""),
    "no id": "p:1:mine",
    "no base64": "valkey:p:1:m",
    "a pattern": addresses.object_id("valkey", "*"),
    "NUL": "\x00",
}


@pytest.mark.parametrize("forged", FORGED)
def test_forged_selections_delete_nothing(
    admin: Browser, neighbours: valkey.Valkey, forged: str
) -> None:
    data = {"action": "delete", "selected": [FORGED[forged]]}
    asked = admin.post(addresses.keys("valkey"), data)
    done = admin.post(addresses.keys("valkey"), {**data, "confirmed": "1"})
    assert (asked.status, done.status) == (200, 200)
    assert "Deleted" not in done.text
    assert neighbours.dbsize() == 4
    assert not LogEntry.objects.exists()


def test_what_will_be_left_alone_is_said_before(admin: Browser, neighbours: valkey.Valkey) -> None:
    selected = [addresses.object_id("valkey", "p:1:mine"), FORGED["a stranger's key"]]
    page = admin.post(addresses.keys("valkey"), {"action": "delete", "selected": selected})
    assert page.heading == 'Delete 1 key from "valkey"?'
    assert "Not included:" in page.text
    done = admin.submit(page, "confirm")
    assert "Deleted 1 key." in done.text
    assert sorted(neighbours.keys()) == [b"loose", b"p:2:version", b"q:1:theirs"]


@pytest.mark.parametrize("forged", ["another prefix under this alias", "a stranger's key"])
@pytest.mark.parametrize("route", ["key", "delete", "history"])
def test_pages_of_keys_that_are_not_this_caches_are_not_found(
    admin: Browser, neighbours: valkey.Valkey, route: str, forged: str
) -> None:
    stored = {"a stranger's key": "loose"}.get(forged, "q:1:theirs")
    url = getattr(addresses, route)("valkey", stored)
    assert admin.open(url).status == 404
    assert admin.post(url, {"confirmed": "1", "mode": "set-ttl", "timeout": "5"}).status == 404
    assert neighbours.dbsize() == 4
    assert neighbours.ttl(stored) == -1


def test_a_key_selected_twice_is_one_key(admin: Browser, server_cache: Any) -> None:
    server_cache.set("a", 1)
    selected = [addresses.object_id("valkey", "p:1:a")] * 3
    page = admin.post(addresses.keys("valkey"), {"action": "delete", "selected": selected})
    assert page.heading == 'Delete 1 key from "valkey"?'
    assert "Deleted 1 key." in admin.submit(page, "confirm").text


def test_the_largest_page_can_be_deleted_at_once(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set_many({f"key:{number:04}": 1 for number in range(520)})
    page = admin.open(addresses.keys("valkey", size=500))
    form = page.form("delete")
    ids = [one.value for one in form.controls if one.name == "selected"]
    assert len(ids) >= 500
    asked = admin.submit(page, "delete", selected=ids)
    assert f"and {len(ids) - 100} more" in asked.text
    done = admin.submit(asked, "confirm")
    assert f"Deleted {len(ids)} keys." in done.text
    assert raw.dbsize() == 520 - len(ids)
    assert LogEntry.objects.count() == (len(ids) if len(ids) <= 500 else 1)


def test_a_page_of_long_keys_can_be_deleted_at_once(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    for number in range(500):
        raw.set(f"p:1:{'k' * 6000}{number:04}", "v")
    page = admin.open(addresses.keys("valkey", size=500))
    ids = [one.value for one in page.form("delete").controls if one.name == "selected"]
    asked = admin.submit(page, "delete", selected=ids)
    assert asked.status == 200
    assert admin.submit(asked, "confirm").status == 200
    assert raw.dbsize() == 500 - len(ids)


def test_nobody_is_asked_about_a_key_that_has_gone(admin: Browser, listing: str) -> None:
    page = admin.open(addresses.delete(listing, stored_key(listing, "gone")))
    assert page.url == addresses.keys(listing)
    assert f'{words.NO_SUCH_KEY} "gone"' in page.text


def test_odd_names_are_shown_as_text_where_they_are_confirmed(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.set(b"p:1:<script>alert(1)</script>", "v")
    raw.set(b"p:1:\xff\xfe", "v")
    ids = [addresses.object_id("valkey", b"p:1:<script>alert(1)</script>")]
    ids.append(addresses.object_id("valkey", b"p:1:\xff\xfe"))
    asked = admin.post(addresses.keys("valkey"), {"action": "delete", "selected": ids})
    assert "<script>alert(1)" not in asked.html
    assert "<script>alert(1)</script>" in asked.text
    assert "\\xff\\xfe" in asked.text
    admin.submit(asked, "confirm")
    assert raw.dbsize() == 0


@pytest.mark.parametrize(
    ("rules", "said", "level"),
    [
        (("~*", "-unlink", "-del"), "2 keys couldn't be deleted.", "error"),
        (
            ("resetkeys", "~p:1:a", "%R~*"),
            "Deleted 1 key; 1 key couldn't be deleted.",
            "warning",
        ),
    ],
    ids=["all", "some"],
)
def test_what_is_refused_is_counted_with_the_reason(
    admin: Browser,
    valkey_server: servers.Server,
    configure: Configure,
    raw: valkey.Valkey,
    rules: tuple[str, ...],
    said: str,
    level: str,
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">secret", "+@all", "&*", *rules)
    place = f"valkey://clerk:secret@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=place))
    raw.mset({"p:1:a": 1, "p:1:b": 1})
    chosen = [addresses.object_id("valkey", one) for one in ("p:1:a", "p:1:b")]
    data = {"action": "delete", "selected": chosen, "confirmed": "1"}
    page = admin.post(addresses.keys("valkey"), data)
    raw.execute_command("ACL", "DELUSER", "clerk")
    assert said in page.text
    assert "permission" in page.text.lower()
    assert re.search(rf'<li class="{level}"', page.html)
    assert "success" not in page.html
    recorded = {entry.object_repr: entry.change_message for entry in LogEntry.objects.all()}
    assert recorded == ({"a (valkey)": said} if level == "warning" else {})

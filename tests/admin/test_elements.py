"""Collections on their pages: found, paged, changed row by row, on record without values."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.utils import timezone

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, valkey_params
from tests.admin.page import Page

KEY = "p:1:key"


@pytest.fixture
def store(configure: Configure, valkey_server: servers.Server) -> Any:
    configure(store=valkey_params(valkey_server))
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


def opened(browser: Browser, **query: str) -> Page:
    return browser.open(addresses.key("store", KEY, **query))


def open_row(browser: Browser, does: str, about: str, **query: str) -> Page:
    return browser.click(opened(browser, **query), does, about)


def remove(browser: Browser, *rows: str, **more: str) -> Page:
    return browser.post(
        addresses.key("store", KEY), {"mode": "remove-elements", "selected": list(rows), **more}
    )


def ticks(page: Page) -> list[str]:
    """Return what the checkboxes of the rows would send."""
    return [
        given["value"]
        for tag, given in page.tags
        if tag == "input" and given.get("name") == "selected"
    ]


def record() -> str:
    return LogEntry.objects.latest("id").change_message


def stored(value: object) -> bytes:
    data = caches["store"]._encode(value)  # type: ignore[attr-defined]
    return data if isinstance(data, bytes) else str(data).encode()


# Looking.


def test_a_list_is_paged_from_both_ends_and_from_an_index(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, *(str(number) for number in range(250)))
    page = opened(admin)
    assert "Index 0 to 99 of 250 items" in page.text
    page = admin.click(page, "next-page")
    assert page.column("Index")[0] == "100"
    page = admin.click(admin.click(page, "next-page"), "previous-page")
    assert page.column("Index")[0] == "100"
    page = admin.click(page, "order-last")
    assert page.column("Index")[:2] == ["249", "248"]
    page = admin.submit(page, "show", at="42")
    assert page.column("Index")[:2] == ["42", "41"]
    page = admin.click(admin.click(page, "order-first"), "next-page")
    assert page.column("Index")[0] == "100"


def test_an_index_that_is_none_is_told_and_the_beginning_shown(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, "a", "b")
    for at, said in (("7", "There is no index 7"), ("x<y", 'You entered "x<y"')):
        page = opened(admin, at=at)
        assert page.status == 200
        assert said in page.text
        assert page.column("Value") == ["a", "b"]


def test_a_search_says_how_much_it_looked_at(admin: Browser, store: valkey.Valkey) -> None:
    store.hset(KEY, mapping={f"user:{number}": "x" for number in range(2000)})
    page = opened(admin, find="user:77")
    assert page.column("Field")
    assert "2,000 fields examined · complete" in page.text
    page = opened(admin, find="nobody")
    assert "Nothing matches" in page.text
    assert "All 2,000 fields were examined." in page.text
    page = admin.click(page, "show-all")
    assert "of 2,000 fields shown" in page.text


def test_an_unfinished_search_offers_to_go_on(
    admin: Browser, store: valkey.Valkey, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.0}
    store.sadd(KEY, *(stored(f"user:{number}") for number in range(5000)))
    page = opened(admin, find="nobody")
    assert "None so far" in page.text
    page = admin.click(page, "continue")
    assert page.status == 200
    assert "examined" in page.text


def test_a_range_of_scores_in_either_order(admin: Browser, store: valkey.Valkey) -> None:
    store.zadd(KEY, {f"m{number:03}": number for number in range(500)})
    page = admin.submit(opened(admin, order="last"), "show", low="10", high="19.5")
    assert page.column("Member") == [f"m{number:03}" for number in range(19, 9, -1)]
    assert "1 to 10 of 10 members in this range (500 in total)" in page.text
    page = opened(admin, low="1000")
    assert "No member has a score in this range" in page.text
    page = opened(admin, low="many")
    assert page.status == 200
    assert len(page.column("Member")) == 100


def test_what_is_loaded_can_be_ordered_by_member(admin: Browser, store: valkey.Valkey) -> None:
    store.zadd(KEY, {"c": 1, "a": 2, "b": 3})
    page = admin.click(opened(admin), "sort-by-member")
    assert page.column("Member") == ["a", "b", "c"]


def test_a_stream_from_a_moment_newest_first(admin: Browser, store: valkey.Valkey) -> None:
    start = int(timezone.make_aware(datetime(2026, 1, 1)).timestamp() * 1000)
    for second in range(3):
        store.xadd(KEY, {"n": str(second)}, id=f"{start + second * 1000}-0")
    page = opened(admin, at="2026-01-01 00:00:01", order="last")
    assert page.column("n") == ["1", "0"]
    page = opened(admin, order="first", at="2026-01-01 00:00:02")
    assert page.column("n") == ["2"]
    assert 'You entered "next week"' in opened(admin, at="next week").text


def test_entries_with_other_fields_stand_in_lines(admin: Browser, store: valkey.Valkey) -> None:
    store.xadd(KEY, {"a": "1", "<b>": "2"}, id="1-1")
    store.xadd(KEY, {"c": "3"}, id="2-1")
    page = opened(admin)
    assert page.column("Fields") == ["a: 1 <b>: 2", "c: 3"]


def test_groups_are_shown_when_asked_for(admin: Browser, store: valkey.Valkey) -> None:
    store.xadd(KEY, {"a": "1"})
    store.xgroup_create(KEY, "workers", "0")
    store.xreadgroup("workers", "ana", {KEY: ">"})
    page = opened(admin)
    assert page.column("Group") == []
    page = admin.click(page, "show-groups")
    assert page.column("Group") == ["workers"]
    assert page.column("Pending") == ["1"]
    assert "ana: 1 pending" in page.column("Consumers")[0]


@pytest.mark.parametrize("type", ["list", "set", "hash"])
def test_a_page_of_huge_elements_is_less_than_a_megabyte(
    admin: Browser, store: valkey.Valkey, type: str
) -> None:
    for number in range(100):
        value = pickle.dumps(f"{number:03}<&>" + "<" * 200_000)
        if type == "list":
            store.rpush(KEY, value)
        elif type == "set":
            store.sadd(KEY, value)
        else:
            store.hset(KEY, f"field {number}", value)  # type: ignore[arg-type]  # bytes
    page = opened(admin)
    assert page.status == 200
    assert len(page.html) < 1_000_000
    assert len(ticks(page)) == 100


def test_a_number_and_its_text_look_different(admin: Browser, store: valkey.Valkey) -> None:
    values = (1, "1", "one", " one", "", "null", None, "[1]")
    store.rpush(KEY, *map(stored, values))
    shown = opened(admin).column("Value")
    assert len(set(shown)) == len(values)
    assert (shown[0], shown[2]) == ("1", "one")
    assert all("text" in shown[place] for place in (1, 3, 4, 5, 7))
    assert "None" in shown[6]


# Changing.


def test_a_field_is_changed_and_the_record_has_no_value(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, mapping={"email": stored("old@example.com"), "n": "1"})
    store.expire(KEY, 1000)
    page = open_row(admin, "edit-field", "email")
    form = page.form("set-field").data()
    assert form["value"] == ["old@example.com"]
    assert form["store_as"] == ["text"]
    page = admin.submit(page, "set-field", value="new@example.com")
    assert 'Saved. Field "email" changed (now' in page.text
    assert store.hget(KEY, "email") == stored("new@example.com")
    assert 990 < store.ttl(KEY) <= 1000
    assert record().startswith('Field "email" changed (now ')
    assert "example" not in record()


def test_a_field_sent_back_as_it_was_filled_changes_nothing(
    admin: Browser, store: valkey.Valkey
) -> None:
    values = ["123", 123, True, None, 1.5, " spaces ", "", "two\nlines", {"a": [1]}, "\x00\x07"]
    for number, value in enumerate(values):
        store.hset(KEY, f"f{number}", stored(value))  # type: ignore[arg-type]  # bytes
    before = store.hgetall(KEY)
    for number in range(len(values)):
        page = admin.submit(open_row(admin, "edit-field", f"f{number}"), "set-field")
        assert "Nothing to save" in page.text
    assert store.hgetall(KEY) == before


def test_what_no_form_can_hold_is_replaced_and_says_so(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, pickle.dumps((1, 2)))
    page = open_row(admin, "edit-item", "0")
    assert "The stored value can't be edited." in page.text
    assert "What you enter here replaces it." in page.text
    assert page.form("set-item").data()["value"] == [""]
    assert "Nothing to save" in admin.submit(page, "set-item").text
    assert store.lindex(KEY, 0) == pickle.dumps((1, 2))
    admin.submit(page, "set-item", value="[1, 2]", store_as="json")
    assert store.lindex(KEY, 0) == stored([1, 2])


def test_a_conflict_shows_theirs_keeps_mine_and_can_be_insisted_on(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, "f", stored("old"))  # type: ignore[arg-type]  # bytes
    page = open_row(admin, "edit-field", "f")
    store.hset(KEY, "f", stored("theirs"))  # type: ignore[arg-type]  # bytes
    page = admin.submit(page, "set-field", value="mine")
    assert "Not saved" in page.text
    assert "Current value" in page.text
    assert "theirs" in page.text
    assert page.form("overwrite").data()["value"] == ["mine"]
    assert store.hget(KEY, "f") == stored("theirs")
    assert not LogEntry.objects.exists()
    page = admin.submit(page, "overwrite")
    assert "Saved." in page.text
    assert store.hget(KEY, "f") == stored("mine")


def test_a_row_that_vanished_under_its_form_is_told(admin: Browser, store: valkey.Valkey) -> None:
    store.hset(KEY, mapping={"f": "x", "g": "y"})
    page = open_row(admin, "edit-field", "f")
    store.hdel(KEY, "f")
    page = admin.submit(page, "set-field", value="mine")
    assert page.status == 200
    assert "no longer exists" in page.text or "Not saved" in page.text
    assert store.hgetall(KEY) == {b"g": b"y"}
    page = opened(admin, mode="edit-field", element="=Zg")
    assert "The element you opened no longer exists." in page.text
    store.unlink(KEY)
    page = opened(admin, mode="edit-field", element="=Zg")
    assert page.url == addresses.keys("store")


ROW_ACTS = {
    "hash": ("set-field", "set-field-name", "set-field-ttl"),
    "list": ("set-item", "put-item"),
    "zset": ("set-member", "set-score"),
}


@pytest.mark.parametrize("mode", [mode for modes in ROW_ACTS.values() for mode in modes])
def test_a_row_of_a_key_that_vanished_is_told_as_gone(
    admin: Browser, store: valkey.Valkey, mode: str
) -> None:
    sent = {"mode": mode, "element": "=Zg", "value": "mine", "store_as": "text"}
    page = admin.post(addresses.key("store", KEY), sent)
    assert page.status == 200
    assert page.url == addresses.keys("store")
    assert not store.exists(KEY)
    assert not LogEntry.objects.exists()


def test_a_row_of_a_server_that_went_down_under_its_form_is_told(
    admin: Browser, configure: Configure
) -> None:
    closed = f"valkey://127.0.0.1:{servers.free_port()}/0"
    backend = "django_cachex.cache.ValkeyCache"
    configure(store={"BACKEND": backend, "LOCATION": closed, "KEY_PREFIX": "p"})
    for mode in (mode for modes in ROW_ACTS.values() for mode in modes):
        sent = {"mode": mode, "element": "=Zg", "value": "mine", "store_as": "text"}
        page = admin.post(addresses.key("store", KEY), sent)
        assert page.status == 200
        assert "Not saved" in page.text
        assert '"store"' in page.text


def test_removing_nothing_is_told_beside_the_rows_and_opens_no_form(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, "a", "b")
    page = remove(admin)
    assert "First select the rows to remove." in page.text
    assert not page.has_action("set-item")
    assert page.has_action("edit-item", "0")
    assert len(ticks(page)) == 2


def test_a_row_that_changed_before_it_was_removed_stays_and_opens_no_form(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, "a", "b")
    ticked = ticks(opened(admin))[0]
    store.lset(KEY, 0, "theirs")
    page = remove(admin, ticked, confirmed="1")
    assert page.status == 200
    assert "Not saved" in page.text
    assert store.lrange(KEY, 0, -1) == [b"theirs", b"b"]
    assert not page.has_action("set-item")
    assert not page.has_action("overwrite")
    assert page.has_action("edit-item", "0")


def test_a_row_that_the_server_refuses_to_tell_is_not_said_to_be_gone(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, "f", "x")
    page = open_row(admin, "edit-field", "f")
    store.execute_command("ACL", "SETUSER", "default", "-hget")
    try:
        page = admin.submit(page, "set-field", value="mine")
    finally:
        store.execute_command("ACL", "SETUSER", "default", "+@all")
    assert page.status == 200
    assert "Not saved." in page.text
    assert "no longer exists" not in page.text
    assert page.text.count("hget") == 1
    assert store.hgetall(KEY) == {b"f": b"x"}


def test_fields_are_added_and_renamed_but_not_onto_another(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, "a", stored("x"))  # type: ignore[arg-type]  # bytes
    page = opened(admin, mode="add-field")
    page = admin.submit(page, "store-field", field=" b ", value="[1]")
    assert store.hget(KEY, " b ") == stored([1])
    page = admin.submit(opened(admin, mode="add-field"), "store-field", field="a", value="y")
    assert "This field already exists" in page.text
    page = admin.submit(open_row(admin, "rename-field", "a"), "set-field-name", field=" b ")
    assert "This field already exists" in page.text
    page = admin.submit(open_row(admin, "rename-field", "a"), "set-field-name", field="c")
    assert 'Field "a" renamed to "c".' in page.text
    assert store.hkeys(KEY) == [b" b ", b"c"]


def test_items_are_added_inserted_set_popped_and_trimmed(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, stored("b"))
    admin.submit(opened(admin, mode="add-item"), "push-item", value="d", end="last")
    admin.submit(opened(admin, mode="add-item"), "push-item", value="a", end="first")
    page = open_row(admin, "insert-item", "1")
    admin.submit(page, "put-item", value="c", place="after")
    admin.submit(open_row(admin, "edit-item", "3"), "set-item", value="5", store_as="integer")
    assert store.lrange(KEY, 0, -1) == [*map(stored, "abc"), b"5"]
    page = admin.submit(opened(admin, mode="pop-items"), "take-items", end="last")
    assert "Popped 1 item (from the tail). 5" in page.text
    assert record() == "Popped 1 item (from the tail)."
    page = admin.submit(opened(admin, mode="trim-list"), "cut-list", start="1", stop="1")
    assert 'Remove 2 items from "key"?' in page.text
    assert store.llen(KEY) == 3
    page = admin.submit(page, "confirm")
    assert store.lrange(KEY, 0, -1) == [stored("b")]
    assert record() == "Trimmed: 2 items removed."


def test_members_are_added_renamed_scored_and_popped(admin: Browser, store: valkey.Valkey) -> None:
    store.zadd(KEY, {stored("a"): 1})
    page = opened(admin, mode="add-scored")
    admin.submit(page, "store-scored", value="b", score="-inf", only="NX")
    page = opened(admin, mode="add-scored")
    page = admin.submit(page, "store-scored", value="b", score="5", only="NX")
    assert "Nothing was changed" in page.text
    admin.submit(open_row(admin, "edit-score", "a"), "set-score", score="2.5")
    admin.submit(open_row(admin, "edit-member", "b"), "set-member", value="c")
    found = store.zrange(KEY, 0, -1, withscores=True)
    assert [tuple(pair) for pair in found] == [
        (stored("c"), float("-inf")),
        (stored("a"), 2.5),
    ]
    for wrong in ("", "much", "nan", "1,5"):
        page = admin.submit(open_row(admin, "edit-score", "a"), "set-score", score=wrong)
        assert page.status == 200
        assert page.has_action("set-score")
    page = admin.submit(opened(admin, mode="pop-members"), "take-members", count="2", end="first")
    page = admin.submit(page, "confirm")
    assert not store.exists(KEY)
    assert record() == (
        "Popped 2 members (those with the lowest score). "
        "No elements were left, so the key was deleted."
    )


def test_a_set_takes_members_once(admin: Browser, store: valkey.Valkey) -> None:
    store.sadd(KEY, stored(1))
    page = opened(admin, mode="add-member")
    admin.submit(page, "store-member", value="1", store_as="text")
    assert set(store.smembers(KEY)) == {stored(1), stored("1")}
    page = admin.submit(
        opened(admin, mode="add-member"), "store-member", value="1", store_as="text"
    )
    assert "This member already exists." in page.text


def test_entries_are_added_and_the_stream_trimmed(admin: Browser, store: valkey.Valkey) -> None:
    store.xadd(KEY, {"a": "1"}, id="1-1")
    page = opened(admin, mode="add-entry")
    page = admin.submit(page, "store-entry", value='user=Ana\nseats={"a": 1}')
    assert store.xlen(KEY) == 2
    [(_id, fields)] = store.xrevrange(KEY, count=1)
    assert fields == {b"user": stored("Ana"), b"seats": stored({"a": 1})}
    page = admin.submit(opened(admin, mode="trim-stream"), "cut-stream", keep="1")
    admin.submit(page, "confirm")
    assert store.xlen(KEY) == 1


FILLED: dict[str, tuple[Callable[[valkey.Valkey], Any], str, str]] = {
    "hash": (lambda store: store.hset(KEY, mapping={"a": "1", "b": "2"}), "field", "b"),
    "list": (lambda store: store.rpush(KEY, "a", "b"), "item", "1"),
    "set": (lambda store: store.sadd(KEY, "a", "b"), "member", "b"),
    "zset": (lambda store: store.zadd(KEY, {"a": 1, "b": 2}), "member", "b"),
    "stream": (
        lambda store: [store.xadd(KEY, {"f": "v"}, id=id) for id in ("1-1", "2-1")],
        "entry",
        "2-1",
    ),
}
"""Fills a key of a type; what its elements are in `data-action`; the name of the second one."""


@pytest.mark.parametrize("type", FILLED)
def test_one_row_is_removed_after_a_question_in_that_row(
    admin: Browser, store: valkey.Valkey, type: str
) -> None:
    fill, kind, name = FILLED[type]
    fill(store)
    before = store.dump(KEY)
    page = open_row(admin, f"remove-{kind}", name)
    assert store.dump(KEY) == before
    assert page.has_action("cancel")
    assert page.has_action(f"drop-{kind}")
    assert len(ticks(page)) == 0
    assert admin.click(page, "cancel").has_action(f"remove-{kind}", name)
    page = admin.submit(page, f"drop-{kind}")
    assert "removed." in page.text
    assert not page.has_action(f"remove-{kind}", name)
    assert page.has_action(f"remove-{kind}")
    assert LogEntry.objects.count() == 1


def test_the_question_says_that_the_key_goes_with_its_last_element(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, mapping={"a": "1", "b": "2"})
    said = "the key will be deleted too"
    assert said not in open_row(admin, "remove-field", "a").text
    store.hdel(KEY, "b")
    assert said in open_row(admin, "remove-field", "a").text


def test_only_what_was_shown_is_removed(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush(KEY, "a", "b")
    listing = opened(admin)
    store.lpush(KEY, "urgent")  # What was item 0 is now item 1.
    question = admin.click(listing, "remove-item", "0")
    assert "has changed since the page was loaded" in question.text
    store.lset(KEY, 0, "theirs")
    page = admin.submit(question, "drop-item")
    assert "Not saved" in page.text
    assert store.lrange(KEY, 0, -1) == [b"theirs", b"a", b"b"]
    assert not LogEntry.objects.exists()
    admin.submit(page, "overwrite")  # The question is asked again, about what is there now.
    assert store.lrange(KEY, 0, -1) == [b"a", b"b"]


def test_the_question_about_a_row_that_is_gone_is_not_asked(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.hset(KEY, mapping={"a": "1", "b": "2"})
    question = open_row(admin, "remove-field", "a")
    store.hdel(KEY, "a")
    page = admin.submit(question, "drop-field")
    assert "no longer exists" in page.text
    assert not page.has_action("drop-field")
    assert store.hgetall(KEY) == {b"b": b"2"}


def test_several_rows_are_removed_after_a_question(admin: Browser, store: valkey.Valkey) -> None:
    store.hset(KEY, mapping={"a": "1", "b": "2", "c": "3", "d": "4"})
    rows = dict(zip(opened(admin).column("Field"), ticks(opened(admin)), strict=True))
    page = remove(admin, rows["a"])
    assert store.hexists(KEY, "a")
    assert 'Field "a" removed.' in admin.submit(page, "confirm").text
    page = remove(admin, rows["b"], rows["c"])
    assert 'Remove 2 fields from "key"?' in page.text
    assert "undone. The TTL of the key doesn't change. b c" in page.text
    assert store.hlen(KEY) == 3
    page = remove(admin, rows["b"], rows["c"], confirmed="1")
    assert "2 fields removed" in page.text
    assert store.hkeys(KEY) == [b"d"]
    assert LogEntry.objects.count() == 2
    page = admin.post(addresses.key("store", KEY), {"mode": "remove-elements"})
    assert "First select the rows to remove." in page.text


def test_items_to_remove_are_shown_up_to_a_whole_character(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, stored("x" + "é" * 250), stored("short"))
    page = remove(admin, *ticks(opened(admin)))
    assert f"0: x{'é' * 199}… 1: short" in page.text


def test_with_the_last_element_the_key_goes_and_can_be_added_again(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, "only")
    [row] = ticks(opened(admin))
    page = remove(admin, row, confirmed="1")
    assert "No elements were left, so the key was deleted." in page.text
    assert page.form("add").data()["key"] == ["key"]
    assert page.form("add").data()["type"] == ["list"]


def test_the_part_that_was_shown_is_shown_again_after_a_change(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.rpush(KEY, *(stored(str(number)) for number in range(250)))
    page = open_row(admin, "edit-item", "120", at="100")
    assert page.column("Index")[0] == "100"
    page = admin.submit(page, "set-item", value="changed")
    assert "Saved." in page.text
    assert page.column("Index")[0] == "100"


# Who may.


@pytest.mark.parametrize("permission", ["view_key", "add_key", "delete_key", "change_cache"])
def test_elements_are_changed_by_who_may_change_keys(
    browser_of: BrowserOf, store: valkey.Valkey, permission: str
) -> None:
    store.hset(KEY, "a", "1")
    staff = browser_of("view_key", permission)
    page = opened(staff)
    assert page.column("Field") == ["a"]
    assert not ticks(page)
    assert not page.has_action("add-field")
    assert not page.has_action("edit-field")
    changes = (
        {"mode": "remove-elements", "selected": "=YQ "},
        {"mode": "drop-field", "element": "=YQ"},
        {"mode": "set-field", "element": "=YQ", "value": "x", "store_as": "text"},
        {"mode": "store-field", "field": "b", "value": "x", "store_as": "text"},
        {"mode": "set-field-name", "element": "=YQ", "field": "c"},
    )
    for data in changes:
        assert staff.post(addresses.key("store", KEY), data).status == 403
    assert store.hgetall(KEY) == {b"a": b"1"}


def test_who_may_change_keys_may_change_elements(
    browser_of: BrowserOf, store: valkey.Valkey
) -> None:
    store.hset(KEY, "a", stored("x"))  # type: ignore[arg-type]  # bytes
    staff = browser_of("change_key")
    staff.submit(open_row(staff, "edit-field", "a"), "set-field", value="y")
    assert store.hget(KEY, "a") == stored("y")


@pytest.mark.parametrize(
    "data",
    [
        {"mode": "set-field", "element": "nonsense", "value": "x", "store_as": "text"},
        {"mode": "set-field", "element": "=%%%", "value": "x", "store_as": "tree"},
        {"mode": "set-item", "element": "0", "value": "x", "store_as": "text"},
        {"mode": "set-score", "element": "=YQ", "score": "1"},
        {"mode": "take-items", "count": "999999999999999999999", "end": "middle"},
        {"mode": "cut-list", "start": "9" * 40, "stop": "-1", "expected": "x"},
        {"mode": "remove-elements", "selected": "", "confirmed": "1"},
        {"mode": "remove-elements", "selected": "@1.x y z", "confirmed": "1"},
        {"mode": "drop-field", "element": "@1.x y z", "expected": "x"},
        {"mode": "edit-field", "element": "\x00"},
        {"mode": "store-entry", "value": "no equals sign", "store_as": "json"},
    ],
)
def test_nonsense_is_told_and_changes_nothing(
    admin: Browser, store: valkey.Valkey, data: dict[str, str]
) -> None:
    store.hset(KEY, mapping={"a": "1", "b": "2"})
    page = admin.post(addresses.key("store", KEY), data)
    assert page.status == 200
    assert store.hgetall(KEY) == {b"a": b"1", b"b": b"2"}


@pytest.mark.parametrize("type", ["list", "set", "zset", "hash", "stream"])
def test_nonsense_in_an_address_is_told(admin: Browser, store: valkey.Valkey, type: str) -> None:
    fill = {
        "list": lambda: store.rpush(KEY, "a"),
        "set": lambda: store.sadd(KEY, "a"),
        "zset": lambda: store.zadd(KEY, {"a": 1}),
        "hash": lambda: store.hset(KEY, "a", "1"),
        "stream": lambda: store.xadd(KEY, {"a": "1"}),
    }
    fill[type]()
    names = ("at", "order", "find", "low", "high", "sort", "groups", "element")
    for value in ("\x00", "<script>", "-1", "9" * 30, "nan", "１", "2026-13-45 99:99"):
        page = opened(admin, **dict.fromkeys(names, value), mode="edit-field")
        assert page.status == 200, value
        page = opened(admin, at=value)
        assert page.status == 200, value
        assert 'value="<script>' not in page.html


def test_elements_of_a_key_too_long_for_an_address_are_changed_by_post(
    admin: Browser, store: valkey.Valkey
) -> None:
    long = "long:" + "x" * 6000
    store.rpush(f"p:1:{long}", *(stored(str(number)) for number in range(150)))
    key_id, url = addresses.object_id("store", f"p:1:{long}"), addresses.by_form("change")
    page = admin.post(url, {"id": key_id, "at": "100", "mode": "edit-item", "element": "120"})
    assert page.column("Index")[0] == "100"
    assert page.form("set-item").data()["value"] == ["120"]
    page = admin.submit(page, "set-item", value="changed")
    assert store.lindex(f"p:1:{long}", 120) == stored("changed")

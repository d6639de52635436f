"""Flushing: what it destroys is said before, exactly, and nothing else goes."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.core.management import call_command

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    STRANGER,
    BrowserOf,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.page import Page
from tests.admin.test_tokens import mentions, seen_on

SESSION = "django.contrib.sessions.cache"


def ask(person: Browser, *aliases: str) -> Page:
    """Tick these caches and press the button; return the page that asks."""
    return person.submit(person.open(addresses.caches()), "flush", selected=list(aliases))


def row_about(page: Page, alias: str) -> str:
    """Return what the page that asks says of one cache."""
    return " ".join(page.table("What is deleted").row("Cache", alias).values())


FLUSHABLE = ("default", "valkey", "redis", "django", "table", "files", "stranger")


@pytest.mark.parametrize("alias", FLUSHABLE)
def test_each_kind_is_flushed_after_a_question(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    asked = ask(admin, alias)
    assert asked.heading == f'Flush "{alias}"?'
    assert caches[alias].get("hello") == {"to": "you"}
    done = admin.submit(asked, "confirm")
    assert f'Flushed "{alias}"' in done.text
    assert {one for one in FLUSHABLE if caches[one].get("hello") is None} == {alias}
    [entry] = LogEntry.objects.all()
    assert (entry.object_id, entry.object_repr, entry.user) == (alias, alias, admin.user)
    assert entry.content_type.model == "cache"


@pytest.mark.parametrize("alias", [one for one in FLUSHABLE if one != "stranger"])
def test_how_many_went_is_said_and_recorded(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    caches[alias].set("second", 1)
    done = admin.submit(ask(admin, alias), "confirm")
    assert f'Flushed "{alias}": 2 entries deleted.' in done.text
    assert "2 entries deleted" in LogEntry.objects.get().change_message


def test_several_are_flushed_at_once(admin: Browser, caches_of_every_kind: list[str]) -> None:
    asked = ask(admin, "valkey", "default", "table")
    assert asked.heading == "Flush 3 caches?"
    for alias in ("valkey", "default", "table"):
        assert row_about(asked, alias)
    done = admin.submit(asked, "confirm")
    assert done.text.count("Flushed ") == 3
    assert LogEntry.objects.count() == 3
    assert caches["redis"].get("hello") == {"to": "you"}


def test_the_safe_way_back_keeps_everything(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    back = admin.click(ask(admin, *FLUSHABLE), "cancel")
    assert back.url == addresses.caches()
    assert all(caches[alias].get("hello") for alias in FLUSHABLE)
    assert not LogEntry.objects.exists()


def test_what_can_be_flushed_has_a_box(admin: Browser, caches_of_every_kind: list[str]) -> None:
    form = admin.open(addresses.caches()).form("flush")
    boxes = {one.value for one in form.controls if one.name == "selected"}
    assert boxes >= {*FLUSHABLE, "refusing"}
    assert boxes.isdisjoint({"broken", "unflushable"})


def test_none_selected_does_nothing_and_says_so(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    page = admin.submit(admin.open(addresses.caches()), "flush")
    assert "Nothing was changed. First, select the caches to flush." in page.text
    page = admin.post(addresses.caches(), {"action": "flush", "confirmed": "1"})
    assert "Nothing was changed." in page.text
    page = admin.post(addresses.caches(), {"selected": ["valkey"], "confirmed": "1"})
    assert "Nothing was changed." in page.text
    assert all(caches[alias].get("hello") for alias in FLUSHABLE)


def test_a_cache_that_is_left_out_says_only_why(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    page = ask(admin, "refusing", "valkey")
    assert 'Error in "refusing"' in page.text
    assert "Other caches" not in page.text


# What is said before.


def test_our_backends_name_the_prefix(admin: Browser, caches_of_every_kind: list[str]) -> None:
    text = row_about(ask(admin, "valkey"), "valkey")
    assert "p:" in text
    assert "All keys with this cache's prefix are deleted, in all versions." in text
    assert "Other keys are kept." in text


def test_our_backends_leave_others_alone(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    for key in ("p:1:a", "p:2:b", "p:33:c", "q:1:d", "loose", "p:x", "pp:1:e"):
        raw.set(key, "x")
    done = admin.submit(ask(admin, "valkey"), "confirm")
    assert 'Flushed "valkey": 3 entries deleted.' in done.text
    assert sorted(raw.keys()) == [b"loose", b"p:x", b"pp:1:e", b"q:1:d"]


def test_a_whole_database_is_said_to_go_and_whose_keys_are_in_it(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    place = {"LOCATION": f"redis://{valkey_server.address}/0"}
    configure(
        legacy={"BACKEND": DJANGO_REDIS, **place},
        ours=valkey_params(valkey_server),
        theirs={"BACKEND": DJANGO_REDIS, **place, "KEY_PREFIX": "t"},
        elsewhere={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/1"},
    )
    raw.mset({f"any:{number}": 1 for number in range(1200)})
    text = row_about(ask(admin, "legacy"), "legacy")
    assert f"FLUSHDB on redis://{valkey_server.address}/0" in text
    assert "whole database" in text
    assert "1,200" in text
    assert '"ours"' in text
    assert '"theirs"' in text
    assert '"elsewhere"' not in text


def test_other_caches_of_one_prefix_are_named(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    place = {"LOCATION": f"redis://{valkey_server.address}/0"}
    configure(
        ours=valkey_params(valkey_server, KEY_PREFIX=""),
        theirs={"BACKEND": DJANGO_REDIS, **place},
        apart={"BACKEND": DJANGO_REDIS, **place, "KEY_PREFIX": "t"},
    )
    for alias in ("theirs", "apart"):
        caches[alias].set("hello", 1)
    asked = ask(admin, "ours")
    assert 'This includes the entries of "theirs".' in row_about(asked, "ours")
    admin.submit(asked, "confirm")
    assert (caches["theirs"].get("hello"), caches["apart"].get("hello")) == (None, 1)


def test_a_shared_table_is_said_to_go_and_whose_entries_are_in_it(
    admin: Browser, configure: Configure, database_table: str
) -> None:
    table = {"BACKEND": DATABASE, "LOCATION": database_table}
    configure(one=table, two={**table, "KEY_PREFIX": "q"})
    caches["two"].set("hello", 1)
    asked = ask(admin, "one")
    text = row_about(asked, "one")
    assert database_table in text
    assert '"two"' in text
    admin.submit(asked, "confirm")
    assert caches["two"].get("hello") is None


@pytest.mark.parametrize("kind", ["memory", "files", "stranger"])
def test_other_aliases_of_one_place_are_named(
    admin: Browser, configure: Configure, tmp_path: Any, kind: str
) -> None:
    params = {
        "memory": locmem_params(),
        "files": {"BACKEND": FILES, "LOCATION": str(tmp_path / "files")},
        "stranger": {"BACKEND": STRANGER, "LOCATION": uuid.uuid4().hex},
    }[kind]
    configure(one=params, two={**params, "KEY_PREFIX": "q"}, apart=locmem_params())
    text = row_about(ask(admin, "one"), "one")
    assert '"two"' in text
    assert '"apart"' not in text


def test_a_stranger_is_flushed_with_a_warning(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    text = row_about(ask(admin, "stranger"), "stranger")
    assert "clear()" in text
    assert "may be more than the keys of this cache" in text


# What cannot be flushed, or may not.


def test_what_cannot_be_flushed_is_named_with_the_reason(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    data = {"action": "flush", "selected": ["unflushable", "broken", "valkey"]}
    asked = admin.post(addresses.caches(), data)
    assert asked.heading == 'Flush "valkey"?'
    assert "Not included:" in asked.text
    assert '"unflushable" can\'t be flushed.' in asked.text
    assert '"broken" can\'t be flushed.' in asked.text
    done = admin.submit(asked, "confirm")
    assert done.text.count("Flushed ") == 1


def test_nothing_to_flush_offers_no_button(admin: Browser, caches_of_every_kind: list[str]) -> None:
    asked = admin.post(addresses.caches(), {"action": "flush", "selected": ["unflushable"]})
    assert asked.heading == "None of these caches can be flushed"
    assert not asked.has_action("confirm")


def test_a_forged_confirmation_flushes_what_can_be_and_says_what_not(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    selected = ["valkey", "unflushable", "default"]
    done = admin.post(
        addresses.caches(), {"action": "flush", "selected": selected, "confirmed": "1"}
    )
    flushed = {alias for alias in ("valkey", "default") if caches[alias].get("hello") is None}
    # All or nothing, or each with its message: never some in silence.
    assert flushed == {alias for alias in flushed if f'Flushed "{alias}"' in done.text}


def test_without_permission_nothing_is_flushed(
    browser_of: BrowserOf, caches_of_every_kind: list[str]
) -> None:
    person = browser_of("view_cache")
    asked = person.post(addresses.caches(), {"action": "flush", "selected": ["valkey"]})
    assert not asked.has_action("confirm")
    person.post(
        addresses.caches(), {"action": "flush", "selected": list(FLUSHABLE), "confirmed": "1"}
    )
    assert all(caches[alias].get("hello") for alias in FLUSHABLE)
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("alias", ["nobody", "", "*", "valkey\x00", "VALKEY"])
def test_unknown_aliases_flush_nothing(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    data = {"action": "flush", "selected": [alias], "confirmed": "1"}
    assert "Flushed" not in admin.post(addresses.caches(), data).text
    assert all(caches[one].get("hello") for one in FLUSHABLE)


# Failures.


def test_a_server_that_refuses_is_not_said_to_be_flushed(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    data = {"action": "flush", "selected": ["refusing", "valkey"], "confirmed": "1"}
    done = admin.post(addresses.caches(), data)
    assert "Not flushed" in done.text
    assert '"refusing"' in done.text
    assert 'Flushed "refusing"' not in done.text
    assert 'Flushed "valkey": 1 entry deleted.' in done.text
    assert LogEntry.objects.get().object_id == "valkey"


def test_a_server_that_denies_the_command_is_not_said_to_be_flushed(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">pw", "~*", "+@all", "-@dangerous")
    try:
        place = f"redis://clerk:pw@{valkey_server.address}/0"
        configure(legacy={"BACKEND": DJANGO_REDIS, "LOCATION": place})
        raw.set("a", 1)
        done = admin.submit(ask(admin, "legacy"), "confirm")
        assert "Not flushed" in done.text
        assert "Flushed" not in done.text.replace("Not flushed", "")
        assert raw.get("a") == b"1"
        assert not LogEntry.objects.exists()
    finally:
        raw.execute_command("ACL", "DELUSER", "clerk")


# In steps.


@pytest.fixture
def slow(settings: Any) -> None:
    """Steps of one batch each: a budget is over before it begins."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}


def fill(raw: valkey.Valkey, start: str, count: int) -> None:
    with raw.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.set(f"{start}{number}", "v")
        pipeline.execute()


def test_a_prefix_of_many_keys_is_flushed_in_steps(
    admin: Browser, valkey_server: servers.Server, configure: Configure, slow: None
) -> None:
    configure(
        valkey=valkey_params(valkey_server), second=valkey_params(valkey_server, KEY_PREFIX="q")
    )
    with valkey.Valkey(port=valkey_server.port) as raw:
        fill(raw, "p:1:a", 200)
        fill(raw, "p:2:b", 100)
        fill(raw, "q:1:c", 150)
        fill(raw, "r:1:d", 50)
        page = admin.submit(ask(admin, "valkey", "second"), "confirm")
        assert page.heading == "Flush 2 caches"
        assert "deleted so far" in page.text
        # A link back to this page would leave the run behind: its help is there without one.
        assert "To resume it within a day" in page.text
        assert "Refresh" not in page.text
        assert 50 < raw.dbsize() < 500
        said = [entry.change_message for entry in LogEntry.objects.all()]
        assert len(said) == 2
        assert all("deleted so far" in text for text in said)
        for _press in range(200):
            if not page.has_action("run"):
                break
            page = admin.submit(page, "run")
        assert 'Flushed "valkey": 300 entries deleted.' in page.text
        assert 'Flushed "second": 150 entries deleted' in page.text
        assert {entry.change_message for entry in LogEntry.objects.all()} == {
            'Flushed "valkey": 300 entries deleted.',
            'Flushed "second": 150 entries deleted.',
        }
        assert raw.dbsize() == 50


def test_a_flush_is_carried_on_by_nobody_else_and_not_without_permission(
    browser_of: BrowserOf, valkey_server: servers.Server, configure: Configure, slow: None
) -> None:
    configure(
        valkey=valkey_params(valkey_server), second=valkey_params(valkey_server, KEY_PREFIX="q")
    )
    person, other = browser_of("change_cache"), browser_of("change_cache")
    with valkey.Valkey(port=valkey_server.port) as raw:
        fill(raw, "p:1:a", 4000)
        fill(raw, "q:1:a", 10)
        page = person.submit(ask(person, "valkey"), "confirm")
        left = raw.dbsize()
        data = page.form("run").data()
        other.post(addresses.flushing(), data)
        person.post(addresses.flushing(), {**data, "cache": "second"})
        person.post(addresses.flushing(), {**data, "cache": "nobody"})
        person.post(addresses.flushing(), {"cache": "valkey", "state": "x"})
        person.open(addresses.flushing())
        person.user.user_permissions.clear()
        assert person.submit(page, "run").status == 403
        assert raw.dbsize() == left


# Refusals.


@pytest.fixture
def clerk(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> Iterator[Callable[..., None]]:
    """Return a function that says what the user of alias `valkey` may do; it has 30 keys."""

    def may(*rules: str) -> None:
        raw.execute_command("ACL", "SETUSER", "clerk", "on", ">secret", "+@all", "&*", *rules)

    place = f"valkey://clerk:secret@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=place))
    fill(raw, "p:1:user:", 20)
    fill(raw, "p:1:safe:", 10)
    yield may
    raw.execute_command("ACL", "DELUSER", "clerk")


def levels(page: Page) -> list[str]:
    """Return the kinds of messages and alerts on a page."""
    kinds = ("success", "warning", "error")
    names = " ".join(attributes.get("class", "") for _tag, attributes in page.tags)
    return [kind for kind in kinds if re.search(rf"\b{kind}\b", names)]


def test_a_flush_of_which_everything_is_refused_is_an_error_with_the_reason(
    admin: Browser, clerk: Callable[..., None], raw: valkey.Valkey
) -> None:
    clerk("~*", "-unlink", "-del")
    done = admin.submit(ask(admin, "valkey"), "confirm")
    assert raw.dbsize() == 30
    assert 'Not flushed: no entries of "valkey" could be deleted. 30 failed.' in done.text
    assert "permission" in done.text.lower()
    assert "Flushed" not in done.text
    assert levels(done) == ["error"]
    assert LogEntry.objects.get().change_message.startswith("Not flushed")


def test_a_flush_of_which_a_part_is_refused_is_a_warning_with_numbers(
    admin: Browser, clerk: Callable[..., None], raw: valkey.Valkey
) -> None:
    clerk("resetkeys", "~p:1:user:*", "%R~*")
    done = admin.submit(ask(admin, "valkey"), "confirm")
    assert raw.dbsize() == 10
    assert 'Flushed "valkey": 20 entries deleted. 10 failed.' in done.text
    assert "permission" in done.text.lower()
    assert levels(done) == ["warning"]


def test_a_flush_in_steps_that_is_refused_ends_in_an_error(
    admin: Browser, clerk: Callable[..., None], raw: valkey.Valkey, slow: None
) -> None:
    clerk("~*", "-unlink", "-del")
    fill(raw, "p:1:more:", 600)
    page = admin.submit(ask(admin, "valkey"), "confirm")
    while page.has_action("run"):
        assert levels(page) == ["warning"]
        page = admin.submit(page, "run")
    assert raw.dbsize() == 630
    assert "Nothing could be changed, because the cache refused." in page.text
    assert "Flushed" not in page.text
    assert levels(page) == ["error"]


def test_sessions_that_a_flush_could_not_delete_are_masked(
    browser_of: BrowserOf,
    clerk: Callable[..., None],
    raw: valkey.Valkey,
    settings: Any,
    slow: None,
) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    clerk("~*")
    person = browser_of("view_cache", "change_cache")
    clerk("resetkeys", "~p:1:user:*", "~p:1:more:*", "~p:1:safe:*", "%R~*")
    fill(raw, "p:1:more:", 600)
    ids = [f"{number:02}abcdefghijklmnopqrstuvwxyz0123" for number in range(15)]
    raw.mset({f"p:1:{SESSION}{id}": "v" for id in ids})
    page = person.submit(ask(person, "valkey"), "confirm")
    seen = [page]
    while page.has_action("run"):
        page = person.submit(page, "run")
        seen.append(page)
    assert "session ••••" in " ".join(one.text for one in seen)
    sights = [sight for one in seen for sight in seen_on(one)]
    assert any(b"\0session:" in sight for sight in sights)
    assert not [id for id in ids for sight in sights if mentions(sight, id)]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (("~*", "-unlink", "-del"), 'Not flushed: no entries of "valkey" could be deleted.'),
        (("resetkeys", "~p:1:user:*", "%R~*"), "20 entries deleted. 10 failed."),
    ],
    ids=["all", "some"],
)
def test_the_command_line_fails_where_a_flush_is_refused(
    clerk: Callable[..., None], rules: tuple[str, ...], said: str
) -> None:
    clerk(*rules)
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("cachex", "flush", "valkey", "--yes", stdout=out, stderr=err)
    assert ended.value.code == 1
    assert said in out.getvalue()
    assert "permission" in err.getvalue().lower()

"""Changes whose answer came too late: nobody knows what became of them, and that is on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import VALKEY, Configure
from tests.admin.page import Page
from tests.admin.test_matching import ask

LATE = "Attempted, but no answer in time: "
TIMEOUT, LONGEST = 0.4, 1.4
"""Seconds that servers are given, and that a page may take."""


@pytest.fixture(autouse=True)
def _impatient(settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": TIMEOUT}


@pytest.fixture
def hanging(raw: valkey.Valkey) -> Callable[[], Any]:
    """Return a context in which the server answers what is read, and lets changes wait."""

    @contextmanager
    def paused() -> Iterator[None]:
        raw.client_pause(60_000, all=False)
        try:
            yield
        finally:
            raw.client_unpause()

    return paused


def recorded(flag: int) -> str:
    """Return the only record, which is of this kind."""
    entry = LogEntry.objects.get()
    assert entry.action_flag == flag
    return str(entry.get_change_message())


def is_honest(page: Page) -> bool:
    """Return whether a page says neither that a change was made nor that it was not."""
    firm = (words.SAVED, words.stored("key"), words.DELETED, "Not saved", words.NOTHING_DELETED)
    return page.status == 200 and not any(text in page.text for text in firm)


def test_a_late_answer_to_an_addition(
    admin: Browser, server_cache: Any, hanging: Callable[[], Any]
) -> None:
    form = admin.open(addresses.add("valkey"))
    with hanging():
        page = admin.submit(form, "add", key="key", value="topsecret", timeout="60")
    assert page.seconds < LONGEST
    assert words.UNKNOWN_IF_SAVED in page.text
    # Nothing on the form is wrong: no field is to be looked at.
    assert is_honest(page)
    assert page.form("add").control("value").value == "topsecret"
    assert recorded(ADDITION).startswith(f"{LATE}Stored as text. TTL set to 60 s")


def test_a_late_answer_to_an_edit(
    admin: Browser, server_cache: Any, hanging: Callable[[], Any]
) -> None:
    server_cache.set("key", "old", 1000)
    form = admin.open(addresses.key("valkey", "p:1:key", mode="edit"))
    with hanging():
        page = admin.submit(form, "save", value="topsecret")
    assert page.seconds < LONGEST
    assert words.UNKNOWN_IF_SAVED in page.text
    assert is_honest(page)
    message = recorded(CHANGE)
    assert message.startswith(f"{LATE}Value changed (9 characters, fingerprint")
    assert "topsecret" not in message


def test_a_late_answer_to_a_ttl(
    admin: Browser, server_cache: Any, hanging: Callable[[], Any]
) -> None:
    server_cache.set("key", "v", 1000)
    with hanging():
        page = admin.post(addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": "60"})
    assert page.seconds < LONGEST
    assert is_honest(page)
    assert recorded(CHANGE).startswith(LATE + words.expires_in(60))


def test_a_late_answer_to_a_deletion(
    admin: Browser, server_cache: Any, hanging: Callable[[], Any]
) -> None:
    server_cache.set("key", "v", 1000)
    asked = admin.open(addresses.delete("valkey", "p:1:key"))
    with hanging():
        page = admin.submit(asked, "confirm")
    assert words.UNKNOWN_IF_DELETED in page.text
    assert is_honest(page)
    assert recorded(DELETION).startswith(f"{LATE}Deleted 1 key")


def test_a_flush_of_many_that_hang_takes_no_longer_than_one(
    admin: Browser, configure: Configure
) -> None:
    # They were up when the question was asked, and are silent when it is answered.
    with servers.silent() as port:
        silent = {"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"}
        names = [f"hanging{number}" for number in range(5)]
        configure(**dict.fromkeys(names, silent))
        data = {"action": "flush", "selected": names, "confirmed": "1"}
        done = admin.post(addresses.caches(), data, follow=False)
        assert done.status == 302
        assert done.seconds < LONGEST
        page = admin.open(addresses.caches())
    assert page.text.count("Not flushed.") == 5
    assert not LogEntry.objects.exists()


def test_a_late_answer_to_a_batch_of_many(
    admin: Browser, server_cache: Any, hanging: Callable[[], Any]
) -> None:
    server_cache.set_many({f"user:{number}": 1 for number in range(20)})
    asked = ask(admin, "valkey", action="delete", q="user:*")
    with hanging():
        page = admin.submit(asked, "confirm")
    assert page.seconds < LONGEST
    assert "20 keys may have been changed" in page.text
    message = recorded(CHANGE)
    assert "Deleted 0 keys; result unknown for 20." in message
    server_cache.set("user:new", 1)
    done = admin.submit(page, "run")
    assert "result unknown for 20" in done.text
    assert "result unknown for 20" in recorded(CHANGE)


def test_what_was_not_asked_for_in_time_is_not_on_record(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    """Reading took all the time that there was: the deletion was never begun."""
    server_cache.set("key", "v", 1000)
    data = {
        "action": "delete",
        "selected": [addresses.object_id("valkey", "p:1:key")],
        "confirmed": "1",
    }
    # It ends by itself: CLIENT UNPAUSE would wait with all the others.
    raw.client_pause(2_000, all=True)
    page = admin.post(addresses.keys("valkey"), data)
    assert words.NOTHING_DELETED in page.text
    assert not LogEntry.objects.exists()
    assert server_cache.get("key") == "v"

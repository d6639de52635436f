"""What a page says of a change that failed: not made, or not known, and the text is kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params
from tests.admin.page import Page

TYPED = "written at length"
TEXT, HASH = "p:1:text", "p:1:hash"
FIELD = "=Zg"
"""The ID of the field `f`."""


@pytest.fixture(autouse=True)
def _impatient(settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 1.0}


@pytest.fixture
def server(configure: Configure) -> Iterator[servers.Server]:
    """A server for one test, with a string and a hash in alias `store`."""
    with servers.valkey() as server:
        configure(store=valkey_params(server))
        with valkey.Valkey(port=server.port) as client:
            client.hset(HASH, "f", "old")
        caches["store"].set("text", "old")
        yield server


@contextmanager
def stopped(server: servers.Server) -> Iterator[None]:
    """Stop the server as a hanging machine does: connections stay open, nothing answers."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


@contextmanager
def killed(server: servers.Server) -> Iterator[None]:
    """Kill the server: connections are refused."""
    server.process.kill()
    server.process.wait()
    yield


@contextmanager
def writes_paused(server: servers.Server) -> Iterator[None]:
    """Let the server answer what is read; changes wait until the end, and are then made.

    A page of a collection is read with a script, which waits, too.
    """
    with valkey.Valkey(port=server.port) as client:
        client.client_pause(60_000, all=False)
        try:
            yield
        finally:
            client.client_unpause()


Failure = Callable[[servers.Server], AbstractContextManager[None]]

SAVES: dict[str, tuple[Callable[[], str], str, dict[str, str]]] = {
    "value": (lambda: addresses.key("store", TEXT, mode="edit"), "save", {"value": TYPED}),
    "ttl": (lambda: addresses.key("store", TEXT, mode="expire"), "set-ttl", {"timeout": "777"}),
    "name": (lambda: addresses.key("store", TEXT, mode="rename"), "set-name", {"name": TYPED}),
    "copy": (lambda: addresses.key("store", TEXT, mode="copy"), "make-copy", {"name": TYPED}),
    "key": (lambda: addresses.add("store"), "add", {"key": "new", "value": TYPED}),
    "new field": (
        lambda: addresses.key("store", HASH, mode="add-field"),
        "store-field",
        {"field": "g", "value": TYPED},
    ),
    "field": (
        lambda: addresses.key("store", HASH, mode="edit-field", element=FIELD),
        "set-field",
        {"value": TYPED},
    ),
    "field name": (
        lambda: addresses.key("store", HASH, mode="rename-field", element=FIELD),
        "set-field-name",
        {"field": TYPED},
    ),
}
"""What is saved -> the URL of its form, the form's `data-action`, and what is typed."""


def save(admin: Browser, server: servers.Server, what: str, failure: Failure) -> Page:
    """Submit a form while the server fails; return the page, on which nothing typed is lost."""
    url, action, typed = SAVES[what]
    form = admin.open(url())
    with failure(server):
        page = admin.submit(form, action, **typed)
    assert page.status == 200
    for name, text in typed.items():
        assert page.form(action).control(name).value == text
    assert words.SAVED not in page.text
    return page


@pytest.mark.parametrize("what", SAVES)
@pytest.mark.parametrize("failure", [stopped, killed])
def test_without_a_server_nothing_is_saved_and_the_text_is_kept(
    admin: Browser, server: servers.Server, what: str, failure: Failure
) -> None:
    page = save(admin, server, what, failure)
    # A new key is not read first: a server that hangs may have received it.
    is_unknown = what == "key" and failure is stopped
    assert (words.NOT_SAVED in page.text) != is_unknown
    assert (words.UNKNOWN_IF_SAVED in page.text) == is_unknown
    assert page.text.count("Other caches are unaffected.") == 1
    assert LogEntry.objects.exists() == is_unknown


@pytest.mark.parametrize("what", [what for what in SAVES if what != "new field"])
def test_of_a_change_that_may_have_been_made_nothing_is_claimed(
    admin: Browser, server: servers.Server, what: str
) -> None:
    page = save(admin, server, what, writes_paused)
    assert words.UNKNOWN_IF_SAVED in page.text
    assert words.NOT_SAVED not in page.text
    assert LogEntry.objects.get().get_change_message().startswith("Attempted")


def test_what_was_sent_again_after_the_server_came_back_is_saved(
    admin: Browser, server: servers.Server
) -> None:
    page = save(admin, server, "field", stopped)
    page = admin.submit(page, "set-field")
    assert words.SAVED in page.text
    with valkey.Valkey(port=server.port) as client:
        assert TYPED.encode() in (client.hget(HASH, "f") or b"")


@pytest.mark.parametrize("failure", [stopped, killed, writes_paused])
def test_a_failed_deletion_says_whether_anything_was_deleted(
    admin: Browser, server: servers.Server, failure: Failure
) -> None:
    question = admin.open(addresses.delete("store", TEXT))
    with failure(server):
        page = admin.submit(question, "confirm")
    assert (words.UNKNOWN_IF_DELETED in page.text) == (failure is writes_paused)
    assert (words.NOTHING_DELETED in page.text) == (failure is not writes_paused)


def test_the_text_for_an_element_that_vanished_is_kept(
    admin: Browser, server: servers.Server
) -> None:
    form = admin.open(addresses.key("store", HASH, mode="edit-field", element=FIELD))
    with valkey.Valkey(port=server.port) as client:
        client.hset(HASH, "g", "other")
        client.hdel(HASH, "f")
    page = admin.submit(form, "set-field", value=TYPED)
    assert page.form("set-field").control("value").value == TYPED
    assert page.column("Field") == ["g"]
    assert not LogEntry.objects.exists()

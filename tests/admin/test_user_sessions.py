"""The page about sessions: real sessions of people, found, read and ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.http import HttpRequest
from django.test import Client

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    ROOMY,
    BrowserOf,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.page import Page
from tests.admin.test_command_line import Ran

STORES = [
    ("valkey", "cache"),
    ("valkey", "cached_db"),
    ("django", "cache"),
    ("table", "cached_db"),
    ("local", "cache"),
    ("files", "cache"),
]


@pytest.fixture(params=STORES, ids="-".join)
def store(
    request: pytest.FixtureRequest,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
    tmp_path: Path,
    settings: Any,
) -> str:
    """Sessions of one engine in one kind of cache."""
    kind, engine = request.param
    location = valkey_server.address
    params = {
        "valkey": valkey_params(valkey_server),
        "django": {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{location}/1"},
        "table": {"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
        "local": locmem_params(),
        "files": {"BACKEND": FILES, "LOCATION": str(tmp_path / "files"), "OPTIONS": ROOMY},
    }
    configure(**{kind: params[kind]})
    caches[kind].clear()
    use_sessions(settings, kind, engine)
    return str(kind)


def use_sessions(settings: Any, alias: str, engine: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_CACHE_ALIAS = alias


def log_in(user: User, **holds: Any) -> Client:
    client = Client()
    client.force_login(user)
    session = client.session
    session.update(holds)
    session.save()
    return client


def is_logged_in(client: Client) -> bool:
    request = HttpRequest()
    engine = __import__(client.session.__module__, fromlist=["SessionStore"])
    cookie = client.cookies["sessionid"].value
    request.session = engine.SessionStore(cookie)
    return bool(get_user(request).is_authenticated)


@pytest.fixture
def ann(store: str) -> User:
    return User.objects.create_user("ann", "Ann@example.com")


@pytest.fixture
def root(store: str, superuser: User) -> Browser:
    """A superuser whose own session is in the cache."""
    return Browser(superuser)


def shown(page: Page) -> int:
    return page.html.count('name="selected"')


def test_the_sessions_of_a_user_are_found_and_read(root: Browser, ann: User) -> None:
    clients = [log_in(ann, basket={"lamp": 2}, api_token="hush-hush") for _number in range(2)]
    log_in(User.objects.create_user("bob"), basket={"chair": 1})
    for who in ("ann", "ann@EXAMPLE.com", str(ann.pk)):
        page = root.open(addresses.sessions(of=who))
        assert shown(page) == 2, who
    assert "4 values read" in page.text
    assert "basket:" in page.text
    assert "lamp" in page.text
    assert "chair" not in page.text
    for secret in (
        "hush-hush",
        "_auth_user_hash",
        *(one.cookies["sessionid"].value for one in clients),
    ):
        assert secret not in page.html
    assert clients[0].cookies["sessionid"].value[-4:] in page.text or "files" in page.text
    assert shown(root.open(addresses.sessions(of="bob"))) == 1
    nobody = root.open(addresses.sessions(of="nobody"))
    assert shown(nobody) == 0
    assert "There is no such user" in nobody.text


def test_chosen_sessions_end_and_others_stay(root: Browser, ann: User, store: str) -> None:
    first, second = log_in(ann), log_in(ann)
    bob = log_in(User.objects.create_user("bob"))
    page = root.open(addresses.sessions(of="ann"))
    empty = root.submit(page, "end-selected")
    assert is_logged_in(first)
    assert is_logged_in(second)
    assert empty.has_action("end-all")
    row = page.form("end-selected").controls
    [one, *_others] = [control.value for control in row if control.name == "selected"]
    question = root.submit(page, "end-selected", selected=[one])
    assert is_logged_in(first)
    assert is_logged_in(second)
    done = root.submit(question, "confirm")
    assert sorted([is_logged_in(first), is_logged_in(second)]) == [False, True]
    assert shown(done) == 1
    root.submit(root.submit(done, "end-all"), "confirm")
    assert not is_logged_in(first)
    assert not is_logged_in(second)
    assert is_logged_in(bob)
    entries = LogEntry.objects.filter(content_type__model="key")
    assert entries.count() == 2
    for entry in entries:
        assert '"ann"' in entry.get_change_message()
        for client in (first, second):
            id = client.cookies["sessionid"].value
            assert id not in f"{entry.object_id} {entry.object_repr} {entry.change_message}"
    assert not Session.objects.filter(session_key=first.cookies["sessionid"].value)


def test_ones_own_session_is_marked_and_ends_in_the_login(
    root: Browser, superuser: User, store: str
) -> None:
    other = log_in(superuser)
    page = root.open(addresses.sessions(of="root"))
    kept = root.submit(root.submit(page, "end-others"), "confirm")
    assert not is_logged_in(other)
    assert shown(kept) == 1
    question = root.submit(kept, "end-all")
    assert "you will be logged out" in question.text
    out = root.submit(question, "confirm")
    assert "username" in {control.name for form in out.forms for control in form.controls}
    assert not is_logged_in(root.client)


def test_others_see_a_number_whatever_they_ask(
    browser_of: BrowserOf, ann: User, store: str
) -> None:
    client = log_in(ann)
    person = browser_of("view_key", "delete_key", "view_cache", "change_cache")
    texts = {
        who: person.open(addresses.sessions(**query)).text
        for who, query in {
            "": {},
            "ann": {"of": "ann"},
            "nobody": {"of": "nobody"},
            "pk": {"user": ann.pk},
        }.items()
    }
    assert len(set(texts.values())) == 1
    assert "2 sessions" in texts["ann"]
    for data in ({"action": "end-all"}, {"action": "end", "state": "x"}):
        answer = person.post(addresses.sessions(of="ann"), data)
        assert answer.status == 200
    assert is_logged_in(client)
    assert browser_of("add_key").open(addresses.sessions()).status == 403


def test_a_token_of_another_person_or_user_is_refused(
    root: Browser, ann: User, store: str, browser_of: BrowserOf
) -> None:
    client = log_in(ann)
    log_in(User.objects.create_user("bob"))
    question = root.submit(root.open(addresses.sessions(of="ann")), "end-all")
    state = question.form("confirm").control("state").value
    another = User.objects.create_superuser("other", "", "other")
    for person, who in (
        (Browser(another), "ann"),
        (root, "bob"),
        (browser_of("delete_key", "view_key"), "ann"),
    ):
        person.post(addresses.sessions(of=who), {"action": "end", "state": state})
        assert is_logged_in(client)
    root.post(addresses.sessions(of="ann"), {"action": "end", "state": state})
    assert not is_logged_in(client)


def test_a_search_goes_on_where_it_stopped(
    root: Browser, ann: User, store: str, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.0001}
    for _number in range(6):
        log_in(ann)
    page = root.open(addresses.sessions(of="ann"))
    for _request in range(50):
        if not page.has_action("continue"):
            break
        page = root.submit(page, "continue")
    assert shown(page) == 6


@pytest.mark.parametrize("engine", ["db", "signed_cookies", "file"])
def test_sessions_elsewhere_are_named(
    superuser: User, settings: Any, engine: str, tmp_path: Path
) -> None:
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    page = Browser(superuser).open(addresses.sessions(of="root"))
    assert page.status == 200
    assert settings.SESSION_ENGINE in page.text


def test_copies_that_would_remain_are_not_ended(
    superuser: User, configure: Configure, settings: Any, tmp_path: Path
) -> None:
    """Of a folder of hashes, the ids for the rows in the database aren't known."""
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files"), "OPTIONS": ROOMY})
    use_sessions(settings, "files", "cached_db")
    root = Browser(superuser)
    page = root.open(addresses.sessions(of="root"))
    assert "Sessions can't be ended here" in page.text
    assert not page.has_action("end-all")
    root.post(addresses.sessions(of="root"), {"action": "end-all"})
    assert is_logged_in(root.client)


def test_a_read_only_or_hidden_cache_is_respected(
    root: Browser, ann: User, store: str, settings: Any
) -> None:
    client = log_in(ann)
    question = root.submit(root.open(addresses.sessions(of="ann")), "end-all")
    settings.CACHEX_ADMIN = {"ALIASES": {store: "read-only"}}
    root.submit(question, "confirm")
    assert is_logged_in(client)
    assert not root.open(addresses.sessions(of="ann")).has_action("end-all")
    settings.CACHEX_ADMIN = {"ALIASES": {store: "hidden"}}
    assert root.open(addresses.sessions(of="ann")).status == 404


def test_people_who_share_an_address_are_offered(root: Browser, ann: User) -> None:
    User.objects.create_user("anna", "ann@example.com")
    log_in(ann)
    page = root.open(addresses.sessions(of="ann@example.com"))
    assert page.has_action("choose-user")
    assert shown(root.click(page, "choose-user", "ann")) == 1


def test_the_tab_is_there_for_the_caches_that_store_sessions(root: Browser, store: str) -> None:
    page = root.open(addresses.keys(store))
    assert root.click(page, "sessions").status == 200
    assert not root.open(addresses.keys("default")).has_action("sessions")
    assert root.open(addresses.caches()).has_action("sessions")


def test_the_command_line_counts_lists_and_ends(ann: User, store: str, superuser: User) -> None:
    clients = [log_in(ann), log_in(ann)]
    bob = log_in(User.objects.create_user("bob"))
    assert Ran("sessions", "--json").lines == [{"sessions": 3}]
    listing = Ran("sessions", "--of", "ann", "--json")
    assert len(listing.lines) == 2
    assert clients[0].cookies["sessionid"].value not in listing.out
    assert Ran("sessions", "--end", "--yes").code == 2
    assert Ran("sessions", "--of", "nobody", "--end", "--yes").code == 1
    assert Ran("sessions", "--of", "ann", "--end", "--dry-run").code == 0
    assert all(map(is_logged_in, clients))
    ran = Ran("sessions", "--of", "ann", "--end", "--yes", "--user", "root", "--json")
    assert ran.lines == [{"ended": 2}]
    assert not any(map(is_logged_in, clients))
    assert is_logged_in(bob)
    assert LogEntry.objects.filter(user=superuser, content_type__model="key").count() == 2


def test_a_server_that_is_down_is_named(
    superuser: User, configure: Configure, valkey_server: servers.Server, settings: Any
) -> None:
    params = valkey_params(valkey_server)
    down = {"LOCATION": "valkey://127.0.0.1:1/0", "OPTIONS": {"ignore_exceptions": True}}
    configure(sessions={**params, **down})
    use_sessions(settings, "sessions", "cached_db")
    root = Browser(superuser)
    page = root.open(addresses.sessions(of="root"))
    assert page.status == 200
    assert page.has_action("try-again")
    assert "0 session" not in page.text


@pytest.mark.parametrize("text", ["\x00", "9" * 500, "<b>", "ann' OR 1=1", "é" * 300, "%"])
def test_any_text_about_a_user_gets_an_answer(root: Browser, text: str) -> None:
    for query in ({"of": text}, {"user": text}):
        page = root.open(addresses.sessions(**query))
        assert page.status == 200
        assert "<b>" not in page.html

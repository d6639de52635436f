"""What a log entry says of a change: names, positions and times, but no values."""

from __future__ import annotations

import json
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import caches

from django_cachex.admin.differences import describe_differences, join_names
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, stored_key, valkey_params
from tests.admin.test_elements import KEY, open_row, opened, remove, stored, ticks
from tests.servers import Server


def record() -> str:
    return str(LogEntry.objects.latest("id").change_message)


@pytest.fixture
def store(configure: Configure, valkey_server: Server, raw: valkey.Valkey) -> valkey.Valkey:
    configure(store=valkey_params(valkey_server))
    return raw


def edit(person: Browser, alias: str, name: str, value: str, **fields: str) -> None:
    page = person.open(addresses.key(alias, stored_key(alias, name)))
    person.submit(person.submit(page, "edit"), "save", value=value, **fields)


def test_changed_fields_of_an_object_are_named(admin: Browser, listing: str) -> None:
    old = {"price": "secret-1", "stock": "secret-2", "size": "secret-3", "same": "secret-4"}
    caches[listing].set("key", old, 1000)
    new = {"price": "secret-5", "stock": "secret-6", "same": "secret-4", "colour": "secret-7"}
    edit(admin, listing, "key", json.dumps(new))
    text = record()
    start = 'Value changed: fields "price", "stock" changed; field "colour" added; '
    assert text.startswith(f'{start}field "size" removed (')
    assert "fingerprint" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ({"a": 1}, {"a": True}, 'field "a" changed'),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, 'field "a" changed'),
        ([1, 2, 3, 4], [1, 0, 3, 0], "items 1, 3 changed"),
        ([1, 2], [1, 2], ""),
        ([1, 2], [0, 1, 2], "number of items changed from 2 to 3"),
        ({"a": 1}, [1], "a JSON object became a JSON array"),
        ("old", "new", ""),
        (1, 2, ""),
    ],
)
def test_differences_are_told_without_values(old: Any, new: Any, text: str) -> None:
    assert describe_differences(old, new) == text


def test_differences_are_bounded() -> None:
    many = {f"field {number:03} {'x' * 100}": number for number in range(1000)}
    text = describe_differences({}, many)
    assert "and 995 more" in text
    assert len(text) < 400


def test_names_that_may_be_session_ids_are_masked(settings: Any, server_cache: Any) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    session = "0123456789abcdefghijklmnopqrstuv"
    assert session not in join_names([f"user of {session}"])


def test_fields_of_a_session_are_not_named(
    superuser: User, server_cache: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    name = "django.contrib.sessions.cache0123456789abcdefghijklmnopqrstuv"
    server_cache.set(name, {"basket": 1}, 1000)
    edit(Browser(superuser), "valkey", name, '{"basket": 2}')
    assert record().startswith("Value changed (")


def test_the_old_and_the_new_ttl_are_told(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "value", None)
    url = addresses.key("valkey", "p:1:key")
    admin.post(url, {"mode": "set-ttl", "timeout": "3600"})
    assert record().endswith("Before, it never expired.")
    admin.post(url, {"mode": "set-ttl", "timeout": "never"})
    assert "Before, it expired in 1 h" in record() or "Before, it expired in 59 min" in record()
    edit(admin, "valkey", "key", "value", timeout="60")
    assert record().endswith("Before, it never expired.")
    edit(admin, "valkey", "key", "other")
    assert "Before" not in record()


def test_fields_are_named_and_members_are_not(admin: Browser, store: valkey.Valkey) -> None:
    store.hset(KEY, mapping={name: stored({"n": 1, "m": 2}) for name in "abc"})
    row = open_row(admin, "edit-field", "b")
    admin.submit(row, "set-field", value='{"n": 9, "m": 2}')
    assert record().startswith('Field "b" changed: field "n" changed (')
    remove(admin, *ticks(opened(admin))[:2], confirmed="1")
    assert record() == '2 fields removed: "a", "b".'
    store.delete(KEY)
    store.sadd(KEY, *map(stored, ("secret-1", "secret-2", "secret-3")))
    remove(admin, *ticks(opened(admin))[:2], confirmed="1")
    assert record() == "2 members removed."


def test_positions_of_items_and_scores_are_told(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush(KEY, *map(stored, "abcd"))
    remove(admin, ticks(opened(admin))[1], ticks(opened(admin))[3], confirmed="1")
    assert record() == "2 items removed: 1, 3."
    store.delete(KEY)
    store.zadd(KEY, {stored("secret"): 1.5})
    admin.submit(open_row(admin, "edit-score", "secret"), "set-score", score="7")
    assert record().startswith("Score of a member changed from 1.5 to 7")
    assert "secret" not in record()

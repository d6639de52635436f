"""What Django's *Recent actions* and other lists of log entries say, without this admin's pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from django_cachex.admin.log_entries import record_keys
from django_cachex.admin.models import Cache, Key
from django_cachex.inspectors import inspector_for
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params
from tests.admin.page import Page
from tests.admin.test_matching import run
from tests.servers import Server


def recent_links(person: Browser) -> dict[str, Page]:
    """Return the pages that *Recent actions* links to, by the text of the link."""
    page = person.open("/admin/")
    entries = [str(entry) for entry in LogEntry.objects.values_list("object_repr", flat=True)]
    return {one.text: person.open(one.url) for one in page.links if one.text in entries}


def change_ttl(person: Browser, name: str) -> None:
    person.post(addresses.key("valkey", f"p:1:{name}"), {"mode": "set-ttl", "timeout": "60"})


def test_a_key_is_named_with_its_cache(admin: Browser, server_cache: Any) -> None:
    server_cache.set("user:4711:profile", 1)
    change_ttl(admin, "user:4711:profile")
    [(text, page)] = recent_links(admin).items()
    assert text == "user:4711:profile (valkey)"
    assert page.heading.startswith("user:4711:profile")
    admin.post(addresses.delete("valkey", "p:1:user:4711:profile"), {"confirmed": "1"})
    deleted = LogEntry.objects.get(action_flag=DELETION)
    assert deleted.object_repr == "user:4711:profile (valkey)"


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ({"q": "views:1*:meta"}, 'valkey: keys "views:1*:meta"'),
        ({"q": "views:1"}, 'valkey: keys "*views:1*"'),
        (
            {"q": "views:*", "type": "string", "expires": "never"},
            'valkey: keys "views:*" that are of type string and never expire',
        ),
    ],
)
def test_a_pattern_is_named_and_its_cache_is_not_deleted(
    admin: Browser, server_cache: Any, query: dict[str, str], subject: str
) -> None:
    server_cache.set_many({f"views:1{number}:meta": number for number in range(3)}, None)
    run(admin, "valkey", action="delete", **query)
    entry = LogEntry.objects.get()
    assert "Deleted 3 keys." in entry.change_message
    assert (entry.object_repr, entry.action_flag) == (subject, CHANGE)
    assert recent_links(admin)[subject].status == 200


def test_many_selected_keys_are_counted_and_their_cache_is_not_deleted(
    admin: Browser, server_cache: Any
) -> None:
    server_cache.set_many({f"key:{number}": number for number in range(501)})
    chosen = [addresses.object_id("valkey", f"p:1:key:{number}") for number in range(501)]
    data = {"action": "delete", "selected": chosen, "confirmed": "1"}
    admin.post(addresses.keys("valkey"), data)
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.action_flag) == ("valkey: 501 keys", CHANGE)


def test_a_long_name_leaves_room_for_its_cache(admin: Browser, server_cache: Any) -> None:
    server_cache.set("x" * 195, 1)
    change_ttl(admin, "x" * 195)
    text = LogEntry.objects.get().object_repr
    assert len(text) == 200
    assert text.endswith("x… (valkey)")


def test_a_name_is_shown_however_long_its_alias_is(
    superuser: User, configure: Configure, valkey_server: Server
) -> None:
    alias = "a" * 300
    configure(**{alias: valkey_params(valkey_server)})
    inspector = inspector_for(alias)
    record_keys(superuser.pk, CHANGE, inspector, [inspector.make_key("hello")], lambda: "Changed.")
    text = LogEntry.objects.get().object_repr
    assert len(text) == 200
    assert text.startswith("hello (aaa")


def test_entries_of_earlier_versions_are_still_shown(admin: Browser, server_cache: Any) -> None:
    server_cache.set("hello", 1)
    for model, object_id, name, flag in (
        (Cache, "valkey", "valkey", DELETION),
        (Key, addresses.object_id("valkey", "p:1:hello"), "hello", CHANGE),
        (Key, addresses.object_id("gone", "p:1:hello"), "bye", CHANGE),
    ):
        LogEntry.objects.create(
            user=admin.user,
            content_type=ContentType.objects.get_for_model(model),
            object_id=object_id,
            object_repr=name,
            action_flag=flag,
            change_message="Deleted 7 keys.",
        )
    links = recent_links(admin)
    assert links["hello"].heading.startswith("hello")
    assert links["bye"].status == 404
    for url in (
        addresses.cache_history("valkey"),
        addresses.history("valkey", "p:1:hello"),
    ):
        assert admin.open(url).column("What changed")[-1] == "Deleted 7 keys."

"""Fields that expire, in the admin and on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params
from tests.admin.page import Page

KEY = "p:1:key"
MOMENT = 2_000_000_000_123
"""In 2033, at an odd millisecond."""


@pytest.fixture
def store(configure: Configure, valkey_9_server: servers.Server) -> Any:
    configure(store=valkey_params(valkey_9_server))
    with valkey.Valkey(port=valkey_9_server.port) as client:
        client.hset(KEY, mapping={"brief": "1", "lasting": "2"})
        expire(client, "brief")
        yield client


def expire(store: valkey.Valkey, field: str, moment: int = MOMENT) -> None:
    assert store.execute_command("HPEXPIREAT", KEY, moment, "FIELDS", 1, field) == [1]


def moment(store: valkey.Valkey, field: str) -> int:
    [found] = store.execute_command("HPEXPIRETIME", KEY, "FIELDS", 1, field)
    return int(found)


def opened(browser: Browser) -> Page:
    return browser.open(addresses.key("store", KEY))


def open_row(browser: Browser, does: str, about: str) -> Page:
    return browser.click(opened(browser), does, about)


def test_the_page_says_what_each_field_has_left(admin: Browser, store: valkey.Valkey) -> None:
    page = opened(admin)
    ttls = dict(zip(page.column("Field"), page.column("TTL"), strict=True))
    assert ttls["lasting"] == "never"
    assert "days" in ttls["brief"]


def test_an_edit_of_a_field_keeps_its_ttl(admin: Browser, store: valkey.Valkey) -> None:
    page = admin.submit(open_row(admin, "edit-field", "brief"), "set-field", value="3")
    assert 'Field "brief" changed' in page.text
    assert "in the meantime" not in page.text
    assert store.hget(KEY, "brief") == b"3"
    assert moment(store, "brief") == MOMENT
    page = admin.submit(open_row(admin, "rename-field", "brief"), "set-field-name", field="short")
    assert 'Field "brief" renamed to "short".' in page.text
    assert moment(store, "short") == MOMENT


def test_a_ttl_given_while_the_form_was_open_is_kept_and_told(
    admin: Browser, store: valkey.Valkey
) -> None:
    form = open_row(admin, "edit-field", "lasting")
    expire(store, "lasting")
    page = admin.submit(form, "set-field", value="3")
    assert "Its TTL was changed in the meantime, and the new TTL was kept." in page.text
    assert moment(store, "lasting") == MOMENT
    assert "Its TTL was changed" in LogEntry.objects.latest("id").change_message


def test_the_ttl_of_a_row_can_be_changed(admin: Browser, store: valkey.Valkey) -> None:
    form = open_row(admin, "expire-field", "brief")
    assert "Currently expires in " in form.text
    page = admin.submit(form, "set-field-ttl", timeout="1000")
    assert 'Field "brief": TTL set to 1,000 s' in page.text
    [left] = store.execute_command("HPTTL", KEY, "FIELDS", 1, "brief")
    assert 0 < left <= 1_000_000
    page = admin.submit(open_row(admin, "expire-field", "brief"), "set-field-ttl", never="on")
    assert "The field never expires" in page.text
    assert moment(store, "brief") == -1


def test_the_ttl_that_somebody_else_gave_meanwhile_is_not_overwritten_unsaid(
    admin: Browser, store: valkey.Valkey
) -> None:
    form = open_row(admin, "expire-field", "lasting")
    expire(store, "lasting")
    page = admin.submit(form, "set-field-ttl", timeout="1000")
    assert "The TTL of the field was changed." in page.text
    assert "Currently expires in " in page.text
    assert moment(store, "lasting") == MOMENT
    admin.submit(page, "overwrite")
    [left] = store.execute_command("HPTTL", KEY, "FIELDS", 1, "lasting")
    assert 0 < left <= 1_000_000


def test_the_command_line_says_what_each_field_has_left(
    store: valkey.Valkey, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("cachex", "get", "store", "key")
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["Field", "Value", "TTL"]
    [brief, lasting] = sorted(rows)
    assert brief.startswith("brief  1  in ")
    assert lasting == "lasting  2  never"
    call_command("cachex", "get", "store", "key", "--json")
    found = json.loads(capsys.readouterr().out)
    ttls = dict(zip((row[0] for row in found["elements"]), found["ttls"], strict=True))
    assert ttls["lasting"] is None
    assert 0 < ttls["brief"] < MOMENT / 1000

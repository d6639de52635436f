"""TTLs in other ways than a duration: a moment, so much longer; in words before they are saved."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.utils import timezone

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.page import Page
from tests.admin.steps import opened

URL = "p:1:key"


def expiring(person: Browser, alias: str = "valkey") -> Page:
    return person.submit(opened(person, alias), "expire")


def in_form(when: datetime) -> str:
    return f"{timezone.localtime(when):%Y-%m-%dT%H:%M:%S}"


def test_a_key_expires_at_a_moment(admin: Browser, editable: str) -> None:
    caches[editable].set("key", {"a": 1}, 1000)
    when = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    page = admin.submit(expiring(admin, editable), "set-ttl", moment=in_form(when))
    said = f"the key expires on {timezone.localtime(when):%Y-%m-%d at %H:%M:%S}"
    assert said in page.text
    assert "TTL 1 h 59 min" in page.text
    assert said in LogEntry.objects.get().change_message
    assert caches[editable].get("key") == {"a": 1}


def test_a_moment_is_of_the_current_time_zone(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    server_cache.set("key", 1, 1000)
    with timezone.override("Asia/Tokyo"):
        page = admin.submit(expiring(admin), "set-ttl", moment="2090-01-02T03:04:05")
    assert "2090-01-02 03:04:05" in page.text
    expected = datetime(2090, 1, 1, 18, 4, 5, tzinfo=UTC).timestamp()
    assert raw.execute_command("PEXPIRETIME", "p:1:key") == expected * 1000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1999-12-31T23:59", "That time has passed"),
        ("tomorrow", "Enter a date and time"),
        ("2090-13-45T00:00", "Enter a date and time"),
        ("99999-01-01T00:00", "Enter a date and time"),
        ("<b>", "Enter a date and time"),
        ("0001-01-01T00:00", ""),
    ],
)
def test_moments_that_make_no_sense_are_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: str, said: str
) -> None:
    server_cache.set("key", "v", 1000)
    url = addresses.key("valkey", URL)
    page = admin.post(url, {"mode": "set-ttl", "moment": given})
    assert page.status == 200
    assert said in page.text
    assert page.form("set-ttl").control("moment").value == given
    assert 990 < raw.ttl(URL) <= 1000
    assert not LogEntry.objects.exists()


def test_the_last_moment_there_is_breaks_no_page(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "v", 1000)
    url = addresses.key("valkey", URL)
    page = admin.post(url, {"mode": "set-ttl", "moment": "9999-12-31T23:59:59"})
    assert page.status == 200
    assert server_cache.get("key") == "v"


def test_a_ttl_is_lengthened_by_what_it_has_left_by_then(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    form = expiring(admin)
    raw.expire(URL, 5_000)
    page = admin.submit(form, "set-ttl", timeout="+60")
    assert "TTL extended by 1 min." in page.text
    assert 5_050 < raw.ttl(URL) <= 5_060
    assert LogEntry.objects.get().change_message.startswith("TTL extended by 1 min.")


def test_what_never_expires_is_not_lengthened(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", None)
    form = expiring(admin)
    refused = admin.submit(form, "set-ttl", timeout="+60")
    assert "This TTL can't be extended." in refused.text
    assert raw.ttl(URL) == -1
    # Nor where it was made so under the form.
    server_cache.set("key", "v", 1000)
    form = expiring(admin)
    raw.persist(URL)
    assert words.SAVED not in admin.submit(form, "set-ttl", timeout="+60").text
    assert raw.ttl(URL) == -1
    assert not LogEntry.objects.exists()


def test_two_ways_at_once_are_no_choice(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    page = admin.submit(expiring(admin), "set-ttl", timeout="5", moment="2090-01-01T00:00")
    assert "Enter a TTL or a date and time, not both." in page.text
    assert 990 < raw.ttl(URL) <= 1000


@pytest.mark.parametrize("added", ["+0", "+-5", "+soon", "+", "+10000000000", "+99999999999"])
def test_what_cannot_be_added_is_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, added: str
) -> None:
    server_cache.set("key", "v", 1000)
    page = admin.submit(expiring(admin), "set-ttl", timeout=added)
    assert page.form("set-ttl").control("timeout").value == added
    assert 990 < raw.ttl(URL) <= 1000
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"timeout": "7200"}, r"The key would expire in 2 h, on \d{4}-\d\d-\d\d at "),
        (
            {"moment": "2090-01-02T03:04"},
            r"The key would expire in [\d,]+ days.*, on 2090-01-02 at 03:04",
        ),
        ({"timeout": "+1h"}, r"The key would expire in 1 h 16 min, on "),
        ({"timeout": "never"}, "The key would never expire."),
    ],
)
def test_a_preview_says_in_words_what_would_be_and_changes_nothing(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, given: dict[str, str], said: str
) -> None:
    server_cache.set("key", "v", 1010)
    page = admin.submit(expiring(admin), "preview", **given)
    assert re.search(said, page.text)
    assert 1000 < raw.ttl(URL) <= 1010
    assert not LogEntry.objects.exists()
    assert words.SAVED in admin.submit(page, "set-ttl").text
    assert not 1000 < raw.ttl(URL) <= 1010


def test_nonsense_has_an_error_and_no_preview(admin: Browser, server_cache: Any) -> None:
    server_cache.set("key", "v", 1000)
    page = admin.submit(expiring(admin), "preview", timeout="soon")
    assert page.form("set-ttl").control("timeout").value == "soon"
    assert "The key would" not in page.text


def test_ttls_are_set_to_the_moment_and_not_a_while_later(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "v", 1000)
    before = time.time()
    admin.post(addresses.key("valkey", URL), {"mode": "set-ttl", "timeout": "500"})
    left = raw.execute_command("PEXPIRETIME", URL) / 1000 - 500
    assert before - 0.1 <= left <= time.time() + 0.1


def test_no_value_is_fetched_to_change_a_ttl_but_for_a_page_that_shows_it(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", {"a": 1}, 1000)
    url = addresses.key("valkey", URL)
    raw.config_resetstat()
    admin.post(url, {"mode": "set-ttl", "timeout": "500"}, follow=False)
    admin.post(url, {"mode": "set-name", "name": "other"}, follow=False)
    assert "cmdstat_getrange" not in raw.info("commandstats")
    refused = admin.post(addresses.key("valkey", "p:1:other"), {"mode": "set-ttl", "timeout": "x"})
    assert '"a": 1' in refused.text

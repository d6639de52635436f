"""Moments on pages: where time zones are not used, and at the end of time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import valkey
from django.contrib.admin.models import LogEntry

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.page import Page
from tests.admin.steps import listed

END = 253_402_300_799
"""The last second of the year 9999 in UTC, as a time stamp: what many write for "never"."""

HOUR = 3600
NO_DATE = "the end of the year 9999 or later"


def told(page: Page) -> datetime:
    """Return the moment until which a page says that a key lives now."""
    [text] = re.findall(r"TTL set to [\d,]+ s \(until ([\d :-]+) \S+\)", page.text)
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


def test_pages_work_and_record_without_time_zones(
    admin: Browser, editable: str, settings: Any
) -> None:
    settings.USE_TZ = False
    form = admin.open(addresses.add(editable))
    added = admin.submit(form, "add", key="key", value="text", timeout="1000")
    assert words.stored("key") in added.text
    until = datetime.now() + timedelta(seconds=1000)
    assert abs(told(added) - until) < timedelta(seconds=30)
    listing = admin.open(addresses.keys(editable))
    assert listing.column("TTL")[0].startswith("16 min")
    page = admin.click(listing, "open", listed(listing)[0])
    expired = admin.submit(admin.submit(page, "expire"), "set-ttl", timeout="500")
    assert words.expires_in(500) in expired.text
    saved = admin.submit(admin.submit(page, "edit"), "save", value="other")
    assert words.SAVED in saved.text
    history = admin.click(page, "history")
    assert len(history.column("What changed")) == LogEntry.objects.count() == 3


ZONES = {
    "UTC": ("UTC", "UTC"),
    "Europe/Berlin": ("CET", "CEST"),
    "America/New_York": ("EST", "EDT"),
    "America/Chicago": ("UTC-6", "UTC-5"),
    "Asia/Kolkata": ("UTC+5:30", "UTC+5:30"),
    "America/Sao_Paulo": ("UTC-3", "UTC-3"),
    "Asia/Tokyo": ("JST", "JST"),
}


@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_is_named_beside_each_moment(
    admin: Browser, server_cache: Any, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    server_cache.set_many({"key": "v"}, 1000)
    winter, summer = ZONES[zone]
    url = addresses.key("valkey", "p:1:key")
    for moment, name in (("2090-01-02T03:04:05", winter), ("2090-07-02T03:04:05", summer)):
        page = admin.post(url, {"mode": "set-ttl", "moment": moment})
        assert f"on {moment.replace('T', ' at ')} {name}." in page.text
        assert f"until {moment[:10]}" in page.text
        assert f":05 {name}" in page.text.partition("until ")[2]
        assert f"{name}." in LogEntry.objects.latest("id").change_message
    form = admin.open(addresses.key("valkey", "p:1:key", mode="expire"))
    assert zone in form.form("set-ttl").control("moment").label
    is_summer = bool(datetime.now(ZoneInfo(zone)).dst())
    [recorded, *_] = admin.open(addresses.history("valkey", "p:1:key")).column("Date and time")
    assert f" {ZONES[zone][is_summer]} (" in recorded


def test_a_moment_that_the_clocks_skip_is_refused(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    server_cache.set("key", "v", 1000)
    skipped = {"mode": "set-ttl", "moment": "2090-03-26T02:30:00"}
    page = admin.post(addresses.key("valkey", "p:1:key"), skipped)
    assert words.SAVED not in page.text
    assert 990 < raw.ttl("p:1:key") <= 1000


@pytest.mark.parametrize("before", [0, HOUR // 2, 8 * HOUR])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin"])
def test_keys_that_expire_at_the_end_of_time_break_no_page(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any, zone: str, before: int
) -> None:
    settings.TIME_ZONE = zone
    server_cache.set_many({"key": "v", "other": "v"}, 1000)
    raw.execute_command("EXPIREAT", "p:1:key", END - before)
    listing = admin.open(addresses.keys("valkey"))
    assert sorted(listed(listing)) == ["key", "other"]
    pages = [listing, admin.open(addresses.key("valkey", "p:1:key"))]
    # Eight hours before the end, it is past the end in Tokyo only.
    has_date = zone == "Europe/Berlin" and before == 8 * HOUR
    said = "9999-12-31 16:" if has_date else NO_DATE
    assert all(said in page.html for page in pages)
    for mode in ("edit", "expire"):
        assert admin.open(addresses.key("valkey", "p:1:key", mode=mode)).status == 200

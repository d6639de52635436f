"""Moments on pages: where time zones are not used, and at the end of time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

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
    [text] = re.findall(r"TTL set to [\d,]+ s \(until ([\d :-]+)\)", page.text)
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

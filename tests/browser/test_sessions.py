"""Sessions of a user in a browser: found, asked about, ended."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.conftest import NAME, PASSWORD
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

BOTH = [pytest.param({}, id="scripts"), WITHOUT_SCRIPTS]


@pytest.mark.parametrize("context", BOTH, indirect=True)
def test_a_superuser_logs_somebody_out_and_then_themselves(
    visit: Visit, browser: Browser, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    settings.SESSION_CACHE_ALIAS = "sessions"
    elsewhere = chromium.new_context(browser)
    Visit(elsewhere.new_page(), visit.admin).log_in(NAME, PASSWORD)
    visit.keys("sessions")
    visit.press("sessions")
    visit.field("of").fill(NAME)
    visit.press("search")
    rows = visit.main.locator("tbody tr")
    expect(rows).to_have_count(2)
    visit.press("end-others")
    visit.press("cancel")
    expect(rows).to_have_count(2)
    visit.press("end-others")
    visit.press("confirm")
    expect(rows).to_have_count(1)
    rows.get_by_role("checkbox").check()
    visit.press("end-selected")
    visit.press("confirm")
    expect(visit.page.locator("[name=username]")).to_be_visible()
    elsewhere.close()

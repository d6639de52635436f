"""Sessions of a user in a browser: found, asked about, ended."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.backends.cache import KEY_PREFIX
from django.core.cache import caches
from playwright.sync_api import expect

from tests.browser.conftest import NAME
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

BOTH = [pytest.param({}, id="scripts"), WITHOUT_SCRIPTS]


@pytest.mark.parametrize("context", BOTH, indirect=True)
def test_a_superuser_logs_somebody_out_and_then_themselves(
    visit: Visit, superuser: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "sessions"
    name = django_settings.SESSION_COOKIE_NAME
    # The server, which is older than these settings, keeps its sessions elsewhere.
    [own] = [one["value"] for one in visit.page.context.cookies() if one["name"] == name]
    for id in (own, "0123456789abcdefghijklmnopqrstuv"):
        caches["sessions"].set(f"{KEY_PREFIX}{id}", {"_auth_user_id": str(superuser.pk)}, 1000)
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

"""A person who has seen a stale page purges it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from tests import cached_site
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit


def request_lamp(visit: Visit) -> str:
    return visit.page.request.get(urljoin(visit.admin, "/shop/lamp/5/")).text()


@pytest.mark.parametrize("context", [{}, WITHOUT_SCRIPTS], indirect=True)
def test_a_stale_page_is_purged_in_four_clicks(visit: Visit, settings: Any) -> None:
    cached_site.serve(settings, "default")
    stale = request_lamp(visit)
    assert request_lamp(visit) == stale
    visit.caches()
    visit.press("purge")
    visit.field("url").fill("/shop/lamp/5/")
    visit.press("find")
    visit.press("delete-all")
    visit.press("confirm")
    expect(visit.field("url")).to_have_value("/shop/lamp/5/")
    expect(visit.control("delete-all")).to_have_count(0)
    assert request_lamp(visit) != stale

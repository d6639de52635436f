"""A person who has seen a stale page purges it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests import cached_site
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit


@pytest.mark.parametrize("context", [{}, WITHOUT_SCRIPTS], indirect=True)
def test_a_stale_page_is_purged_in_four_clicks(visit: Visit, settings: Any) -> None:
    cached_site.serve(settings, "default")
    host = {"host": urlsplit(visit.admin).netloc}
    stale = cached_site.visit("/shop/lamp/5/", headers=host)
    assert cached_site.visit("/shop/lamp/5/", headers=host) == stale
    visit.caches()
    visit.press("purge")
    visit.field("url").fill("/shop/lamp/5/")
    visit.press("find")
    visit.press("delete-all")
    visit.press("confirm")
    expect(visit.field("url")).to_have_value("/shop/lamp/5/")
    expect(visit.control("delete-all")).to_have_count(0)
    assert cached_site.visit("/shop/lamp/5/", headers=host) != stale

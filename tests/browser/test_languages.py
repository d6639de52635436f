"""Pages of languages with long words, and of those that are written from right to left."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import sight
from tests.browser.looks import LOOKS
from tests.browser.places import PLACES
from tests.browser.visit import Visit

GERMAN = pytest.param({"locale": "de-DE"}, "de", "ltr", id="german")
ARABIC = pytest.param({"locale": "ar"}, "ar", "rtl", id="arabic")


@pytest.mark.parametrize(
    ("context", "language", "direction"), [GERMAN, ARABIC], indirect=["context"]
)
@pytest.mark.parametrize("place", ["caches", "keys", "key-json", "key-hash", "info"])
def test_page_of_another_language_does_not_scroll_sideways(
    visit: Visit, place: str, language: str, direction: str
) -> None:
    PLACES[place](visit)
    html = visit.page.locator("html")
    expect(html).to_have_attribute("lang", language)
    expect(html).to_have_attribute("dir", direction)
    for look in ("wide", "narrow"):
        LOOKS[look].show(visit.page)
        assert sight.cut_off(visit.page) == []
        assert sight.overlaps(visit.page) == []

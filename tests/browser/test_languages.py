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


RIGHT_TO_LEFT = ("keys", "delete-many-confirm", "key-hash", "key-edit", "key-ttl", "info")
SELDOM = (
    *("caches", "caches-help", "keys-columns", "keys-no-match", "matching-confirm"),
    *("matching-when", "namespaces", "key-json", "key-as-hex", "key-list", "key-sorted-set"),
    *("key-stream", "key-large-json", "key-rename", "key-increase", "hash-add", "zset-add"),
    *("add", "add-error"),
)


@pytest.mark.parametrize("context", [{"locale": "ar"}], indirect=True, ids=["arabic"])
@pytest.mark.parametrize(
    "place", [*RIGHT_TO_LEFT, *(pytest.param(place, marks=pytest.mark.slow) for place in SELDOM)]
)
def test_names_values_and_figures_run_from_left_to_right_in_every_language(
    visit: Visit, place: str
) -> None:
    PLACES[place](visit)
    assert sight.backwards(visit.page) == []

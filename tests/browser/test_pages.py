"""How every page looks, in light and dark, on wide and narrow screens, and how it reads aloud."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import sight
from tests.browser.chromium import NARROW, WIDE
from tests.browser.places import PLACES
from tests.browser.visit import Visit

every_place = pytest.mark.parametrize("place", PLACES)
SCREENS = {"wide": WIDE, "narrow": NARROW}


@pytest.fixture
def opened(visit: Visit, place: str) -> Page:
    """A page of the admin in one of its states."""
    PLACES[place](visit)
    return visit.page


def on_each_screen(page: Page, look: Any) -> dict[str, Any]:
    """Return what is wrong by screen, if anything is."""
    wrong = {}
    for screen, size in SCREENS.items():
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        wrong[screen] = look(page)
    return {screen: problems for screen, problems in wrong.items() if problems}


@every_place
def test_nothing_is_cut_off_and_nothing_scrolls_sideways(opened: Page) -> None:
    assert on_each_screen(opened, sight.cut_off) == {}


@every_place
def test_controls_do_not_lie_on_anything(opened: Page) -> None:
    assert on_each_screen(opened, sight.overlaps) == {}


@every_place
def test_text_stands_out_in_light_and_dark(opened: Page) -> None:
    opened.emulate_media(color_scheme="light")
    light = on_each_screen(opened, sight.low_contrast)
    opened.emulate_media(color_scheme="dark")
    assert {"light": light, "dark": on_each_screen(opened, sight.low_contrast)} == {
        "light": {},
        "dark": {},
    }


@every_place
def test_page_reads_well_aloud(opened: Page) -> None:
    assert on_each_screen(opened, sight.hard_to_read_aloud) == {}


@every_place
def test_focus_is_seen_wherever_tab_leads(opened: Page) -> None:
    stops = sight.tab_stops(opened)
    assert stops
    assert [stop["name"] for stop in stops if not (stop["visible"] and stop["shown"])] == []

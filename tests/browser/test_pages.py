"""How every page looks, in light and dark, on wide and narrow screens, and how it reads aloud."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from playwright.sync_api import Locator, Page, expect

from tests.browser import sight
from tests.browser.looks import LOOKS
from tests.browser.places import PLACES, SELDOM, SMALL_STEPS, STOPPED
from tests.browser.visit import Visit
from tests.servers import Server

CHECKS: dict[str, Callable[[Page], list[str]]] = {
    "cut off": sight.cut_off,
    "overlapping": sight.overlaps,
    "hard to read aloud": sight.hard_to_read_aloud,
    "low contrast": sight.low_contrast,
    "focus not seen": sight.unseen_focus,
}
LINES_DRAWN = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
}"""
IN_EVERY_LOOK = {"low contrast"}
IN_ONE_LOOK = {"focus not seen"}


def looks_for(check: str) -> list[str]:
    """Return the looks that a check depends on: colours, widths, or neither."""
    if check in IN_EVERY_LOOK:
        return list(LOOKS)
    return ["wide"] if check in IN_ONE_LOOK else ["wide", "narrow"]


def problems(page: Page) -> dict[str, list[str]]:
    """Return what is wrong with a page, by check and look."""
    found = {}
    for name, look in LOOKS.items():
        look.show(page)
        for check, search in CHECKS.items():
            if name in looks_for(check):
                found[f"{check} ({name})"] = search(page)
    return {title: some for title, some in found.items() if some}


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=pytest.mark.slow) if place in SELDOM else place for place in PLACES],
)
def test_page_is_whole_legible_and_within_reach(visit: Visit, place: str) -> None:
    PLACES[place](visit)
    assert problems(visit.page) == {}


def test_pages_of_memcached_are_whole_and_legible(
    visit: Visit, settings: Any, memcached_process: Server
) -> None:
    params = {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": memcached_process.address,
    }
    settings.CACHES = {**settings.CACHES, "memcached": params}
    caches["memcached"].set("product:1", "a lamp")
    visit.keys("memcached")
    assert problems(visit.page) == {}
    visit.open(visit.control("open"))
    expect(visit.heading).to_contain_text("product:1")
    expect(visit.main).to_contain_text("a lamp")
    assert problems(visit.page) == {}


@pytest.mark.parametrize("place", STOPPED)
def test_page_of_work_that_is_not_over_is_so_too(visit: Visit, place: str, settings: Any) -> None:
    settings.CACHEX_ADMIN = SMALL_STEPS
    STOPPED[place](visit)
    assert visit.control("run").is_visible()
    assert problems(visit.page) == {}


def test_rows_of_a_hex_dump_fit_a_narrow_screen(visit: Visit) -> None:
    PLACES["key-as-hex"](visit)
    LOOKS["narrow"].show(visit.page)
    dump = visit.main.locator("pre").first
    rows = dump.inner_text().strip().count("\n") + 1
    assert dump.evaluate(LINES_DRAWN) == rows > 1


@pytest.mark.parametrize("width", [1281, 390])
def test_a_support_level_explains_itself_on_focus_and_hover(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.caches()
    hint = visit.row("default").locator("[data-action=explain]").first
    text = hint.locator("bdi")
    assert not is_shown(text, width)
    hint.hover()
    assert is_shown(text, width)
    visit.page.keyboard.press("Escape")
    assert not is_shown(text, width)
    visit.page.mouse.move(0, 0)
    hint.focus()
    assert is_shown(text, width)
    expect(hint).to_have_accessible_name(re.compile("support"))


def is_shown(element: Locator, width: int) -> bool:
    """Return whether all of a text can be read within the width of the window."""
    box = element.evaluate("element => element.parentElement.getBoundingClientRect().toJSON()")
    return bool(box["width"] > 100 and box["left"] >= 0 and box["right"] <= width)

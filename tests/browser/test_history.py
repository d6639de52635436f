"""The history of a cache: searched, and a job that was left continued from it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import caches
from playwright.sync_api import expect

from tests.browser.chromium import NARROW, WIDE
from tests.browser.places import SMALL_STEPS
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

IS_WARNED = """() => {
  const event = new Event("beforeunload", { cancelable: true });
  dispatchEvent(event);
  return event.defaultPrevented;
}"""

PRESS_STOP = "() => document.querySelector('[data-stop]').click()"
"""Pressed by a script, because each step replaces the button, too fast for a steady hand."""

SIZES = [pytest.param({"viewport": size}, id=f"{size['width']}px") for size in (WIDE, NARROW)]


def stop(visit: Visit) -> None:
    expect(visit.control("stop")).to_be_visible()
    visit.page.evaluate(PRESS_STOP)
    expect(visit.control("stop")).to_be_hidden()


@pytest.mark.parametrize("context", [*SIZES, WITHOUT_SCRIPTS], indirect=True)
def test_who_deleted_a_key_is_found_in_the_history_of_its_cache(visit: Visit) -> None:
    for name in ("user:4711:profile", "user:4712:profile"):
        caches["default"].set(name, "value")
        visit.key("default", name)
        visit.press("delete")
        visit.press("confirm")
    visit.press("history")
    visit.field("key").fill("4711")
    visit.press("search")
    expect(visit.main.locator("tbody tr")).to_have_count(1)
    expect(visit.row("user:4711:profile")).to_contain_text("newcomer")
    visit.press("open", "user:4711:profile")
    expect(visit.heading).to_contain_text("user:4711:profile")
    expect(visit.main.locator("tbody tr")).to_have_count(1)


@pytest.mark.parametrize("context", SIZES, indirect=True)
def test_a_job_that_was_left_is_continued_from_the_history(visit: Visit, settings: Any) -> None:
    settings.CACHEX_ADMIN = SMALL_STEPS
    caches["default"].set_many({f"job:{number}": 1 for number in range(2_000)})
    page = visit.page
    visit.matching("default", action="delete", q="job:*")
    stop(visit)
    assert not page.evaluate(IS_WARNED)  # Nothing is lost if a count is left.
    visit.press("ask")
    visit.press("confirm")
    expect(visit.control("stop")).to_be_visible()
    assert page.evaluate(IS_WARNED)
    stop(visit)
    assert not page.evaluate(IS_WARNED)
    progress = visit.main.locator(".cx-progress")
    before = progress.inner_text()
    left = len(caches["default"].get_many(f"job:{number}" for number in range(2_000)))
    assert 0 < left < 2_000
    visit.press("continue-later")
    visit.press("continue")
    expect(progress).to_have_text(before)
    settings.CACHEX_ADMIN = {}
    visit.control("run").click()
    expect(progress).to_contain_text(re.compile(r"2,000 keys"))
    assert not caches["default"].get_many(f"job:{number}" for number in range(2_000))
    assert not page.evaluate(IS_WARNED)

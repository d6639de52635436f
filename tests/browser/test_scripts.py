"""What the scripts add to pages that work without them."""

from __future__ import annotations

import re

import pytest
from django.core.cache import caches
from playwright.sync_api import Locator, Page, expect

from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

MAY_COPY = pytest.param({"permissions": ["clipboard-read", "clipboard-write"]}, id="may-copy")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("context", [MAY_COPY], indirect=True)
@pytest.mark.parametrize("key", ["user:1", "spaces, 'quotes' and \"more\"", "ключ:名前:🗝"])
def test_copy_button_copies_the_key_and_says_so(visit: Visit, key: str) -> None:
    visit.key("default", key)
    visit.main.get_by_role("button", name="Copy", exact=True).click()
    expect(visit.main.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert clipboard(visit.page) == key
    expect(visit.main.get_by_role("button", name="Copy", exact=True)).to_be_visible()


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_nothing_is_offered_that_needs_them(visit: Visit) -> None:
    visit.keys("default")
    expect(visit.main.get_by_role("checkbox").first).to_be_visible()
    expect(select_all(visit)).to_be_hidden()
    visit.key("default", "user:1")
    expect(visit.main.get_by_role("button", name="Copy", exact=True)).to_be_hidden()


def select_all(visit: Visit) -> Locator:
    return visit.main.get_by_label("Select all on this page")


def row(visit: Visit, key: str) -> Locator:
    named = visit.page.get_by_role("link", name=key, exact=True)
    return visit.main.get_by_role("row").filter(has=named)


def test_ttl_counts_down_second_by_second(visit: Visit) -> None:
    caches["default"].set("soon", 1, 90)
    visit.keys("default", q="soon")
    first = row(visit, "soon").inner_text()
    assert re.search(r"1 min (30|29|28) s", first)
    expect(row(visit, "soon")).not_to_have_text(first, use_inner_text=True)
    expect(row(visit, "soon")).to_have_text(re.compile(r"1 min 2\d s"))


@pytest.mark.parametrize("seconds", [3, 59, 90, 3_700, 86_000])
def test_ttl_counts_down_to_nothing(visit: Visit, seconds: int) -> None:
    caches["default"].set("soon", 1, seconds + 60)
    visit.page.clock.install()
    visit.key("default", "soon")
    counting = visit.main.locator("[data-expires]").first
    visit.page.clock.run_for(seconds * 1000)
    expect(counting).to_contain_text(re.compile(r"\b(5\d s|1 min)"))
    visit.page.clock.run_for(120_000)
    expect(counting).to_contain_text("0 s")


def test_key_that_never_expires_does_not_count(visit: Visit) -> None:
    visit.page.clock.install()
    visit.keys("default", q="views:product:1")
    visit.page.clock.run_for(5_000)
    expect(row(visit, "views:product:1")).to_contain_text("never")


def test_select_all_ticks_every_row_of_the_page_and_shows_what_is_ticked(visit: Visit) -> None:
    visit.keys("default", size="25")
    every, rows = select_all(visit), visit.main.get_by_role("row").get_by_role("checkbox")
    count = rows.count()
    assert count > 25  # The one that ticks the others is among them.
    every.check()
    assert all(box.is_checked() for box in rows.all())
    rows.nth(3).uncheck()
    assert every.evaluate("box => [box.checked, box.indeterminate]") == [False, True]
    rows.nth(3).check()
    assert every.evaluate("box => [box.checked, box.indeterminate]") == [True, False]
    every.uncheck()
    assert not any(box.is_checked() for box in rows.all())


def test_select_all_ticks_only_what_can_be_chosen(visit: Visit) -> None:
    visit.caches()
    select_all(visit).check()
    visit.press("Flush selected caches")
    expect(visit.heading).to_contain_text("Flush")
    assert caches["default"].get("user:1") is not None


def test_the_first_field_has_the_focus_and_the_safe_button_of_a_question(visit: Visit) -> None:
    visit.add("default")
    expect(visit.page.get_by_label("Key Name")).to_be_focused()
    visit.key("default", "user:1")
    visit.follow("Delete")
    expect(visit.page.get_by_role("link", name="Cancel, keep it")).to_be_focused()

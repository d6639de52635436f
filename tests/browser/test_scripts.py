"""What the scripts add to pages that work without them."""

from __future__ import annotations

import re

import pytest
from django.core.cache import caches
from playwright.sync_api import Page, expect

from tests.browser.chromium import NARROW, WIDE
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

MAY_COPY = pytest.param({"permissions": ["clipboard-read", "clipboard-write"]}, id="may-copy")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("context", [MAY_COPY], indirect=True)
@pytest.mark.parametrize("key", ["user:1", "spaces, 'quotes' and \"more\"", "ключ:名前:🗝"])
def test_copy_button_copies_the_key_and_says_so(visit: Visit, key: str) -> None:
    visit.key("default", key)
    button = visit.control("copy-name")
    says, copied = button.inner_text(), button.get_attribute("data-copied") or ""
    button.click()
    expect(button).to_have_text(copied)
    assert clipboard(visit.page) == key
    expect(button).to_have_text(says)


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_nothing_is_offered_that_needs_them(visit: Visit) -> None:
    visit.keys("default")
    expect(visit.main.get_by_role("checkbox").first).to_be_visible()
    expect(visit.every_box).to_be_hidden()
    visit.key("default", "user:1")
    expect(visit.control("copy-name")).to_be_hidden()


def test_ttl_counts_down_second_by_second(visit: Visit) -> None:
    caches["default"].set("soon", 1, 90)
    visit.keys("default", q="soon")
    first = visit.row("soon").inner_text()
    assert re.search(r"1 min (30|29|28) s", first)
    expect(visit.row("soon")).not_to_have_text(first, use_inner_text=True)
    expect(visit.row("soon")).to_have_text(re.compile(r"1 min 2\d s"))


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
    expect(visit.row("views:product:1")).to_contain_text("never")


def test_select_all_ticks_every_row_of_the_page_and_shows_what_is_ticked(visit: Visit) -> None:
    visit.keys("default", size="25")
    every, rows = visit.every_box, visit.main.get_by_role("row").get_by_role("checkbox")
    count = rows.count()
    assert count == 26  # The one that ticks the others is among them.
    every.check()
    assert all(box.is_checked() for box in rows.all())
    rows.nth(3).uncheck()
    assert every.evaluate("box => [box.checked, box.indeterminate]") == [False, True]
    rows.nth(3).check()
    assert every.evaluate("box => [box.checked, box.indeterminate]") == [True, False]
    every.uncheck()
    assert not any(box.is_checked() for box in rows.all())


def test_shift_selects_a_range_and_the_bar_counts(visit: Visit) -> None:
    visit.keys("default", size="25")
    boxes = visit.main.locator("tbody [name=selected]")
    count = visit.main.locator(".cx-selection-count")
    boxes.nth(2).check()
    boxes.nth(9).click(modifiers=["Shift"])
    boxes.nth(5).uncheck()
    assert boxes.evaluate_all("all => all.map(box => box.checked).indexOf(false)") == 0
    assert boxes.evaluate_all("all => all.filter(box => box.checked).length") == 7
    assert re.findall(r"\d+", count.inner_text()) == ["7", "25"]
    boxes.nth(3).click(modifiers=["Shift"])  # From the row that was unchecked last.
    assert boxes.evaluate_all("all => all.filter(box => box.checked).length") == 5
    assert re.findall(r"\d+", count.inner_text()) == ["5", "25"]


@pytest.mark.parametrize(
    "context", [{"viewport": WIDE}, {"viewport": NARROW}], indirect=True, ids=["wide", "narrow"]
)
def test_the_bar_stays_in_sight(visit: Visit) -> None:
    visit.keys("default", size="25")
    last = visit.main.locator("tbody [name=selected]").last
    last.scroll_into_view_if_needed()
    last.check()
    expect(visit.control("delete")).to_be_in_viewport(ratio=1)
    visit.press("delete")
    visit.press("cancel")
    expect(last).to_be_checked()
    assert re.findall(r"\d+", visit.main.locator(".cx-selection-count").inner_text()) == ["1", "25"]


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_cancel_keeps_the_selection_without_scripts(visit: Visit) -> None:
    visit.keys("default", size="25")
    boxes = visit.main.locator("tbody [name=selected]")
    boxes.nth(1).check()
    boxes.nth(20).check()
    expect(visit.main.locator(".cx-selection-count")).to_be_hidden()
    visit.press("delete")
    visit.press("cancel")
    assert [index for index, box in enumerate(boxes.all()) if box.is_checked()] == [1, 20]


def test_the_order_stays_on_the_next_pages(visit: Visit) -> None:
    visit.keys("default", size="25")
    names = visit.main.locator("tbody .cx-key")
    visit.main.locator(".cx-sort").first.click()
    first = names.all_inner_texts()
    assert first == sorted(first)
    visit.press("next-page")
    second = names.all_inner_texts()
    assert second == sorted(second)
    assert not set(first) & set(second)
    expect(visit.main.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    visit.press("previous-page")
    assert names.all_inner_texts() == first


def test_select_all_ticks_only_what_can_be_chosen(visit: Visit) -> None:
    visit.caches()
    visit.every_box.check()
    visit.press("flush")
    expect(visit.control("confirm")).to_be_visible()
    assert caches["default"].get("user:1") is not None


def test_the_first_field_has_the_focus_and_the_safe_button_of_a_question(visit: Visit) -> None:
    visit.add("default")
    expect(visit.field("key")).to_be_focused()
    visit.key("default", "user:1")
    visit.press("delete")
    expect(visit.control("cancel")).to_be_focused()

"""Keys that act wherever nothing is being typed, and where the focus is after a change."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from playwright.sync_api import Dialog, Page, expect

from tests.browser.element_places import open_row
from tests.browser.project import raw
from tests.browser.visit import Visit

FEW = 8
"""Presses of Tab from the beginning of a page to its search box."""


def answer(page: Page, does: str) -> list[str]:
    """Accept or dismiss each dialog from now on; return the list of their texts."""
    asked: list[str] = []

    def handle(dialog: Dialog) -> None:
        asked.append(dialog.message)
        getattr(dialog, does)()

    page.once("dialog", handle)
    return asked


def press_to_load(page: Page, key: str) -> None:
    with page.expect_event("load"):
        page.keyboard.press(key)


@pytest.mark.parametrize("name", ["q", "find"])
def test_slash_goes_to_the_search_box_and_is_typed_there(visit: Visit, name: str) -> None:
    if name == "q":
        visit.keys("default")
    else:
        visit.key("default", "cart:1")
    visit.page.keyboard.press("/")
    expect(visit.field(name)).to_be_focused()
    visit.page.keyboard.type("a/b?")
    expect(visit.field(name)).to_have_value("a/b?")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)


def test_a_skip_link_leads_to_the_search_box(visit: Visit) -> None:
    visit.keys("default")
    page, skip = visit.page, visit.control("skip-to-search")
    for _ in range(FEW):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if skip.evaluate("link => link === document.activeElement"):
            break
        if focused.get_attribute("href") in ("#content", "#content-start"):
            page.keyboard.press("Enter")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(visit.field("q")).to_be_focused()


def test_question_mark_lists_the_keys(visit: Visit) -> None:
    visit.keys("default")
    visit.page.keyboard.press("?")
    shortcuts = visit.page.get_by_role("dialog")
    expect(shortcuts.locator("kbd").first).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(shortcuts).to_have_count(0)
    visit.page.keyboard.press("?")
    expect(shortcuts).to_have_count(1)
    visit.control("close-shortcuts").click()
    expect(shortcuts).to_have_count(0)


def test_escape_cancels_a_form_and_asks_before_text_is_lost(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("edit")
    value = visit.field("value")
    expect(value).to_be_focused()
    value.press_sequentially(" ")
    kept = value.input_value()
    asked = answer(visit.page, "dismiss")
    visit.page.keyboard.press("Escape")
    expect(value).to_have_value(kept)
    assert len(asked) == 1
    asked = answer(visit.page, "accept")
    press_to_load(visit.page, "Escape")
    assert len(asked) == 1
    expect(value).to_have_count(0)
    visit.press("edit")
    press_to_load(visit.page, "Escape")  # Nothing was typed, so nothing is asked.
    expect(value).to_have_count(0)


def test_escape_asks_about_text_that_was_refused(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("edit")
    visit.field("value").fill("{")
    visit.press("save")
    expect(visit.field("value")).to_be_focused()
    asked = answer(visit.page, "dismiss")
    visit.page.keyboard.press("Escape")
    expect(visit.field("value")).to_have_value("{")
    assert len(asked) == 1


def test_escape_cancels_a_confirmation(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("delete")
    press_to_load(visit.page, "Escape")
    expect(visit.control("edit")).to_be_visible()
    assert caches["default"].get("user:1") is not None


def test_ctrl_enter_saves_and_the_message_has_the_focus(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("edit")
    visit.field("value").fill('{"a": 1}')
    press_to_load(visit.page, "Control+Enter")
    expect(visit.page.locator(".cx-messages")).to_be_focused()
    assert caches["default"].get("user:1") == {"a": 1}


def test_the_row_has_the_focus_after_its_form(visit: Visit) -> None:
    open_row("cart:1", "edit-field", 1)(visit)
    name = visit.main.locator("tbody tr").first.locator("td").nth(0).inner_text()
    visit.field("value").fill("12345")
    press_to_load(visit.page, "Control+Enter")
    expect(visit.row(name)).to_be_focused()
    expect(visit.row(name)).to_contain_text("12345")
    visit.press("edit-field", name)
    press_to_load(visit.page, "Escape")
    expect(visit.row(name)).to_be_focused()


def test_a_removal_is_asked_in_the_row_with_the_focus_on_cancel(visit: Visit) -> None:
    visit.key("default", "cart:1")
    visit.press("remove-field", "kettle")
    expect(visit.control("cancel")).to_be_focused()
    press_to_load(visit.page, "Escape")
    expect(visit.row("kettle")).to_be_focused()
    visit.press("remove-field", "kettle")
    visit.press("drop-field")
    expect(visit.page.locator(".cx-messages")).to_be_focused()
    expect(visit.row("kettle")).to_have_count(0)
    with raw("default") as client:
        assert client.hkeys("shop:1:cart:1") == [b"a-lamp"]

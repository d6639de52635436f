"""What can be done to a key, by keyboard alone, with scripts and without, and by two at once."""

from __future__ import annotations

import re

import pytest
from django.core.cache import caches
from playwright.sync_api import Page, expect

from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

MAY_COPY = pytest.param({"permissions": ["clipboard-read", "clipboard-write"]}, id="may-copy")

NAMED = """() => {
    const element = document.activeElement;
    const label = element.labels?.[0]?.textContent || element.ariaLabel || element.textContent;
    return label.trim().replace(/\\s+/g, " ");
}"""
FURTHEST = 120


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of a name has the focus."""
    for _ in range(FURTHEST):
        if page.evaluate(NAMED) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {name}")


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    with page.expect_event("load"):
        page.keyboard.press("Enter")


def write(page: Page, name: str, text: str) -> None:
    """Replace what is in a field that has the focus, or that Tab comes to."""
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def has_focus(page: Page, name: str) -> None:
    """Wait until the field that a page begins with has the focus: a host may be late with it."""
    expect(page.get_by_role("textbox", name=name, exact=True)).to_be_focused()


def test_a_key_is_changed_in_every_way_by_keyboard_alone(visit: Visit) -> None:
    caches["default"].set("counter", 7, 3_600)
    page = visit.page
    visit.keys("default", q="counter")
    press(page, "counter")

    press(page, "Increase by…")
    has_focus(page, "Increase by")
    page.keyboard.press("Control+a")
    page.keyboard.type("35")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("Increased by 35. It is 42 now.")

    press(page, "Edit")
    has_focus(page, "Value")
    page.keyboard.press("Control+a")
    page.keyboard.type("43")
    press(page, "Save")
    expect(page.locator("body")).to_contain_text("Saved. Value changed")

    press(page, "Change TTL")
    has_focus(page, "Timeout in seconds")
    page.keyboard.type("7200")
    expect(visit.main.locator(".cx-preview")).to_contain_text("It would expire in 2 h")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("TTL set to 7,200 s")

    press(page, "Copy key")
    write(page, "New name", "counter:copy")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(visit.heading).to_have_text("counter:copy")

    press(page, "Rename")
    write(page, "New name", "counter")
    with page.expect_event("load"):
        page.keyboard.press("Enter")
    expect(visit.main).to_contain_text("There is such a key already.")
    tab_to(page, "Overwrite the key of that name, if there is one")
    page.keyboard.press("Space")
    press(page, "Rename")
    press(page, "Rename and overwrite")
    expect(visit.heading).to_have_text("counter")
    assert caches["default"].get("counter") == 43
    assert caches["default"].get("counter:copy") is None


@pytest.mark.slow
def test_a_hash_is_added_by_keyboard_alone(visit: Visit) -> None:
    visit.add("default")
    page = visit.page
    has_focus(page, "Key Name")
    page.keyboard.type("profile:7")
    tab_to(page, "Type")
    page.keyboard.type("hash")
    write(page, "Value", "name=Ana")
    page.keyboard.press("Enter")
    page.keyboard.type("plan=pro")
    press(page, "Add key")
    expect(page.locator("body")).to_contain_text("Stored as a hash of 2 fields.")


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_a_button_previews_a_ttl(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("Change TTL")
    visit.page.get_by_label("Timeout in seconds").fill("7200")
    visit.press("Preview")
    expect(visit.main).to_contain_text("It would expire in 2 h")
    expect(visit.page.get_by_label("Timeout in seconds")).to_have_value("7200")
    visit.press("Save TTL")
    expect(visit.main).to_contain_text(re.compile(r"TTL\s+1 h 59 min"))


@pytest.mark.parametrize("context", [MAY_COPY], indirect=True)
def test_commands_copy_in_one_click(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.main.get_by_role("button", name="Copy Python", exact=True).click()
    assert (
        visit.page.evaluate("navigator.clipboard.readText()") == "caches['default'].get('user:1')"
    )


@pytest.mark.slow
def test_two_people_at_one_key_lose_neither_text_nor_value(visit: Visit) -> None:
    caches["default"].set("shared", {"of": "both"}, 3_600)
    visit.key("default", "shared")
    visit.press("Edit")
    with visit.page.context.new_page() as tab:
        colleague = Visit(tab, visit.admin)
        colleague.key("default", "shared")
        colleague.press("Edit")
        colleague.page.get_by_label("Value", exact=True).fill('{"of": "theirs"}')
        colleague.press("Save")
    visit.page.get_by_label("Value", exact=True).fill('{"of": "mine"}')
    visit.press("Save")
    expect(visit.main).to_contain_text("Not saved: this key has changed since you opened it")
    expect(visit.main.locator("pre")).to_contain_text('"theirs"')
    expect(visit.page.get_by_role("textbox", name="Value", exact=True)).to_have_value(
        '{"of": "mine"}'
    )
    assert caches["default"].get("shared") == {"of": "theirs"}
    visit.press("Save mine over it")
    assert caches["default"].get("shared") == {"of": "mine"}


def test_blocks_of_a_large_value_open_and_close(visit: Visit) -> None:
    visit.key("default", "odd:large-json")
    block = visit.main.locator("summary", has_text='"shipping"')
    inside = visit.main.get_by_text('"weight": 12.5')
    expect(inside).to_be_hidden()
    block.press("Enter")
    expect(inside).to_be_visible()
    block.press("Enter")
    expect(inside).to_be_hidden()

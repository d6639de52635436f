"""Elements changed by keyboard alone, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.element_places import field_conflict
from tests.browser.project import raw
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.test_key_acts import NAMED
from tests.browser.visit import Visit

EITHER_WAY = pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="with-scripts"),
        pytest.param(*WITHOUT_SCRIPTS.values, id="without-scripts", marks=pytest.mark.slow),
    ],
    indirect=True,
)


FURTHEST = 400
"""Presses of Tab: each row has four controls."""


def walk_to(page: Page, name: str) -> None:
    """Press Tab until the control of a name has the focus."""
    for _ in range(FURTHEST):
        if page.evaluate(NAMED) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {name}")


def enter(page: Page, name: str) -> None:
    """Walk to a control and press it; it leads to a page."""
    walk_to(page, name)
    press(page)


def press(page: Page) -> None:
    with page.expect_event("load"):
        page.keyboard.press("Enter")


@EITHER_WAY
def test_elements_are_changed_in_every_way_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.key("default", "cart:1")
    enter(page, "Edit a-lamp")
    walk_to(page, "a-lamp")  # With scripts it has the focus already.
    page.keyboard.press("Control+a")
    page.keyboard.type("7")
    enter(page, "Save")
    expect(visit.main).to_contain_text('Field "a-lamp" changed')
    enter(page, "Rename a-lamp")
    walk_to(page, "New name")
    page.keyboard.press("Control+a")
    page.keyboard.type("big-lamp")
    press(page)
    expect(visit.main).to_contain_text('Field "a-lamp" renamed to "big-lamp"')
    enter(page, "Add field")
    walk_to(page, "Field")
    page.keyboard.type("spoon")
    walk_to(page, "Value")
    page.keyboard.type("12")
    enter(page, "Add field")
    expect(visit.main).to_contain_text('Field "spoon" added')
    enter(page, "Remove kettle")
    expect(visit.main).to_contain_text('Field "kettle" removed')
    with raw("default") as client:
        assert set(client.hkeys("shop:1:cart:1")) == {b"spoon", b"big-lamp"}


@EITHER_WAY
def test_a_list_is_walked_and_cut_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.key("default", "queue:emails")
    walk_to(page, "Go to index")
    page.keyboard.type("250")
    press(page)
    expect(visit.main).to_contain_text("Index 250 to 299 of 300 items")
    walk_to(page, "Select 250")
    page.keyboard.press("Space")
    walk_to(page, "Select 252")
    page.keyboard.press("Space")
    enter(page, "Remove selected")
    expect(visit.main).to_contain_text('Remove 2 items from "queue:emails"?')
    enter(page, "Remove 2 items")
    expect(visit.main).to_contain_text("2 items removed.")
    with raw("default") as client:
        assert client.llen("shop:1:queue:emails") == 298


def test_of_two_who_edit_one_field_the_second_is_told_and_decides(visit: Visit) -> None:
    field_conflict(visit)
    expect(visit.main).to_contain_text("Not saved: ")
    expect(visit.main.locator(".cx-theirs")).to_contain_text("theirs")
    expect(visit.main.locator("textarea")).to_have_value("mine")
    visit.press("Save mine over it")
    expect(visit.main).to_contain_text("Saved. ")
    expect(visit.main.get_by_role("table")).to_contain_text("mine")

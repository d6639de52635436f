"""Elements changed by keyboard alone, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.element_places import field_conflict
from tests.browser.project import raw
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.test_key_acts import enter, press, tab_to, write
from tests.browser.visit import Visit

EITHER_WAY = pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="with-scripts"),
        pytest.param(*WITHOUT_SCRIPTS.values, id="without-scripts", marks=pytest.mark.slow),
    ],
    indirect=True,
)


@EITHER_WAY
def test_elements_are_changed_in_every_way_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.key("default", "cart:1")
    press(visit.control("edit-field", "a-lamp"))
    write(visit.field("value"), "7")  # With scripts it has the focus already.
    press(visit.control("set-field"))
    expect(visit.row("a-lamp")).to_contain_text("7")
    press(visit.control("rename-field", "a-lamp"))
    write(visit.field("field"), "big-lamp")
    enter(page)
    expect(visit.row("big-lamp")).to_contain_text("7")
    press(visit.control("add-field"))
    tab_to(visit.field("field"))
    page.keyboard.type("spoon")
    tab_to(visit.field("value"))
    page.keyboard.type("12")
    press(visit.control("store-field"))
    expect(visit.row("spoon")).to_contain_text("12")
    press(visit.control("remove-field", "kettle"))
    press(visit.control("drop-field"))
    expect(visit.row("kettle")).to_have_count(0)
    with raw("default") as client:
        assert set(client.hkeys("shop:1:cart:1")) == {b"spoon", b"big-lamp"}


@EITHER_WAY
def test_a_list_is_walked_and_cut_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.key("default", "queue:emails")
    tab_to(visit.field("at"))
    page.keyboard.type("250")
    enter(page)
    expect(visit.row("249")).to_have_count(0)
    tab_to(visit.box("250"))
    page.keyboard.press("Space")
    tab_to(visit.box("252"))
    page.keyboard.press("Space")
    press(visit.control("remove-elements"))
    press(visit.control("confirm"))
    with raw("default") as client:
        assert client.llen("shop:1:queue:emails") == 298


def test_of_two_who_edit_one_field_the_second_is_told_and_decides(visit: Visit) -> None:
    field_conflict(visit)
    expect(visit.main.locator(".cx-current-value")).to_contain_text("theirs")
    expect(visit.field("value")).to_have_value("mine")
    visit.press("overwrite")
    expect(visit.control("overwrite")).to_have_count(0)
    expect(visit.main.get_by_role("table")).to_contain_text("mine")

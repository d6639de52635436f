"""What can be done to a key, by keyboard alone, with scripts and without, and by two at once."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.cache import caches
from playwright.sync_api import Locator, Page, expect

from tests.browser.project import raw
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

MAY_COPY = pytest.param({"permissions": ["clipboard-read", "clipboard-write"]}, id="may-copy")

HAS_FOCUS = "element => element === document.activeElement"
FURTHEST = 400
"""Presses of Tab: each row of a table has four controls."""


def tab_to(control: Locator) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(FURTHEST):
        if control.evaluate(HAS_FOCUS):
            return
        control.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {control}")


def press(control: Locator) -> None:
    """Walk to what leads to a page, and press it."""
    tab_to(control)
    enter(control.page)


def enter(page: Page) -> None:
    """Press what has the focus, and leads to a page."""
    with page.expect_event("load"):
        page.keyboard.press("Enter")


def write(field: Locator, text: str) -> None:
    """Replace what is in a field that has the focus, or that Tab comes to."""
    tab_to(field)
    field.page.keyboard.press("Control+a")
    field.page.keyboard.type(text)


def test_a_key_is_changed_in_every_way_by_keyboard_alone(visit: Visit) -> None:
    caches["default"].set("counter", 7, 3_600)
    page = visit.page
    visit.keys("default", q="counter")
    press(visit.control("open", "counter"))

    press(visit.control("increase"))
    expect(visit.field("by")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("35")
    enter(page)
    assert caches["default"].get("counter") == 42

    press(visit.control("edit"))
    expect(visit.field("value")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("43")
    press(visit.control("save"))
    assert caches["default"].get("counter") == 43

    press(visit.control("expire"))
    expect(visit.field("timeout")).to_be_focused()
    page.keyboard.type("7200")
    expect(visit.main.locator(".cx-preview")).not_to_be_empty()
    enter(page)
    assert 7_000 < ttl("counter") <= 7_200

    press(visit.control("copy"))
    write(visit.field("name"), "counter:copy")
    enter(page)
    expect(visit.heading).to_have_text("counter:copy")

    press(visit.control("rename"))
    write(visit.field("name"), "counter")
    enter(page)
    expect(visit.field("name")).to_have_attribute("aria-invalid", "true")
    tab_to(visit.field("overwrite"))
    page.keyboard.press("Space")
    press(visit.control("set-name"))
    press(visit.control("confirm"))
    expect(visit.heading).to_have_text("counter")
    assert caches["default"].get("counter") == 43
    assert caches["default"].get("counter:copy") is None


def ttl(key: str) -> int:
    """Return the seconds after which a key of the cache expires."""
    with raw("default") as client:
        seconds: int = client.ttl(caches["default"].make_key(key))
    return seconds


@pytest.mark.slow
def test_a_hash_is_added_by_keyboard_alone(visit: Visit) -> None:
    visit.add("default")
    page = visit.page
    expect(visit.field("key")).to_be_focused()
    page.keyboard.type("profile:7")
    tab_to(visit.field("type"))
    page.keyboard.type("hash")
    write(visit.field("value"), "name=Ana")
    page.keyboard.press("Enter")
    page.keyboard.type("plan=pro")
    press(visit.control("add"))
    with raw("default") as client:
        assert set(client.hkeys(caches["default"].make_key("profile:7"))) == {b"name", b"plan"}


def test_the_format_follows_the_type_and_the_expiry_follows_the_timeout(visit: Visit) -> None:
    visit.add("default")
    formats, preview = visit.main.locator("[data-type]"), visit.main.locator(".cx-preview")
    expect(formats.filter(visible=True)).to_have_attribute("data-type", "string")
    for type in ("zset", "hash"):
        visit.field("type").select_option(type)
        shown = formats.filter(visible=True)
        expect(shown).to_have_attribute("data-type", type)
        example = shown.get_attribute("data-example") or ""
        expect(visit.field("value")).to_have_attribute("placeholder", example)
    default = preview.inner_text()
    visit.field("timeout").fill("2 days")
    expect(preview).to_contain_text("in 2 days, on ")
    visit.field("timeout").fill("")
    expect(preview).to_contain_text(default[:30])


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_every_format_is_listed(visit: Visit) -> None:
    visit.add("default")
    assert visit.main.locator("[data-type]").filter(visible=True).count() == 6
    visit.field("key").fill("new")
    visit.field("timeout").fill("1h 30m")
    visit.press("preview")
    expect(visit.main.locator(".cx-preview")).to_contain_text("in 1 h 30 min, on ")
    expect(visit.field("key")).to_have_value("new")


@pytest.mark.parametrize("context", [{}, WITHOUT_SCRIPTS], indirect=True)
def test_a_ttl_is_extended_and_removed_with_one_click(visit: Visit) -> None:
    caches["default"].set("counter", 1, 1000)
    visit.key("default", "counter", mode="expire")
    expect(visit.field("timeout")).to_be_focused()
    visit.press("+1h")
    assert 4_500 < ttl("counter") <= 4_600
    visit.key("default", "counter", mode="expire")
    visit.press("never")
    assert ttl("counter") == -1


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_a_button_previews_a_ttl(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("expire")
    visit.field("timeout").fill("7200")
    visit.press("preview")
    expect(visit.main).to_contain_text("The key would expire in 2 h")
    expect(visit.field("timeout")).to_have_value("7200")
    visit.press("set-ttl")
    assert 7_000 < ttl("user:1") <= 7_200


@pytest.mark.parametrize("context", [MAY_COPY], indirect=True)
def test_commands_copy_in_one_click(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.main.locator("li", has_text="Python").locator('[data-action="copy-command"]').click()
    assert (
        visit.page.evaluate("navigator.clipboard.readText()") == "caches['default'].get('user:1')"
    )


@pytest.mark.slow
def test_two_people_at_one_key_lose_neither_text_nor_value(visit: Visit) -> None:
    caches["default"].set("shared", {"of": "both"}, 3_600)
    visit.key("default", "shared")
    visit.press("edit")
    with visit.page.context.new_page() as tab:
        colleague = Visit(tab, visit.admin)
        colleague.key("default", "shared")
        colleague.press("edit")
        colleague.field("value").fill('{"of": "theirs"}')
        colleague.press("save")
    visit.field("value").fill('{"of": "mine"}')
    visit.press("save")
    expect(visit.main).to_contain_text("Not saved: this key has changed since you opened it")
    expect(visit.main.locator("pre")).to_contain_text('"theirs"')
    expect(visit.field("value")).to_have_value('{"of": "mine"}')
    assert caches["default"].get("shared") == {"of": "theirs"}
    visit.press("overwrite")
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


def lefts(visit: Visit, *actions: str) -> list[float]:
    """Return where controls begin, from the left."""
    boxes = [visit.control(action).first.bounding_box() for action in actions]
    assert None not in boxes
    return [box["x"] for box in boxes if box is not None]


def test_what_is_primary_comes_first_and_what_destroys_last(visit: Visit) -> None:
    caches["default"].set("key", "v", 3_600)
    visit.keys("default", q="key")
    first = lefts(visit, "add", "help", "refresh")
    assert first == sorted(first)
    visit.key("default", "key")
    bar = lefts(visit, "rename", "copy", "download", "history", "help", "refresh", "delete")
    assert bar == sorted(bar)
    boxes = [visit.control(action).bounding_box() for action in ("help", "refresh", "delete")]
    help_, refresh, delete = [box for box in boxes if box is not None]
    between = refresh["x"] - help_["x"] - help_["width"]
    assert delete["x"] - refresh["x"] - refresh["width"] > between  # It stands apart.
    visit.press("edit")
    save, cancel = lefts(visit, "save", "cancel")
    assert (save > cancel) == (settings.SKIN == "unfold")  # Each as its host does.
    visit.press("cancel")
    visit.press("delete")
    safe, destructive = lefts(visit, "cancel", "confirm")
    assert safe < destructive

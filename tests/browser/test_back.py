"""Back leads to the page before, never to the question whether to send a form again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import caches
from playwright.sync_api import expect

from tests.browser.places import LONG_KEY
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit


def refused_save(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("edit")
    visit.field("store_as").select_option("json")
    visit.field("value").fill("[1")
    visit.press("save")
    expect(visit.field("value")).to_have_value("[1")


def saved_at_the_second_try(visit: Visit) -> None:
    refused_save(visit)
    visit.field("value").fill("[1]")
    visit.press("save")
    assert caches["default"].get("user:1") == [1]


def refused_addition(visit: Visit) -> None:
    visit.add("default")
    visit.field("key").fill("user:1")
    visit.press("add")
    expect(visit.field("key")).to_have_value("user:1")


def selected_question(visit: Visit) -> None:
    visit.keys("default", q="cart:", size="25")
    visit.main.locator("[name=selected]").first.check()
    visit.press("delete")
    expect(visit.control("confirm")).to_be_visible()


def selected_deleted(visit: Visit) -> None:
    selected_question(visit)
    visit.press("confirm")
    expect(visit.control("open").first).to_be_visible()


def key_deleted(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("delete")
    visit.press("confirm")
    assert caches["default"].get("user:1") is None


def flush_question(visit: Visit) -> None:
    visit.caches()
    visit.tick("local")
    visit.press("flush")
    expect(visit.control("confirm")).to_be_visible()


def flushed(visit: Visit) -> None:
    flush_question(visit)
    visit.press("confirm")
    assert caches["local"].get("product:1") is None


def matching_question(visit: Visit) -> None:
    visit.matching("default", action="delete", q="cart:*")
    visit.press("ask")
    expect(visit.control("confirm")).to_be_visible()


def refused_expiry(visit: Visit) -> None:
    visit.matching("default", action="expire", q="cart:*")
    visit.field("timeout").fill("soon")
    visit.press("count")
    expect(visit.field("timeout")).to_have_value("soon")


def matching_deleted(visit: Visit) -> None:
    matching_question(visit)
    visit.press("confirm")
    expect(visit.main.locator("[data-job]")).to_be_visible()
    expect(visit.main.locator("[data-auto-continue]")).to_have_count(0)


def overwriting_question(visit: Visit) -> None:
    visit.key("default", "user:1")
    visit.press("copy")
    visit.field("name").fill("user:2")
    visit.field("overwrite").check()
    visit.press("make-copy")
    expect(visit.control("confirm")).to_be_visible()


def long_key(visit: Visit) -> None:
    visit.key("default", LONG_KEY)


QUESTIONS: list[Callable[[Visit], None]] = [
    *(selected_question, selected_deleted, key_deleted, flush_question, flushed),
    matching_question,
]
"""Those that scripts are not needed for."""

POSTED: list[Callable[[Visit], None]] = [
    *(refused_save, saved_at_the_second_try, refused_addition, refused_expiry),
    *(matching_deleted, overwriting_question, long_key),
]


def leave(visit: Visit, breadcrumb: str) -> None:
    """Follow a breadcrumb; in Unfold, they are in the header."""
    visit.open(visit.page.locator(f'.cx-breadcrumbs [data-action="{breadcrumb}"]'))


def go_back_through_history(visit: Visit) -> None:
    """Leave the page, then press Back until the history is at its beginning."""
    page = visit.page
    leave(visit, "home")
    for _ in range(page.evaluate("history.length") - 2):
        page.go_back()
        expect(visit.main.or_(page.locator("#login-form")).first).to_be_visible()


@pytest.mark.parametrize("way", [*QUESTIONS, *POSTED])
def test_back_is_harmless(visit: Visit, way: Callable[[Visit], None]) -> None:
    way(visit)
    go_back_through_history(visit)


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
@pytest.mark.parametrize("way", QUESTIONS)
def test_back_from_questions_needs_no_scripts(visit: Visit, way: Callable[[Visit], None]) -> None:
    visit.page.goto(visit.admin)
    way(visit)
    leave(visit, "home")
    for _ in range(2):
        visit.page.go_back()
        expect(visit.heading).to_be_visible()


def test_a_question_is_left_for_the_page_that_it_was_asked_on(visit: Visit) -> None:
    selected_question(visit)
    visit.page.go_back()
    expect(visit.field("q")).to_have_value("cart:")
    matching_question(visit)
    visit.page.go_back()
    expect(visit.control("ask")).to_be_visible()


def test_a_list_is_found_again_as_it_was_sorted_by_a_script(visit: Visit) -> None:
    visit.keys("default", q="user:*", size="25")
    heading = visit.main.locator("th [data-action=sort]").last
    heading.click()
    order = visit.main.locator("tbody [data-action=open]").all_inner_texts()
    visit.open(visit.control("open").nth(2))
    leave(visit, "cache")
    expect(visit.main.locator("th[aria-sort]")).to_have_count(1)
    assert set(visit.main.locator("tbody [data-action=open]").all_inner_texts()) & set(order)


def test_the_sidebars_caption_leads_to_the_caches(visit: Visit) -> None:
    visit.info("local")
    visit.page.goto(f"{visit.admin}django_cachex/")
    visit.page.wait_for_url("**/django_cachex/cache/")
    expect(visit.row("local")).to_be_visible()
    visit.page.go_back()
    expect(visit.heading).to_contain_text("local")

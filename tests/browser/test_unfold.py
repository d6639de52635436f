"""What a project decides in UNFOLD holds for our pages and our item of the sidebar."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from playwright.sync_api import expect

from tests.browser import sight
from tests.browser.looks import LOOKS
from tests.browser.places import LONG_KEY, PLACES
from tests.browser.skin import under_unfold
from tests.browser.visit import Visit
from tests.servers import wait_until
from tests.unfold.test_sidebar import documented

pytestmark = under_unfold

GREEN = "rgb(0, 90, 60)"
SAND = "rgb(190, 170, 130)"
LEFT = "element => element.getBoundingClientRect().left"
RIGHT = "element => element.getBoundingClientRect().right"
ENVIRONMENT = f"{__name__}.environment"


def environment(request: HttpRequest) -> list[str]:
    """Return what Unfold writes into its header, and the kind of label."""
    return ["Production", "danger"]


# A table.


def test_heads_of_a_long_table_stay_in_view(visit: Visit) -> None:
    visit.keys("default")
    head = visit.main.locator("th:not(.cx-select-cell)").first
    visit.page.evaluate("scrollTo(0, 2000)")
    assert visit.page.evaluate("scrollY") == 2000
    expect(head).to_be_in_viewport(ratio=1)
    assert head.evaluate(
        """head => {
            const { left, top, width, height } = head.getBoundingClientRect();
            return head.contains(document.elementFromPoint(left + width / 2, top + height / 2));
        }"""
    )


# The sidebar.


def test_item_that_unfold_lists_has_an_icon(visit: Visit) -> None:
    visit.page.goto(visit.admin)
    icon = visit.page.locator("#link-django_cachex-cache").evaluate(
        """async link => {
            const style = getComputedStyle(link, "::before");
            const font = `${style.fontSize} ${style.fontFamily}`;
            const [face] = await document.fonts.load(font, "database");
            return { content: style.content, width: style.width, drawn: face.status };
        }"""
    )
    assert icon == {"content": '"database" / ""', "width": "18px", "drawn": "loaded"}


@pytest.mark.parametrize("place", ["caches", "keys", "key-json", "info", "add"])
@pytest.mark.parametrize("scheme", ["wide", "wide dark"])
def test_item_is_marked_on_our_pages_as_unfold_marks_its_own(
    visit: Visit, place: str, scheme: str
) -> None:
    visit.page.goto(f"{visit.admin}auth/user/")
    LOOKS[scheme].show(visit.page)
    marked, other = (
        sight.ink(visit.page.locator(f"#nav-sidebar #link-{name}"))
        for name in ("auth-user", "django_cachex-cache")
    )
    assert marked != other
    PLACES[place](visit)
    visit.page.mouse.move(0, 0)
    ours, theirs = (
        sight.ink(visit.page.locator(f"#nav-sidebar #link-{name}"))
        for name in ("django_cachex-cache", "auth-user")
    )
    assert (ours, theirs) == (marked, other)


def drawn_in_item(visit: Visit) -> list[str]:
    """Return what is drawn in the item of a sidebar that a project wrote: icon, title, badge."""
    item = visit.page.locator("#nav-sidebar a", has_text="Caches")
    return item.locator("> span").filter(visible=True).all_inner_texts()


def without(settings: Any, *aliases: str) -> dict[str, Any]:
    """Return the project's caches without some. Those who look at the badge's caches have a thread
    of their own, whose connection to a database in memory nothing closes: hence without "pages".
    """
    return {alias: cache for alias, cache in settings.CACHES.items() if alias not in aliases}


@pytest.mark.parametrize("path", ["", "django_cachex/cache/"], ids=["unfolds-page", "our-page"])
def test_no_badge_is_drawn_where_no_cache_is_down(visit: Visit, settings: Any, path: str) -> None:
    settings.UNFOLD = {"SIDEBAR": documented("SIDEBAR")}
    settings.CACHES = without(settings, "dead", "pages")
    visit.page.goto(f"{visit.admin}{path}")
    assert drawn_in_item(visit) == ["database", "Caches"]


def test_badge_counts_the_caches_that_are_down(visit: Visit, settings: Any) -> None:
    settings.UNFOLD = {"SIDEBAR": documented("SIDEBAR")}
    settings.CACHES = without(settings, "pages")

    def drawn() -> list[str]:
        visit.caches()
        return drawn_in_item(visit)

    wait_until(lambda: drawn() == ["database", "Caches", "1 DOWN"], "the badge")


# Colours, corners, theme and label of a project.


def test_colours_of_the_project_are_ours(visit: Visit, settings: Any) -> None:
    settings.UNFOLD = {"COLORS": {"primary": {"600": GREEN}, "base": {"200": SAND}}}
    visit.keys("default", q="user:1*")
    button = visit.control("search")
    expect(button).to_have_css("background-color", GREEN)
    expect(visit.main.locator(".cx-surface").first).to_have_css("border-top-color", SAND)
    visit.info("default", help="1")
    expect(visit.control("close-help")).to_have_css("color", GREEN)


def test_corners_of_the_project_are_ours(visit: Visit, settings: Any) -> None:
    settings.UNFOLD = {"BORDER_RADIUS": "17px"}
    visit.keys("default", q="user:1*")
    for ours in (
        visit.control("search"),
        visit.control("add"),
        visit.main.get_by_role("search"),
        visit.main.locator(".cx-surface").first,
    ):
        expect(ours).to_have_css("border-top-left-radius", "17px")
    visit.info("default")
    card = visit.main.locator(".cx-surface", has_text="Configuration").locator("> div")
    expect(card).to_have_css("border-top-left-radius", "17px")


@pytest.mark.parametrize(
    ("theme", "context", "scheme"),
    [
        pytest.param("dark", {"color_scheme": "light"}, "dark", id="dark"),
        pytest.param("light", {"color_scheme": "dark"}, "light", id="light"),
        pytest.param(None, {"color_scheme": "dark"}, "dark", id="the-browser's"),
    ],
    indirect=["context"],
)
def test_theme_of_the_project_is_followed(
    visit: Visit, settings: Any, theme: str | None, scheme: str
) -> None:
    settings.UNFOLD = {"THEME": theme}
    for place in ("caches", "keys-search", "key-json", "info"):
        PLACES[place](visit)
        sight.wait_for_scheme(visit.page, scheme)
        assert sight.low_contrast(visit.page) == []


@pytest.mark.parametrize("look", ["wide", "narrow"])
@pytest.mark.parametrize("key", ["user:1", LONG_KEY], ids=["short", "long"])
def test_label_of_the_environment_is_beside_the_trail(
    visit: Visit, settings: Any, look: str, key: str
) -> None:
    settings.UNFOLD = {"ENVIRONMENT": ENVIRONMENT}
    visit.key("default", key)
    LOOKS[look].show(visit.page)
    label = visit.page.get_by_text("Production", exact=True)
    expect(label).to_be_in_viewport(ratio=1)
    trail = visit.page.get_by_role("heading", level=1)
    end, start = trail.evaluate(RIGHT), label.evaluate(LEFT)
    assert end <= start

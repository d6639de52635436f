"""What Unfold's sidebar and its pages have of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.urls import reverse

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import VALKEY, BrowserOf, Configure
from tests.admin.page import Page
from tests.servers import wait_until
from tests.snippets import snippets
from tests.unfold.skin import under_unfold

pytestmark = under_unfold

PAGE = Path(__file__).parents[2] / "docs" / "unfold.md"
STYLESHEET = "/static/django_cachex/skins/unfold.css"
MARK = "data-cx-none"


def home(browser: Browser) -> Page:
    page = browser.open(reverse("admin:index"))
    assert page.status == 200
    return page


def linked(page: Page) -> list[str]:
    """Return the stylesheets of a page, in order."""
    return [
        str(attrs["href"])
        for tag, attrs in page.tags
        if tag == "link" and attrs.get("rel") == "stylesheet"
    ]


def documented(setting: str) -> Any:
    """Return what the documentation has a project write of a setting of Unfold."""
    found = []
    for snippet in snippets(PAGE):
        names: dict[str, Any] = {}
        snippet.run(names)
        found += [names["UNFOLD"][setting]] if setting in names.get("UNFOLD", {}) else []
    [value] = found
    return value


# The stylesheet.


def test_pages_of_unfold_link_the_stylesheet_once(admin: Browser) -> None:
    assert linked(home(admin)).count(STYLESHEET) == 1


def test_apps_that_are_made_ready_again_do_not_link_it_twice(admin: Browser) -> None:
    apps.get_app_config("django_cachex").ready()
    assert linked(home(admin)).count(STYLESHEET) == 1


def test_its_address_is_that_of_the_storage_at_the_time(settings: Any, admin: Browser) -> None:
    settings.STATIC_URL = "/elsewhere/"
    assert "/elsewhere/django_cachex/skins/unfold.css" in linked(home(admin))


def test_a_project_with_stylesheets_of_its_own_names_it(settings: Any, admin: Browser) -> None:
    settings.UNFOLD = {"STYLES": ["/own.css"]}
    assert STYLESHEET not in linked(home(admin))
    settings.UNFOLD = {"STYLES": ["/own.css", *documented("STYLES")]}
    assert linked(home(admin)).count(STYLESHEET) == 1


# The sidebar that Unfold makes.


def test_caches_are_in_the_sidebar_under_the_id_that_the_stylesheet_gives_an_icon(
    admin: Browser,
) -> None:
    ids = [attrs.get("id") for _tag, attrs in home(admin).tags]
    assert ids.count("link-django_cachex-cache") == 1


# The sidebar that a project writes.


@pytest.fixture
def _written(settings: Any) -> None:
    settings.UNFOLD = {"SIDEBAR": documented("SIDEBAR")}


def item_of(page: Page) -> str:
    """Return the markup of the item in the sidebar; empty if it is not there."""
    before, _, after = page.html.partition("<span>Caches</span>")
    if not after:
        return ""
    return before[before.rindex("<a ") :] + after[: after.index("</a>")]


@pytest.mark.usefixtures("_written")
def test_an_item_has_a_badge(admin: Browser, configure: Configure) -> None:
    location = f"valkey://127.0.0.1:{servers.free_port()}/0"
    configure(one={"BACKEND": VALKEY, "LOCATION": location})
    wait_until(lambda: "1 down" in item_of(home(admin)), "the badge")
    assert MARK not in item_of(home(admin))


@pytest.mark.usefixtures("_written")
def test_an_item_of_caches_that_are_up_has_the_mark(admin: Browser, configure: Configure) -> None:
    configure()
    assert f"<span {MARK} hidden></span>" in item_of(home(admin))


@pytest.mark.usefixtures("_written")
@pytest.mark.parametrize(
    ("permission", "shown"), [("view_cache", True), ("change_cache", True), ("view_key", False)]
)
def test_an_item_is_there_for_who_may_see_caches(
    browser_of: BrowserOf, permission: str, shown: bool
) -> None:
    assert bool(item_of(home(browser_of(permission)))) is shown


@pytest.mark.usefixtures("_written")
def test_an_item_is_marked_on_every_page_of_ours(admin: Browser, superuser: User) -> None:
    def is_marked(url: str) -> bool:
        return " active" in item_of(admin.open(url)).partition(">")[0]

    assert is_marked(addresses.caches())
    assert is_marked(addresses.keys("default"))
    assert not is_marked(reverse("admin:auth_user_change", args=[superuser.pk]))

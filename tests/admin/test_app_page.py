"""Django's page of the app: it has a single row, and leads on to what the row links to."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.steps import page_url


def app_page(person: Browser) -> Page:
    return person.open(reverse("admin:app_list", args=["django_cachex"]))


def refresh_urls(page: Page) -> list[str]:
    """Return where the page leads on to."""
    return [
        attrs["content"].partition("url=")[2]
        for tag, attrs in page.tags
        if tag == "meta" and attrs.get("http-equiv") == "refresh"
    ]


@pytest.mark.parametrize(
    ("held", "url"),
    [
        (("view_cache", "view_key"), "cache/"),
        (("view_key",), "key/"),
        (("add_key",), "key/add/"),
    ],
)
def test_it_leads_on_to_what_one_may_open(
    server_cache: Any, browser_of: BrowserOf, held: tuple[str, ...], url: str
) -> None:
    person = browser_of(*held)
    [target] = refresh_urls(app_page(person))
    assert target == f"/admin/django_cachex/{url}"
    assert person.open(target).status == 200


def test_it_stays_where_nothing_can_be_opened(server_cache: Any, browser_of: BrowserOf) -> None:
    page = app_page(browser_of("delete_key"))
    assert page.status == 200
    assert refresh_urls(page) == []


@pytest.mark.parametrize("name", ["caches", "keys", "key", "history", "info", "add", "delete"])
def test_breadcrumbs_begin_at_the_sites_home(hello: Any, admin: Browser, name: str) -> None:
    page = admin.open(page_url(name))
    assert [link.url for link in page.links if link.data_action == "home"] == [
        reverse("admin:index")
    ]

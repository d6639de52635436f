"""No link or button leads to a page that refuses: every one is tried, by people of every kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin

import pytest
from django.contrib.auth.models import Permission

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.page import Page
from tests.admin.page_elements import Form
from tests.admin.people import ALL, NONE, PERMISSIONS, SINGLES, Held, named

OURS = "/admin/django_cachex/"
MOST_PAGES = 400

PEOPLE = [
    NONE,
    *SINGLES,
    frozenset({"view_cache", "view_key", "delete_key"}),
    *(
        pytest.param(held, marks=pytest.mark.slow)
        for held in (
            frozenset({"view_cache", "add_key"}),
            frozenset({"view_cache", "delete_key"}),
            frozenset({"change_cache", "change_key"}),
            frozenset({"view_key", "add_key"}),
            frozenset({"add_key", "delete_key"}),
            ALL,
        )
    ),
]


LIST_STATE = re.compile(r"[?&](_changelist_filters|token|sort|selected)=[^&#]*")
"""State of the list of keys: pages that differ in it alone have the same links."""


class Crawl:
    """Opens whatever can be reached from the admin's index, and presses what is there."""

    def __init__(self, person: Browser) -> None:
        self.person = person
        self.refused: list[str] = []
        self.seen: set[str] = set()
        self.pages: list[Page] = []

    def run(self, *starts: str) -> None:
        self.visit(list(starts))
        for page in list(self.pages):
            for form in self.forms(page):
                for result in self.press(page, form):
                    self.visit(self.links(result))

    def visit(self, urls: list[str]) -> None:
        while urls:
            url = urls.pop()
            place = LIST_STATE.sub("", url)
            if place in self.seen:
                continue
            self.seen.add(place)
            assert len(self.seen) < MOST_PAGES, "\n".join(sorted(self.seen))
            urls += self.links(self.take(self.person.open(url), f"GET {url}"))

    def take(self, page: Page, what: str) -> Page:
        if page.status not in (200, 302):
            self.refused.append(f"{page.status} {what}")
        self.pages.append(page)
        return page

    def links(self, page: Page) -> list[str]:
        # Their links are those of the page without help, or formatted.
        if "help=" in page.url or "view=" in page.url:
            return []
        absolute = (urldefrag(urljoin(page.url, link.url))[0] for link in page.links)
        return [url for url in absolute if url.startswith(OURS)]

    @staticmethod
    def forms(page: Page) -> Iterator[Form]:
        """Our forms, with the hosts' own (log out, colours) left out."""
        for form in page.forms:
            action = urljoin(page.url, form.action) if form.action else page.url
            if action.startswith(OURS):
                yield form

    def press(self, page: Page, form: Form) -> Iterator[Page]:
        """Yield what each button of a form leads to, with all its rows ticked."""
        for button in form.buttons:
            data = form.data()
            ticks = [one.value for one in form.controls if one.name == "selected"]
            if ticks:
                data["selected"] = ticks
            if button.name:
                data[button.name] = [button.value]
            target = button.action or form.action
            url = urljoin(page.url, target) if target else page.url
            result = self.send(form.method, url, data)
            yield self.take(result, f"{form.method.upper()} {url} ({button.text})")

    def send(self, method: str, url: str, data: dict[str, list[str]]) -> Page:
        if method == "post":
            return self.person.post(url, data)
        return self.person.open(f"{url.split('?')[0]}?{urlencode(data, doseq=True)}")


@pytest.mark.parametrize("held", PEOPLE, ids=named)
def test_nothing_leads_to_a_page_that_refuses(
    caches_of_every_kind: list[str], settings: Any, browser_of: BrowserOf, held: Held
) -> None:
    kept = ("default", "valkey", "files", "stranger", "dummy")
    settings.CACHEX_ADMIN = {
        "ALIASES": {alias: "hidden" for alias in caches_of_every_kind if alias not in kept}
    }
    crawl = Crawl(browser_of(*held))
    # Delete permission alone reaches this page only through links from elsewhere.
    crawl.run(
        "/admin/", *([addresses.delete("valkey", "p:1:hello")] if "delete_key" in held else [])
    )
    assert crawl.refused == []
    reached = [url for url in crawl.seen if url.startswith(OURS) and url != OURS]
    assert bool(reached) == bool(held)


@pytest.mark.parametrize("held", [frozenset({"add_key"}), frozenset({"add_key", "view_cache"})])
def test_who_may_add_finds_the_way_there(
    server_cache: Any, browser_of: BrowserOf, held: Held
) -> None:
    crawl = Crawl(browser_of(*held))
    crawl.visit(["/admin/"])
    assert any("/key/add/" in url and "cache=valkey" in url for url in crawl.seen)


def test_a_superusers_links_all_lead_somewhere(
    caches_of_every_kind: list[str], admin: Browser
) -> None:
    crawl = Crawl(admin)
    crawl.visit(["/admin/"])
    assert crawl.refused == []
    for name in ("cache/", "key/", "history/", "delete/", "change/", "add/"):
        assert any(name in url for url in crawl.seen), name


def test_the_permissions_are_the_six_that_exist() -> None:
    found = Permission.objects.filter(content_type__app_label="django_cachex")
    assert set(found.values_list("codename", flat=True)) == set(PERMISSIONS)

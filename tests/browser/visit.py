"""A person at the admin: goes places and finds controls by role, label and text."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

from django_cachex.admin import humane


@dataclass(frozen=True)
class Visit:
    """A page of a browser, and the address of the admin it is for, which ends with a slash."""

    page: Page
    admin: str

    def log_in(self, name: str, password: str) -> None:
        self.page.goto(self.admin)
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        # Unfold draws an arrow beside the words.
        self.open(self.page.get_by_role("button", name="Log in"))

    def caches(self, **query: str) -> None:
        self._go("cache/", query)

    def info(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/change/", query)

    def keys(self, alias: str, **query: str) -> None:
        self._go("key/", {"cache": alias, **query})

    def add(self, alias: str) -> None:
        self._go("key/add/", {"cache": alias})

    def matching(self, alias: str, **query: str) -> None:
        self._go("key/matching/", {"cache": alias, **query})

    def namespaces(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/namespaces/", query)

    def key(self, alias: str, name: str, **query: str) -> None:
        """Open a key as a person does: search its name, press it. Long ones are buttons."""
        self.keys(alias, q=name)
        self.open(self.named(humane.name(name)))
        if query:
            self.page.goto(f"{self.page.url}?{urlencode(query)}")

    def _go(self, path: str, query: dict[str, str]) -> None:
        self.page.goto(f"{self.admin}django_cachex/{path}?{urlencode(query)}")

    def named(self, name: str) -> Locator:
        """Return the link or the button of exactly this name."""
        link = self.page.get_by_role("link", name=name, exact=True)
        return link.or_(self.page.get_by_role("button", name=name, exact=True)).first

    def open(self, control: Locator) -> None:
        """Press what leads to a page, and wait for that page."""
        with self.page.expect_event("load"):
            control.click()

    def press(self, name: str) -> None:
        self.open(self.page.get_by_role("button", name=name, exact=True))

    def follow(self, name: str) -> None:
        self.open(self.page.get_by_role("link", name=name, exact=True))

    def tick(self, *names: str) -> None:
        """Tick rows of a table."""
        for name in names:
            self.page.get_by_role("checkbox", name=f'Select "{name}"', exact=True).check()

    @property
    def heading(self) -> Locator:
        """The page's own heading: what it is about."""
        return self.page.locator("#cx-heading")

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

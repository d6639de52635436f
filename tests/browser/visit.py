"""A person at the admin: goes places and finds controls by what they do, in any language."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

from django_cachex.admin import formatting


@dataclass(frozen=True)
class Visit:
    """A page of a browser, and the address of the admin it is for, which ends with a slash."""

    page: Page
    admin: str

    def log_in(self, name: str, password: str) -> None:
        self.page.goto(self.admin)
        self.page.locator("[name=username]").fill(name)
        self.page.locator("[name=password]").fill(password)
        self.open(self.page.locator("#login-form [type=submit]"))

    def caches(self, **query: str) -> None:
        self._go("cache/", query)

    def info(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/change/", query)

    def health(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/health/", query)

    def keys(self, alias: str, **query: str) -> None:
        self._go("key/", {"cache": alias, **query})

    def fragments(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/fragments/", query)

    def add(self, alias: str) -> None:
        self._go("key/add/", {"cache": alias})

    def matching(self, alias: str, **query: str) -> None:
        self._go("key/matching/", {"cache": alias, **query})

    def sessions(self, **query: str) -> None:
        self._go("cache/sessions/", query)

    def namespaces(self, alias: str, **query: str) -> None:
        self._go(f"cache/{alias}/namespaces/", query)

    def purge(self, alias: str, **query: str) -> None:
        self._go("key/purge/", {"cache": alias, **query})

    def key(self, alias: str, name: str, **query: str) -> None:
        """Open a key as a person does: search its name, press it. Long ones are buttons."""
        self.keys(alias, q=name)
        self.press("open", formatting.format_name(name))
        if query:
            separator = "&" if "?" in self.page.url else "?"
            self.page.goto(f"{self.page.url}{separator}{urlencode(query)}")

    def _go(self, path: str, query: dict[str, str]) -> None:
        self.page.goto(f"{self.admin}django_cachex/{path}?{urlencode(query)}")

    def control(self, does: str, about: str = "") -> Locator:
        """Return the link or the button that does this, in the row of what a text names if given.

        What it does, its `data-action` says.
        """
        return (self.row(about) if about else self.main).locator(f'[data-action="{does}"]')

    def row(self, name: str) -> Locator:
        """Return the row of a table that has exactly this text: a key, an alias, an element."""
        text = self.page.get_by_text(name, exact=True)
        return self.main.locator("tbody tr:not(.cx-row-form)").filter(has=text)

    def field(self, name: str) -> Locator:
        """Return the field that a form sends under this name."""
        fields = f':is(input:not([type="hidden"]), textarea, select)[name="{name}"]'
        return self.main.locator(fields)

    def box(self, name: str) -> Locator:
        """Return the checkbox that chooses a row."""
        return self.row(name).locator("[name=selected]")

    @property
    def every_box(self) -> Locator:
        """The checkbox that chooses all rows of the page."""
        return self.main.locator(".cx-select-all input")

    def open(self, control: Locator) -> None:
        """Press what leads to a page, and wait for that page."""
        with self.page.expect_event("load"):
            control.click()

    def press(self, does: str, about: str = "") -> None:
        """Press the link or the button that does this, and wait for the page that it leads to."""
        self.open(self.control(does, about))

    def tick(self, *names: str) -> None:
        """Tick rows of a table."""
        for name in names:
            self.box(name).check()

    @property
    def heading(self) -> Locator:
        """The page's own heading: what it is about."""
        return self.page.locator("#cx-heading")

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

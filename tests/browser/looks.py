"""The ways of looking at a page: window and colours, changed while the page stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page, ViewportSize

from tests.browser import sight
from tests.browser.chromium import NARROW, WIDE

UNFOLD_THEME = """scheme => {
    if (window.Alpine) Alpine.$data(document.documentElement).adminTheme = scheme;
}"""
"""What Unfold's own switch sets. Unfold follows the browser only while a page loads."""


@dataclass(frozen=True)
class Look:
    """A window's size in pixels, and the colours that the person prefers."""

    size: ViewportSize
    scheme: Literal["light", "dark"]

    def show(self, page: Page) -> None:
        """Have a page look so. Raise TimeoutError where it does not turn light or dark."""
        page.emulate_media(color_scheme=self.scheme)
        page.evaluate(UNFOLD_THEME, self.scheme)
        page.set_viewport_size(self.size)
        sight.wait_for_scheme(page, self.scheme)


LOOKS = {
    "wide": Look(WIDE, "light"),
    "wide dark": Look(WIDE, "dark"),
    "narrow": Look(NARROW, "light"),
    "narrow dark": Look(NARROW, "dark"),
}

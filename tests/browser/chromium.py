"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, ViewportSize, sync_playwright

from tests.servers import find_program

WIDE: ViewportSize = {"width": 1281, "height": 800}
"""A pixel more than usual: from there on, every release of Unfold shows its sidebar."""
NARROW: ViewportSize = {"width": 390, "height": 844}
TIMEOUT = 10_000
"""Milliseconds that a page, a control or an expectation is waited for."""

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def program() -> str:
    """Return Chromium's path; raise FileNotFoundError where it is not installed."""
    found = find_program("chromium")
    if found is None:
        raise FileNotFoundError("Chromium is not installed: apt-get install chromium")
    return found


@contextmanager
def running() -> Iterator[Browser]:
    """Run a Chromium without a window. Raise FileNotFoundError where it is not installed."""
    path = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, **options: object) -> BrowserContext:
    """Return a new profile, with a wide window in light colours unless told otherwise."""
    given = {"viewport": WIDE, "color_scheme": "light", "locale": "en-GB", **options}
    context = browser.new_context(**given)  # type: ignore[arg-type]  # options of many types
    context.set_default_timeout(TIMEOUT)
    return context

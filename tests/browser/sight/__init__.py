"""What is wrong with how a page looks and reads, measured in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

LEAST_CONTRAST = 4.5
"""What WCAG 2 asks of text, level AA."""

MOST_STOPS = 40
"""Controls that Tab is pressed through; further rows of a table have the same ones."""


def low_contrast(page: Page) -> list[str]:
    """Return the texts and fields whose contrast with their background is too low."""
    found: list[str] = _run(page, "contrast", LEAST_CONTRAST)
    return found


def cut_off(page: Page) -> list[str]:
    """Return what scrolls sideways and what ends beyond the right edge."""
    found: list[str] = _run(page, "layout")
    return found


def overlaps(page: Page) -> list[str]:
    """Return the controls that lie on one another or on a text."""
    found: list[str] = _run(page, "overlaps")
    return found


def hard_to_read_aloud(page: Page) -> list[str]:
    """Return missing labels and names, headings out of order, landmarks that are not there."""
    found: list[str] = _run(page, "structure")
    return found


def backwards(page: Page) -> list[str]:
    """Return the texts in Latin letters, and the fields for them, that run from right to left."""
    found: list[str] = _run(page, "backwards")
    return found


def unseen_focus(page: Page) -> list[str]:
    """Press Tab through the first controls; return those that do not show that they have focus."""
    page.evaluate("document.activeElement.blur()")
    unseen, reached = [], 0
    while reached < MOST_STOPS:
        page.keyboard.press("Tab")
        stop = _run(page, "focus")
        if stop is None and reached:
            break
        if stop is not None:
            reached += 1
            unseen += [] if stop["visible"] and stop["shown"] else [stop["name"]]
    return unseen


def wait_for_scheme(page: Page, scheme: str) -> None:
    """Wait until a page's ground is "light" or "dark". Raise TimeoutError where it never is."""
    page.wait_for_function(_script("scheme"), arg=scheme)


def ink(text: Locator) -> dict[str, Any]:
    """Return the colours, as channels, of a text and of what is behind it, and its weight."""
    found: dict[str, Any] = text.evaluate(_script("ink"))
    return found


def _run(page: Page, name: str, argument: Any = None) -> Any:
    return page.evaluate(_script(name), argument)


def _script(name: str) -> str:
    """Return one of the functions beside this file, with what the others share in its reach."""
    shared = " ".join(f"const {one} = {_source(one)};" for one in ("seen", "colours"))
    return f"(given) => {{ {shared} return ({_source(name)})(given); }}"


def _source(name: str) -> str:
    return (Path(__file__).parent / f"{name}.js").read_text().strip().removesuffix(";")

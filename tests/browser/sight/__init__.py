"""What is wrong with how a page looks and reads, measured in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

LEAST_CONTRAST = 4.5
"""What WCAG 2 asks of text, level AA."""


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


def tab_stops(page: Page, most: int = 400) -> list[dict[str, Any]]:
    """Press Tab through the page; return the name and looks of each stop within main."""
    stops = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = _run(page, "focus")
        if stop is not None:
            stops.append(stop)
        elif stops:
            break
    return stops


def _run(page: Page, name: str, *arguments: Any) -> Any:
    script = (Path(__file__).parent / f"{name}.js").read_text().rstrip().removesuffix(";")
    return page.evaluate(script, *arguments)

"""`python -m tests.browser.likeness`: our pages beside Unfold's own, property by property.

Measured in a browser on one site that has both, in light and in dark colours.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
from django.contrib.auth import get_user_model
from django.test.utils import override_settings, setup_databases, teardown_databases
from pytest_django.live_server_helper import LiveServer

from tests.browser import project
from tests.browser.chromium import new_context, running
from tests.browser.looks import LOOKS
from tests.browser.pairs import BORDER, PAIRS, Spot
from tests.browser.visit import Visit
from tests.servers import valkey

NAME = "somebody"
APPEARANCE = (Path(__file__).parent / "likeness.js").read_text().strip().removesuffix(";")
THEMES = {"light": LOOKS["wide"], "dark": LOOKS["wide dark"]}

Appearance = dict[str, str]
Seen = dict[tuple[Spot, str], Appearance]
"""How spots look, by theme."""


@dataclass(frozen=True)
class Finding:
    """A property of an element of ours, and of the one of Unfold's that it is to look like."""

    theme: str
    element: str
    attribute: str
    ours: str
    unfolds: str

    @property
    def is_same(self) -> bool:
        """Whether they are equal, but for what rounding does to a colour."""
        ours, unfolds = self.ours.split(), self.unfolds.split()
        return len(ours) == len(unfolds) and all(map(_alike, ours, unfolds))

    def __str__(self) -> str:
        return f"{self.theme}, {self.element}, {self.attribute}: {self.ours} / {self.unfolds}"

    @property
    def excuse(self) -> str:
        """Why they may differ; empty if they may not."""
        known = (one for one in EXCUSES if self.attribute in one.properties)
        return next((one.reason for one in known if self.element in one.elements), "")


def _alike(ours: str, unfolds: str) -> bool:
    numbers = ours.isdecimal() and unfolds.isdecimal()
    return ours == unfolds or (numbers and abs(int(ours) - int(unfolds)) <= 1)


@dataclass(frozen=True)
class Excuse:
    """Why elements differ in some properties, on purpose."""

    elements: Collection[str]
    properties: Collection[str]
    reason: str


LEFT_TO_BROWSERS = ("link in a table", "checkbox in a table", "primary button", "default button")
EXCUSES = (
    Excuse(
        ("textarea", "search input", "link in a table"),
        ("font family",),
        "keys and values are monospaced",
    ),
    Excuse(
        ("table head", "table cell"),
        (*BORDER, "height"),
        "the line between rows is drawn beneath them, so that heads that stay in view have it",
    ),
    Excuse(
        [name for name in PAIRS if name.endswith(" label")],
        ("letter case",),
        "capitals would hide that cachex is the name of a package",
    ),
    Excuse(("confirmation",), ("padding",), "ours has one section, theirs several"),
    Excuse(
        [f"{name} with the focus" for name in LEFT_TO_BROWSERS],
        ("outline",),
        "Unfold leaves links, buttons and checkboxes to the browser, whose ring is hard to see",
    ),
)


def findings(visit: Visit) -> list[Finding]:
    """Visit the pages of both, and return what was measured."""
    seen = _look_at(visit, {spot for pair in PAIRS.values() for spot in (pair.ours, pair.unfolds)})
    return [
        Finding(
            theme,
            element,
            attribute,
            seen[pair.ours, theme][attribute],
            seen[pair.unfolds, theme][attribute],
        )
        for theme in THEMES
        for element, pair in PAIRS.items()
        for attribute in pair.properties
    ]


def _look_at(visit: Visit, spots: Collection[Spot]) -> Seen:
    seen: Seen = {}
    for place in sorted({spot.place for spot in spots}):
        there = [spot for spot in spots if spot.place == place]
        there[0].way(visit)
        for theme, look in THEMES.items():
            look.show(visit.page)
            seen |= {(spot, theme): _measured(visit, spot) for spot in there}
    return seen


def _measured(visit: Visit, spot: Spot) -> Appearance:
    visit.page.evaluate("document.activeElement.blur()")
    found: Appearance = visit.page.locator(spot.selector).first.evaluate(APPEARANCE, spot.focused)
    return found


# As a script.


def main() -> None:
    os.environ |= {
        "SKIN": "unfold",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright runs an event loop in this thread.
    }
    logging.disable()  # One of the caches is down on purpose.
    django.setup()
    with _served() as admin, running() as browser:
        visit = Visit(new_context(browser).new_page(), admin)
        visit.log_in(NAME, NAME)
        measured = findings(visit)
    for one in measured:
        verdict = "same" if one.is_same else one.excuse or "DIFFERENT"
        print(
            f"{one.theme:5}  {one.element:35}  {one.attribute:19}"
            f"  {one.ours:40}  {one.unfolds:40}  {verdict}"
        )


@contextmanager
def _served() -> Iterator[str]:
    """Serve the site that has both, to a superuser; yield its admin's address."""
    from tests.browser import unfold_site

    with (
        valkey() as server,
        tempfile.TemporaryDirectory() as folder,
        override_settings(
            CACHES=project.cache_settings(server, Path(folder)),
            ROOT_URLCONF=unfold_site.__name__,
            UNFOLD=unfold_site.UNFOLD,
        ),
    ):
        databases = setup_databases(verbosity=0, interactive=False)
        get_user_model().objects.create_superuser(NAME, password=NAME)
        project.fill()
        site = LiveServer("127.0.0.1")
        yield f"{site.url}/admin/"
        site.stop()
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()

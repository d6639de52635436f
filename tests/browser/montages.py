"""`python -m tests.browser.montages FOLDER`: the pictures of docs/skins.md. It needs Pillow.

The pages of the demo in both skins, side by side, and pages of Unfold's beside ours, as PNG files
of few colours: in light, in dark and in a narrow window.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.browser import unfold_places
from tests.browser.chromium import new_context, running
from tests.browser.looks import LOOKS
from tests.browser.places import PLACES, Way
from tests.browser.screenshots import demo
from tests.browser.visit import Visit

PAGES = (
    *("caches", "keys", "keys-help", "key-json", "key-hash", "key-edit", "key-history", "add"),
    *("matching", "namespaces", "info", "delete-confirm", "flush-confirm", "keys-empty"),
)
"""The last flushes a cache."""

UNFOLDS: dict[str, Way] = {
    "users": unfold_places.UNFOLD_PLACES["users"],
    "user": unfold_places.user,
}
BESIDE_UNFOLDS = {"keys": "users", "add": "user"}
"""A page of ours and the one of Unfold's of its kind."""

SHOWN = {"light": LOOKS["wide"], "dark": LOOKS["wide dark"], "narrow": LOOKS["narrow"]}
GAP = 16
GREY = (160, 160, 160)
COLOURS = 128

Pictures = dict[tuple[str, str], Image.Image]
"""Pictures by place and look."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.montages")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    ours = {name: PLACES[name] for name in PAGES}
    with running() as browser:
        plain = pictures(browser, "admin", ours)
        unfold = pictures(browser, "unfold", UNFOLDS | ours)
    for look in SHOWN:
        for name in PAGES:
            save(beside(plain[name, look], unfold[name, look]), folder / f"{name}-{look}.png")
        for name, own in BESIDE_UNFOLDS.items():
            save(beside(unfold[name, look], unfold[own, look]), folder / f"{own}-{look}.png")


def pictures(browser: Browser, skin: str, ways: Mapping[str, Way]) -> Pictures:
    """Go to places of the demo in a skin; return what the window shows there in each look."""
    taken = {}
    with demo(skin) as admin:
        visit = Visit(new_context(browser).new_page(), admin)
        visit.log_in("admin", "admin")
        for place, way in ways.items():
            way(visit)
            visit.page.evaluate("document.activeElement.blur()")
            for name, look in SHOWN.items():
                look.show(visit.page)
                visit.page.evaluate("scrollTo(0, 0)")
                picture = visit.page.screenshot(animations="disabled")
                taken[place, name] = Image.open(BytesIO(picture)).convert("RGB")
            SHOWN["light"].show(visit.page)
    return taken


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Return one picture of two of the same size."""
    both = Image.new("RGB", (left.width + GAP + right.width, left.height), GREY)
    both.paste(left, (0, 0))
    both.paste(right, (left.width + GAP, 0))
    return both


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture with few colours, the rare ones among them: a red word stays red."""
    few = picture.quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    few.save(path, optimize=True)


if __name__ == "__main__":
    main()

"""`python -m tests.browser.screenshots FOLDER [--skin SKIN] [--only NAME …]`: pictures to look at.

Every page of the cache admin over the demo's data, as PNG files, in each of the looks.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from playwright.sync_api import Error, Page

from tests.browser.chromium import new_context, running
from tests.browser.looks import LOOKS
from tests.browser.places import PLACES, SMALL_STEPS, STOPPED, Way
from tests.browser.visit import Visit
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
EVERY = [*PLACES, *STOPPED]
TALLEST = 6_000
"""Pixels of a page that a picture shows."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skin", default="admin", choices=["admin", "unfold"])
    parser.add_argument("--only", nargs="+", default=EVERY, choices=EVERY, metavar="NAME")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    shoot(given.folder, given.skin, {name: PLACES[name] for name in given.only if name in PLACES})
    stopped = {name: STOPPED[name] for name in given.only if name in STOPPED}
    shoot(given.folder, given.skin, stopped, SMALL_STEPS)


def shoot(
    folder: Path,
    skin: str,
    places: Mapping[str, Way],
    limits: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Write pictures of places, if there are any, of a demo of their own under such limits."""
    if not places:
        return
    with demo(skin, limits) as admin, running() as browser:
        context = new_context(browser)
        visit = Visit(context.new_page(), admin)
        visit.log_in("admin", "admin")
        for name, go in places.items():
            try:
                go(visit)
            except Error as error:
                print(f"{name}: {error.message.splitlines()[0]}", file=sys.stderr)
            take(visit.page, folder / name)


def take(page: Page, path: Path) -> None:
    """Write a picture of a page for each look, the page staying as it is."""
    for name, look in LOOKS.items():
        look.show(page)
        page.evaluate("scrollTo(0, 0)")  # What sticks to the top would be drawn further down.
        height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0.0, "y": 0.0, "width": float(look.size["width"]), "height": float(height)}
        target = path.with_name(f"{path.name}-{name.replace(' ', '-')}.png")
        page.screenshot(path=target, full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]  # a dict
    LOOKS["wide"].show(page)


@contextmanager
def demo(skin: str, limits: Mapping[str, float] = MappingProxyType({})) -> Iterator[str]:
    """Run the demo in a skin, with a state of its own; yield its admin's address."""
    with tempfile.TemporaryDirectory(prefix="cachex-") as state:
        environment = os.environ | {"DEMO_STATE": state, "SKIN": skin}
        environment["DEMO_LIMITS"] = json.dumps(dict(limits))
        command = [sys.executable, "-m", "demo", str(free_port())]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield _address(process)
            finally:
                process.terminate()
                process.wait(20)


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the demo prints when it is ready."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if found := re.search(r"http://\S+/admin/", line):
            return found[0]
    raise RuntimeError(f"The demo ended at once:\n{printed}")


if __name__ == "__main__":
    main()

"""Run the benchmarks, print their tables, and write them to the documentation.

`python -m benchmarks` writes all pages except the one about ten million keys, which needs gigabytes
of memory: `python -m benchmarks browser` writes it. `python -m benchmarks calls` writes a single
page. `python -m benchmarks profile` prints where `get` spends its time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import admin, profile, project
from benchmarks.browser import page as browser
from benchmarks.calls import page as calls

FOLDER = Path(__file__).parent.parent / "docs" / "benchmarks"

PAGES: dict[str, Callable[[], Iterator[str]]] = {"admin": admin.report, "calls": calls.report}
LARGE_PAGES: dict[str, Callable[[], Iterator[str]]] = {"browser": browser.report}
PROFILE = "profile"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "page", nargs="?", choices=[*PAGES, *LARGE_PAGES, PROFILE], help="default: every page"
    )
    page = parser.parse_args().page
    project.set_up()
    if page == PROFILE:
        print(profile.report())
        return
    for name in [page] if page else PAGES:
        write_page(name)


def write_page(name: str) -> None:
    """Measure the sections of a page and write the page."""
    sections = []
    for section in (PAGES | LARGE_PAGES)[name]():
        print(section, end="\n\n", flush=True)
        sections.append(section)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text("\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()

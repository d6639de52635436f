"""Measure, print the tables, and keep them with the documentation.

`python -m benchmarks` writes every page but the one on ten million keys, which takes gigabytes and
is written by `python -m benchmarks browser`; `python -m benchmarks calls` writes one of them;
`python -m benchmarks profile` prints where a get spends its time.
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
LARGE: dict[str, Callable[[], Iterator[str]]] = {"browser": browser.report}
PROFILE = "profile"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=[*PAGES, *LARGE, PROFILE], help="default: every page"
    )
    what = parser.parse_args().what
    project.set_up()
    if what == PROFILE:
        print(profile.report())
        return
    for name in [what] if what else PAGES:
        write(name)


def write(name: str) -> None:
    """Measure what a page tells, and write the page."""
    sections = []
    for section in (PAGES | LARGE)[name]():
        print(section, end="\n\n", flush=True)
        sections.append(section)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text("\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()

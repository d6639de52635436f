"""The memory of a process that browses a million keys."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from django.test import override_settings

from benchmarks import project
from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, Visitor, valkey_alias
from benchmarks.figure import Figure, Measured

ROOT = Path(__file__).parent.parent
GROWTH = "growth, MB"
GOALS = {GROWTH: 20}

PAGE_SIZE = 500
WARMING = 10
"""Pages that the process opens before it is measured."""

MEGABYTE = 1_000_000
RESET_PEAK = "5"
"""What tells Linux to forget the peak of a process."""

FORWARD = re.compile(r'href="([^"]*)">(?:Next \d+|Continue)<')


@dataclass(frozen=True)
class Walk:
    """What became of a process that walked through a cache."""

    pages: int
    searches: int
    """Pages of the search that nothing matches, until all keys were examined."""

    before: int
    """The bytes that the process took when it was warm."""

    after: int
    peak: int


def measure(bench: Bench) -> Figure:
    """Let a process of its own browse the server's keys."""
    port, pages = bench.valkey.port, bench.sizes.pages_walked
    said = subprocess.check_output(
        [sys.executable, "-m", __name__, str(port), str(pages)], cwd=ROOT
    )
    walk = Walk(**json.loads(said))
    counts = {
        "pages": walk.pages + walk.searches,
        "warm, MB": walk.before / MEGABYTE,
        GROWTH: (walk.after - walk.before) / MEGABYTE,
        "growth at its peak, MB": (walk.peak - walk.before) / MEGABYTE,
    }
    return Figure(
        f"Memory of a process that browses {bench.sizes.keys:,} keys",
        f"A process opens {walk.pages} pages of {PAGE_SIZE} keys, one after the other, and then "
        f"searches all {bench.sizes.keys:,} keys for a key that doesn't exist. The figures are "
        f"its resident set size; the process is warm after {WARMING} pages.",
        GOALS,
        [Measured("a process", counts)],
    )


def browse(port: int, pages: int) -> Walk:
    """Open this many pages of the key browser, then search through all keys; for nothing."""
    visitor = Visitor()
    with override_settings(CACHES={"default": valkey_alias(port)}):
        url = LINKS.keys("default", size=PAGE_SIZE)
        url, _opened = walk(visitor, url, WARMING)
        walk(visitor, LINKS.keys("default", q="*nothing*"), 1)
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        before = memory("VmRSS")
        _url, opened = walk(visitor, url or LINKS.keys("default", size=PAGE_SIZE), pages)
        _url, searches = walk(visitor, LINKS.keys("default", q="*nothing*"), sys.maxsize)
    return Walk(opened, searches, before, memory("VmRSS"), memory("VmHWM"))


def walk(visitor: Visitor, url: str, most: int) -> tuple[str, int]:
    """Follow *Next* or *Continue*; return where it leads then, and how many pages were opened."""
    for opened in range(most):
        forward = FORWARD.search(visitor.open(url))
        if forward is None:
            return "", opened + 1
        url = html.unescape(forward[1])
    return url, most


def memory(name: str) -> int:
    """Return a figure of this process from Linux, in bytes: `VmRSS`, or `VmHWM`, its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields[name].split()[0]) * 1024


if __name__ == "__main__":
    project.set_up()
    print(json.dumps(asdict(browse(*map(int, sys.argv[1:])))))

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
from benchmarks.figure import Figure, Measurement

ROOT = Path(__file__).parent.parent
GROWTH = "growth, MB"
GOALS = {GROWTH: 20}

PAGE_SIZE = 500
WARM_UP_PAGES = 10
"""Pages that the process opens before the measurement."""

MEGABYTE = 1_000_000
RESET_PEAK = "5"
"""Resets the peak memory of a process when written to `clear_refs`."""

NEXT_LINK = re.compile(r'href="([^"]*)">(?:Next \d+|Continue)<')


@dataclass(frozen=True)
class BrowsingResult:
    """What a process did and how much memory it used."""

    pages: int
    searches: int
    """Pages until a search without matches had examined all keys."""

    before: int
    """Memory in bytes after the warm-up."""

    after: int
    peak: int


def measure(bench: Bench) -> Figure:
    """Browse the server's keys in a separate process."""
    port, pages = bench.valkey.port, bench.sizes.pages_walked
    output = subprocess.check_output(
        [sys.executable, "-m", __name__, str(port), str(pages)], cwd=ROOT
    )
    result = BrowsingResult(**json.loads(output))
    counts = {
        "pages": result.pages + result.searches,
        "warm, MB": result.before / MEGABYTE,
        GROWTH: (result.after - result.before) / MEGABYTE,
        "growth at its peak, MB": (result.peak - result.before) / MEGABYTE,
    }
    return Figure(
        f"Memory of a process that browses {bench.sizes.keys:,} keys",
        f"A process opens {result.pages} pages of {PAGE_SIZE} keys, one after the other, and then "
        f"searches all {bench.sizes.keys:,} keys for a key that doesn't exist. The figures are "
        f"its resident set size; the process is warm after {WARM_UP_PAGES} pages.",
        GOALS,
        [Measurement("a process", counts)],
    )


def browse(port: int, pages: int) -> BrowsingResult:
    """Open `pages` pages of the key browser, then search all keys without a match."""
    visitor = Visitor()
    with override_settings(CACHES={"default": valkey_alias(port)}):
        url = LINKS.keys("default", size=PAGE_SIZE)
        url, _opened = follow_links(visitor, url, WARM_UP_PAGES)
        follow_links(visitor, LINKS.keys("default", q="*nothing*"), 1)
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        before = process_memory("VmRSS")
        _url, page_count = follow_links(
            visitor, url or LINKS.keys("default", size=PAGE_SIZE), pages
        )
        _url, searches = follow_links(visitor, LINKS.keys("default", q="*nothing*"), sys.maxsize)
    return BrowsingResult(
        page_count, searches, before, process_memory("VmRSS"), process_memory("VmHWM")
    )


def follow_links(visitor: Visitor, url: str, max_pages: int) -> tuple[str, int]:
    """Follow *Next* or *Continue*; return the next URL and the number of opened pages."""
    for opened in range(max_pages):
        link = NEXT_LINK.search(visitor.open(url))
        if link is None:
            return "", opened + 1
        url = html.unescape(link[1])
    return url, max_pages


def process_memory(name: str) -> int:
    """Return the memory of this process in bytes: `VmRSS`, or `VmHWM` for its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields[name].split()[0]) * 1024


if __name__ == "__main__":
    project.set_up()
    print(json.dumps(asdict(browse(*map(int, sys.argv[1:])))))

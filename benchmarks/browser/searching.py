"""Searching very many keys in Chromium, compared with a bare loop of `SCAN`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from statistics import median
from urllib.parse import urljoin

import valkey
from playwright.sync_api import Browser, Page

from benchmarks.addresses import LINKS
from benchmarks.bench import valkey_alias
from benchmarks.browser.populated_server import NEEDLES, Latency, record_latency
from benchmarks.browser.site import Site, serve
from benchmarks.figure import table_row
from tests import servers
from tests.browser.chromium import new_context

SCAN_COUNT = 1000
EXTRA_SECONDS = 0.3
"""Seconds that a page may take in addition to `MAX_RATIO` times the loop."""

MAX_RATIO = 1.5
MAX_PROGRESS_SECONDS = 0.5
MEGABYTE = 1_000_000
MAX_GROWTH = 30
MAX_BLOCKED_MS = 10
"""Milliseconds within which 99.9 % of the commands must finish."""

WATCH_SCRIPT = """
(() => {
  const seen = (window.seen = {});
  const note = (name) => requestAnimationFrame(() => (seen[name] ??= Date.now()));
  const look = () => {
    const section = document.querySelector(".cx-results");
    if (section?.querySelector(".cx-progress")) note("progress");
    if (section?.querySelector("tbody tr:nth-child(%d)")) note("rows");
    const hasEnded = section && !("autoContinue" in section.dataset);
    if (hasEnded && document.readyState !== "loading") note("ended");
  };
  const anything = { attributes: true, childList: true, subtree: true };
  new MutationObserver(look).observe(document, anything);
  addEventListener("DOMContentLoaded", look);
})();
"""
"""A script that records when parts of the page are drawn.

Polling from outside would take CPU time away from the server."""

POLL_INTERVAL = 200
"""Milliseconds between checks whether the search has ended."""

MAX_LONGEST_RATIO = 2
"""Maximum ratio between our longest command and the longest one of the loop."""

SECTION = re.compile(
    r'<section class="cx-results"[^>]* data-next-url="(?P<forward>[^"]*)"'
    r' data-shown="(?P<shown>[0-9]+)"[^>]*>'
)

PAGE_TIMEOUT = 120_000
COUNT_TIMEOUT = 1_200_000
"""Timeouts in milliseconds for a page, and for counting all keys."""


@dataclass
class SearchResult:
    """The rounds of one search, in seconds, with the load on the server and the worker."""

    keys: int
    bare: list[float] = field(default_factory=list)
    all_shown: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    first_progress: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    latency_bare: list[Latency] = field(default_factory=list)
    latency_browser: list[Latency] = field(default_factory=list)
    latency_no_browser: list[Latency] = field(default_factory=list)
    """Latencies when the pages are requested without a browser, which would use the same CPUs."""

    count_seconds: float = 0
    """Seconds until all keys were counted by namespace."""
    growth: int = 0
    """Growth of the worker's peak memory in bytes, including the count."""


def measure(browser: Browser, server: servers.Server, keys: int, rounds: int) -> SearchResult:
    """Measure the page and the bare loop in turns, after a warm-up search."""
    result = SearchResult(keys)
    with serve({"default": valkey_alias(server.port)}) as site:
        context = new_context(browser)
        context.set_default_timeout(PAGE_TIMEOUT)
        context.add_cookies([dict(site.cookie)])  # type: ignore[list-item]  # a plain dict
        context.add_init_script(WATCH_SCRIPT % NEEDLES)
        page = context.new_page()
        run_search(page, site, SearchResult(keys))
        before = site.memory("VmRSS")
        for _round in range(rounds):
            with record_latency(server) as latencies:
                result.bare.append(run_bare_loop(server))
            result.latency_bare += latencies
            with record_latency(server) as latencies:
                run_search(page, site, result)
            result.latency_browser += latencies
            with record_latency(server) as latencies:
                request_pages(page, site)
            result.latency_no_browser += latencies
        started = time.perf_counter()
        count_namespaces(page, site)
        result.count_seconds = time.perf_counter() - started
        result.growth = site.memory("VmHWM") - before
        context.close()
    return result


def run_bare_loop(server: servers.Server) -> float:
    """Return how many seconds the driver takes to scan all keys."""
    found: list[bytes] = []
    with valkey.Valkey(port=server.port) as client:
        client.ping()
        started = time.perf_counter()
        cursor = 0
        while True:
            cursor, keys = client.scan(cursor, match=":1:needle:*", count=SCAN_COUNT)
            found += keys
            if not cursor:
                break
        seconds = time.perf_counter() - started
    if len(set(found)) != NEEDLES:
        raise RuntimeError(f"{len(set(found))} of {NEEDLES} keys were found")
    return seconds


def run_search(page: Page, site: Site, result: SearchResult) -> None:
    """Type a pattern and press *Search*; record the times."""
    page.goto(site.url + LINKS.keys("default", size=25))
    page.locator("#cx-q").fill("needle:*")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    started = time.time()
    page.locator('[data-action="search"]').click(no_wait_after=True)
    page.wait_for_url("**q=needle*", wait_until="commit")
    page.wait_for_function("window.seen?.ended", polling=POLL_INTERVAL)
    seen = page.evaluate("window.seen")
    result.first_progress.append(seen["progress"] / 1000 - started)
    result.all_shown.append(seen["rows"] / 1000 - started)
    result.ended.append(seen["ended"] / 1000 - started)
    pages = [url for url in urls if "q=needle" in url]
    result.requests.append(len(pages))


def request_pages(page: Page, site: Site) -> None:
    """Request the parts of the page as its script does, without rendering them."""
    page.goto("about:blank")
    url = LINKS.keys("default", size=25, q="needle:*")
    while url:
        text = page.request.get(urljoin(site.url, url)).text()
        section = SECTION.search(text)
        if section is None:
            raise RuntimeError(f"{url} is no page of keys")
        continues = "data-auto-continue" in section[0]
        url = f"{unescape(section['forward'])}&live={section['shown']}" if continues else ""


def count_namespaces(page: Page, site: Site) -> None:
    """Make the namespaces page count all keys; it does so at once for small caches."""
    page.goto(site.url + LINKS.namespaces("default"))
    done = "!document.querySelector('[data-auto-continue]')"
    page.wait_for_function(done, timeout=COUNT_TIMEOUT, polling=POLL_INTERVAL)
    button = page.locator('[data-action="all"]')
    if button.count():
        button.click()
        page.wait_for_function(done, timeout=COUNT_TIMEOUT, polling=POLL_INTERVAL)


def results_table(results: Sequence[SearchResult]) -> str:
    """Return the results as a Markdown table; figures that miss their goal are bold."""
    head = ["", *(f"{result.keys:,} keys" for result in results)]
    lines = [
        ["bare loop of SCAN, COUNT 1000", *(format_seconds(result.bare) for result in results)],
        ["all three keys on screen", *(format_seconds(result.all_shown) for result in results)],
        [
            f"as a part of {MAX_RATIO} × the loop + {EXTRA_SECONDS} s",
            *(format_share(result.all_shown, result.bare) for result in results),
        ],
        [
            "the page says that all keys were examined",
            *(format_seconds(result.ended) for result in results),
        ],
        [
            f"as a part of {MAX_RATIO} × the loop + {EXTRA_SECONDS} s",
            *(format_share(result.ended, result.bare) for result in results),
        ],
        [
            "first progress",
            *(
                format_limited_seconds(result.first_progress, MAX_PROGRESS_SECONDS)
                for result in results
            ),
        ],
        ["requests", *(f"{median(result.requests):.0f}" for result in results)],
        ["99.9 % of commands within", *(format_latency(result) for result in results)],
        [
            "longest command, bare loop",
            *(format_longest_commands(result.latency_bare) for result in results),
        ],
        [
            "longest command, pages requested without a browser",
            *(format_longest(result, result.latency_no_browser) for result in results),
        ],
        [
            "longest command, pages in Chromium on the server's processors",
            *(format_longest(result, result.latency_browser) for result in results),
        ],
        [
            "all keys counted into namespaces",
            *(f"{result.count_seconds:.0f} s" for result in results),
        ],
        [
            "peak memory growth of the worker, including all of this",
            *(format_growth(result) for result in results),
        ],
    ]
    return "\n".join(
        [table_row(head), table_row(["---", *["---:"] * len(results)]), *map(table_row, lines)]
    )


def format_seconds(times: Sequence[float]) -> str:
    return f"{median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"


def format_share(times: Sequence[float], bare: Sequence[float]) -> str:
    """Format the median time as a share of the allowed time."""
    shares = [
        one / (MAX_RATIO * loop + EXTRA_SECONDS) for one, loop in zip(times, bare, strict=True)
    ]
    return bold(f"{median(shares) * 100:.0f} %", median(shares) > 1)


def format_limited_seconds(times: Sequence[float], maximum: float) -> str:
    return bold(format_seconds(times), median(times) > maximum)


def format_latency(result: SearchResult) -> str:
    maximum = max(latency.p999 for latency in result.latency_browser)
    return bold(f"{maximum:.2f} ms", maximum > MAX_BLOCKED_MS)


def format_longest_commands(latencies: Sequence[Latency]) -> str:
    """Format the longest command of each round: the median, the lowest and the highest."""
    rounds = [one.longest for one in latencies]
    return f"{median(rounds):.2f} ms ({min(rounds):.2f}–{max(rounds):.2f})"


def format_longest(result: SearchResult, latencies: Sequence[Latency]) -> str:
    ours, bare = (max(each.longest for each in some) for some in (latencies, result.latency_bare))
    return bold(format_longest_commands(latencies), ours > MAX_LONGEST_RATIO * bare)


def format_growth(result: SearchResult) -> str:
    return bold(f"{result.growth / MEGABYTE:.1f} MB", result.growth > MAX_GROWTH * MEGABYTE)


def bold(text: str, is_missed: bool) -> str:
    return f"**{text}**" if is_missed else text

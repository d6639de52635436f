"""Three matches among very many keys, in Chromium, beside a bare loop of `SCAN` with the driver."""

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
from benchmarks.browser.crowd import NEEDLES, Latency, latency
from benchmarks.browser.site import Site, served
from benchmarks.figure import row
from tests import servers
from tests.browser.chromium import new_context

COUNT = 1000
ALLOWANCE = 0.3
"""Seconds that a page may take more than its share."""

SHARE = 1.5
PROGRESS_WITHIN = 0.5
MEGABYTE = 1_000_000
MOST_GROWTH = 30
MOST_HELD = 10
"""Milliseconds for which 99.9 % of the commands may hold the server."""

WATCHED = """
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
"""What a page notes down of itself, each when it is drawn: nobody need look all the time, which
would take one of two processors from the server."""

SELDOM = 200
"""Milliseconds between two looks at whether it has ended."""

MOST_LONGEST = 2
"""How many times as long as the loop's longest command ours may take."""

SECTION = re.compile(
    r'<section class="cx-results"[^>]* data-next-url="(?P<forward>[^"]*)"'
    r' data-shown="(?P<shown>[0-9]+)"[^>]*>'
)

PATIENCE = 120_000
LONG_PATIENCE = 1_200_000
"""Milliseconds for a page, and for a count of everything."""


@dataclass
class Searched:
    """The rounds of one search, in seconds, and what they did to server and worker."""

    keys: int
    bare: list[float] = field(default_factory=list)
    all_shown: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    first_progress: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    held_bare: list[Latency] = field(default_factory=list)
    held: list[Latency] = field(default_factory=list)
    held_undrawn: list[Latency] = field(default_factory=list)
    """When the same was asked without a browser that takes its turns on the server's processors."""

    counted: float = 0
    """Seconds until all keys were counted into namespaces."""
    growth: int = 0
    """Bytes by which the worker was larger at its peak, that count included."""


def measure(browser: Browser, server: servers.Server, keys: int, rounds: int) -> Searched:
    """Search, the page and the bare loop in turns; a round before the first is not counted."""
    searched = Searched(keys)
    with served({"default": valkey_alias(server.port)}) as site:
        context = new_context(browser)
        context.set_default_timeout(PATIENCE)
        context.add_cookies([dict(site.cookie)])  # type: ignore[list-item]  # a plain dict
        context.add_init_script(WATCHED % NEEDLES)
        page = context.new_page()
        search(page, site, Searched(keys))
        before = site.memory("VmRSS")
        for _round in range(rounds):
            with latency(server) as held:
                searched.bare.append(bare_loop(server))
            searched.held_bare += held
            with latency(server) as held:
                search(page, site, searched)
            searched.held += held
            with latency(server) as held:
                ask_alone(page, site)
            searched.held_undrawn += held
        began = time.perf_counter()
        count_everything(page, site)
        searched.counted = time.perf_counter() - began
        searched.growth = site.memory("VmHWM") - before
        context.close()
    return searched


def bare_loop(server: servers.Server) -> float:
    """Return the seconds that the driver takes to look at all keys."""
    found: list[bytes] = []
    with valkey.Valkey(port=server.port) as client:
        client.ping()
        started = time.perf_counter()
        cursor = 0
        while True:
            cursor, keys = client.scan(cursor, match=":1:needle:*", count=COUNT)
            found += keys
            if not cursor:
                break
        seconds = time.perf_counter() - started
    if len(set(found)) != NEEDLES:
        raise RuntimeError(f"{len(set(found))} of {NEEDLES} keys were found")
    return seconds


def search(page: Page, site: Site, searched: Searched) -> None:
    """Type a pattern and press Search, as a person does; add what it took."""
    page.goto(site.url + LINKS.keys("default", size=25))
    page.locator("#cx-q").fill("needle:*")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    started = time.time()
    page.locator('[data-action="search"]').click(no_wait_after=True)
    page.wait_for_url("**q=needle*", wait_until="commit")
    page.wait_for_function("window.seen?.ended", polling=SELDOM)
    seen = page.evaluate("window.seen")
    searched.first_progress.append(seen["progress"] / 1000 - started)
    searched.all_shown.append(seen["rows"] / 1000 - started)
    searched.ended.append(seen["ended"] / 1000 - started)
    pages = [url for url in asked if "q=needle" in url]
    searched.requests.append(len(pages))


def ask_alone(page: Page, site: Site) -> None:
    """Ask for the parts of the page as its script does, and draw nothing."""
    page.goto("about:blank")
    url = LINKS.keys("default", size=25, q="needle:*")
    while url:
        text = page.request.get(urljoin(site.url, url)).text()
        section = SECTION.search(text)
        if section is None:
            raise RuntimeError(f"{url} is no page of keys")
        goes_on = "data-auto-continue" in section[0]
        url = f"{unescape(section['forward'])}&live={section['shown']}" if goes_on else ""


def count_everything(page: Page, site: Site) -> None:
    """Let the page of namespaces look at every key: of a few it does when it opens."""
    page.goto(site.url + LINKS.namespaces("default"))
    done = "!document.querySelector('[data-auto-continue]')"
    page.wait_for_function(done, timeout=LONG_PATIENCE, polling=SELDOM)
    button = page.locator('[data-action="all"]')
    if button.count():
        button.click()
        page.wait_for_function(done, timeout=LONG_PATIENCE, polling=SELDOM)


def table(found: Sequence[Searched]) -> str:
    """Return what was measured as tables of Markdown; what misses its goal is bold."""
    head = ["", *(f"{one.keys:,} keys" for one in found)]
    lines = [
        ["bare loop of SCAN, COUNT 1000", *(seconds(one.bare) for one in found)],
        ["all three keys on screen", *(seconds(one.all_shown) for one in found)],
        [
            f"as a part of {SHARE} × the loop + {ALLOWANCE} s",
            *(share(one.all_shown, one.bare) for one in found),
        ],
        ["the page says that all keys were examined", *(seconds(one.ended) for one in found)],
        [
            f"as a part of {SHARE} × the loop + {ALLOWANCE} s",
            *(share(one.ended, one.bare) for one in found),
        ],
        ["first progress", *(within(one.first_progress, PROGRESS_WITHIN) for one in found)],
        ["requests", *(f"{median(one.requests):.0f}" for one in found)],
        ["99.9 % of commands within", *(held(one) for one in found)],
        ["longest command, bare loop", *(milliseconds(one.held_bare) for one in found)],
        [
            "longest command, pages requested without a browser",
            *(longest(one, one.held_undrawn) for one in found),
        ],
        [
            "longest command, pages in Chromium on the server's processors",
            *(longest(one, one.held) for one in found),
        ],
        ["all keys counted into namespaces", *(f"{one.counted:.0f} s" for one in found)],
        ["peak memory growth of the worker, including all of this", *(grown(one) for one in found)],
    ]
    return "\n".join([row(head), row(["---", *["---:"] * len(found)]), *map(row, lines)])


def seconds(times: Sequence[float]) -> str:
    return f"{median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"


def share(times: Sequence[float], bare: Sequence[float]) -> str:
    """Return the median share of what a page may take, in the rounds of one run."""
    shares = [one / (SHARE * loop + ALLOWANCE) for one, loop in zip(times, bare, strict=True)]
    return bold(f"{median(shares) * 100:.0f} %", median(shares) > 1)


def within(times: Sequence[float], most: float) -> str:
    return bold(seconds(times), median(times) > most)


def held(one: Searched) -> str:
    most = max(each.most for each in one.held)
    return bold(f"{most:.2f} ms", most > MOST_HELD)


def milliseconds(held: Sequence[Latency]) -> str:
    """Return the longest command of each round: the median, the lowest and the highest."""
    rounds = [one.longest for one in held]
    return f"{median(rounds):.2f} ms ({min(rounds):.2f}–{max(rounds):.2f})"


def longest(one: Searched, held: Sequence[Latency]) -> str:
    ours, bare = (max(each.longest for each in some) for some in (held, one.held_bare))
    return bold(milliseconds(held), ours > MOST_LONGEST * bare)


def grown(one: Searched) -> str:
    return bold(f"{one.growth / MEGABYTE:.1f} MB", one.growth > MOST_GROWTH * MEGABYTE)


def bold(text: str, is_missed: bool) -> str:
    return f"**{text}**" if is_missed else text

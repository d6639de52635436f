"""A search of many keys that goes on by itself, on a page that stays where it is."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import valkey
from playwright.sync_api import Page, Request, expect

from tests import servers
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit

MANY = 200_000
RARE = [f"needle:{n}" for n in range(3)]
STAYING = {f"stay:{n}" for n in range(200)}


@pytest.fixture(scope="module")
def crowded() -> Iterator[servers.Server]:
    """A Valkey with 200,000 keys, among which there are a few others."""
    with servers.valkey("--enable-debug-command", "local") as server:
        with valkey.Valkey(port=server.port) as raw:
            raw.execute_command("DEBUG", "POPULATE", MANY, ":1:key", 10)
            raw.mset({f":1:{name}": 1 for name in RARE})
            raw.mset({f":1:many:{n}": n for n in range(3000)})
            raw.mset({f":1:{name}": 1 for name in STAYING})
        yield server


@pytest.fixture
def crowd(visit: Visit, crowded: servers.Server, settings: Any) -> Visit:
    """Somebody at a project whose alias `crowd` has those keys, asked in small portions."""
    location = f"valkey://{crowded.address}/0"
    params = {"BACKEND": "django_cachex.cache.ValkeyCache", "LOCATION": location}
    settings.CACHES = {**settings.CACHES, "crowd": params}
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.01, "LIVE_BUDGET": 0.02, "SCAN_COUNT": 400}
    return visit


def rows(visit: Visit) -> Any:
    return visit.main.locator("tbody tr")


def asked(page: Page) -> list[str]:
    """Return a list to which the URLs are added that scripts ask for."""
    urls: list[str] = []

    def note(request: Request) -> None:
        if request.resource_type == "fetch":
            urls.append(request.url)

    page.on("request", note)
    return urls


def test_rare_keys_appear_by_themselves(crowd: Visit) -> None:
    urls = asked(crowd.page)
    crowd.keys("crowd", q="needle:*")
    expect(rows(crowd)).to_have_count(3, timeout=30_000)
    expect(crowd.control("stop")).to_be_hidden(timeout=30_000)
    names = rows(crowd).locator(".cx-key").all_inner_texts()
    assert sorted(name.strip() for name in names) == RARE
    assert urls
    expect(crowd.control("continue")).to_have_count(0)
    expect(crowd.control("next-page")).to_have_count(0)
    crowd.every_box.check()
    assert all(box.is_checked() for box in rows(crowd).get_by_role("checkbox").all())


def test_a_search_in_values_goes_on_by_itself(crowd: Visit) -> None:
    crowd.keys("crowd", q="many:*", size="25")
    crowd.main.locator("summary").first.click()
    crowd.field("value").fill("2999")
    crowd.press("search")
    expect(rows(crowd)).to_have_count(1, timeout=60_000)
    expect(crowd.control("stop")).to_be_hidden(timeout=60_000)
    expect(crowd.main.locator(".cx-progress")).to_contain_text("3,000 values read")


def test_the_page_says_how_far_how_fast_and_how_long(crowd: Visit) -> None:
    crowd.keys("crowd", q="nothing like it")
    line = crowd.main.locator(".cx-progress")
    expect(line).to_contain_text(
        re.compile(
            r"0 shown · [\d,]+ of about 203,203 keys examined \(\d+ %\) · [\d,]+ keys a second · "
            r"about \d+ s left"
        )
    )
    expect(line).to_have_text("0 shown · all 203,203 keys examined")
    expect(crowd.main.get_by_role("heading", name="No key matches")).to_be_visible()


def test_stop_ends_it_and_continue_goes_on(crowd: Visit) -> None:
    crowd.keys("crowd", q="nothing like it")
    urls = asked(crowd.page)
    crowd.control("stop").click()
    expect(crowd.control("stop")).to_be_hidden()
    stopped_at = crowd.main.locator(".cx-progress").inner_text()
    count = len(urls)
    crowd.page.wait_for_function(
        "began => performance.now() - began > 300",
        arg=crowd.page.evaluate("performance.now()"),
    )
    assert len(urls) == count
    assert crowd.main.locator(".cx-progress").inner_text() == stopped_at
    crowd.press("continue")
    expect(crowd.control("continue")).to_have_count(0, timeout=30_000)
    expect(crowd.main.locator(".cx-empty")).to_contain_text("203,203")


def test_a_full_page_ends_it_and_next_goes_on(crowd: Visit) -> None:
    crowd.keys("crowd", q="many:*", size="25")
    expect(crowd.control("stop")).to_be_hidden()
    first = rows(crowd).locator(".cx-key").all_inner_texts()
    assert len(set(first)) == len(first) == 25
    shown = re.match(r"\d+", crowd.main.locator(".cx-progress").inner_text())
    assert shown is not None
    assert int(shown[0]) == len(first)
    crowd.press("next-page")
    expect(crowd.control("stop")).to_be_hidden()
    second = rows(crowd).locator(".cx-key").all_inner_texts()
    assert len(second) == 25
    assert not set(first) & set(second)
    crowd.press("previous-page")
    expect(crowd.control("stop")).to_be_hidden()
    assert rows(crowd).locator(".cx-key").all_inner_texts() == first


def test_leaving_the_page_ends_the_work(crowd: Visit, crowded: servers.Server) -> None:
    crowd.keys("crowd", q="nothing like it")
    expect(crowd.control("stop")).to_be_visible()
    crowd.caches()

    def scans() -> int:
        with valkey.Valkey(port=crowded.port) as raw:
            found = raw.info("commandstats").get("cmdstat_scan", {"calls": 0})
            return int(found["calls"])

    deadline = time.monotonic() + 5
    before, now = -1, scans()
    while before != now and time.monotonic() < deadline:
        before = now
        crowd.page.wait_for_function(
            "began => performance.now() - began > 200",
            arg=crowd.page.evaluate("performance.now()"),
        )
        now = scans()
    assert before == now
    # All of it would have been more than a thousand.
    with valkey.Valkey(port=crowded.port) as raw:
        raw.config_resetstat()


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_continue_leads_on(crowd: Visit, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.05}
    crowd.keys("crowd", q="needle:*")
    found: set[str] = set()
    for _page in range(100):
        found |= {name.strip() for name in rows(crowd).locator(".cx-key").all_inner_texts()}
        forward = crowd.control("continue").or_(crowd.control("next-page"))
        if not forward.count():
            break
        crowd.open(forward)
    assert sorted(found) == RARE


def test_a_head_sorts_what_is_there_and_says_so(crowd: Visit) -> None:
    crowd.keys("crowd", q="many:*", size="25")
    expect(crowd.control("stop")).to_be_hidden()
    urls = asked(crowd.page)
    head = crowd.main.locator("th:not(.cx-select-cell)").first  # That of the keys.
    names = rows(crowd).locator(".cx-key").all_inner_texts()
    head.locator('[data-action="sort"]').click()
    assert rows(crowd).locator(".cx-key").all_inner_texts() == sorted(names)
    head.locator('[data-action="sort"]').click()
    assert rows(crowd).locator(".cx-key").all_inner_texts() == sorted(names, reverse=True)
    expect(crowd.main.get_by_text("Sorted by Key: only the keys on this page")).to_be_visible()
    assert urls == []
    crowd.page.reload()
    expect(head).to_have_attribute("aria-sort", "descending")


def test_a_server_that_goes_away_is_reported_and_can_be_tried_again(
    crowd: Visit, settings: Any
) -> None:
    crowd.keys("crowd", q="nothing like it")
    settings.CACHES = {
        **settings.CACHES,
        "crowd": {**settings.CACHES["crowd"], "LOCATION": "valkey://127.0.0.1:1/0"},
    }
    expect(crowd.main.get_by_role("alert")).to_contain_text("connection refused")
    expect(crowd.control("stop")).to_be_hidden()
    expect(crowd.control("continue")).to_be_visible()


@contextmanager
def coming_and_going(server: servers.Server) -> Iterator[list[int]]:
    """Delete and store all other keys again and again; yield the sizes that the table has had."""
    over = threading.Event()
    sizes: list[int] = []

    def churn() -> None:
        with valkey.Valkey(port=server.port) as raw:
            while not over.is_set():
                for act in (raw.delete, lambda *names: raw.mset(dict.fromkeys(names, "v"))):
                    for start in range(0, MANY, 10_000):
                        act(*(f":1:key:{n}" for n in range(start, start + 10_000)))
                        sizes.append(table_size(raw))

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()


def table_size(raw: valkey.Valkey) -> int:
    """Return the size of the table that the server keeps its keys in, or is filling anew."""
    found = re.findall(rb"table size: (\d+)", raw.execute_command("DEBUG", "HTSTATS", 0))
    return int(found[-1])


def test_what_stays_is_on_the_page_exactly_once_while_others_come_and_go(
    crowd: Visit, crowded: servers.Server, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {**settings.CACHEX_ADMIN, "LIVE_BUDGET": 0.03, "SCAN_COUNT": 200}
    urls = asked(crowd.page)
    with coming_and_going(crowded) as sizes:
        crowd.keys("crowd", q="stay:*", size="500")
        before = len(sizes)
        expect(crowd.main.locator(".cx-progress")).to_contain_text("all ", timeout=30_000)
        meanwhile = sizes[before:]
    assert len(urls) > 5
    assert len(set(meanwhile)) > 2, "The server was to make its table anew, larger and smaller."
    names = [name.strip() for name in rows(crowd).locator(".cx-key").all_inner_texts()]
    assert len(names) == len(STAYING)
    assert set(names) == STAYING
    assert crowd.main.locator(".cx-progress").inner_text().startswith("200 shown")

"""Long work goes on by itself while its page is open, stops when told, and can be resumed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
import valkey
from django.core.cache import caches
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit
from tests.servers import Server

HUNDRED_THOUSAND = 100_000
MANY = 20_000


@pytest.fixture
def raw(valkey_server: Server, served: str) -> valkey.Valkey:
    """A plain client of the server, on which alias `default` has many keys."""
    client = valkey.Valkey(port=valkey_server.port)
    fill(client, MANY)
    return client


def fill(client: valkey.Valkey, count: int) -> None:
    for start in range(0, count, 10_000):
        names = (f"shop:1:bulk:{number}" for number in range(start, start + 10_000))
        client.mset(dict.fromkeys(names, "v"))


def left(raw: valkey.Valkey) -> int:
    return sum(1 for _key in raw.scan_iter("shop:1:bulk:*", count=10_000))


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begin(visit: Visit) -> None:
    """Look at what matches, stop counting, and confirm."""
    visit.matching("default", action="delete", q="bulk:*")
    expect(visit.control("ask")).to_be_visible(timeout=30_000)
    visit.press("ask")
    visit.press("confirm")


def test_a_hundred_thousand_keys_go_by_themselves_with_progress(
    visit: Visit, raw: valkey.Valkey
) -> None:
    fill(raw, HUNDRED_THOUSAND)
    posted: list[Request] = []
    visit.page.on("request", lambda one: posted.append(one) if one.method == "POST" else None)
    begin(visit)
    expect(visit.main.get_by_role("status")).to_contain_text(
        f"Deleted {HUNDRED_THOUSAND:,} keys · all", timeout=30_000
    )
    expect(visit.control("run")).to_have_count(0)
    expect(visit.control("stop")).to_have_count(0)
    assert left(raw) == 0
    assert len(posted) > 3
    assert caches["default"].get("user:1") is not None
    visit.page.reload()  # A look at the same run, which does nothing.
    expect(visit.main.get_by_role("status")).to_contain_text(f"{HUNDRED_THOUSAND:,}")


def test_stop_stops_and_continue_goes_on(
    visit: Visit, raw: valkey.Valkey, settings: object
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.001}  # type: ignore[attr-defined]  # of pytest-django
    visit.matching("default", action="delete", q="bulk:*")
    visit.control("stop").click()
    visit.press("ask")
    visit.press("confirm")
    stop = visit.control("stop")
    stop.focus()
    wait_for(lambda: raw.dbsize() < MANY)
    visit.page.keyboard.press("Enter")
    go_on = visit.control("run")
    expect(go_on).to_be_focused()
    expect(stop).to_be_hidden()
    stopped_at = left(raw)
    assert 0 < stopped_at < MANY
    said = visit.main.get_by_role("status").inner_text()
    assert f"{MANY - stopped_at:,}" in said
    # A closed page: its address is that of the run.
    address = visit.page.url
    visit.caches()
    assert left(raw) == stopped_at
    visit.page.goto(address)
    expect(visit.main.get_by_role("status")).to_contain_text(f"{MANY - stopped_at:,}")
    assert left(raw) == stopped_at
    settings.CACHEX_ADMIN = {}  # type: ignore[attr-defined]  # of pytest-django
    visit.press("run")
    expect(visit.control("run")).to_have_count(0, timeout=30_000)
    expect(visit.main.get_by_role("status")).to_contain_text(f"{MANY:,}")
    assert left(raw) == 0


def test_leaving_the_page_ends_the_work(visit: Visit, raw: valkey.Valkey, settings: object) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.001}  # type: ignore[attr-defined]  # of pytest-django
    visit.namespaces("default")
    expect(visit.control("stop")).to_be_visible()
    posted: list[str] = []
    visit.caches()
    visit.page.on("request", lambda one: posted.append(one.method))
    expect(visit.row("default")).to_be_visible()
    visit.info("default")
    assert "POST" not in posted


@pytest.mark.parametrize("context", [WITHOUT_SCRIPTS], indirect=True)
def test_without_scripts_a_button_does_each_step(
    visit: Visit, raw: valkey.Valkey, settings: object
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.001}  # type: ignore[attr-defined]  # of pytest-django
    visit.matching("default", action="delete", q="bulk:*")
    expect(visit.control("stop")).to_be_hidden()
    visit.press("count")
    visit.press("ask")
    visit.press("confirm")
    first = left(raw)
    visit.press("run")
    assert left(raw) < first < MANY


@pytest.mark.parametrize("way", ["hover", "focus"])
def test_rows_keep_still_below_the_pointer_and_the_focus(
    visit: Visit, raw: valkey.Valkey, settings: object, way: str
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.001}  # type: ignore[attr-defined]  # of pytest-django
    for name in ("alpha", "beta", "gamma", "delta"):
        raw.mset({f"shop:1:{name}:{number}": "v" for number in range(5000)})
    waiting: list[Route] = []
    visit.page.route("**/*", lambda one: hold(one, waiting))
    visit.namespaces("default")
    rows = visit.main.get_by_role("table").first.locator("tbody tr")
    expect(rows.filter(has_text="alpha:*")).to_be_visible()
    before = rows.evaluate_all(ROW_NAMES)
    control = rows.nth(2).get_by_role("link").nth(1)
    getattr(control, way)()
    top = control.evaluate(TOP)
    progress = visit.main.get_by_role("status").inner_text()
    answered: list[str] = []
    wait_for(lambda: bool(answered or answered.extend(answer_reversed(visit.page, waiting))))
    assert answered != before
    expect(visit.main.get_by_role("status")).not_to_have_text(progress)
    # Namespaces that were found in this step come last.
    assert rows.evaluate_all(ROW_NAMES)[: len(before)] == before
    assert rows.nth(2).get_by_role("link").nth(1).evaluate(TOP) == pytest.approx(top, abs=1)
    assert rows.nth(2).locator(f":{way}").count()
    visit.page.mouse.move(0, 0)
    visit.page.evaluate("document.activeElement.blur()")
    wait_for(lambda: rows.evaluate_all(ROW_NAMES) == answered)


TOP = "element => element.getBoundingClientRect().top"
ROW_NAMES = "rows => rows.map(row => row.querySelector('a').textContent)"


def hold(route: Route, waiting: list[Route]) -> None:
    """Let requests pass, but those that continue a job wait."""
    if route.request.method == "POST":
        waiting.append(route)
    else:
        route.continue_()


def answer_reversed(page: Page, waiting: list[Route]) -> list[str]:
    """Answer what waits with the rows of its first table reversed; return their names."""
    page.evaluate("0")  # Playwright calls handlers only while it is called itself.
    if not waiting:
        return []
    route = waiting.pop(0)
    response = route.fetch()
    [body] = re.findall(r"<tbody>(.*?)</tbody>", response.text(), re.DOTALL)[:1]
    rows = re.findall(r"<tr>.*?</tr>", body, re.DOTALL)[::-1]
    route.fulfill(response=response, body=response.text().replace(body, "".join(rows)))
    return re.findall(r"<tr>.*?<a [^>]*>([^<]*)</a>", "".join(rows), re.DOTALL)

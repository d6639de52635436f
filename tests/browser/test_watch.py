"""The guards of the other tests: what goes wrong unseen is noticed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, TimeoutError

from tests.browser import chromium, sight
from tests.browser.skin import under_admin
from tests.browser.watch import Watch

UGLY = """
<!doctype html><title>Ugly</title>
<main>
  <h2>First</h2><h4>Third</h4>
  <p style="color: #999">too pale</p>
  <p style="width: 9000px">a broad paragraph</p>
  <p style="width: 4em; white-space: nowrap; overflow: hidden">a text that does not fit</p>
  <input name="nameless">
  <button style="outline: 0; position: fixed; top: 0; left: 0">over everything</button>
</main>
"""

GROUNDS = {"light": "white", "dark": "#121212"}


@pytest.fixture
def page(browser: Browser) -> Page:
    """A page that is not watched."""
    return chromium.new_context(browser).new_page()


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("console.error('a cry')", "console error: a cry"),
        ("console.warn('a doubt')", "console warning: a doubt"),
        ("setTimeout(() => { throw new Error('a fall') })", "page error: "),
        ("fetch('/nowhere/')", "answer 404"),
        ("fetch('/static/nowhere.js').catch(() => {})", "console error: "),
    ],
)
def test_watch_notices(served: str, page: Page, script: str, problem: str) -> None:
    watch = Watch(page.context)
    page.goto(served)
    assert watch.problems == []
    page.evaluate(
        f"async () => {{ await {script}; await new Promise((done) => setTimeout(done)) }}"
    )
    assert any(found.startswith(problem) for found in watch.problems)


@pytest.mark.parametrize(
    "script",
    [
        "document.body.setAttribute('onclick', 'forbidden()')",
        "new Image().src = 'https://elsewhere.invalid/'",
        pytest.param("document.body.setAttribute('style', 'color: red')", marks=under_admin),
    ],
)
def test_watch_notices_what_the_content_security_policy_stops(
    served: str, page: Page, script: str
) -> None:
    watch = Watch(page.context)
    page.goto(served)
    page.evaluate(script)
    assert any("Content Security Policy" in found for found in watch.problems)


def test_sight_sees_what_is_wrong(page: Page) -> None:
    page.set_content(UGLY)
    assert any("too pale" in one for one in sight.low_contrast(page))
    assert any("pixels wide" in one for one in sight.cut_off(page))
    assert any("does not fit" in one for one in sight.cut_off(page))
    assert any("nameless" in one for one in sight.hard_to_read_aloud(page))
    assert any("headings out of order" in one for one in sight.hard_to_read_aloud(page))
    assert any("over everything" in one for one in sight.overlaps(page))
    assert any("over everything" in one for one in sight.unseen_focus(page))


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_sight_takes_no_light_page_for_a_dark_one(page: Page, scheme: str, other: str) -> None:
    page.set_content(f'<body style="background: {GROUNDS[scheme]}"><div id="main"></div>')
    sight.wait_for_scheme(page, scheme)
    page.set_default_timeout(200)
    with pytest.raises(TimeoutError):
        sight.wait_for_scheme(page, other)

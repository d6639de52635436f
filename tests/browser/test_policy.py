"""Under Unfold, whose own markup needs a lax content security policy, ours asks for no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium, policy
from tests.browser.places import PLACES
from tests.browser.skin import under_unfold
from tests.browser.visit import Visit

POLICY = f"{policy.EVALUATING}; style-src 'self' 'report-sample'"
"""What Unfold's scripts need to run, and no more; a violation comes with a sample of its text."""

NOTE = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push([event.effectiveDirective, event.blockedURI, event.sample].join(" "))
);
"""
DRAW = """async (markup) => {
    document.getElementById("main").insertAdjacentHTML("beforeend", markup);
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
SEEN = [
    *("caches", "caches-help", "flush-confirm", "keys", "keys-bad-query", "keys-no-match"),
    *("key-json", "key-hash", "key-edit", "key-history", "delete-confirm", "add-error", "info"),
]


def violations(page: Page) -> set[str]:
    """Return what the policy would stop on this page: directive, address and text."""
    return set(page.evaluate("window.violations"))


@pytest.fixture
def strict(browser: Browser, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """The person, told of what a stricter policy would stop, in a browser that is not watched."""
    monkeypatch.setattr(policy, "HEADER", f"{policy.HEADER}-Report-Only")
    monkeypatch.setitem(policy.POLICIES, "unfold", POLICY)
    context = chromium.new_context(browser, storage_state=visit.page.context.storage_state())
    context.add_init_script(NOTE)
    yield Visit(context.new_page(), visit.admin)
    context.close()


def unfolds_own(visit: Visit) -> set[str]:
    """Return what Unfold's index violates, and Unfold's select upon it."""
    from unfold.widgets import UnfoldAdminSelectWidget

    visit.page.goto(visit.admin)
    visit.page.evaluate(DRAW, UnfoldAdminSelectWidget().render("unfolds", None))
    return violations(visit.page)


@under_unfold
def test_pages_violate_no_policy_that_unfolds_index_does_not(strict: Visit) -> None:
    allowed = unfolds_own(strict)
    assert allowed  # Else the policy is not in force.
    found = {}
    for place in SEEN:
        PLACES[place](strict)
        found[place] = violations(strict.page) - allowed
    assert {place: some for place, some in found.items() if some} == {}
    strict.page.evaluate("document.querySelector('main').setAttribute('style', 'color: red')")
    assert violations(strict.page) - allowed

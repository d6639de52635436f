"""The benchmark of the key browser at a small size measures what it says. Times prove nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from benchmarks.browser import searching
from benchmarks.browser.populated_server import populated_server

KEYS = 2_000


@pytest.mark.slow
def test_a_search_is_measured_beside_the_bare_loop(browser: Browser) -> None:
    with populated_server(KEYS) as server:
        found = searching.measure(browser, server, KEYS, rounds=2)
    assert len(found.bare) == len(found.all_shown) == len(found.ended) == 2
    assert all(shown <= ended for shown, ended in zip(found.all_shown, found.ended, strict=True))
    assert found.requests == [1, 1]
    assert all(
        held.commands
        for held in (*found.latency_browser, *found.latency_no_browser, *found.latency_bare)
    )
    table = searching.results_table([found])
    assert "2,000 keys" in table
    assert table.count("\n") == 14

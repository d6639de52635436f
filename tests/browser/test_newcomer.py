"""The newcomer's way through the admin, checked on the real cache at each step.

A newcomer has nothing to go by but what is written there: this module alone finds controls by what
a person reads, where the others find them by what they do.
"""

from __future__ import annotations

import time

import pytest
from django.core.cache import caches
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NAME, PASSWORD
from tests.browser.project import raw
from tests.browser.skin import WITHOUT_SCRIPTS
from tests.browser.visit import Visit


def expires_at(key: str) -> float:
    """Return when a key of the cache expires, in seconds since the epoch, to the millisecond."""
    with raw("default") as client:
        milliseconds: int = client.pexpiretime(caches["default"].make_key(key))
    return milliseconds / 1000


def trail(visit: Visit) -> Locator:
    return visit.page.get_by_role("navigation", name="Breadcrumbs")


def press(visit: Visit, name: str) -> None:
    visit.open(visit.page.get_by_role("button", name=name, exact=True))


def follow(visit: Visit, name: str) -> None:
    visit.open(visit.page.get_by_role("link", name=name, exact=True))


def tick(visit: Visit, *names: str) -> None:
    """Tick rows of a table."""
    for name in names:
        visit.page.get_by_role("checkbox", name=f'Select "{name}"', exact=True).check()


def find_caches(visit: Visit, scripts: bool) -> None:
    """Log in and press Caches: in the sidebar, or, where scripts draw that, in the index."""
    visit.page.goto(visit.admin)
    visit.page.get_by_label("Username").fill(NAME)
    visit.page.get_by_label("Password").fill(PASSWORD)
    # Unfold draws an arrow beside the words.
    visit.open(visit.page.get_by_role("button", name="Log in"))
    if scripts:
        visit.open(visit.page.get_by_role("link", name="Users", exact=True).last)
        navigation = visit.page.get_by_role("navigation")
    else:
        navigation = visit.main
    visit.open(navigation.get_by_role("link", name="Caches", exact=True).last)
    expect(visit.heading).to_have_text("Caches")


def find_key(visit: Visit) -> None:
    visit.open(visit.main.get_by_role("link", name="default", exact=True))
    visit.page.get_by_role("searchbox", name="Search keys").fill("user:42*")
    press(visit, "Search")
    names = visit.main.locator("tbody").get_by_role("row").get_by_role("link")
    assert sorted(names.all_inner_texts()) == ["user:42", *(f"user:42{n}" for n in range(10))]
    follow(visit, "user:42")
    expect(visit.main).to_contain_text('"plan": "pro"')


def edit_value(visit: Visit) -> None:
    before = expires_at("user:42")
    press(visit, "Edit")
    value = visit.page.get_by_label("Value", exact=True)
    value.fill(value.input_value().replace("pro", "free"))
    press(visit, "Save")
    expect(visit.main).to_contain_text("Saved")
    assert caches["default"].get("user:42") == {"id": 42, "plan": "free"}
    assert expires_at("user:42") == before


def change_ttl(visit: Visit) -> None:
    press(visit, "Change TTL")
    visit.main.locator("[name=timeout]").first.fill("1h 10m")
    press(visit, "Save TTL")
    expect(visit.main).to_contain_text("1 h 9 min")
    assert 4_100 < expires_at("user:42") - time.time() <= 4_200
    assert caches["default"].get("user:42") == {"id": 42, "plan": "free"}


def add_key(visit: Visit) -> None:
    visit.open(trail(visit).get_by_role("link", name="default", exact=True))
    follow(visit, "Add key")
    visit.page.get_by_label("Key Name").fill("newcomer:1")
    visit.page.get_by_label("Value", exact=True).fill('{"first": ["steps", 1]}')
    visit.main.locator("[name=timeout]").fill("10 min")
    press(visit, "Add key")
    expect(visit.heading).to_contain_text("newcomer:1")
    assert caches["default"].get("newcomer:1") == {"first": ["steps", 1]}
    assert 500 < expires_at("newcomer:1") - time.time() <= 600


def delete_key(visit: Visit) -> None:
    visit.open(visit.main.get_by_role("link", name="Delete", exact=True))
    assert "newcomer:1" in caches["default"]
    press(visit, "Delete 1 key")
    expect(visit.main).to_contain_text('The key "newcomer:1" was deleted.')
    assert "newcomer:1" not in caches["default"]


def delete_several(visit: Visit) -> None:
    visit.page.get_by_role("searchbox", name="Search keys").fill("user:7*")
    press(visit, "Search")
    tick(visit, "user:7", "user:70", "user:71")
    press(visit, "Delete selected keys")
    expect(visit.heading).to_contain_text("Delete 3 keys")
    assert "user:70" in caches["default"]
    press(visit, "Delete 3 keys")
    expect(visit.main).to_contain_text("Deleted 3 keys.")
    left = caches["default"].get_many(["user:7", "user:70", "user:71", "user:72"])
    assert list(left) == ["user:72"]


def flush(visit: Visit) -> None:
    visit.open(trail(visit).get_by_role("link", name="Caches", exact=True))
    tick(visit, "local")
    press(visit, "Flush selected caches")
    expect(visit.main.get_by_role("row").filter(has_text="local")).to_contain_text("30")
    assert caches["local"].get("product:1") == "product 1"
    press(visit, 'Flush "local"')
    expect(visit.main).to_contain_text("Flushed")
    assert caches["local"].get("product:1") is None
    assert caches["catalogue"].get("product:1") == "product 1"


@pytest.mark.parametrize("context", [{}, WITHOUT_SCRIPTS], indirect=True)
def test_newcomer_finds_changes_and_removes_entries(
    stranger: Visit, request: pytest.FixtureRequest
) -> None:
    scripts = request.node.callspec.params["context"].get("java_script_enabled", True)
    find_caches(stranger, scripts)
    find_key(stranger)
    edit_value(stranger)
    change_ttl(stranger)
    add_key(stranger)
    delete_key(stranger)
    delete_several(stranger)
    flush(stranger)

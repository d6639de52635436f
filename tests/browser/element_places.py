"""The states of the pages of collections: places like those in `places`."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.visit import Visit

Way = Callable[[Visit], None]

COLLECTIONS = {
    "hash": "cart:1",
    "list": "queue:emails",
    "set": "members:blocked",
    "sorted-set": "leaderboard:2026-W01",
    "stream": "events:orders",
}


def shown(key: str, **query: str) -> Way:
    return lambda visit: visit.key("default", key, **query)


def row(visit: Visit, number: int = 1) -> Locator:
    """Return a row of the table of elements, the first by default."""
    return visit.main.locator("tbody tr").nth(number - 1)


def open_row(key: str, control: str, number: int = 2) -> Way:
    def go(visit: Visit) -> None:
        visit.key("default", key)
        visit.open(row(visit, number).get_by_role("link", name=control))

    return go


def pressed(key: str, control: str) -> Way:
    def go(visit: Visit) -> None:
        visit.key("default", key)
        visit.press(control)

    return go


def remove_several(visit: Visit) -> None:
    visit.key("default", "queue:emails")
    visit.page.get_by_role("checkbox", name="Select all on this page").check()
    visit.press("Remove selected")


def changed_field(visit: Visit) -> None:
    open_row("cart:2", "Edit", 1)(visit)
    visit.page.get_by_label("Store as").select_option("integer")
    visit.main.locator("textarea").fill("7")
    visit.press("Save")
    expect(visit.main).to_contain_text("changed (")


def field_conflict(visit: Visit) -> None:
    """Save a field that a colleague has changed meanwhile, in another tab."""
    open_row("cart:3", "Edit", 1)(visit)
    with visit.page.context.new_page() as tab:
        colleague = Visit(tab, visit.admin)
        open_row("cart:3", "Edit", 1)(colleague)
        colleague.page.get_by_label("Store as").select_option("text")
        colleague.main.locator("textarea").fill("theirs")
        colleague.press("Save")
        expect(colleague.main).to_contain_text("changed (")
    visit.page.get_by_label("Store as").select_option("text")
    visit.main.locator("textarea").fill("mine")
    visit.press("Save")


def wrong_index(visit: Visit) -> None:
    visit.key("default", "queue:emails", at="12345678")


ELEMENT_PLACES: dict[str, Way] = {
    **{f"key-{kind}": shown(name) for kind, name in COLLECTIONS.items()},
    "list-middle": shown("queue:emails", at="150"),
    "list-tail": shown("queue:emails", order="last"),
    "list-no-index": wrong_index,
    "list-edit": open_row("queue:emails", "Edit"),
    "list-insert": open_row("queue:emails", "Insert"),
    "list-add": pressed("queue:emails", "Add item"),
    "list-trim": pressed("queue:emails", "Trim"),
    "list-remove-confirm": remove_several,
    "hash-add": pressed("cart:1", "Add field"),
    "hash-edit": open_row("cart:1", "Edit"),
    "hash-rename": open_row("cart:1", "Rename"),
    "hash-changed": changed_field,
    "hash-conflict": field_conflict,
    "set-search": shown("members:blocked", find="user:1*"),
    "set-no-match": shown("members:blocked", find="usr:"),
    "set-pop": pressed("members:blocked", "Pop"),
    "zset-range": shown("leaderboard:2026-W01", low="100", high="900", order="last"),
    "zset-empty-range": shown("leaderboard:2026-W01", low="-7", high="-3"),
    "zset-score": open_row("leaderboard:2026-W01", "Score"),
    "zset-add": pressed("leaderboard:2026-W01", "Add member"),
    "stream-newest": shown("events:orders", order="last"),
    "stream-groups": shown("events:orders", groups="1"),
    "stream-add": pressed("events:orders", "Add entry"),
}

SELDOM = frozenset(ELEMENT_PLACES) - {
    *(f"key-{kind}" for kind in COLLECTIONS),
    *("list-edit", "hash-conflict"),
}
"""What is made of the same parts as other places: `make test` leaves them to `make test-all`."""

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


def open_row(key: str, does: str, number: int = 2) -> Way:
    def go(visit: Visit) -> None:
        visit.key("default", key)
        visit.open(row(visit, number).locator(f'[data-action="{does}"]'))

    return go


def pressed(key: str, does: str) -> Way:
    def go(visit: Visit) -> None:
        visit.key("default", key)
        visit.press(does)

    return go


def remove_several(visit: Visit) -> None:
    visit.key("default", "queue:emails")
    visit.every_box.check()
    visit.press("remove-elements")


def changed_field(visit: Visit) -> None:
    open_row("cart:2", "edit-field", 1)(visit)
    visit.field("store_as").select_option("integer")
    visit.field("value").fill("7")
    visit.press("set-field")
    expect(row(visit)).to_contain_text("7")
    expect(visit.control("set-field")).to_have_count(0)


def field_conflict(visit: Visit) -> None:
    """Save a field that a colleague has changed meanwhile, in another tab."""
    open_row("cart:3", "edit-field", 1)(visit)
    with visit.page.context.new_page() as tab:
        colleague = Visit(tab, visit.admin)
        open_row("cart:3", "edit-field", 1)(colleague)
        colleague.field("store_as").select_option("text")
        colleague.field("value").fill("theirs")
        colleague.press("set-field")
        expect(row(colleague)).to_contain_text("theirs")
        expect(colleague.control("set-field")).to_have_count(0)
    visit.field("store_as").select_option("text")
    visit.field("value").fill("mine")
    visit.press("set-field")


def wrong_index(visit: Visit) -> None:
    visit.key("default", "queue:emails", at="12345678")


ELEMENT_PLACES: dict[str, Way] = {
    **{f"key-{kind}": shown(name) for kind, name in COLLECTIONS.items()},
    "list-middle": shown("queue:emails", at="150"),
    "list-tail": shown("queue:emails", order="last"),
    "list-no-index": wrong_index,
    "list-edit": open_row("queue:emails", "edit-item"),
    "list-insert": open_row("queue:emails", "insert-item"),
    "list-add": pressed("queue:emails", "add-item"),
    "list-trim": pressed("queue:emails", "trim-list"),
    "list-remove-confirm": remove_several,
    "hash-add": pressed("cart:1", "add-field"),
    "hash-edit": open_row("cart:1", "edit-field"),
    "hash-remove": open_row("cart:1", "remove-field"),
    "hash-rename": open_row("cart:1", "rename-field"),
    "hash-changed": changed_field,
    "hash-conflict": field_conflict,
    "set-search": shown("members:blocked", find="user:1*"),
    "set-no-match": shown("members:blocked", find="usr:"),
    "set-pop": pressed("members:blocked", "pop-members"),
    "zset-range": shown("leaderboard:2026-W01", low="100", high="900", order="last"),
    "zset-empty-range": shown("leaderboard:2026-W01", low="-7", high="-3"),
    "zset-score": open_row("leaderboard:2026-W01", "edit-score"),
    "zset-add": pressed("leaderboard:2026-W01", "add-scored"),
    "stream-newest": shown("events:orders", order="last"),
    "stream-groups": shown("events:orders", groups="1"),
    "stream-add": pressed("events:orders", "add-entry"),
}

SELDOM = frozenset(ELEMENT_PLACES) - {
    *(f"key-{kind}" for kind in COLLECTIONS),
    *("list-edit", "hash-conflict"),
}
"""What is made of the same parts as other places: `make test` leaves them to `make test-all`."""

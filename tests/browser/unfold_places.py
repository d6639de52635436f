"""Pages that are all Unfold's own, and how to get there; the site is `unfold_site`."""

from __future__ import annotations

from tests.browser.places import Way
from tests.browser.visit import Visit


def _at(path: str) -> Way:
    def go(visit: Visit) -> None:
        visit.page.goto(f"{visit.admin}{path}")

    return go


def _first_of(path: str) -> Way:
    def go(visit: Visit) -> None:
        visit.page.goto(f"{visit.admin}{path}")
        visit.open(visit.page.locator("#result_list tbody a").first)

    return go


user = _first_of("auth/user/")


def saved_user(visit: Visit) -> None:
    user(visit)
    visit.open(visit.page.locator("[name=_save]"))


def refused_user(visit: Visit) -> None:
    user(visit)
    visit.page.locator("[name=username]").fill("")
    visit.open(visit.page.locator("[name=_save]"))


def unticked_user(visit: Visit) -> None:
    user(visit)
    visit.page.locator("[name=is_superuser]").uncheck()


def delete_user(visit: Visit) -> None:
    user(visit)
    visit.open(visit.page.locator('a[href*="/delete/"]:visible').first)


def changes(visit: Visit) -> None:
    """The list of what was changed, with something in it; it has neither search nor filters."""
    saved_user(visit)
    visit.page.goto(f"{visit.admin}admin/logentry/")


def change(visit: Visit) -> None:
    changes(visit)
    visit.open(visit.page.locator("#result_list tbody a").first)


UNFOLD_PLACES: dict[str, Way] = {
    "users": _at("auth/user/"),
    "no groups": _at("auth/group/"),
    "user": unticked_user,
    "refused user": refused_user,
    "saved user": saved_user,
    "delete user": delete_user,
    "changes": changes,
    "change": change,
}

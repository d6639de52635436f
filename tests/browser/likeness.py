"""`python -m tests.browser.likeness`: our pages beside Unfold's own, property by property."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.looks import LOOKS
from tests.browser.places import PLACES
from tests.browser.visit import Visit

APPEARANCE = (Path(__file__).parent / "likeness.js").read_text().strip().removesuffix(";")
Appearance = dict[str, str]
Way = Callable[[Visit], None]


def _unfold(path: str) -> Way:
    return lambda visit: visit.page.goto(f"{visit.admin}{path}") and None


def _change(visit: Visit) -> None:
    visit.page.goto(f"{visit.admin}auth/user/")
    visit.open(visit.page.locator("#result_list tbody a").first)


def _save(visit: Visit) -> None:
    _change(visit)
    visit.press("Save")


def _error(visit: Visit) -> None:
    _change(visit)
    visit.page.get_by_label("Username").fill("")
    visit.press("Save")


def _delete(visit: Visit) -> None:
    _change(visit)
    visit.follow("Delete user")


def _log_entry(visit: Visit) -> None:
    _save(visit)
    visit.page.goto(f"{visit.admin}admin/logentry/")
    visit.open(visit.page.locator("#result_list tbody a").first)


UNFOLDS: dict[str, Way] = {
    "users": _unfold("auth/user/"),
    "no users": _unfold("auth/user/?q=nobody"),
    "user": _change,
    "user with an error": _error,
    "saved user": _save,
    "delete user": _delete,
    "log entry": _log_entry,
}


@dataclass(frozen=True)
class Spot:
    """An element of a page."""

    place: str
    selector: str


TEXT = ("font family", "font size", "font weight", "line height", "letter spacing", "letter case", "colour")
BOX = ("background", "padding", "border above", "border beside", "border beneath", "radius", "shadow")
LINE = (*TEXT, "background")
CONTROL = (*TEXT, *BOX, "height")
FOCUS = ("outline", "border above", "shadow")


@dataclass(frozen=True)
class Pair:
    """An element of ours, the one of Unfold's that it should look like, and in what."""

    ours: Spot
    unfolds: Spot
    properties: tuple[str, ...]
    focused: bool = False


def _pair(ours: tuple[str, str], unfolds: tuple[str, str], properties: tuple[str, ...], focused: bool=False) -> Pair:
    return Pair(Spot(*ours), Spot(*unfolds), properties, focused)


INPUT = ("add", "input[type=text], input:not([type])"), ("user", "#id_first_name")
SELECT = ("add", "select"), ("log entry", "select#id_action_flag")
TEXTAREA = ("add", "textarea"), ("log entry", "textarea#id_change_message")
TICK = ("keys", ".cx-table tbody input[type=checkbox]"), ("users", "#result_list tbody input.action-select")
SEARCH = ("keys", ".cx-query"), ("users", "#toolbar form > div")
PRIMARY = ("add", ".cx-bar button"), ("user", "button[name=_save]")
DEFAULT = ("add", ".cx-bar > a"), ("user", "button[name=_continue]")
LINK = ("keys", ".cx-table tbody td.cx-key a"), ("users", "#result_list tbody th a")

PAIRS = {
    "heading in the header": _pair(("keys", "h1"), ("users", "h1"), (*CONTROL,)),
    "step of the trail": _pair(("keys", "h1 .cx-trail a"), ("user", "h1 a"), LINE),
    "end of the trail": _pair(("keys", "h1 [aria-current]"), ("user", "h1 span:last-of-type"), LINE),
    "table": _pair(("keys", ".cx-sheet:has(> .cx-table)"), ("users", "div:has(> #result_list), [data-simplebar]:has(#result_list)"), BOX),
    "table head": _pair(("keys", ".cx-table th:not(.cx-tick)"), ("users", "#result_list th:nth-child(2)"), CONTROL),
    "table cell": _pair(("keys", ".cx-table tbody td.cx-key + td"), ("users", "#result_list tbody td.field-email"), CONTROL),
    "link in a table": _pair(*LINK, TEXT),
    "checkbox in a table": _pair(*TICK, CONTROL),
    "primary button": _pair(*PRIMARY, CONTROL),
    "default button": _pair(*DEFAULT, CONTROL),
    "danger button": _pair(("delete-confirm", ".cx-confirm button"), ("delete user", "main button[type=submit], #content-main button[type=submit], form[method=post] button[type=submit]"), CONTROL),
    "cancel button": _pair(("delete-confirm", ".cx-confirm .cx-bar > a"), ("delete user", "a.cancel-link"), CONTROL),
    "text input": _pair(*INPUT, CONTROL),
    "select": _pair(*SELECT, CONTROL),
    "textarea": _pair(*TEXTAREA, (*TEXT, *BOX)),
    "label": _pair(("add", ".cx-form label"), ("user", "label[for=id_first_name]"), CONTROL),
    "help text": _pair(("add", "[id$=_helptext]"), ("user", ".field-username .text-xs, div.text-xs"), CONTROL),
    "checkbox in a form": _pair(("add", ".cx-form input[type=checkbox]"), ("user", "#id_is_active"), CONTROL),
    "label of a checkbox": _pair(("add", ".cx-form input[type=checkbox] + label"), ("user", "label[for=id_is_active]"), CONTROL),
    "search box": _pair(*SEARCH, CONTROL),
    "search input": _pair(("keys", ".cx-query input"), ("users", "#searchbar"), CONTROL),
    "input with an error": _pair(("add-error", ".errors textarea"), ("user with an error", "#id_username"), TEXT + BOX),
    "error": _pair(("add-error", "[id$=_error]"), ("user with an error", ".errors div.text-red-600"), TEXT),
    "errors on the page": _pair(("add-error", "form [role=alert]"), ("user with an error", ".errornote"), CONTROL),
    "success message": _pair(("added", "ul .bg-green-100"), ("saved user", "ul .bg-green-100"), CONTROL),
    "tabs": _pair(("keys", ".cx-head nav"), ("users", "#tabs-items"), CONTROL),
    "tab": _pair(("keys", ".cx-head nav a:not([aria-current])"), ("users", "#tabs-items a:not(.active)"), CONTROL),
    "current tab": _pair(("keys", ".cx-head nav a[aria-current]"), ("users", "#tabs-items a.active"), CONTROL),
    "good label": _pair(("caches", ".cx-table .cx-good"), ("users", ".field-up span"), CONTROL),
    "bad label": _pair(("caches", ".cx-table .cx-bad"), ("users", ".field-down span"), CONTROL),
    "strong label": _pair(("caches", ".cx-table .cx-strong"), ("users", ".field-default span"), CONTROL),
    "plain label": _pair(("caches", ".cx-table td span.bg-base-100"), ("users", ".field-other span"), CONTROL),
    "empty state": _pair(("keys-no-match", ".cx-empty"), ("no users", "div:has(> div > .material-symbols-outlined.text-5xl\\!)"), BOX),
    "heading of an empty state": _pair(("keys-no-match", ".cx-empty h2"), ("no users", "h2.tracking-tight"), TEXT),
    "text of an empty state": _pair(("keys-no-match", ".cx-empty p"), ("no users", "h2 + p"), TEXT),
    "confirmation": _pair(("delete-confirm", ".cx-confirm"), ("delete user", "div:has(> p.p-4)"), BOX),
    "focused input": _pair(*INPUT, FOCUS, True),
    "focused select": _pair(*SELECT, FOCUS, True),
    "focused textarea": _pair(*TEXTAREA, FOCUS, True),
    "focused checkbox": _pair(*TICK, FOCUS, True),
    "focused primary button": _pair(*PRIMARY, FOCUS, True),
    "focused default button": _pair(*DEFAULT, FOCUS, True),
    "focused link": _pair(*LINK, FOCUS, True),
}


@dataclass(frozen=True)
class Finding:
    """A property of an element of ours and of Unfold's, in a theme."""

    theme: str
    element: str
    property: str
    ours: str
    unfolds: str

    @property
    def is_same(self) -> bool:
        return self.ours == self.unfolds


THEMES = {"light": LOOKS["wide"], "dark": LOOKS["wide dark"]}


def findings(visit: Visit) -> Iterator[Finding]:
    """Visit the pages of both, and yield what was measured."""
    ours = {spot: pair for pair in PAIRS.values() for spot in [pair.ours]}
    seen = {}
    for name in {p.ours.place for p in PAIRS.values()}:
        PLACES[name](visit)
        measure(visit.page, name, "ours", seen)
    for name in {p.unfolds.place for p in PAIRS.values()}:
        UNFOLDS[name](visit)
        measure(visit.page, name, "unfolds", seen)
    for theme in THEMES:
        for element, pair in PAIRS.items():
            ours = seen[theme, element, "ours"]
            unfolds = seen[theme, element, "unfolds"]
            for property in pair.properties:
                yield Finding(theme, element, property, ours[property], unfolds[property])


def measure(page, place, side, seen):
    for theme, look in THEMES.items():
        look.show(page)
        for element, pair in PAIRS.items():
            spot = getattr(pair, side)
            if spot.place != place:
                continue
            try:
                seen[theme, element, side] = page.locator(spot.selector).first.evaluate(APPEARANCE, pair.focused, timeout=2000)
            except Exception as e:
                print("MISSING", side, element, spot, str(e).splitlines()[0])
                seen[theme, element, side] = dict.fromkeys((*CONTROL, "outline"), "missing")
            page.evaluate("document.activeElement.blur()")

"""Elements of our pages, and those of Unfold's own pages that they are to look like."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.browser.places import PLACES, Way
from tests.browser.unfold_places import UNFOLD_PLACES


@dataclass(frozen=True)
class Spot:
    """The first element that a selector finds on a page, perhaps with the keyboard's focus."""

    place: str
    selector: str
    focused: bool = False

    @property
    def way(self) -> Way:
        return PLACES.get(self.place) or UNFOLD_PLACES[self.place]


@dataclass(frozen=True)
class Pair:
    """An element of ours and one of Unfold's, and the properties that they share."""

    ours: Spot
    unfolds: Spot
    properties: Collection[str]

    @property
    def focused(self) -> Pair:
        """The same two with the focus, and what that changes."""
        ours = Spot(self.ours.place, self.ours.selector, focused=True)
        unfolds = Spot(self.unfolds.place, self.unfolds.selector, focused=True)
        return Pair(ours, unfolds, FOCUS)


TEXT = (
    *("font family", "font size", "font weight", "line height", "letter spacing", "letter case"),
    "colour",
)
BORDER = ("border above", "border beneath", "border at the sides")
BOX = ("background", "padding", *BORDER, "radius", "shadow")
CONTROL = (*TEXT, *BOX, "height")
FOCUS = ("outline", *BORDER, "shadow")

USERS, USER, DELETION = "users", "user", "delete user"
LIST = "#result_list"

HEADER = {
    "heading in the header": Pair(Spot("keys", "h1"), Spot(USERS, "h1"), CONTROL),
    "step of the trail": Pair(Spot("keys", "h1 a"), Spot(USER, "h1 a"), CONTROL),
    "end of the trail": Pair(
        Spot("keys", "h1 [aria-current]"),
        Spot(USER, "h1 > :not(.material-symbols-outlined) >> nth=-1"),
        CONTROL,
    ),
}
TABS = {
    "tabs": Pair(Spot("keys", ".cx-header nav"), Spot(USERS, "#tabs-items"), CONTROL),
    "tab": Pair(
        Spot("keys", ".cx-header nav a:not([aria-current])"),
        Spot(USERS, "#tabs-items a:not(.active)"),
        CONTROL,
    ),
    "current tab": Pair(
        Spot("keys", ".cx-header nav a[aria-current]"), Spot(USERS, "#tabs-items a.active"), CONTROL
    ),
}
TABLES = {
    "table": Pair(
        Spot("keys", ".cx-surface:has(> .cx-table)"),
        Spot("changes", f".overflow-x-auto:has({LIST})"),
        BOX,
    ),
    "table head": Pair(
        Spot("keys", ".cx-table th:not(.cx-select-cell)"),
        Spot(USERS, f"{LIST} th >> nth=1"),
        CONTROL,
    ),
    "table cell": Pair(
        Spot("keys", ".cx-table .cx-key + td"), Spot(USERS, f"{LIST} .field-email"), CONTROL
    ),
    "link in a table": Pair(
        Spot("keys", ".cx-table .cx-key a"), Spot(USERS, f"{LIST} tbody th a"), TEXT
    ),
    "checkbox in a table": Pair(
        Spot("keys", ".cx-table tbody [type=checkbox]"),
        Spot(USERS, f"{LIST} tbody [type=checkbox]"),
        CONTROL,
    ),
}
LABELS = {
    f"{kind} label": Pair(
        Spot(place, f".cx-table td span:text-is('{text}')"),
        Spot(USERS, f"{LIST} .field-{text} span"),
        CONTROL,
    )
    for kind, place, text in (
        ("good", "caches", "up"),
        ("bad", "caches", "down"),
        ("warning", "caches-limited", "limited"),
        ("strong", "caches", "cachex"),
        ("plain", "caches", "wrapped"),
    )
}
BUTTONS = {
    "primary button": Pair(
        Spot("add", ".cx-bar button"), Spot(USER, "button[name=_save]"), CONTROL
    ),
    "default button": Pair(Spot("add", ".cx-bar a"), Spot(USER, "button[name=_continue]"), CONTROL),
    "danger button": Pair(
        Spot("delete-confirm", ".cx-bar button"),
        Spot(DELETION, "button:text('Yes')"),
        CONTROL,
    ),
    "button to go back": Pair(
        Spot("delete-confirm", ".cx-bar a"), Spot(DELETION, "a.cancel-link"), CONTROL
    ),
}
FIELDS = {
    "text input": Pair(Spot("add", "#id_timeout"), Spot(USER, "#id_first_name"), CONTROL),
    "select": Pair(Spot("add", "form select"), Spot("change", "#id_action_flag"), CONTROL),
    "textarea": Pair(Spot("add", "textarea"), Spot("change", "#id_change_message"), (*TEXT, *BOX)),
    "checkbox": Pair(Spot("add", "[type=checkbox]"), Spot(USER, "#id_is_superuser"), CONTROL),
    "label": Pair(
        Spot("add", "label[for=id_timeout]"), Spot(USER, "label[for=id_first_name]"), CONTROL
    ),
    "label of a checkbox": Pair(
        Spot("add", "[type=checkbox] + label"), Spot(USER, "label[for=id_is_superuser]"), CONTROL
    ),
    "help text": Pair(
        Spot("add", "#id_timeout_helptext"),
        Spot(USER, "div.text-xs:text('Required. 150 characters')"),
        CONTROL,
    ),
    "wrong input": Pair(
        Spot("add-error", "#id_timeout"), Spot("refused user", "#id_username"), CONTROL
    ),
    "error": Pair(
        Spot("add-error", "#id_timeout_error"),
        Spot("refused user", "div.text-red-600:has(li)"),
        (*TEXT, *BOX),
    ),
    "search box": Pair(
        Spot("keys", "div:has(> [type=search])"), Spot(USERS, "#toolbar form > div"), CONTROL
    ),
    "search input": Pair(Spot("keys", "[type=search]"), Spot(USERS, "#searchbar"), CONTROL),
}
MESSAGES = {
    "success message": Pair(
        Spot("added", "main li > div"), Spot("saved user", "ul li > div.bg-green-100"), CONTROL
    ),
    "message above a wrong form": Pair(
        Spot("add-error", "form [role=alert]"), Spot("refused user", ".errornote"), CONTROL
    ),
}
BOXES = {
    "empty state": Pair(
        Spot("keys-no-match", ".cx-empty"), Spot("no groups", "div:has(> h2 + p)"), BOX
    ),
    "heading of an empty state": Pair(
        Spot("keys-no-match", ".cx-empty h2"), Spot("no groups", "h2:has(+ p)"), TEXT
    ),
    "text of an empty state": Pair(
        Spot("keys-no-match", ".cx-empty p"), Spot("no groups", "h2 + p"), TEXT
    ),
    "confirmation": Pair(
        Spot("delete-confirm", ".cx-confirm"), Spot(DELETION, "div:has(> p + div)"), BOX
    ),
}

_LOOKING = {**HEADER, **TABS, **TABLES, **LABELS, **BUTTONS, **FIELDS, **MESSAGES, **BOXES}
_FOCUSABLE = (
    *("link in a table", "checkbox in a table", "primary button", "default button"),
    *("text input", "select", "textarea"),
)
PAIRS = _LOOKING | {f"{name} with the focus": _LOOKING[name].focused for name in _FOCUSABLE}

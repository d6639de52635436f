"""The data that views pass to template parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.admin.apps import installed
from django_cachex.admin.formatting import NOTHING
from django_cachex.admin.links import Link
from django_cachex.inspectors.info import Text


class Parts:
    """Template paths of the installed skin's parts: `{% include parts.table %}`."""

    def __init__(self) -> None:
        self._folder = f"admin/django_cachex/parts/{installed().skin}"

    def __getitem__(self, name: str) -> str:
        return f"{self._folder}/{name}.html"


class Part:
    """What a template reads. It looks for items before attributes: this spares it the error."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


@dataclass(frozen=True)
class Action(Part):
    """A link or a button that leads somewhere."""

    name: str
    """What it does, as `data-action` says it, in every language alike."""

    label: Text
    link: Link | str
    kind: str = ""
    """`primary`, `danger`, or empty."""

    current: bool = False
    method: str = "get"
    value: str = ""
    """What the form of a control sends as `mode`."""

    fields: Sequence[tuple[str, str]] = ()
    """What else it sends."""

    about: Text = ""
    """What it is about, for screen readers: many rows have controls of one label."""

    @property
    def post_id(self) -> str:
        """The id to post, where the link needs a form."""
        return self.link.post_id if isinstance(self.link, Link) else ""


@dataclass(frozen=True)
class Badge(Part):
    """A word in a shape; the word alone says it."""

    text: Text
    kind: str = ""
    """`good`, `warning`, `bad`, `strong`, or empty."""

    hint: Text = ""


@dataclass(frozen=True)
class Heading(Part):
    """What a page is about."""

    text: Text
    what: Text = ""
    """What of it, said quieter: `keys`, `info`."""

    kind: str = ""
    """`key` and `question` stand in full, wherever a skin has its title; or empty."""

    badge: Badge | None = None
    summary: Text = ""
    copied: str = ""
    """What a button beside it copies."""


@dataclass(frozen=True)
class Cell(Part):
    """One cell of a table."""

    text: Text = ""
    link: Link | str | None = None
    kind: str = ""
    """`key`, `code`, `number`, `text`, or empty."""

    exact: str = ""
    """The exact figure, on hover and for screen readers."""

    lines: Sequence[Text] = ()
    """Said beneath, smaller."""

    badge: Badge | None = None
    actions: Sequence[Action] = ()
    expires: int | None = None
    """Milliseconds that a script may count down."""

    order: str = ""
    """What the rows of a table can be sorted by, as text; empty for what comes last."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say, which narrow screens leave out."""
        return self.text in ("", NOTHING) and not (self.badge or self.lines or self.actions)

    @property
    def is_plain(self) -> bool:
        """Whether it is drawn as its text alone; most are, and pages have hundreds."""
        drawn = self.link or self.exact or self.badge or self.kind in ("acts", "value", "code")
        return not drawn

    @property
    def has_more(self) -> bool:
        """Whether lines or links stand beneath its text."""
        return bool(self.lines) or (bool(self.actions) and self.kind != "acts")

    @property
    def post_id(self) -> str:
        return self.link.post_id if isinstance(self.link, Link) else ""


@dataclass(frozen=True)
class Header(Part):
    """The head of a column."""

    text: Text
    kind: str = ""
    """`number` aligns right."""

    link: str = ""
    """Leads to this page sorted by this column."""

    sorted: str = ""
    """`ascending`, `descending`, or empty."""


@dataclass(frozen=True)
class Row(Part):
    """A row of a table; `value` is what its checkbox sends, None without a checkbox."""

    cells: Sequence[Cell]
    value: str | None = None
    label: Text = ""
    """What the checkbox selects, for screen readers."""

    opens: bool = False
    """Whether a form stands beneath it."""


@dataclass(frozen=True)
class Table(Part):
    """Tables have one shape."""

    headers: Sequence[Header]
    rows: Sequence[Row]
    caption: Text = ""
    selectable: bool = False
    compact: bool = False
    """Whether narrow screens show a row in two lines, without the labels of its cells."""

    form: str = ""
    """The id of the form that its checkboxes and buttons belong to, where it stands elsewhere."""

    @property
    def width(self) -> int:
        """How many columns there are, that of the checkboxes included."""
        return len(self.headers) + self.selectable

    @property
    def cells_with_headers(self) -> list[tuple[Row, list[tuple[Header, Cell]]]]:
        """Rows whose cells know their headers, which narrow screens show beside them."""
        return [(row, list(zip(self.headers, row.cells, strict=True))) for row in self.rows]


@dataclass(frozen=True)
class Option(Part):
    """One of the values that a person can choose."""

    value: str
    text: Text
    chosen: bool = False


@dataclass(frozen=True)
class Select(Part):
    """A value of several, chosen in a form."""

    name: str
    label: Text
    options: Sequence[Option]

    @property
    def is_set(self) -> bool:
        """Whether anything but the first is chosen."""
        return any(option.chosen for option in self.options[1:])


@dataclass(frozen=True)
class Live(Part):
    """Going on with a search in the background: what a script needs to know."""

    forward: str
    """Where the search goes on."""

    shown: int
    """How many keys the page has."""

    size: int
    """How many it is to have."""

    examined: int
    total: int | None
    goes_on: bool
    """Whether to go on without being asked."""


@dataclass(frozen=True)
class FactLine(Part):
    """A label and what there is to say."""

    label: Text
    text: Text
    kind: str = ""
    exact: str = ""
    share: float | None = None
    """A part of a maximum, 0 to 1, drawn as a bar."""

    expires: int | None = None
    note: Text = ""
    """Said beneath, smaller."""


@dataclass(frozen=True)
class Card(Part):
    """A section of facts."""

    title: Text
    facts: Sequence[FactLine] = ()
    headline: FactLine | None = None
    table: Table | None = None
    note: Text = ""
    items: Sequence[Action] = ()


@dataclass(frozen=True)
class Notice(Part):
    """Something to know before reading on."""

    text: Text
    kind: str = "info"
    """`info`, `warning`, `error`."""

    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Empty(Part):
    """Why there is nothing to see, and what to do."""

    title: Text
    text: Text = ""
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Confirm(Part):
    """One question with its consequences; the safe button comes first."""

    question: Text
    step: Text
    """What the trail calls it."""

    consequences: Sequence[Text]
    submit: Text
    back: Action
    hidden: Sequence[tuple[str, str]] = ()
    items: Sequence[Text] = ()
    table: Table | None = None
    refused: Sequence[Text] = ()
    """What was asked for and will not be done, and why."""

    possible: bool = True


@dataclass(frozen=True)
class Button(Part):
    """A button of a form with several."""

    text: Text
    value: str
    """What it sends, and `data-action` says."""

    kind: str = ""
    """`primary`, `danger-quiet`, or empty."""


@dataclass(frozen=True)
class Working(Part):
    """Long work: how far it has come, and the buttons that carry it on."""

    progress: Text
    share: float | None = None
    """The part of all keys that was examined, 0 to 1, or None where nobody knows."""

    hidden: Sequence[tuple[str, str]] = ()
    """What the form carries of it."""

    action: str = ""
    """Where the form leads; empty for the page that it is on."""

    go_on: Button | None = None
    automatic: bool = False
    """Whether a script presses the button that goes on."""

    buttons: Sequence[Button] = ()
    resume: str = ""
    """Where the work can be carried on after the page was closed."""

    @property
    def percent(self) -> str:
        return "" if self.share is None else f"{self.share:.4f}"


@dataclass(frozen=True)
class Bar(Part):
    """A share of a whole: its name, its length, and the figure that says the same."""

    label: Text
    text: Text
    value: float
    """0 to 1."""

    doubt: float = 0.0
    """How far the value may be off to each side."""

    link: Link | str = ""

    @property
    def width(self) -> str:
        return _thousandths(self.value)

    @property
    def doubt_from(self) -> str:
        return _thousandths(self.value - self.doubt)

    @property
    def doubt_width(self) -> str:
        low, high = max(0.0, self.value - self.doubt), min(1.0, self.value + self.doubt)
        return _thousandths(high - low)


@dataclass(frozen=True)
class Bars(Part):
    """A picture of shares, one under the other."""

    title: Text
    rows: Sequence[Bar]
    note: Text = ""


def _thousandths(share: float) -> str:
    """Return a share as a drawing of a thousand units takes it, in every language alike."""
    return f"{max(0.0, min(1.0, share)) * 1000:.1f}"


@dataclass(frozen=True)
class FormBox(Part):
    """A form with its buttons, wherever it stands on a page."""

    form: Any
    name: str
    """What its button does, as `data-action` says it."""

    submit: Text
    cancel: Action | None = None
    title: Text = ""
    hidden: Sequence[tuple[str, str]] = ()
    notes: Sequence[Text] = ()
    """Said between the title and the fields."""

    previews: bool = False
    """Whether a button beside the others says what would happen."""

    preview: Text = ""
    """What would happen, in words, once that was asked."""

    theirs: Any = None
    """A `ValueBox` of what somebody else wrote meanwhile, to stand beside the form."""


@dataclass(frozen=True)
class CollectionBox(Part):
    """A part of a collection, with ways to others."""

    title: Text
    form: Any
    """Finds elements."""

    hidden: Sequence[tuple[str, str]] = ()
    orders: Sequence[Action] = ()
    offers: Sequence[Action] = ()
    notes: Sequence[Text] = ()
    progress: Text = ""
    table: Table | None = None
    empty: Empty | None = None
    pager: Sequence[Action] = ()
    rows_form: str = ""
    """The id of the form that removes rows; empty where nobody may."""

    is_found: bool = False
    """Whether less than everything was asked for."""

    reset: Action | None = None
    """Shows everything again."""


@dataclass(frozen=True)
class ValueBox(Part):
    """A single value in one of its views."""

    title: Text
    views: Sequence[Action] = ()
    offers: Sequence[Action] = ()
    notes: Sequence[Text] = ()
    text: str | None = None
    """None where there is nothing to show; empty for an empty value."""

    rest: str = ""
    """What *Load more* brought, after `text`."""

    folds: Sequence[Any] = ()
    """In place of `text`: lines and blocks that can be closed, as `folds.Fold`."""

    cut: Text = ""
    """How much is shown, where it is not all."""

    more: Sequence[Action] = ()
    why_not: Text = ""
    """Why it cannot be edited."""

"""The data that views pass to template parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.admin.apps import installed
from django_cachex.admin.formatting import NOTHING
from django_cachex.admin.links import Link
from django_cachex.inspectors.info import Text


class ComponentTemplates:
    """Template paths of the installed skin: `{% include components.table %}`."""

    def __init__(self) -> None:
        self._folder = f"admin/django_cachex/components/{installed().skin}"

    def __getitem__(self, name: str) -> str:
        return f"{self._folder}/{name}.html"


class Component:
    """What a template reads. It looks for items before attributes: this spares it the error."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


@dataclass(frozen=True)
class Action(Component):
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

    object_name: Text = ""
    """What it is about, for screen readers: many rows have controls of one label."""

    @property
    def post_id(self) -> str:
        """The id to post, where the link needs a form."""
        return self.link.post_id if isinstance(self.link, Link) else ""


@dataclass(frozen=True)
class Badge(Component):
    """A word in a shape; the word alone says it."""

    text: Text
    kind: str = ""
    """`good`, `warning`, `bad`, `strong`, or empty."""

    hint: Text = ""


@dataclass(frozen=True)
class Heading(Component):
    """What a page is about."""

    text: Text
    suffix: Text = ""
    """What of it, said quieter: `keys`, `info`."""

    kind: str = ""
    """`key` and `question` stand in full, wherever a skin has its title; or empty."""

    badge: Badge | None = None
    summary: Text = ""
    copy_text: str = ""
    """What a button beside it copies."""


@dataclass(frozen=True)
class Cell(Component):
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

    sort_key: str = ""
    """What the rows of a table can be sorted by, as text; empty for what comes last."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say, which narrow screens leave out."""
        return self.text in ("", NOTHING) and not (self.badge or self.lines or self.actions)

    @property
    def is_plain(self) -> bool:
        """Whether it is drawn as its text alone; most are, and pages have hundreds."""
        drawn = (
            self.link or self.exact or self.badge or self.kind in ("row-actions", "value", "code")
        )
        return not drawn

    @property
    def has_more(self) -> bool:
        """Whether lines or links stand beneath its text."""
        return bool(self.lines) or (bool(self.actions) and self.kind != "row-actions")

    @property
    def post_id(self) -> str:
        return self.link.post_id if isinstance(self.link, Link) else ""


@dataclass(frozen=True)
class Header(Component):
    """The head of a column."""

    text: Text
    kind: str = ""
    """`number` aligns right."""

    link: str = ""
    """Leads to this page sorted by this column."""

    sorted: str = ""
    """`ascending`, `descending`, or empty."""


@dataclass(frozen=True)
class Row(Component):
    """A row of a table; `value` is what its checkbox sends, None without a checkbox."""

    cells: Sequence[Cell]
    value: str | None = None
    label: Text = ""
    """What the checkbox selects, for screen readers."""

    is_open: bool = False
    """Whether a form stands beneath it."""


@dataclass(frozen=True)
class Table(Component):
    """Tables have one shape."""

    headers: Sequence[Header]
    rows: Sequence[Row]
    caption: Text = ""
    selectable: bool = False
    compact: bool = False
    """Whether narrow screens show a row in two lines, without the labels of its cells."""

    form_id: str = ""
    """The id of the form that its checkboxes and buttons belong to, where it stands elsewhere."""

    @property
    def column_count(self) -> int:
        """How many columns there are, that of the checkboxes included."""
        return len(self.headers) + self.selectable

    @property
    def cells_with_headers(self) -> list[tuple[Row, list[tuple[Header, Cell]]]]:
        """Rows whose cells know their headers, which narrow screens show beside them."""
        return [(row, list(zip(self.headers, row.cells, strict=True))) for row in self.rows]


@dataclass(frozen=True)
class Option(Component):
    """One of the values that a person can choose."""

    value: str
    text: Text
    is_selected: bool = False


@dataclass(frozen=True)
class Select(Component):
    """A value of several, chosen in a form."""

    name: str
    label: Text
    options: Sequence[Option]

    @property
    def is_set(self) -> bool:
        """Whether anything but the first is chosen."""
        return any(option.is_selected for option in self.options[1:])


@dataclass(frozen=True)
class LiveSearch(Component):
    """Going on with a search in the background: what a script needs to know."""

    next_url: str
    """Where the search goes on."""

    shown: int
    """How many keys the page has."""

    size: int
    """How many it is to have."""

    examined: int
    total: int | None
    auto_continue: bool
    """Whether to go on without being asked."""


@dataclass(frozen=True)
class LabeledValue(Component):
    """A label and what there is to say."""

    label: Text
    text: Text
    kind: str = ""
    exact: str = ""
    fraction: float | None = None
    """A part of a maximum, 0 to 1, drawn as a bar."""

    expires: int | None = None
    note: Text = ""
    """Said beneath, smaller."""


@dataclass(frozen=True)
class Card(Component):
    """A section of facts."""

    title: Text
    values: Sequence[LabeledValue] = ()
    headline: LabeledValue | None = None
    table: Table | None = None
    note: Text = ""
    links: Sequence[Action] = ()


@dataclass(frozen=True)
class Alert(Component):
    """Something to know before reading on."""

    text: Text
    kind: str = "info"
    """`info`, `warning`, `error`."""

    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class EmptyState(Component):
    """Why there is nothing to see, and what to do."""

    title: Text
    text: Text = ""
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Confirmation(Component):
    """One question with its consequences; the safe button comes first."""

    question: Text
    breadcrumb: Text
    """What the trail calls it."""

    consequences: Sequence[Text]
    button_text: Text
    cancel: Action
    hidden_fields: Sequence[tuple[str, str]] = ()
    items: Sequence[Text] = ()
    table: Table | None = None
    skipped: Sequence[Text] = ()
    """What was asked for and will not be done, and why."""

    can_confirm: bool = True


@dataclass(frozen=True)
class Button(Component):
    """A button of a form with several."""

    text: Text
    value: str
    """What it sends, and `data-action` says."""

    kind: str = ""
    """`primary`, `danger-quiet`, or empty."""


@dataclass(frozen=True)
class JobProgress(Component):
    """Long work: how far it has come, and the buttons that carry it on."""

    text: Text
    fraction: float | None = None
    """The part of all keys that was examined, 0 to 1, or None where nobody knows."""

    hidden_fields: Sequence[tuple[str, str]] = ()
    """What the form carries of it."""

    action_url: str = ""
    """Where the form leads; empty for the page that it is on."""

    continue_button: Button | None = None
    auto_continue: bool = False
    """Whether a script presses the button that goes on."""

    other_buttons: Sequence[Button] = ()
    resume_url: str = ""
    """Where the work can be carried on after the page was closed."""

    @property
    def percent(self) -> str:
        return "" if self.fraction is None else f"{self.fraction:.4f}"


@dataclass(frozen=True)
class Bar(Component):
    """A share of a whole: its name, its length, and the figure that says the same."""

    label: Text
    text: Text
    value: float
    """0 to 1."""

    margin: float = 0.0
    """How far the value may be off to each side."""

    link: Link | str = ""

    @property
    def width(self) -> str:
        return _to_svg_units(self.value)

    @property
    def margin_start(self) -> str:
        return _to_svg_units(self.value - self.margin)

    @property
    def margin_width(self) -> str:
        low, high = max(0.0, self.value - self.margin), min(1.0, self.value + self.margin)
        return _to_svg_units(high - low)


@dataclass(frozen=True)
class BarChart(Component):
    """A picture of shares, one under the other."""

    title: Text
    bars: Sequence[Bar]
    note: Text = ""


def _to_svg_units(share: float) -> str:
    """Return a share as a drawing of a thousand units takes it, in every language alike."""
    return f"{max(0.0, min(1.0, share)) * 1000:.1f}"


@dataclass(frozen=True)
class Topic(Component):
    """A heading of the help panel and its sentences."""

    title: Text
    sentences: Sequence[Text]


@dataclass(frozen=True)
class FormPanel(Component):
    """A form with its buttons, wherever it stands on a page."""

    form: Any
    name: str
    """What its button does, as `data-action` says it."""

    button_text: Text
    cancel: Action | None = None
    title: Text = ""
    hidden_fields: Sequence[tuple[str, str]] = ()
    notes: Sequence[Text] = ()
    """Said between the title and the fields."""

    has_preview: bool = False
    """Whether a button beside the others says what would happen."""

    preview: Text = ""
    """What would happen, in words, once that was asked."""

    current_value: Any = None
    """A `ValueBox` of what somebody else wrote meanwhile, to stand beside the form."""


@dataclass(frozen=True)
class ElementsPanel(Component):
    """A part of a collection, with ways to others."""

    title: Text
    form: Any
    """Finds elements."""

    hidden_fields: Sequence[tuple[str, str]] = ()
    order_links: Sequence[Action] = ()
    buttons: Sequence[Action] = ()
    notes: Sequence[Text] = ()
    progress: Text = ""
    table: Table | None = None
    empty: EmptyState | None = None
    pager: Sequence[Action] = ()
    remove_form_id: str = ""
    """The id of the form that removes rows; empty where nobody may."""

    is_filtered: bool = False
    """Whether less than everything was asked for."""

    reset_link: Action | None = None
    """Shows everything again."""


@dataclass(frozen=True)
class ValuePanel(Component):
    """A single value in one of its views."""

    title: Text
    view_links: Sequence[Action] = ()
    buttons: Sequence[Action] = ()
    notes: Sequence[Text] = ()
    text: str | None = None
    """None where there is nothing to show; empty for an empty value."""

    more_text: str = ""
    """What *Load more* brought, after `text`."""

    blocks: Sequence[Any] = ()
    """In place of `text`: lines and blocks that can be closed, as `folds.Fold`."""

    truncated_note: Text = ""
    """How much is shown, where it is not all."""

    more_links: Sequence[Action] = ()
    not_editable_reason: Text = ""
    """Why it cannot be edited."""

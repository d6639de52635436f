"""The components of a page: the data that views pass to the templates of a skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext_lazy

from django_cachex.admin.apps import app_config
from django_cachex.admin.links import LinkTarget
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values import Content

TEMPLATES: Final = Path(__file__).parent / "templates"
COMPONENTS: Final = "admin/django_cachex/components"


class ComponentTemplates:
    """Template paths for the installed skin: `{% include components.table %}`."""

    def __init__(self) -> None:
        self._skin = app_config().skin

    def __getitem__(self, name: str) -> str:
        return component_template(self._skin, name)


@cache
def component_template(skin: str, name: str) -> str:
    """Return the template of a component: the skin's own, or the one that the skins share."""
    own = f"{COMPONENTS}/{skin}/{name}.html"
    return own if (TEMPLATES / own).exists() else f"{COMPONENTS}/{name}.html"


class Component:
    """Base class of the data that templates read.

    A template looks up `{{ cell.text }}` as an item before it tries the attribute. Answering that
    lookup saves an exception for each of thousands of variables on a page.
    """

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


@dataclass(frozen=True)
class Action(Component):
    """A link, or a button that submits a form."""

    name: str
    """The value of `data-action`, which is the same in every language."""

    label: Text
    link: LinkTarget | str
    kind: str = ""
    """`primary`, `danger`, `quiet`, or empty."""

    current: bool = False
    method: str = "get"
    value: str = ""
    """The value of `mode` in the form."""

    fields: Sequence[tuple[str, str]] = ()
    """The other hidden fields of the form."""

    object_name: Text = ""
    """The object of the action, for screen readers: many rows have links with the same label."""

    @property
    def post_id(self) -> str:
        """The id to post, if the key's id is too long for a URL."""
        return self.link.post_id if isinstance(self.link, LinkTarget) else ""


@dataclass(frozen=True)
class Badge(Component):
    """A short label with a background colour. The text alone carries the meaning."""

    text: Text
    kind: str = ""
    """`good`, `warning`, `bad`, `strong`, or empty."""

    hint: Text = ""
    """A sentence that explains it, shown on hover and focus."""


@dataclass(frozen=True)
class Heading(Component):
    """The heading of a page."""

    text: Text
    suffix: Text = ""
    """Muted text after the heading, such as `keys` or `info`."""

    kind: str = ""
    """`key`, `question`, or empty. The first two are never shortened."""

    badge: Badge | None = None
    summary: Text = ""
    copy_text: str = ""
    """The text that the copy button copies; empty for no button."""


@dataclass(frozen=True)
class Cell(Component):
    """One cell of a table."""

    text: Text = ""
    link: LinkTarget | str | None = None
    kind: str = ""
    """Becomes the CSS class `cx-<kind>`: `key`, `code`, `number`, `value`, `row-actions`, …"""

    exact: str = ""
    """The exact figure, shown on hover and read by screen readers."""

    lines: Sequence[Text] = ()
    """Smaller lines of text below."""

    badge: Badge | None = None
    actions: Sequence[Action] = ()
    expires: int | None = None
    """Milliseconds until it expires, which a script counts down."""

    sort_key: str = ""
    """Text to sort the rows by. Rows with an empty one come last."""

    @property
    def post_id(self) -> str:
        return self.link.post_id if isinstance(self.link, LinkTarget) else ""


@dataclass(frozen=True)
class Header(Component):
    """The header of a column."""

    text: Text
    kind: str = ""
    """`number` aligns right."""

    link: str = ""
    """The URL of this page, sorted by this column."""

    sorted: str = ""
    """`ascending`, `descending`, or empty."""


@dataclass(frozen=True)
class Row(Component):
    """A row of a table."""

    cells: Sequence[Cell]
    value: str | None = None
    """The value of its checkbox; None for no checkbox."""

    label: Text = ""
    """The label of the checkbox, for screen readers."""

    selected: bool = False
    """Whether the checkbox is checked."""

    is_open: bool = False
    """Whether the row's form is shown below it."""

    has_focus: bool = False
    """Whether the row gets the focus when the page is loaded."""


@dataclass(frozen=True)
class Table(Component):
    """A table, optionally with a checkbox in each row."""

    headers: Sequence[Header]
    rows: Sequence[Row]
    caption: Text = ""
    selectable: bool = False
    compact: bool = False
    """Whether narrow screens show a row in two lines, without labels for its cells."""

    form_id: str = ""
    """The id of the form of its checkboxes and buttons, if the table is not inside that form."""

    @property
    def column_count(self) -> int:
        """The number of columns, including the column of checkboxes."""
        return len(self.headers) + self.selectable


@dataclass(frozen=True)
class LabeledValue(Component):
    """A label with its value."""

    label: Text
    text: Text
    kind: str = ""
    exact: str = ""
    fraction: float | None = None
    """The fraction of a maximum, 0 to 1, shown as a meter."""

    expires: int | None = None
    note: Text = ""
    """Smaller text below."""


@dataclass(frozen=True)
class Card(Component):
    """A section of the page with values, a table or links."""

    title: Text
    values: Sequence[LabeledValue] = ()
    headline: LabeledValue | None = None
    table: Table | None = None
    note: Text = ""
    links: Sequence[Action] = ()


@dataclass(frozen=True)
class Alert(Component):
    """A message at the top of the page."""

    text: Text
    kind: str = "info"
    """`info`, `warning` or `error`."""

    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class FindingPanel(Component):
    """Something that may be wrong with a cache."""

    id: str
    severity: str
    title: Text
    badge: Badge
    seen: Text
    why: Text
    advice: Text
    keys: Sequence[Action] = ()
    """Links to examples of the keys that it is about."""

    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class EmptyState(Component):
    """Explains why there is nothing to show, and what to do."""

    title: Text
    text: Text = ""
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Confirmation(Component):
    """A question with its consequences. The button that cancels comes first."""

    question: Text
    breadcrumb: Text
    """The label of this page in the breadcrumbs."""

    consequences: Sequence[Text]
    button_text: Text
    cancel: Action
    hidden_fields: Sequence[tuple[str, str]] = ()
    items: Sequence[Text] = ()
    table: Table | None = None
    skipped: Sequence[Text] = ()
    """What was requested but will not be done, with the reasons."""

    can_confirm: bool = True


@dataclass(frozen=True)
class Button(Component):
    """A submit button of a form that has several."""

    text: Text
    value: str
    """The value that it submits, and the value of `data-action`."""

    kind: str = ""
    """`primary`, `danger-quiet`, or empty."""


@dataclass(frozen=True)
class Shortcuts(Component):
    """Buttons below the first field of a form. Each submits a value for it at once."""

    label: Text
    field: str
    buttons: Sequence[Button]


@dataclass(frozen=True)
class JobProgress(Component):
    """The progress of a long job, with buttons to continue it."""

    text: Text
    fraction: float | None = None
    """The fraction of all keys that was examined, 0 to 1; None if unknown."""

    hidden_fields: Sequence[tuple[str, str]] = ()
    """The hidden fields that hold the state of the job."""

    action_url: str = ""
    """The URL that the form posts to; empty for the current page."""

    continue_button: Button | None = None
    auto_continue: bool = False
    """Whether a script presses the continue button."""

    other_buttons: Sequence[Button] = ()
    resume_url: str = ""
    """The URL where the job can be resumed after the page was closed."""

    leave_note: Text = ""
    """What happens if the user leaves the page; a script asks first while the job runs."""

    continue_link: Action | None = None
    """Where the user can continue the job then."""

    @property
    def percent(self) -> str:
        return "" if self.fraction is None else f"{self.fraction:.4f}"


@dataclass(frozen=True)
class Bar(Component):
    """A bar of a chart, with its label and its value as text."""

    label: Text
    text: Text
    value: float
    """The length of the bar, 0 to 1."""

    margin: float = 0.0
    """The margin of error: `value` may be this much lower or higher."""

    link: LinkTarget | str = ""
    kind: str = ""
    """`key` if the label is a key or a pattern of keys, or empty."""

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
    """A horizontal bar chart."""

    title: Text
    bars: Sequence[Bar]
    note: Text = ""


def _to_svg_units(fraction: float) -> str:
    """Return a fraction in units of the chart's SVG, which is 1000 wide, whatever the locale."""
    return f"{max(0.0, min(1.0, fraction)) * 1000:.1f}"


NOT_SAVED: Final = gettext_lazy("Not saved. Please correct the errors below.")


@dataclass(frozen=True)
class FormPanel(Component):
    """A form with its buttons."""

    form: Any
    name: str
    """The `data-action` of the submit button."""

    button_text: Text
    cancel: Action | None = None
    title: Text = ""
    hidden_fields: Sequence[tuple[str, str]] = ()
    notes: Sequence[Text] = ()
    """Sentences between the title and the fields."""

    has_preview: bool = False
    """Whether the form has a button to preview its effect."""

    preview: Text = ""
    """What the form would do, after the preview was requested."""

    current_value: Content | None = None
    """The value that someone else wrote meanwhile."""

    kind: str = ""
    """`danger` if the button destroys something."""

    action_url: str = ""
    """The URL to post to; empty for the current page."""

    error_text: Text = NOT_SAVED
    """What is said above fields with errors."""

    @property
    def is_question(self) -> bool:
        """Whether there is nothing to enter. The button that cancels then has the focus."""
        return not self.form.visible_fields()

    @property
    def shortcuts(self) -> Shortcuts | None:
        """The shortcuts of a form that has some."""
        return getattr(self.form, "shortcuts", None)

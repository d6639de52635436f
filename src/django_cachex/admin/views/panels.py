"""The panels of the key page: a value or elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.collapsible import CollapsibleBlock, parse_blocks
from django_cachex.admin.components import (
    Action,
    Cell,
    ElementsPanel,
    EmptyState,
    Header,
    LabeledValue,
    Row,
    Table,
)
from django_cachex.admin.forms.elements import ORDERS, ElementSearchForm
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import Order
from django_cachex.inspectors.types import TTL_NONE, Element, Elements, KeyInfo, KeyValue
from django_cachex.inspectors.values import Content, Preview

AMBIGUOUS_TEXT = re.compile(
    r"|[+-]?[0-9.]+(e[+-]?[0-9]+)?|true|false|null|[\[{].*", re.DOTALL | re.I
)
"""Texts that look like a number, a JSON value or nothing."""


def summarize_key_value(key_value: KeyValue) -> str:
    """Return a short description of a key's content."""
    description = key_value.info
    if key_value.content is not None:
        return str(key_value.content.label)
    if description.size is not None and description.unit != Unit.BYTES:
        return formatting.format_count(description.size, description.unit)
    return ""


def describe_key(inspector: Inspector, description: KeyInfo) -> str:
    """Return the name, type, length and TTL of a key on one line."""
    texts = [description.type or ""]
    if description.size is not None:
        is_bytes = description.unit == Unit.BYTES
        texts.append(
            formatting.format_size(description.size)
            if is_bytes
            else formatting.format_count(description.size, description.unit)
        )
    if description.ttl == TTL_NONE:
        texts.append(_("never expires"))
    elif description.ttl is not None and description.ttl >= 0:
        texts.append(_("expires %(when)s") % {"when": formatting.format_ttl(description.ttl)})
    name = formatting.format_name(inspector.display_key(description.key))
    return f"{name}: {', '.join(text for text in texts if text)}"


def list_key_values(inspector: Inspector, key_value: KeyValue, masked: bool) -> list[LabeledValue]:
    """Return the values at the top of the key page. If `masked`, the stored key is left out."""
    description = key_value.info
    values = [LabeledValue(_("Cache"), inspector.alias)]
    if description.type:
        values.append(LabeledValue(_("Type"), description.type))
    if description.size is not None:
        values.append(make_length_value(description))
    if description.memory is not None:
        values.append(make_bytes_value(_("Memory"), description.memory))
    values += make_ttl_values(description.ttl)
    if not masked:
        values.append(LabeledValue(_("Stored key"), display_text(description.key), "code"))
    if key_value.content is not None and inspector.serializer_name:
        values.append(LabeledValue(_("Serializer"), inspector.serializer_name, "code"))
    return values


def make_bytes_value(label: Text, count: int) -> LabeledValue:
    """Return a number of bytes with its exact figure."""
    text, exact = formatting.format_size_with_exact(count)
    return LabeledValue(label, text, exact=exact)


def make_length_value(description: KeyInfo) -> LabeledValue:
    """Return the length of a key in its unit."""
    count = description.size or 0
    if description.unit == Unit.BYTES:
        return make_bytes_value(_("Size"), count)
    return LabeledValue(_("Size"), formatting.format_count(count, description.unit))


def make_ttl_values(ttl: int | None) -> list[LabeledValue]:
    """Return a TTL as a duration, in seconds, and as a date and time. `ttl` is in milliseconds."""
    if ttl is None:
        return []
    if ttl == TTL_NONE:
        return [LabeledValue(_("TTL"), _("never expires"))]
    details = _("%(seconds)s s, until %(moment)s") % {
        "seconds": formatting.format_number(ttl / 1000, 1 if ttl < 10_000 else 0),
        "moment": formatting.format_datetime(formatting.expiry_datetime(ttl)),
    }
    return [LabeledValue(_("TTL"), formatting.format_duration(ttl), expires=ttl, note=details)]


def is_ambiguous_text(content: Content) -> bool:
    """Return whether a text could be mistaken for a number, a JSON value or nothing."""
    value = content.value
    if type(value) is not str or not content.editable:  # Names are always text.
        return False
    return value != value.strip() or AMBIGUOUS_TEXT.fullmatch(value) is not None


def make_element_cell(content: Content) -> Cell:
    """Return the cell of an element, truncated, with its format unless it is plain text."""
    max_chars = limits().element_chars
    text = content.formatted.text
    is_truncated = len(text) > max_chars or content.formatted.truncated
    is_plain = content.kind in ("text", "integer", "empty") and not is_ambiguous_text(content)
    lines = [] if is_plain else [content.label]
    return Cell(
        f"{text[:max_chars]}…" if is_truncated else text or _("(empty)"), kind="value", lines=lines
    )


LOAD_MORE_FACTOR = 4
"""*Load more* multiplies the number of characters shown by this."""

COLLAPSIBLE_KINDS = ("json", "pickle")


@dataclass(frozen=True)
class ValuePanelBuilder:
    """Builds the parts of a `ValuePanel`."""

    content: Content
    requested_view: str
    """The `view` parameter, which may be anything."""

    make_link: Callable[..., Action]
    """Returns a link to this page: see `KeyView._make_view_link`."""

    can_load_more: bool = False
    """Whether the cache can read more of the value than the limit."""

    @property
    def view_labels(self) -> dict[str, str]:
        """The available views with their labels. The default comes first."""
        stored = {"text": _("Text"), "hex": _("Hex")}
        if not self.content.hex.total and self.content.formatted.total:
            return {"formatted": _("Formatted")}  # Its stored bytes are not known.
        if self.content.kind == "bytes":
            return {"hex": _("Hex"), "text": _("Text")}
        return {"formatted": _("Formatted"), **stored}

    @property
    def view(self) -> str:
        labels = self.view_labels
        return self.requested_view if self.requested_view in labels else next(iter(labels))

    @property
    def preview(self) -> Preview:
        shown: Preview = getattr(self.content, self.view)
        return shown

    def view_links(self) -> Sequence[Action]:
        """Return links to the views; none if there is only one."""
        labels = self.view_labels
        if len(labels) == 1:
            return ()
        current = self.view
        return [
            self.make_link(f"view-{name}", label, current=name == current, view=name)
            for name, label in labels.items()
        ]

    def collapsible_blocks(self) -> Sequence[CollapsibleBlock]:
        if self.view != "formatted" or self.content.kind not in COLLAPSIBLE_KINDS:
            return ()
        return parse_blocks(self.preview.text)

    def split_new_text(self) -> tuple[str, str]:
        """Return the text shown before *Load more* was pressed, and the text it added."""
        text, before = self.preview.text, self.preview.shown // LOAD_MORE_FACTOR
        if before < limits().preview_bytes:
            return text, ""
        at = before if self.view == "formatted" else len(text) * before // self.preview.shown
        return text[:at], text[at:]

    def truncated_note(self) -> str:
        """Return how much of the value is shown, if it is truncated."""
        preview = self.preview
        if not preview.truncated:
            return ""
        counts = {
            "shown": formatting.format_number(preview.shown),
            "total": formatting.format_number(preview.total),
        }
        if preview.open_ended:
            return _("First %(shown)s of more than %(total)s characters shown.") % counts
        if self.view == "formatted" and self.content.kind != "large":
            return _("First %(shown)s of %(total)s characters shown.") % counts
        return _("First %(shown)s of %(total)s bytes shown.") % counts

    def more_links(self) -> Sequence[Action]:
        """Return the *Load more* link, if there is more to load."""
        shown, max_shown = self.preview.shown, limits().decode_bytes
        if not (self.can_load_more and self.preview.truncated) or shown >= max_shown:
            return ()
        count = min(shown * LOAD_MORE_FACTOR, max_shown)
        return [
            self.make_link(
                "load-more", _("Load more"), at="cx-more", view=self.view, shown=str(count)
            )
        ]


REMOVE_FORM_ID = "cx-rows"
"""The id of the form of the rows' checkboxes and *Remove* buttons."""

SORT_BY_NAME = "name"


@dataclass(frozen=True)
class ElementsPanelBuilder:
    """Builds an `ElementsPanel`."""

    type: str
    unit: Unit
    elements: Elements
    state: Mapping[str, str]
    """The parameters that select the page."""

    make_page_link: Callable[..., Action]
    """Returns a link to another page: see `BaseKeyDetailView.make_page_link`."""

    make_row_actions: Callable[[Element], Sequence[Action]]
    selectable: bool = False
    open_row_id: str = ""
    """The id of the row whose form is open."""

    page_error: Text = ""
    """What is wrong with the requested position."""

    def build(self, title: Text, buttons: Sequence[Action], notes: Sequence[Text]) -> ElementsPanel:
        return ElementsPanel(
            title=title,
            form=self.make_search_form(),
            hidden_fields=[
                (name, self.state[name]) for name in ("order", "sort") if name in self.state
            ],
            order_links=self.order_links(),
            buttons=buttons,
            notes=[note for note in (*notes, self.page_note) if note],
            progress=self.progress_text(),
            table=self.make_table() if self.rows else None,
            empty=None if self.rows else self.make_empty_state(),
            pager=self.make_pager(),
            remove_form_id=REMOVE_FORM_ID if self.selectable and self.rows else "",
            is_filtered=any(self.state.get(name) for name in ("at", "find", "low", "high")),
            reset_link=self.make_page_link(
                "show-all", _("Show all"), **dict.fromkeys(("at", "find", "low", "high"), "")
            ),
        )

    @property
    def page_note(self) -> Text:
        """Why the first page is shown, for types whose form has no field for the position."""
        return "" if self.type in ("list", "stream") else self.page_error

    @property
    def rows(self) -> Sequence[Element]:
        rows = self.elements.rows
        if self.state.get("sort") == SORT_BY_NAME:
            return sorted(rows, key=lambda row: row.name)
        return rows

    def make_search_form(self) -> ElementSearchForm:
        """Return the search form, with the current search and its errors."""
        form = ElementSearchForm(self.type, dict(self.state))
        if self.page_error and "at" in form.fields:
            form.add_error("at", str(self.page_error))
        return form

    @property
    def is_search(self) -> bool:
        return bool(self.state.get("find", "").strip("*"))

    def order_links(self) -> Sequence[Action]:
        """Return the links that change the order of elements.

        Search results have no order, but a page of them can be sorted.
        """
        is_sorted = self.state.get("sort") == SORT_BY_NAME
        name_link = self.make_page_link(
            "sort-by-member", _("Sort this page by member"), current=is_sorted, sort=SORT_BY_NAME
        )
        if self.is_search or self.type not in ORDERS:
            unsorted_link = self.make_page_link(
                "as-found", _("In server order"), current=not is_sorted, sort=""
            )
            return [unsorted_link, name_link] if self.type == "zset" else []
        current = self.state.get("order") or Order.FIRST
        orders = [
            self.make_page_link(
                f"order-{order}",
                label,
                current=current == order and not is_sorted,
                order=order,
                at="",
                sort="",
            )
            for order, label in ORDERS[self.type]
        ]
        return [*orders, name_link] if self.type == "zset" else orders

    # How much is shown.

    def progress_text(self) -> str:
        """Return how many elements are shown and were examined, of how many."""
        elements, total = self.elements, self.elements.total
        shown = len(elements.rows)
        counts = {
            "shown": formatting.format_number(shown),
            "total": formatting.format_count(total, self.unit),
            "of": formatting.format_number(total),
            "examined": formatting.format_number(elements.examined or 0),
        }
        if elements.examined is not None:
            text = _("%(shown)s found · %(examined)s of %(total)s examined") % counts
            return text if elements.next else f"{text} · {_('complete')}"
        if elements.in_range is not None:
            counts["found"] = formatting.format_count(elements.in_range, self.unit)
            if elements.start is None or not shown:
                return _("%(found)s in this range (%(of)s in total)") % counts
            counts |= self.range_counts(elements.start, shown)
            return _("%(first)s to %(last)s of %(found)s in this range (%(of)s in total)") % counts
        if shown == total:
            return _("All %(total)s shown") % counts
        if elements.start is None or not shown or self.type in ("hash", "set"):
            return _("%(shown)s of %(total)s shown") % counts
        if self.type == "list":
            counts |= {"first": elements.rows[0].name, "last": elements.rows[-1].name}
            return _("Index %(first)s to %(last)s of %(total)s") % counts
        counts |= self.range_counts(elements.start, shown)
        return _("%(first)s to %(last)s of %(total)s shown") % counts

    def range_counts(self, start: int, shown: int) -> dict[str, str]:
        return {
            "first": formatting.format_number(start + 1),
            "last": formatting.format_number(start + shown),
        }

    def make_empty_state(self) -> EmptyState:
        """Return why no element is shown, and what to do."""
        elements = self.elements
        if self.is_search and elements.next:
            counts = {
                "examined": formatting.format_number(elements.examined or 0),
                "total": formatting.format_count(elements.total, self.unit),
            }
            text = _("%(examined)s of %(total)s examined.") % counts
            continue_link = self.make_page_link("continue", _("Continue"), at=elements.next)
            return EmptyState(_("None so far"), text, [replace(continue_link, kind="primary")])
        if self.is_search:
            total = formatting.format_count(elements.total, self.unit)
            text = _(
                "All %(total)s were examined. Check the spelling. Searches are "
                "case-sensitive, and * matches any text."
            )
            return EmptyState(_("Nothing matches"), text % {"total": total})
        if elements.in_range == 0:
            return EmptyState(_("No member has a score in this range"))
        if not elements.total:
            return EmptyState(_("Empty"), _("The key exists but has no elements."))
        return EmptyState(_("Nothing here"), _("There is nothing after this position."))

    def make_pager(self) -> Sequence[Action]:
        elements = self.elements
        links = []
        if self.state.get("at"):
            links.append(self.make_page_link("first-page", _("First"), at=""))
        if elements.previous is not None:
            links.append(self.make_page_link("previous-page", _("Previous"), at=elements.previous))
        if elements.next is not None and elements.rows:
            label = _("Continue") if self.is_search else _("Next")
            links.append(
                replace(self.make_page_link("next-page", label, at=elements.next), kind="primary")
            )
        return links

    # The table.

    def make_table(self) -> Table:
        headers = [
            Header(title, self.get_header_kind(index))
            for index, title in enumerate(self.elements.columns)
        ]
        with_ttl = any(row.ttl is not None for row in self.rows)
        if with_ttl:
            headers.append(Header(_("TTL")))
        actions = [self.make_row_actions(row) for row in self.rows]
        if any(actions):
            headers.append(Header(_("Actions")))
        rows = [
            self.make_row(row, row_actions, with_ttl, any(actions))
            for row, row_actions in zip(self.rows, actions, strict=True)
        ]
        return Table(
            headers,
            rows,
            _("Elements"),
            selectable=self.selectable,
            compact=False,
            form_id=REMOVE_FORM_ID,
        )

    def is_number_column(self, index: int) -> bool:
        """Return whether a column contains indexes or scores."""
        return (self.type, index) in (("list", 0), ("zset", 1))

    def get_header_kind(self, index: int) -> str:
        if self.is_number_column(index):
            return "number"
        return "code" if self.type == "stream" and self.elements.uniform and index else ""

    def make_row(
        self, row: Element, actions: Sequence[Action], with_ttl: bool, has_actions: bool
    ) -> Row:
        cells = self.make_cells(row)
        if with_ttl:
            cells.append(make_field_ttl_cell(row))
        if has_actions:
            cells.append(Cell(actions=actions, kind="row-actions"))
        value = f"{row.id} {row.expected}" if self.selectable else None
        label = _("Select %(name)s") % {"name": row.name or _("(empty name)")}
        return Row(cells, value, label, is_open=row.id == self.open_row_id)

    def make_cells(self, row: Element) -> list[Cell]:
        if not self.elements.uniform:
            return [Cell(row.name, kind="code"), Cell(format_fields(row), kind="value")]
        cells = [make_element_cell(content) for content in row.cells]
        return [
            replace(cell, kind="number", lines=()) if self.is_number_column(index) else cell
            for index, cell in enumerate(cells)
        ]


def format_fields(row: Element) -> str:
    """Return the fields of a stream entry with their values, one on each line."""
    values = [make_element_cell(content).text for content in row.cells[1:]]
    return "\n".join(f"{name}: {text}" for name, text in zip(row.fields, values, strict=True))


def make_field_ttl_cell(row: Element) -> Cell:
    if row.ttl is None or row.ttl == TTL_NONE:
        return Cell(_("never") if row.ttl == TTL_NONE else "")
    return Cell(formatting.format_duration(row.ttl), expires=row.ttl)


def make_groups_table(groups: Sequence[Any]) -> Table:
    """Return a table of a stream's consumer groups with their consumers."""
    headers = [
        Header(_("Group")),
        Header(_("Pending"), "number"),
        Header(_("Lag"), "number"),
        Header(_("Last delivered")),
        Header(_("Consumers")),
    ]
    return Table(headers, [Row(make_group_cells(group)) for group in groups], _("Consumer groups"))


def make_group_cells(group: Any) -> list[Cell]:
    lag = _("unknown") if group.lag is None else formatting.format_number(group.lag)
    consumers = [
        _("%(name)s: %(pending)s pending, idle %(idle)s")
        % {
            "name": consumer.name,
            "pending": formatting.format_number(consumer.pending),
            "idle": formatting.format_duration(consumer.idle),
        }
        for consumer in group.consumers
    ]
    return [
        Cell(group.name, kind="key"),
        Cell(formatting.format_number(group.pending), kind="number"),
        Cell(lag, kind="number"),
        Cell(group.last_delivered, kind="code"),
        Cell("\n".join(consumers) or _("none"), kind="value"),
    ]

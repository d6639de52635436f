"""The parts of the key page: the properties of the key, its value, and its elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Cell,
    Component,
    EmptyState,
    Header,
    LabeledValue,
    Row,
    Table,
)
from django_cachex.admin.formatting import CollapsibleBlock, parse_blocks
from django_cachex.admin.forms.elements import ORDERS, ElementSearchForm, selection_value
from django_cachex.admin.key_actions.elements import RowAction, format_element_name
from django_cachex.admin.links import LinkTarget
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.query import Order
from django_cachex.inspectors.types import TTL_NONE, Element, Elements, Group, KeyInfo, KeyValue
from django_cachex.inspectors.values import Content, Preview

AMBIGUOUS_TEXT = re.compile(
    r"|[+-]?[0-9.]+(e[+-]?[0-9]+)?|true|false|null|[\[{].*", re.DOTALL | re.I
)
"""Texts that look like a number, a JSON value or nothing."""

# The properties of the key.


def summarize_key_value(key_value: KeyValue) -> str:
    """Return a short description of a key's content."""
    info = key_value.info
    if key_value.content is not None:
        return str(key_value.content.label)
    if info.size is not None and info.unit != Unit.BYTES:
        return formatting.format_count(info.size, info.unit)
    return ""


def describe_key(inspector: Inspector, info: KeyInfo) -> str:
    """Return the name, type, length and TTL of a key on one line."""
    texts = [info.type or ""]
    if info.size is not None:
        texts.append(formatting.format_length(info.size, info.unit)[0])
    if info.ttl == TTL_NONE:
        texts.append(_("never expires"))
    elif info.ttl is not None and info.ttl >= 0:
        texts.append(_("expires %(when)s") % {"when": formatting.format_ttl(info.ttl)})
    name = formatting.format_name(inspector.display_key(info.key))
    return f"{name}: {', '.join(text for text in texts if text)}"


def list_key_properties(
    inspector: Inspector, key_value: KeyValue, masked: bool
) -> list[LabeledValue]:
    """Return the properties at the top of the key page. If `masked`, the stored key is left out."""
    info = key_value.info
    values = [LabeledValue(_("Cache"), inspector.alias)]
    if info.type:
        values.append(LabeledValue(_("Type"), info.type))
    if info.size is not None:
        text, exact = formatting.format_length(info.size, info.unit)
        values.append(LabeledValue(_("Size"), text, exact=exact))
    if info.memory is not None:
        text, exact = formatting.format_size_with_exact(info.memory)
        values.append(LabeledValue(_("Memory"), text, exact=exact))
    if info.ttl is not None:
        values.append(make_ttl_value(info.ttl))
    if info.hits is not None:
        values.append(LabeledValue(_("Hits"), formatting.format_number(info.hits)))
    if not masked:
        values += [LabeledValue(_("Tag"), info.tag, "code")] if info.tag else []
        values.append(LabeledValue(_("Stored key"), inspector.display_stored_key(info.key), "code"))
    if key_value.content is not None and inspector.serializer_name:
        values.append(LabeledValue(_("Serializer"), inspector.serializer_name, "code"))
    return values


def make_ttl_value(ttl: int) -> LabeledValue:
    """Return a TTL as a duration, in seconds, and as a date and time. `ttl` is in milliseconds."""
    if ttl == TTL_NONE:
        return LabeledValue(_("TTL"), _("never expires"))
    details = _("%(seconds)s s, until %(moment)s") % {
        "seconds": formatting.format_number(ttl / 1000, 1 if ttl < 10_000 else 0),
        "moment": formatting.format_datetime(formatting.expiry_datetime(ttl)),
    }
    return LabeledValue(_("TTL"), formatting.format_duration(ttl), expires=ttl, note=details)


# The value.

LOAD_MORE_FACTOR = 4
"""*Load more* multiplies the number of characters shown by this."""

COLLAPSIBLE_KINDS = ("json", "pickle")


@dataclass
class ValuePanel(Component):
    """A value in one of its views: formatted, text or hex. The template reads its properties."""

    key_value: KeyValue
    requested_view: str
    """The `view` parameter, which may be anything."""

    make_link: Callable[..., Action]
    """Returns a link to this page: see `KeyView._make_view_link`."""

    buttons: Sequence[Action] = ()
    downloads: Sequence[Action] = ()
    can_edit: bool = False
    can_load_more: bool = False
    """Whether the cache can read more of the value than the limit."""

    is_editing: bool = False
    """Whether the value is shown beside the form that edits it."""

    @property
    def content(self) -> Content | None:
        return self.key_value.content

    @property
    def notes(self) -> list[Text]:
        notes = self.content.notes if self.content is not None else ()
        return [note for note in (self.key_value.note, *notes) if note]

    @property
    def not_editable_reason(self) -> Text:
        """Why the value can't be edited, unless a note says so."""
        if self.content is None or not self.can_edit:
            return ""
        reason = self.content.not_editable_reason
        return "" if reason in self.content.notes else reason

    @cached_property
    def view_labels(self) -> dict[str, str]:
        """The available views with their labels. The default comes first."""
        content = self.content
        if content is None:
            return {}
        if not content.hex.total and content.formatted.total:
            return {"formatted": _("Formatted")}  # Its stored bytes are not known.
        if content.kind == "bytes":
            return {"hex": _("Hex"), "text": _("Text")}
        return {"formatted": _("Formatted"), "text": _("Text"), "hex": _("Hex")}

    @cached_property
    def view(self) -> str:
        labels = self.view_labels
        return self.requested_view if self.requested_view in labels else next(iter(labels), "")

    @cached_property
    def preview(self) -> Preview | None:
        """The value in this view, or None if the value could not be read."""
        return getattr(self.content, self.view) if self.content is not None else None

    @property
    def view_links(self) -> Sequence[Action]:
        """Links to the views; none if there is only one."""
        if self.is_editing or len(self.view_labels) < 2:
            return ()
        return [
            self.make_link(f"view-{name}", label, current=name == self.view, view=name)
            for name, label in self.view_labels.items()
        ]

    @cached_property
    def blocks(self) -> Sequence[CollapsibleBlock]:
        """The lines and collapsible blocks of the text; none if it is short or has no structure."""
        content, preview = self.content, self.preview
        if content is None or preview is None or self.view != "formatted":
            return ()
        return parse_blocks(preview.text) if content.kind in COLLAPSIBLE_KINDS else ()

    @cached_property
    def texts(self) -> tuple[str, str]:
        """The text shown before *Load more* was pressed, and the text it added."""
        if self.preview is None:
            return "", ""
        text, before = self.preview.text, self.preview.shown // LOAD_MORE_FACTOR
        if before < limits().preview_bytes:
            return text, ""
        at = before if self.view == "formatted" else len(text) * before // self.preview.shown
        return text[:at], text[at:]

    @property
    def truncated_note(self) -> str:
        """How much of the value is shown, if it is truncated."""
        preview, content = self.preview, self.content
        if preview is None or content is None or not preview.truncated:
            return ""
        counts = {
            "shown": formatting.format_number(preview.shown),
            "total": formatting.format_number(preview.total),
        }
        if preview.open_ended:
            return _("First %(shown)s of more than %(total)s characters shown.") % counts
        if self.is_in_characters:
            return _("First %(shown)s of %(total)s characters shown.") % counts
        return _("First %(shown)s of %(total)s bytes shown.") % counts

    @property
    def is_in_characters(self) -> bool:
        """Whether the text is measured in characters and not in stored bytes."""
        is_decoded = self.content is not None and self.content.kind != "large"
        return self.view == "formatted" and is_decoded

    @property
    def more_links(self) -> Sequence[Action]:
        """Links to load more of the value and to download it."""
        preview, max_shown = self.preview, limits().decode_bytes
        if preview is None or self.is_editing:
            return ()
        if not (self.can_load_more and preview.truncated) or preview.shown >= max_shown:
            return self.downloads
        shown = str(min(preview.shown * LOAD_MORE_FACTOR, max_shown))
        link = self.make_link(
            "load-more", _("Load more"), at="cx-more", view=self.view, shown=shown
        )
        return [link, *self.downloads]


# The elements.

REMOVE_FORM_ID = "cx-rows"
"""The id of the form of the rows' checkboxes."""

SORT_BY_NAME = "name"

POSITION_PARAMS = ("at", "find", "low", "high")


@dataclass
class ElementsPanel(Component):
    """A page of a collection's elements, with a search form and links to other pages.

    The template reads its properties.
    """

    key_value: KeyValue
    elements: Elements
    state: Mapping[str, str]
    """The parameters that select the page."""

    make_page_link: Callable[..., Action]
    """Returns a link to another page: see `KeyView._make_page_link`."""

    key_link: LinkTarget
    row_links: Mapping[RowAction[Any], str]
    """The actions on a row with the URL of their form, without the id of the row."""

    can_remove: bool = False
    open_row_id: str = ""
    """The id of the row whose form is open."""

    focused_row_id: str = ""
    """The id of the row that gets the focus: the one whose form was saved or cancelled."""

    buttons: Sequence[Action] = ()
    page_error: Text = ""
    """What is wrong with the requested position."""

    list_fields: Sequence[tuple[str, str]] = ()
    """The hidden fields with the state of the list of keys."""

    @cached_property
    def type(self) -> str:
        return self.key_value.info.type or ""

    @property
    def unit(self) -> Unit:
        return self.key_value.info.unit

    @cached_property
    def form(self) -> ElementSearchForm:
        """The search form, with the current search and its errors."""
        form = ElementSearchForm(self.type, dict(self.state))
        if self.page_error and "at" in form.fields:
            form.add_error("at", str(self.page_error))
        return form

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """The parameters that a search keeps."""
        kept = [(name, self.state[name]) for name in ("order", "sort") if name in self.state]
        return [*kept, *self.list_fields]

    @property
    def notes(self) -> list[Text]:
        """Why less is shown than expected, or the first page instead of the requested one."""
        has_position_field = self.type in ("list", "stream")  # It shows the error.
        page_note = "" if has_position_field else self.page_error
        return [note for note in (self.key_value.note, page_note) if note]

    @property
    def is_search(self) -> bool:
        return bool(self.state.get("find", "").strip("*"))

    @property
    def is_filtered(self) -> bool:
        """Whether a search or a position is set."""
        return any(self.state.get(name) for name in POSITION_PARAMS)

    @property
    def reset_link(self) -> Action:
        """The link that clears the search."""
        cleared = dict.fromkeys(POSITION_PARAMS, "")
        return self.make_page_link("show-all", _("Show all"), **cleared)

    @cached_property
    def order_links(self) -> Sequence[Action]:
        """The links that change the order of elements.

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

    @property
    def progress(self) -> str:
        """How many elements are shown, of how many, and how many a search has examined."""
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

    @property
    def empty_state(self) -> EmptyState:
        """Why no element is shown, and what to do."""
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

    @cached_property
    def pager(self) -> Sequence[Action]:
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

    @property
    def remove_form_id(self) -> str:
        """The id of the form that removes rows; empty if rows can't be removed."""
        return REMOVE_FORM_ID if self.can_remove and self.elements.rows else ""

    @cached_property
    def table(self) -> Table | None:
        """The elements; None if there are none."""
        rows = self.elements.rows
        if not rows:
            return None
        if self.state.get("sort") == SORT_BY_NAME:
            rows = sorted(rows, key=lambda row: row.name)
        headers = [
            Header(title, self.get_header_kind(index))
            for index, title in enumerate(self.elements.columns)
        ]
        with_ttl = any(row.ttl is not None for row in rows)
        if with_ttl:
            headers.append(Header(_("TTL")))
        actions = [self.make_row_actions(row) for row in rows]
        with_actions = any(actions)
        if with_actions:
            headers.append(Header(_("Actions")))
        table_rows = []
        for row, row_actions in zip(rows, actions, strict=True):
            cells = self.make_cells(row)
            if with_ttl:
                cells.append(make_field_ttl_cell(row.ttl))
            if with_actions:
                cells.append(Cell(actions=row_actions, kind="row-actions"))
            value = selection_value(row) if self.can_remove else None
            label = _("Select %(name)s") % {"name": format_element_name(row)}
            is_open, has_focus = row.id == self.open_row_id, row.id == self.focused_row_id
            table_rows.append(Row(cells, value, label, is_open=is_open, has_focus=has_focus))
        return Table(
            headers,
            table_rows,
            _("Elements"),
            selectable=self.can_remove,
            form_id=REMOVE_FORM_ID,
        )

    def make_row_actions(self, row: Element) -> list[Action]:
        """Return the links that open the forms of a row."""
        return [
            self.make_row_link(action, url, row)
            for action, url in self.row_links.items()
            if action.applies_to_row(row)
        ]

    def make_row_link(self, action: RowAction[Any], url: str, row: Element) -> Action:
        """Return the link that opens the form of an action on a row."""
        mode, params = action.form_mode, action.link_params(row)
        name, url = action.object_name(row), f"{url}&{urlencode(params)}#cx-form"
        link = Action(mode, action.label, url, action.kind, object_name=name)
        if not self.key_link.post_id:
            return link
        fields = [*params.items(), *self.state.items()]
        return replace(link, link=self.key_link, value=mode, fields=fields)

    def is_number_column(self, index: int) -> bool:
        """Return whether a column contains indexes or scores."""
        return (self.type, index) in (("list", 0), ("zset", 1))

    def get_header_kind(self, index: int) -> str:
        if self.is_number_column(index):
            return "number"
        return "code" if self.type == "stream" and self.elements.uniform and index else ""

    def make_cells(self, row: Element) -> list[Cell]:
        if not self.elements.uniform:
            return [Cell(row.name, kind="code"), Cell(format_fields(row), kind="value")]
        cells = [make_element_cell(content) for content in row.cells]
        return [
            replace(cell, kind="number", lines=()) if self.is_number_column(index) else cell
            for index, cell in enumerate(cells)
        ]


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


def format_fields(row: Element) -> str:
    """Return the fields of a stream entry with their values, one on each line."""
    values = [make_element_cell(content).text for content in row.cells[1:]]
    return "\n".join(f"{name}: {text}" for name, text in zip(row.fields, values, strict=True))


def make_field_ttl_cell(ttl: int | None) -> Cell:
    if ttl is None or ttl == TTL_NONE:
        return Cell(_("never") if ttl == TTL_NONE else "")
    return Cell(formatting.format_duration(ttl), expires=ttl)


def make_groups_context(groups: Sequence[Group] | None) -> dict[str, Any]:
    """Return what the template shows of consumer groups; nothing if they could not be read."""
    if groups is None:
        return {}
    table = make_groups_table(groups) if groups else None
    return {"table": table, "none": _("This stream has no consumer groups.")}


def make_groups_table(groups: Sequence[Group]) -> Table:
    """Return a table of a stream's consumer groups with their consumers."""
    headers = [
        Header(_("Group")),
        Header(_("Pending"), "number"),
        Header(_("Lag"), "number"),
        Header(_("Last delivered")),
        Header(_("Consumers")),
    ]
    return Table(headers, [Row(make_group_cells(group)) for group in groups], _("Consumer groups"))


def make_group_cells(group: Group) -> list[Cell]:
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

"""The panels of the key page: a value or elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.collapsible import Fold, folded
from django_cachex.admin.components import (
    Action,
    Cell,
    CollectionBox,
    Empty,
    FactLine,
    Header,
    Row,
    Table,
)
from django_cachex.admin.forms.elements import ORDERS, FindForm
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.query import Order
from django_cachex.inspectors.types import TTL_NONE, Description, Element, Elements, Entry
from django_cachex.inspectors.values import Content, Excerpt

OTHER = re.compile(r"|[+-]?[0-9.]+(e[+-]?[0-9]+)?|true|false|null|[\[{].*", re.DOTALL | re.I)
"""Texts that look like something else."""


def summary(entry: Entry) -> str:
    """Return in a few words what a key holds."""
    one = entry.description
    if entry.content is not None:
        return str(entry.content.label)
    if one.size is not None and one.unit != Unit.BYTES:
        return formatting.elements(one.size, one.unit)
    return ""


def described(inspector: Inspector, one: Description) -> str:
    """Return on one line what a key is: its name, type, length and expiry."""
    facts = [one.type or ""]
    if one.size is not None:
        is_bytes = one.unit == Unit.BYTES
        facts.append(
            formatting.size(one.size) if is_bytes else formatting.elements(one.size, one.unit)
        )
    if one.ttl == TTL_NONE:
        facts.append(_("never expires"))
    elif one.ttl is not None:
        facts.append(_("expires %(when)s") % {"when": formatting.expiry(one.ttl)})
    name = formatting.name(inspector.name(one.key))
    return f"{name}: {', '.join(fact for fact in facts if fact)}"


def key_facts(inspector: Inspector, entry: Entry, masked: bool) -> list[FactLine]:
    """Return type, length, memory, TTL, cache and, unless it is a secret, the stored key."""
    one = entry.description
    lines = [FactLine(_("Cache"), inspector.alias)]
    if one.type:
        lines.append(FactLine(_("Type"), one.type))
    if one.size is not None:
        lines.append(size_line(one))
    if one.memory is not None:
        lines.append(bytes_line(_("Memory"), one.memory))
    lines += ttl_lines(one.ttl)
    if not masked:
        lines.append(FactLine(_("Stored key"), printable(one.key), "code"))
    if entry.content is not None and inspector.serializer_name:
        lines.append(FactLine(_("Serializer"), inspector.serializer_name, "code"))
    return lines


def bytes_line(label: Text, count: int) -> FactLine:
    """Return a number of bytes, its exact figure at hand."""
    text, exact = formatting.size_with_exact(count)
    return FactLine(label, text, exact=exact)


def size_line(one: Description) -> FactLine:
    """Return the length of a key with what it counts."""
    count = one.size or 0
    if one.unit == Unit.BYTES:
        return bytes_line(_("Length"), count)
    return FactLine(_("Length"), formatting.elements(count, one.unit))


def ttl_lines(ttl: int | None) -> list[FactLine]:
    """Return a TTL in words, in seconds and as a moment."""
    if ttl is None:
        return []
    if ttl == TTL_NONE:
        return [FactLine(_("TTL"), _("never expires"))]
    details = _("%(seconds)s s, until %(moment)s") % {
        "seconds": formatting.number(ttl / 1000, 1 if ttl < 10_000 else 0),
        "moment": formatting.moment(formatting.expires_at(ttl)),
    }
    return [FactLine(_("TTL"), formatting.duration(ttl), expires=ttl, note=details)]


def looks_otherwise(content: Content) -> bool:
    """Return whether a text is one that a number, JSON or nothing would look like."""
    value = content.value
    if type(value) is not str or not content.editable:  # Names are what they look like.
        return False
    return value != value.strip() or OTHER.fullmatch(value) is not None


def element_cell(content: Content) -> Cell:
    """Return one element, cut at the limit, with what it is where that is not plain text."""
    longest = limits().element_chars
    text = content.formatted.text
    cut_off = len(text) > longest or content.formatted.truncated
    is_plain = content.kind in ("text", "integer", "empty") and not looks_otherwise(content)
    lines = [] if is_plain else [content.label]
    return Cell(
        f"{text[:longest]}…" if cut_off else text or _("(empty)"), kind="value", lines=lines
    )


STEP = 4
"""How many times as much *Load more* shows."""

FOLDED = ("json", "pickle")


@dataclass(frozen=True)
class ValueView:
    """One look at a value."""

    content: Content
    asked: str
    """The view that was asked for, whatever it was."""

    action: Callable[..., Action]
    """Makes a control of a name, a label, and what it asks this page for."""

    can_load: bool = False
    """Whether more than the limits say can be asked for."""

    @property
    def names(self) -> dict[str, str]:
        """The ways to look at the value, the best first, with what they are called."""
        stored = {"text": _("Text"), "hex": _("Hex")}
        if not self.content.hex.total and self.content.formatted.total:
            return {"formatted": _("Formatted")}  # Its stored bytes are not known.
        if self.content.kind == "bytes":
            return {"hex": _("Hex"), "text": _("Text")}
        return {"formatted": _("Formatted"), **stored}

    @property
    def name(self) -> str:
        names = self.names
        return self.asked if self.asked in names else next(iter(names))

    @property
    def excerpt(self) -> Excerpt:
        shown: Excerpt = getattr(self.content, self.name)
        return shown

    def views(self) -> Sequence[Action]:
        """Return the controls that lead to the views; none where there is one only."""
        names = self.names
        if len(names) == 1:
            return ()
        current = self.name
        return [
            self.action(f"view-{name}", label, current=name == current, view=name)
            for name, label in names.items()
        ]

    def folds(self) -> Sequence[Fold]:
        if self.name != "formatted" or self.content.kind not in FOLDED:
            return ()
        return folded(self.excerpt.text)

    def halves(self) -> tuple[str, str]:
        """Return what the page showed before *Load more* was pressed, and what that brought."""
        text, before = self.excerpt.text, self.excerpt.shown // STEP
        if before < limits().preview_bytes:
            return text, ""
        at = before if self.name == "formatted" else len(text) * before // self.excerpt.shown
        return text[:at], text[at:]

    def cut(self) -> str:
        """Return how much of the value is shown, where it is not all."""
        excerpt = self.excerpt
        if not excerpt.truncated:
            return ""
        counts = {
            "shown": formatting.number(excerpt.shown),
            "total": formatting.number(excerpt.total),
        }
        if excerpt.open_ended:
            return _("First %(shown)s of more than %(total)s characters shown.") % counts
        if self.name == "formatted" and self.content.kind != "large":
            return _("First %(shown)s of %(total)s characters shown.") % counts
        return _("First %(shown)s of %(total)s bytes shown.") % counts

    def more(self) -> Sequence[Action]:
        """Return the control that shows more of the value, where there is more to be had."""
        shown, most = self.excerpt.shown, limits().decode_bytes
        if not (self.can_load and self.excerpt.truncated) or shown >= most:
            return ()
        count = min(shown * STEP, most)
        return [
            self.action("load-more", _("Load more"), at="cx-more", view=self.name, shown=str(count))
        ]


FORM = "cx-rows"
"""The form that checkboxes and buttons of rows belong to, wherever they stand."""

BY_NAME = "name"


@dataclass(frozen=True)
class CollectionView:
    """One look at a collection."""

    type: str
    unit: Unit
    elements: Elements
    state: Mapping[str, str]
    """What the address says of the part that is shown."""

    turn: Callable[..., Action]
    """Makes a control of a name and a label that leads to another part, given what changes."""

    row_actions: Callable[[Element], Sequence[Action]]
    selectable: bool = False
    opened: str = ""
    """The id of the row whose form is open."""

    problem: Text = ""
    """What is wrong with the place that was asked for."""

    def box(self, title: Text, offers: Sequence[Action], notes: Sequence[Text]) -> CollectionBox:
        return CollectionBox(
            title=title,
            form=self.find_form(),
            hidden=[(name, self.state[name]) for name in ("order", "sort") if name in self.state],
            orders=self.orders(),
            offers=offers,
            notes=[note for note in (*notes, self.lost) if note],
            progress=self.progress(),
            table=self.table() if self.rows else None,
            empty=None if self.rows else self.empty(),
            pager=self.pager(),
            rows_form=FORM if self.selectable and self.rows else "",
            is_found=any(self.state.get(name) for name in ("at", "find", "low", "high")),
            reset=self.turn(
                "show-all", _("Show all"), **dict.fromkeys(("at", "find", "low", "high"), "")
            ),
        )

    @property
    def lost(self) -> Text:
        """Why the beginning is shown, where no field of the form can say it."""
        return "" if self.type in ("list", "stream") else self.problem

    @property
    def rows(self) -> Sequence[Element]:
        rows = self.elements.rows
        if self.state.get("sort") == BY_NAME:
            return sorted(rows, key=lambda row: row.name)
        return rows

    def find_form(self) -> FindForm:
        """Return the form that finds elements, with what was asked for and what is wrong."""
        form = FindForm(self.type, dict(self.state))
        if self.problem and "at" in form.fields:
            form.add_error("at", str(self.problem))
        return form

    @property
    def searches(self) -> bool:
        return bool(self.state.get("find", "").strip("*"))

    def orders(self) -> Sequence[Action]:
        """Return the controls for the order; a search has none, and its page can be sorted."""
        sorted_here = self.state.get("sort") == BY_NAME
        by_name = self.turn(
            "sort-by-member", _("Sort this page by member"), current=sorted_here, sort=BY_NAME
        )
        if self.searches or self.type not in ORDERS:
            as_found = self.turn("as-found", _("In server order"), current=not sorted_here, sort="")
            return [as_found, by_name] if self.type == "zset" else []
        now = self.state.get("order") or Order.FIRST
        orders = [
            self.turn(
                f"order-{order}",
                label,
                current=now == order and not sorted_here,
                order=order,
                at="",
                sort="",
            )
            for order, label in ORDERS[self.type]
        ]
        return [*orders, by_name] if self.type == "zset" else orders

    # How much there is to see.

    def progress(self) -> str:
        """Return how much of the key is shown, and how much was looked at for it."""
        found, total = self.elements, self.elements.total
        shown = len(found.rows)
        counts = {
            "shown": formatting.number(shown),
            "total": formatting.elements(total, self.unit),
            "of": formatting.number(total),
            "examined": formatting.number(found.examined or 0),
        }
        if found.examined is not None:
            text = _("%(shown)s found · %(examined)s of %(total)s examined") % counts
            return text if found.next else f"{text} · {_('complete')}"
        if found.found is not None:
            counts["found"] = formatting.elements(found.found, self.unit)
            if found.start is None or not shown:
                return _("%(found)s in this range (%(of)s in total)") % counts
            counts |= self.span(found.start, shown)
            return _("%(first)s to %(last)s of %(found)s in this range (%(of)s in total)") % counts
        if shown == total:
            return _("All %(total)s shown") % counts
        if found.start is None or not shown or self.type in ("hash", "set"):
            return _("%(shown)s of %(total)s shown") % counts
        if self.type == "list":
            counts |= {"first": found.rows[0].name, "last": found.rows[-1].name}
            return _("Index %(first)s to %(last)s of %(total)s") % counts
        counts |= self.span(found.start, shown)
        return _("%(first)s to %(last)s of %(total)s shown") % counts

    def span(self, start: int, shown: int) -> dict[str, str]:
        return {"first": formatting.number(start + 1), "last": formatting.number(start + shown)}

    def empty(self) -> Empty:
        """Return why there is nothing to see, and what to do."""
        found = self.elements
        if self.searches and found.next:
            counts = {
                "examined": formatting.number(found.examined or 0),
                "total": formatting.elements(found.total, self.unit),
            }
            text = _("%(examined)s of %(total)s examined.") % counts
            going_on = self.turn("continue", _("Continue"), at=found.next)
            return Empty(_("None so far"), text, [replace(going_on, kind="primary")])
        if self.searches:
            total = formatting.elements(found.total, self.unit)
            text = _(
                "All %(total)s were examined. Check the spelling. Searches are "
                "case-sensitive, and * matches any text."
            )
            return Empty(_("Nothing matches"), text % {"total": total})
        if found.found == 0:
            return Empty(_("No member has a score in this range"))
        if not found.total:
            return Empty(_("Empty"), _("The key exists but has no elements."))
        return Empty(_("Nothing here"), _("There is nothing after this position."))

    def pager(self) -> Sequence[Action]:
        found = self.elements
        links = []
        if self.state.get("at"):
            links.append(self.turn("first-page", _("First"), at=""))
        if found.previous is not None:
            links.append(self.turn("previous-page", _("Previous"), at=found.previous))
        if found.next is not None and found.rows:
            label = _("Continue") if self.searches else _("Next")
            links.append(replace(self.turn("next-page", label, at=found.next), kind="primary"))
        return links

    # The table.

    def table(self) -> Table:
        headers = [
            Header(title, self.header_kind(place))
            for place, title in enumerate(self.elements.columns)
        ]
        with_ttl = any(row.ttl is not None for row in self.rows)
        if with_ttl:
            headers.append(Header(_("TTL")))
        actions = [self.row_actions(row) for row in self.rows]
        if any(actions):
            headers.append(Header(_("Actions")))
        rows = [
            self.row(row, acts, with_ttl, any(actions))
            for row, acts in zip(self.rows, actions, strict=True)
        ]
        return Table(
            headers, rows, _("Elements"), selectable=self.selectable, compact=False, form=FORM
        )

    def is_number(self, place: int) -> bool:
        """Return whether a column holds indexes or scores."""
        return (self.type, place) in (("list", 0), ("zset", 1))

    def header_kind(self, place: int) -> str:
        if self.is_number(place):
            return "number"
        return "code" if self.type == "stream" and self.elements.uniform and place else ""

    def row(self, row: Element, actions: Sequence[Action], with_ttl: bool, acts: bool) -> Row:
        cells = self.cells(row)
        if with_ttl:
            cells.append(ttl_cell(row))
        if acts:
            cells.append(Cell(actions=actions, kind="acts"))
        value = f"{row.id} {row.expected}" if self.selectable else None
        label = _("Select %(name)s") % {"name": row.name or _("(empty name)")}
        return Row(cells, value, label, opens=row.id == self.opened)

    def cells(self, row: Element) -> list[Cell]:
        if not self.elements.uniform:
            return [Cell(row.name, kind="code"), Cell(pairs(row), kind="value")]
        cells = [element_cell(content) for content in row.cells]
        return [
            replace(cell, kind="number", lines=()) if self.is_number(place) else cell
            for place, cell in enumerate(cells)
        ]


def pairs(row: Element) -> str:
    """Return the fields of an entry with their values, a line for each."""
    values = [element_cell(content).text for content in row.cells[1:]]
    return "\n".join(f"{name}: {text}" for name, text in zip(row.fields, values, strict=True))


def ttl_cell(row: Element) -> Cell:
    if row.ttl is None or row.ttl == TTL_NONE:
        return Cell(_("never") if row.ttl == TTL_NONE else "")
    return Cell(formatting.duration(row.ttl), expires=row.ttl)


def groups_table(groups: Sequence[Any]) -> Table:
    """Return the consumer groups of a stream, each with its consumers."""
    headers = [
        Header(_("Group")),
        Header(_("Pending"), "number"),
        Header(_("Lag"), "number"),
        Header(_("Last delivered")),
        Header(_("Consumers")),
    ]
    return Table(headers, [Row(group_cells(group)) for group in groups], _("Consumer groups"))


def group_cells(group: Any) -> list[Cell]:
    lag = _("unknown") if group.lag is None else formatting.number(group.lag)
    consumers = [
        _("%(name)s: %(pending)s pending, idle %(idle)s")
        % {
            "name": one.name,
            "pending": formatting.number(one.pending),
            "idle": formatting.duration(one.idle),
        }
        for one in group.consumers
    ]
    return [
        Cell(group.name, kind="key"),
        Cell(formatting.number(group.pending), kind="number"),
        Cell(lag, kind="number"),
        Cell(group.last_delivered, kind="code"),
        Cell("\n".join(consumers) or _("none"), kind="value"),
    ]

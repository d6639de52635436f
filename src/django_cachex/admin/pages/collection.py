"""A collection as a page shows it: one part of it, ways to other parts, what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.keywindows import ORDERS, FindForm
from django_cachex.admin.pages.keyfacts import element_cell
from django_cachex.admin.parts import Action, Cell, CollectionBox, Empty, Header, Row, Table
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.query import Order
from django_cachex.inspectors.types import TTL_NONE, Element, Elements

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
            "sort-by-member", _("This page by member"), current=sorted_here, sort=BY_NAME
        )
        if self.searches or self.type not in ORDERS:
            as_found = self.turn("as-found", _("As found"), current=not sorted_here, sort="")
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
            "shown": humane.number(shown),
            "total": humane.elements(total, self.unit),
            "of": humane.number(total),
            "examined": humane.number(found.examined or 0),
        }
        if found.examined is not None:
            text = _("%(shown)s found · %(examined)s of %(total)s examined") % counts
            return text if found.next else f"{text} · {_('that is all')}"
        if found.found is not None:
            counts["found"] = humane.elements(found.found, self.unit)
            if found.start is None or not shown:
                return _("%(found)s in this range, of %(of)s") % counts
            counts |= self.span(found.start, shown)
            return _("%(first)s to %(last)s of %(found)s in this range, of %(of)s in all") % counts
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
        return {"first": humane.number(start + 1), "last": humane.number(start + shown)}

    def empty(self) -> Empty:
        """Return why there is nothing to see, and what to do."""
        found = self.elements
        if self.searches and found.next:
            counts = {
                "examined": humane.number(found.examined or 0),
                "total": humane.elements(found.total, self.unit),
            }
            text = _("%(examined)s of %(total)s examined.") % counts
            going_on = self.turn("continue", _("Continue"), at=found.next)
            return Empty(_("None so far"), text, [replace(going_on, kind="primary")])
        if self.searches:
            total = humane.elements(found.total, self.unit)
            text = _(
                "All of %(total)s examined. Check the spelling: case matters, * stands for "
                "anything."
            )
            return Empty(_("Nothing matches"), text % {"total": total})
        if found.found == 0:
            return Empty(_("No member has a score in this range"))
        if not found.total:
            return Empty(_("Empty"), _("The key is there and holds nothing."))
        return Empty(_("Nothing here"), _("There is nothing from that place on."))

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
    return Cell(humane.duration(row.ttl), expires=row.ttl)


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
    lag = _("unknown") if group.lag is None else humane.number(group.lag)
    consumers = [
        _("%(name)s: %(pending)s pending, idle %(idle)s")
        % {
            "name": one.name,
            "pending": humane.number(one.pending),
            "idle": humane.duration(one.idle),
        }
        for one in group.consumers
    ]
    return [
        Cell(group.name, kind="key"),
        Cell(humane.number(group.pending), kind="number"),
        Cell(lag, kind="number"),
        Cell(group.last_delivered, kind="code"),
        Cell("\n".join(consumers) or _("none"), kind="value"),
    ]

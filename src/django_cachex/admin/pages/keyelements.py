"""Key detail, the elements of a collection: found, looked at, opened one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from django_cachex.admin.keyacts import ACTS, Subject
from django_cachex.admin.keyacts.elements import RowAct
from django_cachex.admin.keyacts.removing import RemoveRows
from django_cachex.admin.pages.collection import CollectionView, groups_table
from django_cachex.admin.pages.keyread import KeyRead
from django_cachex.admin.parts import Action, CollectionBox, Notice, Table
from django_cachex.inspectors.types import Element, Elements, Entry

SHOWN = "1"


@dataclass(frozen=True)
class RowControl:
    """A control that every row has."""

    act: RowAct[Any]
    label: str
    url: str
    """Opens the act's form, once it says for which row."""


class KeyElements(KeyRead):
    """What a key page shows of a collection."""

    def collection_context(self, entry: Entry, elements: Elements) -> dict[str, Any]:
        context: dict[str, Any] = {
            "collection": self.collection_box(entry, elements),
            "key_link": self.link,
            "row_shown": any(row.id == self.element for row in elements.rows),
        }
        if isinstance(self.asked, RowAct) and self.row is None and not self.notices:
            self.notices.append(Notice(_("What you opened is not there any more."), "warning"))
        if entry.description.type == "stream":
            context["groups"] = self.groups()
        return context

    def collection_box(self, entry: Entry, elements: Elements) -> CollectionBox:
        one = entry.description
        subject = self.subject
        rows, removes = self.row_acts(subject), self.removes(subject)
        view = CollectionView(
            type=one.type or "",
            unit=one.unit,
            elements=elements,
            state=self.window_state,
            turn=self.turn,
            row_actions=partial(self.row_actions, rows, removes),
            selectable=removes,
            opened=self.element if self.in_row else "",
            problem=self.window_problem,
        )
        return view.box(_("Elements"), self.element_offers(), [entry.note])

    @property
    def in_row(self) -> bool:
        """Whether the form of a row is open."""
        return self.is_open and isinstance(self.asked, RowAct)

    def removes(self, subject: Subject) -> bool:
        """Return whether rows can be removed by this person."""
        return RemoveRows().offered(subject) and not self.is_open

    def row_acts(self, subject: Subject) -> list[RowControl]:
        """Return what can be done to rows; nothing while a form is open."""
        if self.is_open:
            return []
        acts = [act for act in ACTS if isinstance(act, RowAct) and subject.type in act.types]
        return [
            RowControl(act, str(act.label), self.here(mode=act.opens, element=""))
            for act in acts
            if subject.may(act.act)
        ]

    def row_actions(
        self, controls: Sequence[RowControl], removes: bool, row: Element
    ) -> list[Action]:
        about = row.name or _("(empty name)")
        found = [self.open_row(one, row, about) for one in controls if one.act.suits_row(row)]
        if removes:
            value, label = f"{row.id} {row.expected}", RemoveRows.label
            found.append(
                Action(
                    "remove-element", label, "", "danger", method="post", value=value, about=about
                )
            )
        return found

    def open_row(self, control: RowControl, row: Element, about: str) -> Action:
        """Return the control that opens the form of a row."""
        opens = control.act.opens
        if self.link.post_id:
            fields = [("element", row.id), *self.window_state.items()]
            return Action(opens, control.label, self.link, value=opens, fields=fields, about=about)
        url = f"{control.url}&element={quote(row.id, safe='')}#cx-form"
        return Action(opens, control.label, url, about=about)

    def element_offers(self) -> list[Action]:
        """Return the controls that add elements, or take some out."""
        raise NotImplementedError

    def turn(self, name: str, label: str, current: bool = False, **changes: str) -> Action:
        """Return a control that shows another part of the key."""
        state = {**self.window_state, **changes}
        if self.link.post_id:
            return Action(name, label, self.link, current=current, fields=list(state.items()))
        return Action(name, label, self.here(mode="", element="", **state), current=current)

    def groups(self) -> dict[str, Any]:
        """Return the consumer groups, which take requests of their own: only when asked for."""
        if self.window_state.get("groups") != SHOWN:
            return {"show": self.turn("show-groups", _("Show consumer groups"), groups=SHOWN)}
        found = self.ask(self.inspector, lambda: self.inspector.groups(self.stored)).value
        hide = self.turn("hide-groups", _("Hide"), groups="")
        if found is None:
            return {"show": hide}
        table: Table | None = groups_table(found) if found else None
        return {"table": table, "none": _("This stream has no consumer groups."), "show": hide}

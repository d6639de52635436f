"""Key detail, the elements of a collection: found, looked at, opened one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin.keyacts import ACTS, KeyAct, Subject
from django_cachex.admin.keyacts.elements import RowAct
from django_cachex.admin.keyacts.removing import RemoveRows
from django_cachex.admin.pages.collection import CollectionView, groups_table
from django_cachex.admin.pages.keyread import KeyRead
from django_cachex.admin.parts import Action, CollectionBox, Table
from django_cachex.inspectors.entries import Element, Elements, Entry

SHOWN = "1"


class KeyElements(KeyRead):
    """What a key page shows of a collection."""

    def collection_context(self, entry: Entry, elements: Elements) -> dict[str, Any]:
        context: dict[str, Any] = {
            "collection": self.collection_box(entry, elements),
            "key_link": self.link,
            "row_shown": any(row.id == self.element for row in elements.rows),
        }
        if entry.description.type == "stream":
            context["groups"] = self.groups()
        return context

    def collection_box(self, entry: Entry, elements: Elements) -> CollectionBox:
        one = entry.description
        subject = self.subject
        rows = [act for act in ACTS if isinstance(act, RowAct) and subject.type in act.types]
        acts = [act for act in rows if subject.may(act.act)]
        view = CollectionView(
            type=one.type or "",
            unit=one.unit,
            elements=elements,
            state=self.window_state,
            turn=self.turn,
            row_actions=lambda row: self.row_actions(subject, acts, row),
            selectable=self.removes(subject),
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

    def row_actions(self, subject: Subject, acts: Sequence[KeyAct], row: Element) -> list[Action]:
        """Return what can be done to a row; nothing while a form is open."""
        if self.is_open:
            return []
        about = row.name or _("(empty name)")
        found = [
            self.open_row(act, row, about)
            for act in acts
            if isinstance(act, RowAct) and act.suits_row(row)
        ]
        if self.removes(subject):
            value = f"{row.id} {row.expected}"
            label = RemoveRows.label
            found.append(Action(label, "", "danger", method="post", value=value, about=about))
        return found

    def open_row(self, act: KeyAct, row: Element, about: str) -> Action:
        """Return the control that opens the form of a row."""
        if self.link.post_id:
            fields = [("element", row.id), *self.window_state.items()]
            return Action(act.label, self.link, value=act.opens, fields=fields, about=about)
        url = self.here(mode=act.opens, element=row.id)
        return Action(act.label, f"{url}#cx-form", about=about)

    def element_offers(self) -> list[Action]:
        """Return the controls that add elements, or take some out."""
        raise NotImplementedError

    def turn(self, label: str, current: bool = False, **changes: str) -> Action:
        """Return a control that shows another part of the key."""
        state = {**self.window_state, **changes}
        if self.link.post_id:
            return Action(label, self.link, current=current, fields=list(state.items()))
        return Action(label, self.here(mode="", element="", **state), current=current)

    def groups(self) -> dict[str, Any]:
        """Return the consumer groups, which take requests of their own: only when asked for."""
        if self.window_state.get("groups") != SHOWN:
            return {"show": self.turn(_("Show consumer groups"), groups=SHOWN)}
        found = self.ask(self.inspector, lambda: self.inspector.groups(self.stored)).value
        hide = self.turn(_("Hide"), groups="")
        if found is None:
            return {"show": hide}
        table: Table | None = groups_table(found) if found else None
        return {"table": table, "none": _("This stream has no consumer groups."), "show": hide}

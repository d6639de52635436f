"""What the key page reads: the key, and its elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from django_cachex.admin.components import Action, CollectionBox, Notice, Table
from django_cachex.admin.deadline import Answer
from django_cachex.admin.forms.elements import STATE, window_of
from django_cachex.admin.key_actions import ACTS, APPLYING, OPENING, KeyAct, Subject
from django_cachex.admin.key_actions.elements import RemoveRows, RowAct
from django_cachex.admin.links import Link
from django_cachex.admin.permissions import SEE_KEYS, SEE_VALUE, Act
from django_cachex.admin.sessions import masked
from django_cachex.admin.views.base import KeyedPage
from django_cachex.admin.views.panels import CollectionView, groups_table
from django_cachex.inspectors.query import InvalidWindow, Pattern
from django_cachex.inspectors.types import Description, Element, Elements, Entry
from django_cachex.inspectors.values import Content

READ = "read"
"""The mode that has the value read where that may run something."""


class KeyRead(KeyedPage):
    """A page that has read its key, and knows which act is being done."""

    act = SEE_KEYS

    @property
    def unsafe(self) -> bool:
        """Whether the value comes from the backend's own `get`, and only on request."""
        return not self.inspector.can_get

    @cached_property
    def mode(self) -> str:
        """What is being done: nothing, `read`, or what opens or applies one of the acts.

        A link does no more than open a form, and none whose filling may run something.
        """
        if self.request.method == "POST":
            return self.request.POST.get("mode", "")
        asked = self.request.GET.get("mode", "")
        act = OPENING.get(asked)
        return asked if act is not None and not (self.unsafe and act.reads_value) else ""

    @property
    def asked(self) -> KeyAct[Any] | None:
        """The act that is being done, its form open or sent."""
        return OPENING.get(self.mode) or APPLYING.get(self.mode)

    @property
    def element(self) -> str:
        """The row that the act is about, by its id; empty for the whole key."""
        return self.given.get("element", "")

    @property
    def given(self) -> QueryDict:
        """What the request asks for."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @property
    def subject(self) -> Subject:
        """What an act is told of this key."""
        allowed = self.gate.allowed
        return Subject(
            self.inspector, self.stored, self.entry, self.can, allowed, self.element, self.row
        )

    @cached_property
    def row(self) -> Element | None:
        """The row that the act is about, in full; None where it is not there."""
        entry = self.entry
        type = entry.description.type if entry is not None and entry.elements else None
        if not (type and self.element and self.can(SEE_VALUE)):
            return None
        element = self.element
        ask = self.inspector.element
        answer = self.ask(self.inspector, lambda: ask(self.stored, type, element))
        self.row_unknown = answer.error is not None
        return answer.value

    row_unknown = False
    """Whether the cache did not say what became of that row."""

    @cached_property
    def window_state(self) -> dict[str, str]:
        """What the request says of the part of the key that is shown."""
        found = {name: self.given.get(name) or self.request.GET.get(name, "") for name in STATE}
        return {name: value for name, value in found.items() if value}

    @property
    def part(self) -> Link:
        """Where the part of the key is that is shown."""
        return self.links.key(self.inspector.alias, self.stored, **self.window_state)

    window_problem = ""
    """Why the beginning is shown in place of what was asked for."""

    @property
    def is_open(self) -> bool:
        """Whether the form of an act is on the page."""
        asked = self.asked
        return asked is not None and bool(asked.opens) and asked.offered(self.subject)

    @property
    def reads(self) -> bool:
        """Whether the value is asked for although that may run something."""
        return self.mode == READ or (self.asked is not None and self.asked.reads_value)

    in_brief = False
    """Whether it is enough to know what can be said of the key without its value."""

    @cached_property
    def answer(self) -> Answer[Entry | None]:
        """What the cache says of the key, asked once; nothing where that takes a request."""
        if self.gate.is_secret(self.inspector, self.stored):
            # Whether there is such a session is a secret, too.
            return Answer(Entry(Description(self.stored)))
        if not self.can(SEE_VALUE) or (self.in_brief and self.inspector.can_list):
            return self.ask(self.inspector, self._described)
        if self.unsafe and not self.reads:
            return Answer(Entry(Description(self.stored)))
        if not self.inspector.can_window:
            return self.ask(self.inspector, lambda: self.inspector.read(self.stored))
        return self.ask(self.inspector, self._read)

    def _read(self) -> Entry | None:
        """Read the part that was asked for, or the beginning where there is no such part."""
        shown = self.given.get("shown", "")
        window = window_of({**self.window_state, "shown": shown})
        try:
            return self.inspector.read(self.stored, window)
        except InvalidWindow as problem:
            self.window_problem = str(problem)
            match = "" if Pattern(window.match).problem else window.match
            return self.inspector.read(self.stored, replace(window, at="", match=match))

    def _described(self) -> Entry | None:
        if not self.inspector.can_list:
            return Entry(Description(self.stored))
        [description] = self.inspector.describe([self.stored])
        return Entry(description) if description.exists else None

    def forget_answer(self) -> None:
        """Ask again, as the key has changed or a page needs all of it."""
        self.in_brief = False
        for name in ("answer", "row"):
            self.__dict__.pop(name, None)

    @property
    def entry(self) -> Entry | None:
        return self.answer.value

    @property
    def content(self) -> Content | None:
        """The value, for who may see it and where it is a single one."""
        entry = self.entry
        return entry.content if entry is not None and self.can(SEE_VALUE) else None

    @property
    def gone(self) -> bool:
        return self.answer.error is None and self.answer.value is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.gone:
            return self.leave()
        return super().get(request, *args, **kwargs)

    def can(self, act: Act) -> bool:
        return self.gate.allowed(act, self.inspector, self.stored)

    @property
    def link(self) -> Link:
        """Where this key is."""
        return self.links.key(self.inspector.alias, self.stored)

    @property
    def key_name(self) -> str:
        name = super().key_name
        return masked(name) if self.gate.is_secret(self.inspector, self.stored) else name


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
            self.notices.append(Notice(_("The element you opened no longer exists."), "warning"))
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

"""What the key page reads: the key, and its elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from django_cachex.admin.components import Action, Alert, ElementsPanel, Table
from django_cachex.admin.deadline import Answer
from django_cachex.admin.forms.elements import STATE, window_of
from django_cachex.admin.key_actions import ACTS, APPLYING, OPENING, KeyAct, Subject
from django_cachex.admin.key_actions.elements import RemoveRows, RowAct
from django_cachex.admin.links import Link
from django_cachex.admin.permissions import SEE_KEYS, SEE_VALUE, Act
from django_cachex.admin.sessions import masked
from django_cachex.admin.views.base import BaseKeyView
from django_cachex.admin.views.panels import ElementsPanelBuilder, make_groups_table
from django_cachex.inspectors.query import InvalidWindow, Pattern
from django_cachex.inspectors.types import Description, Element, Elements, Entry
from django_cachex.inspectors.values import Content

READ_MODE = "read"
"""The mode that has the value read where that may run something."""

SHOW_GROUPS = "1"


@dataclass(frozen=True)
class RowLink:
    """A control that every row has."""

    act: RowAct[Any]
    label: str
    url: str
    """Opens the act's form, once it says for which row."""


class BaseKeyDetailView(BaseKeyView):
    """A page that has read its key, and knows which act is being done."""

    permission = SEE_KEYS

    @property
    def reads_on_request(self) -> bool:
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
        return asked if act is not None and not (self.reads_on_request and act.reads_value) else ""

    @property
    def key_action(self) -> KeyAct[Any] | None:
        """The act that is being done, its form open or sent."""
        return OPENING.get(self.mode) or APPLYING.get(self.mode)

    @property
    def element_id(self) -> str:
        """The row that the act is about, by its id; empty for the whole key."""
        return self.params.get("element", "")

    @property
    def params(self) -> QueryDict:
        """What the request asks for."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @property
    def key_context(self) -> Subject:
        """What an act is told of this key."""
        allowed = self.checker.allowed
        return Subject(
            self.inspector,
            self.stored,
            self.entry,
            self.has_permission,
            allowed,
            self.element_id,
            self.row,
        )

    @cached_property
    def row(self) -> Element | None:
        """The row that the act is about, in full; None where it is not there."""
        entry = self.entry
        type = entry.description.type if entry is not None and entry.elements else None
        if not (type and self.element_id and self.has_permission(SEE_VALUE)):
            return None
        element = self.element_id
        ask = self.inspector.element
        answer = self.call_cache(self.inspector, lambda: ask(self.stored, type, element))
        self.row_read_failed = answer.error is not None
        return answer.value

    row_read_failed = False
    """Whether the cache did not say what became of that row."""

    @cached_property
    def page_params(self) -> dict[str, str]:
        """What the request says of the part of the key that is shown."""
        found = {name: self.params.get(name) or self.request.GET.get(name, "") for name in STATE}
        return {name: value for name, value in found.items() if value}

    @property
    def page_link(self) -> Link:
        """Where the part of the key is that is shown."""
        return self.links.key(self.inspector.alias, self.stored, **self.page_params)

    page_error = ""
    """Why the beginning is shown in place of what was asked for."""

    @property
    def is_form_open(self) -> bool:
        """Whether the form of an act is on the page."""
        asked = self.key_action
        return asked is not None and bool(asked.opens) and asked.offered(self.key_context)

    @property
    def is_read_requested(self) -> bool:
        """Whether the value is asked for although that may run something."""
        return self.mode == READ_MODE or (
            self.key_action is not None and self.key_action.reads_value
        )

    skips_value = False
    """Whether it is enough to know what can be said of the key without its value."""

    @cached_property
    def read_result(self) -> Answer[Entry | None]:
        """What the cache says of the key, asked once; nothing where that takes a request."""
        if self.checker.is_secret(self.inspector, self.stored):
            # Whether there is such a session is a secret, too.
            return Answer(Entry(Description(self.stored)))
        if not self.has_permission(SEE_VALUE) or (self.skips_value and self.inspector.can_list):
            return self.call_cache(self.inspector, self._describe)
        if self.reads_on_request and not self.is_read_requested:
            return Answer(Entry(Description(self.stored)))
        if not self.inspector.can_window:
            return self.call_cache(self.inspector, lambda: self.inspector.read(self.stored))
        return self.call_cache(self.inspector, self._read)

    def _read(self) -> Entry | None:
        """Read the part that was asked for, or the beginning where there is no such part."""
        shown = self.params.get("shown", "")
        window = window_of({**self.page_params, "shown": shown})
        try:
            return self.inspector.read(self.stored, window)
        except InvalidWindow as problem:
            self.page_error = str(problem)
            match = "" if Pattern(window.match).problem else window.match
            return self.inspector.read(self.stored, replace(window, at="", match=match))

    def _describe(self) -> Entry | None:
        if not self.inspector.can_list:
            return Entry(Description(self.stored))
        [description] = self.inspector.describe([self.stored])
        return Entry(description) if description.exists else None

    def clear_result(self) -> None:
        """Ask again, as the key has changed or a page needs all of it."""
        self.skips_value = False
        for name in ("answer", "row"):
            self.__dict__.pop(name, None)

    @property
    def entry(self) -> Entry | None:
        return self.read_result.value

    @property
    def content(self) -> Content | None:
        """The value, for who may see it and where it is a single one."""
        entry = self.entry
        return entry.content if entry is not None and self.has_permission(SEE_VALUE) else None

    @property
    def is_missing(self) -> bool:
        return self.read_result.error is None and self.read_result.value is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.is_missing:
            return self.redirect_missing()
        return super().get(request, *args, **kwargs)

    def has_permission(self, act: Act) -> bool:
        return self.checker.allowed(act, self.inspector, self.stored)

    @property
    def key_link(self) -> Link:
        """Where this key is."""
        return self.links.key(self.inspector.alias, self.stored)

    @property
    def key_name(self) -> str:
        name = super().key_name
        return masked(name) if self.checker.is_secret(self.inspector, self.stored) else name

    # The elements of a collection.

    def get_elements_context(self, entry: Entry, elements: Elements) -> dict[str, Any]:
        context: dict[str, Any] = {
            "elements_panel": self.make_elements_panel(entry, elements),
            "key_link": self.key_link,
            "is_row_shown": any(row.id == self.element_id for row in elements.rows),
        }
        if isinstance(self.key_action, RowAct) and self.row is None and not self.alerts:
            self.alerts.append(Alert(_("What you opened is not there any more."), "warning"))
        if entry.description.type == "stream":
            context["groups"] = self.get_groups_context()
        return context

    def make_elements_panel(self, entry: Entry, elements: Elements) -> ElementsPanel:
        one = entry.description
        subject = self.key_context
        rows, removes = self.make_row_links(subject), self.can_remove_rows(subject)
        view = ElementsPanelBuilder(
            type=one.type or "",
            unit=one.unit,
            elements=elements,
            state=self.page_params,
            make_page_link=self.make_page_link,
            make_row_actions=partial(self.make_row_actions, rows, removes),
            selectable=removes,
            open_row_id=self.element_id if self.is_row_form_open else "",
            page_error=self.page_error,
        )
        return view.build(_("Elements"), self.make_element_buttons(), [entry.note])

    @property
    def is_row_form_open(self) -> bool:
        """Whether the form of a row is open."""
        return self.is_form_open and isinstance(self.key_action, RowAct)

    def can_remove_rows(self, subject: Subject) -> bool:
        """Return whether rows can be removed by this person."""
        return RemoveRows().offered(subject) and not self.is_form_open

    def make_row_links(self, subject: Subject) -> list[RowLink]:
        """Return what can be done to rows; nothing while a form is open."""
        if self.is_form_open:
            return []
        acts = [act for act in ACTS if isinstance(act, RowAct) and subject.type in act.types]
        return [
            RowLink(act, str(act.label), self.current_url(mode=act.opens, element=""))
            for act in acts
            if subject.may(act.act)
        ]

    def make_row_actions(
        self, controls: Sequence[RowLink], removes: bool, row: Element
    ) -> list[Action]:
        about = row.name or _("(empty name)")
        found = [
            self.make_row_form_link(one, row, about) for one in controls if one.act.suits_row(row)
        ]
        if removes:
            value, label = f"{row.id} {row.expected}", RemoveRows.label
            found.append(
                Action(
                    "remove-element",
                    label,
                    "",
                    "danger",
                    method="post",
                    value=value,
                    object_name=about,
                )
            )
        return found

    def make_row_form_link(self, control: RowLink, row: Element, about: str) -> Action:
        """Return the control that opens the form of a row."""
        opens = control.act.opens
        if self.key_link.post_id:
            fields = [("element", row.id), *self.page_params.items()]
            return Action(
                opens, control.label, self.key_link, value=opens, fields=fields, object_name=about
            )
        url = f"{control.url}&element={quote(row.id, safe='')}#cx-form"
        return Action(opens, control.label, url, object_name=about)

    def make_element_buttons(self) -> list[Action]:
        """Return the controls that add elements, or take some out."""
        raise NotImplementedError

    def make_page_link(
        self, name: str, label: str, current: bool = False, **changes: str
    ) -> Action:
        """Return a control that shows another part of the key."""
        state = {**self.page_params, **changes}
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(state.items()))
        return Action(name, label, self.current_url(mode="", element="", **state), current=current)

    def get_groups_context(self) -> dict[str, Any]:
        """Return the consumer groups, which take requests of their own: only when asked for."""
        if self.page_params.get("groups") != SHOW_GROUPS:
            return {
                "show": self.make_page_link(
                    "show-groups", _("Show consumer groups"), groups=SHOW_GROUPS
                )
            }
        found = self.call_cache(self.inspector, lambda: self.inspector.groups(self.stored)).value
        hide = self.make_page_link("hide-groups", _("Hide"), groups="")
        if found is None:
            return {"show": hide}
        table: Table | None = make_groups_table(found) if found else None
        return {"table": table, "none": _("This stream has no consumer groups."), "show": hide}

"""The part of the key page's view that reads the key and shows its elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from django_cachex.admin.components import Action, Alert, ElementsPanel, Table
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.forms.elements import STATE_PARAMS, page_from_query
from django_cachex.admin.key_actions import (
    ACTIONS_BY_FORM_MODE,
    ACTIONS_BY_SUBMIT_MODE,
    KEY_ACTIONS,
    KeyAction,
    KeyContext,
)
from django_cachex.admin.key_actions.elements import (
    RemoveElementsAction,
    RowAction,
    format_element_name,
    format_item_name,
)
from django_cachex.admin.links import LinkTarget
from django_cachex.admin.permissions import VIEW_KEYS, VIEW_VALUE, Permission
from django_cachex.admin.sessions import mask_session_name
from django_cachex.admin.views.base import BaseKeyView
from django_cachex.admin.views.panels import ElementsPanelBuilder, make_groups_table
from django_cachex.inspectors.query import InvalidPosition, Pattern
from django_cachex.inspectors.types import Element, Elements, KeyInfo, KeyValue
from django_cachex.inspectors.values import Content

READ_MODE = "read"
"""The `mode` that reads a value whose deserializer may run code."""

SHOW_GROUPS = "1"


@dataclass(frozen=True)
class RowLink:
    """A link to the form of an action, which each row of elements has."""

    action: RowAction[Any]
    label: str
    url: str
    """The URL that opens the form, without the id of the row."""


class BaseKeyDetailView(BaseKeyView):
    """Base class of the key page's view: reads the key, and knows the current action."""

    permission = VIEW_KEYS

    @property
    def reads_on_request(self) -> bool:
        """Whether the value is only read on request, because the backend's own `get` is needed."""
        return not self.inspector.can_get

    @cached_property
    def mode(self) -> str:
        """The `mode` parameter: empty, `read`, or the mode that opens or applies an action.

        A GET request can only open a form, and none that reads the value on request.
        """
        if self.request.method == "POST":
            return self.request.POST.get("mode", "")
        mode = self.request.GET.get("mode", "")
        action = ACTIONS_BY_FORM_MODE.get(mode)
        return (
            mode
            if action is not None and not (self.reads_on_request and action.reads_value)
            else ""
        )

    @property
    def key_action(self) -> KeyAction[Any] | None:
        """The current action, whose form is open or was submitted."""
        return ACTIONS_BY_FORM_MODE.get(self.mode) or ACTIONS_BY_SUBMIT_MODE.get(self.mode)

    @property
    def element_id(self) -> str:
        """The id of the element that the action is applied to; empty for the whole key."""
        return self.params.get("element", "")

    @property
    def params(self) -> QueryDict:
        """The parameters of the request: POST or GET."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @property
    def key_context(self) -> KeyContext:
        """The key, the element and the user's permissions, for the methods of actions."""
        allowed = self.checker.is_allowed
        return KeyContext(
            self.inspector,
            self.stored,
            self.key_value,
            self.has_permission,
            allowed,
            self.element_id,
            self.row,
        )

    @cached_property
    def row(self) -> Element | None:
        """The element that the action is applied to, not truncated; None if it does not exist."""
        key_value = self.key_value
        if self.single_row is not None:
            return self.single_row
        type = key_value.info.type if key_value is not None and key_value.elements else None
        if not (type and self.element_id and self.has_permission(VIEW_VALUE)):
            return None
        element = self.element_id
        read = self.inspector.read_element
        result = self.call_cache(self.inspector, lambda: read(self.stored, type, element))
        self.row_read_failed = result.error is not None
        return result.value

    single_row: Element | None = None
    """The element, if it was read instead of the value of the key."""

    row_read_failed = False
    """Whether reading that element failed."""

    @cached_property
    def page_params(self) -> dict[str, str]:
        """The parameters that select a page of elements."""
        params = {
            name: self.params.get(name) or self.request.GET.get(name, "") for name in STATE_PARAMS
        }
        return {name: value for name, value in params.items() if value}

    @property
    def page_link(self) -> LinkTarget:
        """The link to the current page of elements."""
        return self.links.key(self.inspector.alias, self.stored, **self.page_params)

    page_error = ""
    """Why the first page is shown instead of the requested one."""

    @property
    def is_form_open(self) -> bool:
        """Whether the form of an action is on the page."""
        action = self.key_action
        return (
            action is not None and bool(action.form_mode) and action.is_available(self.key_context)
        )

    @property
    def is_read_requested(self) -> bool:
        """Whether the user requested to read the value."""
        return self.mode == READ_MODE or (
            self.key_action is not None and self.key_action.reads_value
        )

    skips_value = False
    """Whether the request does not need the value, but at most one element."""

    @cached_property
    def read_result(self) -> CallResult[KeyValue | None]:
        """The key as the cache returned it. Nothing is read if that must be requested first."""
        if self.checker.is_protected_session(self.inspector, self.stored):
            # Whether the session exists is secret, too.
            return CallResult(KeyValue(KeyInfo(self.stored)))
        if self.skips_value and isinstance(self.key_action, RowAction):
            self._read_single_row(self.key_action.types)
            if self.single_row is not None:
                return CallResult(KeyValue(KeyInfo(self.stored, self.single_row.type)))
        if not self.has_permission(VIEW_VALUE) or (self.skips_value and self.inspector.can_list):
            return self.call_cache(self.inspector, self._describe)
        if self.reads_on_request and not self.is_read_requested:
            return CallResult(KeyValue(KeyInfo(self.stored)))
        if not self.inspector.can_page:
            return self.call_cache(self.inspector, lambda: self.inspector.read(self.stored))
        return self.call_cache(self.inspector, self._read)

    def _read_single_row(self, types: Sequence[str]) -> None:
        """Read the element that an action of these types is applied to; if it fails, read all."""
        if self.has_permission(VIEW_VALUE):
            type = types[0] if len(types) == 1 else ""
            self.single_row = self.executor.run(
                self.inspector,
                lambda: self.inspector.read_element(self.stored, type, self.element_id),
            ).value
        self.skips_value = self.single_row is not None

    def _read(self) -> KeyValue | None:
        """Read the requested page of elements, or the first page if there is no such page."""
        window = page_from_query({**self.page_params, "shown": self.params.get("shown", "")})
        try:
            return self.inspector.read(self.stored, window)
        except InvalidPosition as problem:
            self.page_error = str(problem)
            match = "" if Pattern(window.match).error else window.match
            return self.inspector.read(self.stored, replace(window, at="", match=match))

    def _describe(self) -> KeyValue | None:
        if not self.inspector.can_list:
            return KeyValue(KeyInfo(self.stored))
        [description] = self.inspector.describe([self.stored])
        return KeyValue(description) if description.exists else None

    def clear_result(self) -> None:
        """Read the key again when it is needed next, because it changed or its value is needed."""
        self.skips_value, self.single_row = False, None
        for name in ("read_result", "row"):
            self.__dict__.pop(name, None)

    @property
    def key_value(self) -> KeyValue | None:
        return self.read_result.value

    @property
    def content(self) -> Content | None:
        """The value, if the user may see it and the key holds a single value."""
        key_value = self.key_value
        return (
            key_value.content if key_value is not None and self.has_permission(VIEW_VALUE) else None
        )

    @property
    def is_missing(self) -> bool:
        return self.read_result.error is None and self.read_result.value is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.is_missing:
            return self.redirect_missing()
        return super().get(request, *args, **kwargs)

    def has_permission(self, permission: Permission) -> bool:
        return self.checker.is_allowed(permission, self.inspector, self.stored)

    @property
    def key_link(self) -> LinkTarget:
        """The link to this page."""
        return self.links.key(self.inspector.alias, self.stored)

    @property
    def key_name(self) -> str:
        name = super().key_name
        return (
            mask_session_name(name)
            if self.checker.is_protected_session(self.inspector, self.stored)
            else name
        )

    # Elements.

    def get_elements_context(self, key_value: KeyValue, elements: Elements) -> dict[str, Any]:
        context: dict[str, Any] = {
            "elements_panel": self.make_elements_panel(key_value, elements),
            "key_link": self.key_link,
            "is_row_shown": any(row.id == self.element_id for row in elements.rows),
        }
        if isinstance(self.key_action, RowAction) and self.row is None and not self.alerts:
            self.alerts.append(Alert(_("The element you opened no longer exists."), "warning"))
        if key_value.info.type == "stream":
            context["groups"] = self.get_groups_context()
        return context

    def make_elements_panel(self, key_value: KeyValue, elements: Elements) -> ElementsPanel:
        description, context = key_value.info, self.key_context
        links, can_remove = self.make_row_links(context), self.can_remove_rows(context)
        builder = ElementsPanelBuilder(
            type=description.type or "",
            unit=description.unit,
            elements=elements,
            state=self.page_params,
            make_page_link=self.make_page_link,
            make_row_actions=partial(
                self.make_row_actions, links, can_remove, description.type or ""
            ),
            selectable=can_remove,
            open_row_id=self.element_id if self.is_row_form_open else "",
            page_error=self.page_error,
        )
        return builder.build(_("Elements"), self.make_element_buttons(), [key_value.note])

    @property
    def is_row_form_open(self) -> bool:
        """Whether the form of an element is open."""
        return self.is_form_open and isinstance(self.key_action, RowAction)

    def can_remove_rows(self, context: KeyContext) -> bool:
        """Return whether the user can remove elements."""
        return RemoveElementsAction().is_available(context) and not self.is_form_open

    def make_row_links(self, context: KeyContext) -> list[RowLink]:
        """Return the links that each row has; none while a form is open."""
        if self.is_form_open:
            return []
        actions = [
            action
            for action in KEY_ACTIONS
            if isinstance(action, RowAction) and context.type in action.types
        ]
        return [
            RowLink(action, str(action.label), self.current_url(mode=action.form_mode, element=""))
            for action in actions
            if context.is_allowed(action.permission)
        ]

    def make_row_actions(
        self, links: Sequence[RowLink], can_remove: bool, type: str, row: Element
    ) -> list[Action]:
        actions = [
            self.make_row_form_link(link, row) for link in links if link.action.applies_to_row(row)
        ]
        if can_remove:
            value, label = f"{row.id} {row.expected}", RemoveElementsAction.label
            actions.append(
                Action(
                    "remove-element",
                    label,
                    "",
                    "danger",
                    method="post",
                    value=value,
                    object_name=format_item_name(row)
                    if type == "list"
                    else format_element_name(row),
                )
            )
        return actions

    def make_row_form_link(self, link: RowLink, row: Element) -> Action:
        """Return the link that opens a form for a row."""
        opens = link.action.form_mode
        if self.key_link.post_id:
            fields = [("element", row.id), *self.page_params.items()]
            return Action(
                opens,
                link.label,
                self.key_link,
                value=opens,
                fields=fields,
                object_name=link.action.object_name(row),
            )
        url = f"{link.url}&element={quote(row.id, safe='')}#cx-form"
        return Action(opens, link.label, url, object_name=link.action.object_name(row))

    def make_element_buttons(self) -> list[Action]:
        """Return the buttons that add elements or remove several."""
        raise NotImplementedError

    def make_page_link(
        self, name: str, label: str, current: bool = False, **changes: str
    ) -> Action:
        """Return a link to another page of elements."""
        state = {**self.page_params, **changes}
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(state.items()))
        return Action(name, label, self.current_url(mode="", element="", **state), current=current)

    def get_groups_context(self) -> dict[str, Any]:
        """Return the consumer groups of a stream, if requested: they take further commands."""
        if self.page_params.get("groups") != SHOW_GROUPS:
            return {
                "show": self.make_page_link(
                    "show-groups", _("Show consumer groups"), groups=SHOW_GROUPS
                )
            }
        groups = self.call_cache(self.inspector, lambda: self.inspector.groups(self.stored)).value
        hide = self.make_page_link("hide-groups", _("Hide"), groups="")
        if groups is None:
            return {"show": hide}
        table: Table | None = make_groups_table(groups) if groups else None
        return {"table": table, "none": _("This stream has no consumer groups."), "show": hide}

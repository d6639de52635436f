"""The key page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import log_entries
from django_cachex.admin.components import Action, Alert, Confirmation, FormPanel, Heading
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.forms.elements import NO_FORM, STATE_PARAMS, page_from_query
from django_cachex.admin.key_actions import (
    ACTIONS_BY_FORM_MODE,
    ACTIONS_BY_SUBMIT_MODE,
    KEY_ACTIONS,
    KeyAction,
    KeyContext,
    PageArea,
    available_actions,
)
from django_cachex.admin.key_actions.elements import RemoveElementsAction, RowAction
from django_cachex.admin.key_actions.key import EditValueAction, editable_name
from django_cachex.admin.kinds import kind_of_key
from django_cachex.admin.links import LinkTarget
from django_cachex.admin.messages import failure_message
from django_cachex.admin.permissions import (
    ADD,
    DELETE,
    EDIT,
    EXPIRE,
    VIEW_HISTORY,
    VIEW_KEYS,
    VIEW_VALUE,
    Permission,
)
from django_cachex.admin.sessions import mask_session_name
from django_cachex.admin.views.add import make_add_form, make_add_panel
from django_cachex.admin.views.base import BaseKeyView
from django_cachex.admin.views.cached_pages import CachedPageReport
from django_cachex.admin.views.download import get_available_formats
from django_cachex.admin.views.panels import (
    ElementsPanel,
    ValuePanel,
    describe_key,
    list_key_properties,
    make_groups_context,
    summarize_key_value,
)
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, EditResult, EditStatus
from django_cachex.inspectors.query import InvalidPosition, Pattern
from django_cachex.inspectors.types import Element, Elements, KeyInfo, KeyValue
from django_cachex.inspectors.values import Content

READ_MODE = "read"
"""The `mode` that reads a value whose deserializer may run code."""

SHOW_GROUPS = "1"
"""The `groups` parameter that shows the consumer groups of a stream."""


class KeyView(BaseKeyView):
    """Shows a key, and performs the actions on it: see `django_cachex.admin.key_actions`."""

    permission = VIEW_KEYS
    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"
    help_page = "key"
    noted_permissions = (EDIT, DELETE, EXPIRE)

    submitted_form: forms.Form | None = None
    """The submitted form, if it must be shown again."""

    add_panel: FormPanel | None = None
    """The form that adds the key again, if it has vanished and a value was submitted for it."""

    has_conflict = False
    """Whether the key was changed after the form was opened."""

    current_element: Content | None = None
    """The current value of an element that was changed after its form was opened."""

    preview_text = ""
    """What the form would do, if the preview was requested."""

    skips_value = False
    """Whether the request does not need the value, but at most one element."""

    page_error = ""
    """Why the first page of elements is shown instead of the requested one."""

    single_row: Element | None = None
    """The element, if it was read instead of the value of the key."""

    row_read_failed = False
    """Whether reading the element that the action is applied to failed."""

    # The request.

    @property
    def params(self) -> QueryDict:
        """The parameters of the request: POST or GET."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @cached_property
    def mode(self) -> str:
        """The `mode` parameter: empty, `read`, or the mode that opens or applies an action.

        A GET request can only open a form, and none for which the value must be read on request.
        """
        mode = self.params.get("mode", "")
        if self.request.method == "POST":
            return mode
        action = ACTIONS_BY_FORM_MODE.get(mode)
        is_refused = action is None or (self.reads_on_request and action.reads_value)
        return "" if is_refused else mode

    @cached_property
    def key_action(self) -> KeyAction[Any] | None:
        """The current action, whose form is open or was submitted."""
        return ACTIONS_BY_FORM_MODE.get(self.mode) or ACTIONS_BY_SUBMIT_MODE.get(self.mode)

    @property
    def element_id(self) -> str:
        """The id of the element that the action is applied to; empty for the whole key."""
        return self.params.get("element", "")

    @cached_property
    def page_params(self) -> dict[str, str]:
        """The parameters that select a page of elements."""
        params = {
            name: self.params.get(name) or self.request.GET.get(name, "") for name in STATE_PARAMS
        }
        return {name: value for name, value in params.items() if value}

    @property
    def state_params(self) -> dict[str, str]:
        """The parameters for the page after an action: the page and row of elements it was on."""
        row = {"row": self.element_id} if self.element_id else {}
        return {**self.page_params, **row}

    @cached_property
    def key_link(self) -> LinkTarget:
        """The link to this page."""
        return self.links.key(self.inspector.alias, self.stored)

    @property
    def page_link(self) -> LinkTarget:
        """The link to the current page of elements, with the focus on the row of the action."""
        return self.links.key(self.inspector.alias, self.stored, **self.state_params)

    def current_url(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().current_url(**query)
        return str(self.key_link)

    # The key.

    @property
    def read_failed(self) -> bool:
        """Whether the key, or the element that the action is applied to, could not be read."""
        return self.read_result.error is not None or self.row_read_failed

    @property
    def key_name(self) -> str:
        is_secret = self.checker.is_protected_session(self.inspector, self.stored)
        return mask_session_name(super().key_name) if is_secret else super().key_name

    def has_permission(self, permission: Permission) -> bool:
        return self.checker.is_allowed(permission, self.inspector, self.stored)

    @property
    def reads_on_request(self) -> bool:
        """Whether the value is only read on request, because the backend's own `get` is needed."""
        return not self.inspector.can_get

    @property
    def is_unread(self) -> bool:
        """Whether the value must be requested first."""
        is_requested = self.mode == READ_MODE or (
            self.key_action is not None and self.key_action.reads_value
        )
        return self.reads_on_request and not is_requested

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
        if self.is_unread:
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
        [info] = self.inspector.describe([self.stored])
        return KeyValue(info) if info.exists else None

    @property
    def key_value(self) -> KeyValue | None:
        return self.read_result.value

    @property
    def is_missing(self) -> bool:
        return self.read_result.error is None and self.read_result.value is None

    @cached_property
    def row(self) -> Element | None:
        """The element that the action is applied to, not truncated; None if it does not exist."""
        key_value = self.key_value
        if self.single_row is not None:
            return self.single_row
        type = key_value.info.type if key_value is not None and key_value.elements else None
        if not (type and self.element_id and self.has_permission(VIEW_VALUE)):
            return None
        element, read = self.element_id, self.inspector.read_element
        result = self.call_cache(self.inspector, lambda: read(self.stored, type, element))
        self.row_read_failed = result.error is not None
        return result.value

    @cached_property
    def key_context(self) -> KeyContext:
        """The key, the element and the user's permissions, for the methods of actions."""
        return KeyContext(
            self.inspector,
            self.stored,
            self.key_value,
            self.has_permission,
            self.checker.is_allowed,
            self.element_id,
            self.row,
        )

    def clear_result(self) -> None:
        """Read the key again when it is needed next, because it changed or its value is needed."""
        self.skips_value, self.single_row = False, None
        for name in ("read_result", "row", "key_context"):
            self.__dict__.pop(name, None)

    @property
    def open_action(self) -> KeyAction[Any] | None:
        """The action whose form is on the page."""
        action = self.key_action
        if action is None or self.submitted_form is not None:
            return action
        is_open = self.key_value is not None and action.form_mode
        return action if is_open and action.is_available(self.key_context) else None

    # The content of the page.

    @property
    def can_refresh(self) -> bool:  # type: ignore[override]  # A form may be open.
        return self.open_action is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.is_missing:
            return self.redirect_missing()
        action = self.key_action
        if action is not None and not self.has_permission(action.permission):
            self.alerts.append(Alert(self.describe_refusal(action.permission), "warning"))
        return super().get(request, *args, **kwargs)

    def heading(self) -> Heading:
        summary = summarize_key_value(self.key_value) if self.key_value is not None else ""
        return Heading(self.display_name, kind="key", summary=summary, copy_text=self.key_name)

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.cache_breadcrumbs(), Action("key", self.display_name, "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        if self.add_panel is not None:
            return []
        actions = [
            Action(
                action.form_mode,
                action.label,
                self.links.key(alias, stored, mode=action.form_mode),
                action.kind,
                action is self.key_action,
                value=action.form_mode,
            )
            for action in available_actions(self.key_context, "bar")
        ]
        if self.download_formats:
            link = self.links.download(alias, stored, self.download_formats[0])
            actions.append(Action("download", _("Download"), link))
        if self.has_permission(DELETE):
            link = self.links.delete(alias, stored)
            actions.append(Action("delete", _("Delete"), link, "danger"))
        if self.has_permission(VIEW_HISTORY):
            link = self.links.history(alias, stored)
            actions.append(Action("history", _("History"), link, "quiet"))
        return actions

    @cached_property
    def download_formats(self) -> Sequence[str]:
        """The formats to download the key in. The stored bytes or the dump come first."""
        if self.key_value is None:
            return ()
        return get_available_formats(self.checker, self.inspector, self.stored, self.key_value)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {"has_conflict": self.has_conflict, **self._get_form_context()}
        key_value = self.key_value
        if key_value is not None:
            is_masked = not self.has_permission(VIEW_HISTORY)
            context |= {
                **self._get_kind_context(),
                "key_properties": list_key_properties(self.inspector, key_value, is_masked),
                "head_buttons": self._make_buttons("head"),
                **self._get_value_context(key_value),
            }
            if self.has_permission(VIEW_VALUE):
                context["snippets"] = self.inspector.snippets(self.stored, key_value.info.type)
        return super().get_context_data(**context, **kwargs)

    def _get_kind_context(self) -> dict[str, Any]:
        """Return what the key is to Django or another package, if its name tells that."""
        kind, name = kind_of_key(self.inspector, self.stored)
        if kind is None:
            return {}
        is_secret = self.checker.is_protected_session(self.inspector, self.stored)
        return {"kind": kind, "kind_text": kind.explanation if is_secret else kind.describe(name)}

    def _get_form_context(self) -> dict[str, Any]:
        if self.add_panel is not None:
            return {"head_form": self.add_panel}
        action = self.open_action
        if action is None:
            return {}
        form = self.submitted_form or action.form(self.key_context)
        if not form.is_bound:
            for field in form.visible_fields()[:1]:
                field.field.widget.attrs.setdefault("autofocus", True)
        has_elements = self.key_value is not None and self.key_value.elements is not None
        # A form that was submitted is shown even if the elements around it could not be read.
        area = action.form_area if has_elements or action.form_area == "value" else "head"
        return {f"{area}_form": self._make_form_panel(action, form)}

    def _make_form_panel(self, action: KeyAction[Any], form: forms.Form) -> FormPanel:
        fields = {"id": self.key_link.post_id, "element": self.element_id}
        hidden_fields = [(name, value) for name, value in fields.items() if value]
        panel = action.make_panel(self.key_context, form, self.page_link, self.has_conflict)
        return replace(
            panel,
            hidden_fields=[*hidden_fields, ("mode", action.submit_mode)],
            preview=self.preview_text,
            current_value=self.current_element,
        )

    def _get_value_context(self, key_value: KeyValue) -> dict[str, Any]:
        if not self.has_permission(VIEW_VALUE):
            reason = self.inspector.unsupported_reason("can_get")
            if self.checker.is_protected_session(self.inspector, self.stored):
                reason = _("This is a session. Only superusers can see its value.")
            return {"hidden_reason": str(reason)}
        if key_value.elements is not None:
            return self._get_elements_context(key_value, key_value.elements)
        if self.is_unread:
            label, link = _("Read value"), self.key_link
            read = Action(READ_MODE, label, link, "primary", method="post", value=READ_MODE)
            return {"unread": True, "value_buttons": [read]}
        if key_value.content is None and not key_value.note:
            return {}
        panel = self._make_value_panel(key_value)
        if key_value.content is None:
            return {"value_panel": panel}
        report = CachedPageReport(self, key_value.content.value)
        return {"value_panel": report.add_body(panel), "value_cards": report.make_cards()}

    def _make_value_panel(self, key_value: KeyValue) -> ValuePanel:
        action, link = self.open_action, partial(self.links.download, self.inspector.alias)
        labels = {"json": _("Download as JSON"), "text": _("Download as text")}
        return ValuePanel(
            key_value,
            self.params.get("view", ""),
            self._make_view_link,
            buttons=self._make_buttons("value") if key_value.content is not None else (),
            downloads=[
                Action(f"download-{name}", labels[name], link(self.stored, name))
                for name in self.download_formats[1:]
            ],
            can_edit=self.has_permission(EDIT),
            can_load_more=self.inspector.can_page,
            is_editing=action is not None and action.form_area == "value",
        )

    def _get_elements_context(self, key_value: KeyValue, elements: Elements) -> dict[str, Any]:
        is_row_action = isinstance(self.key_action, RowAction)
        if is_row_action and self.row is None and not self.alerts:
            self.alerts.append(Alert(_("The element you opened no longer exists."), "warning"))
        action = self.open_action
        row = self.row if action is not None and self.submitted_form is None else None
        if row is not None and self.params.get("expected", row.expected) != row.expected:
            text = _("This element has changed since the page was loaded. Check it first.")
            self.alerts.append(Alert(text, "warning"))
        panel = ElementsPanel(
            key_value,
            elements,
            self.page_params,
            self._make_page_link,
            self.key_link,
            row_links=self._get_row_links() if action is None else {},
            can_remove=action is None and RemoveElementsAction().is_available(self.key_context),
            open_row_id=self.element_id if isinstance(action, RowAction) else "",
            focused_row_id=self.params.get("row", "") if action is None else "",
            buttons=self._make_buttons("elements"),
            page_error=self.page_error,
            list_fields=self.links.list_fields,
        )
        return {
            "elements_panel": panel,
            "key_link": self.key_link,
            "is_row_shown": any(row.id == self.element_id for row in elements.rows),
            "groups": self._get_groups_context() if key_value.info.type == "stream" else None,
        }

    def _get_groups_context(self) -> dict[str, Any]:
        """Return a stream's consumer groups if requested, because they take more commands."""
        if self.page_params.get("groups") != SHOW_GROUPS:
            label = _("Show consumer groups")
            return {"show": self._make_page_link("show-groups", label, groups=SHOW_GROUPS)}
        groups = self.call_cache(self.inspector, lambda: self.inspector.groups(self.stored)).value
        hide = self._make_page_link("hide-groups", _("Hide"), groups="")
        return {"show": hide, **make_groups_context(groups)}

    # Links and buttons.

    def _make_buttons(self, area: PageArea) -> list[Action]:
        """Return the buttons of an area of the page that open the forms of actions.

        They send a POST request if the value must be read on request.
        """
        if self.open_action is not None:  # Leaving the page would lose the input.
            return []
        return [
            Action(
                action.form_mode,
                action.label,
                self.key_link,
                action.kind,
                method="post"
                if self.key_link.post_id or (self.reads_on_request and action.reads_value)
                else "get",
                value=action.form_mode,
                fields=[*self.page_params.items(), *self.links.list_fields],
            )
            for action in available_actions(self.key_context, area)
        ]

    def _get_row_links(self) -> dict[RowAction[Any], str]:
        """Return the actions on a row with the URL of their form, without the id of the row."""
        return {
            action: self.current_url(**{**NO_FORM, "mode": action.form_mode})
            for action in KEY_ACTIONS
            if isinstance(action, RowAction)
            and self.key_context.type in action.types
            and self.has_permission(action.permission)
        }

    def _make_page_link(
        self, name: str, label: str, current: bool = False, **changes: str
    ) -> Action:
        """Return a link to another page of elements."""
        state = {**self.page_params, **changes}
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(state.items()))
        url = self.current_url(**NO_FORM, **state)
        return Action(name, label, url, current=current)

    def _make_view_link(
        self, name: str, label: str, current: bool = False, at: str = "", **params: str
    ) -> Action:
        """Return a link that changes how the value is shown."""
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(params.items()))
        url = self.current_url(**{"mode": "", "shown": "", **params})
        return Action(name, label, f"{url}#{at}" if at else url, current=current)

    # Changes.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action = ACTIONS_BY_SUBMIT_MODE.get(self.mode)
        response = self.perform_action(action) if action is not None else None
        if response is not None:
            return response
        if self.is_missing:
            return self.handle_missing(action)
        if action is not None and not action.form_mode:
            self.show_form_errors_as_alerts()
        if self.skips_value and self.read_result.error is None:
            self.clear_result()
        return self.render_to_response(self.get_context_data())

    def perform_action(self, action: KeyAction[Any]) -> HttpResponse | None:
        """Perform the submitted action. Return None if the form must be shown again."""
        self.check_permission(action.permission, self.inspector, self.stored)
        self.skips_value = action.skips_value
        self.submitted_form = form = action.form(self.key_context, self.request.POST)
        if self.read_failed:
            self.alerts.insert(0, Alert(action.failure_texts.not_made, "error"))
        elif self.key_value is not None and action.is_target_missing(self.key_context):
            return self.handle_failed_edit(action, form, EditResult(EditStatus.ELEMENT_GONE))
        elif self.key_value is not None and form.is_valid():
            return self.submit_form(action, form)
        return None

    def submit_form(self, action: KeyAction[Any], form: forms.Form) -> HttpResponse | None:
        """Preview, confirm or apply what a valid form describes."""
        if not action.applies_to(self.key_context):
            return self.handle_failed_edit(action, form, EditResult(EditStatus.WRONG_TYPE))
        for required in action.required_permissions(self.key_context, form):
            self.check_permission(*required)
        if action.has_preview and "preview" in self.request.POST:
            self.preview_text = action.preview(self.key_context, form)
            return None
        edit = action.edit(self.key_context, form)
        if isinstance(edit, EditResult):
            return self.handle_failed_edit(action, form, edit)
        if edit is None:
            self.add_message(_("Nothing to save: you didn't change anything."), messages.INFO)
            return self.redirect(self.page_link)
        question = self.get_confirmation(action, form)
        return (
            self.render_confirmation(question) if question else self.apply_edit(action, form, edit)
        )

    def handle_missing(self, action: KeyAction[Any] | None) -> HttpResponse:
        """Offer to add the key again with the value that was entered, or redirect.

        The user may have entered it for minutes, until the key expired.
        """
        name = editable_name(self.inspector, self.stored)
        if not (isinstance(action, EditValueAction) and name and self.has_permission(ADD)):
            return self.redirect_missing()
        data = {**self.request.POST.dict(), "key": name, "type": "string"}
        form, alias = make_add_form(self.checker, self.inspector, data, {}), self.inspector.alias
        panel = make_add_panel(form, self.fallback_url(alias))
        self.add_panel = replace(panel, action_url=self.links.add(alias))
        text = _(
            "Not saved. This key no longer exists: it was deleted or has expired. What you entered "
            "is below. You can add the key again."
        )
        self.alerts.append(Alert(text, "error"))
        return self.render_to_response(self.get_context_data())

    def show_form_errors_as_alerts(self) -> None:
        """Show the errors of an action that has no form on the page as alerts."""
        errors = self.submitted_form.non_field_errors() if self.submitted_form is not None else ()
        self.alerts += [Alert(str(error), "error") for error in errors]
        self.submitted_form, self.has_conflict = None, False

    def get_confirmation(self, action: KeyAction[Any], form: forms.Form) -> Confirmation | None:
        """Return the confirmation that the action needs, if any."""
        if "confirmed" in self.request.POST:
            return None
        back = Action("cancel", _("Cancel"), self.page_link)
        question = action.confirm(self.key_context, form, back)
        if question is None:
            return None
        fields = [
            (name, value)
            for name, values in self.request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken"
        ]
        overwritten = action.overwritten_key(self.key_context, form)
        items = question.items if overwritten is None else self.describe_overwritten(*overwritten)
        return replace(question, hidden_fields=[*fields, ("confirmed", "1")], items=items)

    def describe_overwritten(self, inspector: Inspector, stored: bytes) -> list[str]:
        """Describe the key to be overwritten, if it exists and the user may see it."""
        if not (inspector.can_list and self.checker.is_allowed(VIEW_KEYS, inspector, stored)):
            return []
        call = self.executor.run(inspector, lambda: inspector.describe([stored]))
        return [describe_key(inspector, one) for one in call.value or () if one.exists]

    def apply_edit(
        self, action: KeyAction[Any], form: forms.Form, edit: Edit
    ) -> HttpResponse | None:
        """Apply an edit, log it, and add a message."""
        context = self.key_context
        inspector, stored = action.result_key(context, form)
        run = self.executor.run if inspector.may_block else self.executor.run_inline
        call = run(self.inspector, lambda: action.apply(context, edit))
        result, flag = call.value, action.log_flag_for(form)
        message = partial(action.log_message, context, form, result)
        if result is None:
            error = call.error or Exception()
            self.log_possible_change(error, flag, [stored], message, inspector)
            self.alerts.append(Alert(action.failure_texts.choose(error), "error"))
            self.add_error_alert(self.inspector, error)
            return None
        if result.status != EditStatus.DONE:
            return self.handle_failed_edit(action, form, result)
        log_entries.record_keys(self.request.user.pk, flag, inspector, [stored], message)
        self.add_message(action.success_message(context, form, result))
        if result.key_gone:
            return self.redirect(self.get_emptied_key_url(context))
        if not self.checker.is_allowed(VIEW_KEYS, inspector, stored):
            return self.redirect(self.key_link)
        return self.redirect(self.links.key(inspector.alias, stored, **self.state_params))

    def get_emptied_key_url(self, context: KeyContext) -> str:
        """Return the URL to open after the last element, and with it the key, was removed."""
        alias, name = self.inspector.alias, editable_name(self.inspector, self.stored)
        if name and self.has_permission(ADD):
            return self.links.add(alias, key=name, type=context.type)
        return self.links.return_to_keys(alias)

    def handle_failed_edit(
        self, action: KeyAction[Any], form: forms.Form, result: EditResult
    ) -> HttpResponse | None:
        """Show why nothing was saved. On a conflict, show the current value beside the input."""
        self.clear_result()
        if result.status == EditStatus.GONE:
            return self.handle_missing(action)
        if result.status == EditStatus.ELEMENT_GONE and not form.visible_fields():
            self.submitted_form = None  # A question about the element.
        errors = action.field_errors(self.key_context, form, result)
        for name, error in errors.items():
            form.add_error(name, error)
        if not errors:
            opened = self.request.POST.get("opened", "")
            self.alerts.append(
                Alert(failure_message(result, opened, self.key_context.type), "error")
            )
        if result.status == EditStatus.CHANGED and self.key_value is not None:
            data = self.request.POST.copy()
            data["expected"] = action.expected_after_conflict(self.key_context, result)
            self.current_element = result.current if self.element_id else None
            self.submitted_form = action.form(self.key_context, data)
            self.has_conflict = True
        return None

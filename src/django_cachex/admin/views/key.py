"""The key page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import log_entries
from django_cachex.admin.components import (
    Action,
    Alert,
    Confirmation,
    FormPanel,
    Heading,
    ValuePanel,
)
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.key_actions import (
    ACTIONS_BY_SUBMIT_MODE,
    KEY_ACTIONS,
    KeyAction,
    KeyContext,
    PageArea,
)
from django_cachex.admin.key_actions.key import editable_name
from django_cachex.admin.messages import error_message, failure_message
from django_cachex.admin.permissions import ADD, DELETE, EDIT, VIEW_HISTORY, VIEW_KEYS, VIEW_VALUE
from django_cachex.admin.views.download import get_available_formats
from django_cachex.admin.views.key_base import READ_MODE, BaseKeyDetailView
from django_cachex.admin.views.panels import (
    ValuePanelBuilder,
    describe_key,
    list_key_values,
    summarize_key_value,
)
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, EditResult, EditStatus
from django_cachex.inspectors.types import KeyValue, Snippet
from django_cachex.inspectors.values import Content


class KeyView(BaseKeyDetailView):
    """Shows a key, and performs the actions on it: see `django_cachex.admin.key_actions`."""

    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"

    submitted_form: forms.Form | None = None
    """The submitted form, if it must be shown again."""

    has_conflict = False
    """Whether the key was changed after the form was opened."""

    current_element: Content | None = None
    """The current value of an element that was changed after its form was opened."""

    preview_text = ""
    """What the form would do, if the preview was requested."""

    # The content of the page.

    def heading(self) -> Heading:
        summary = summarize_key_value(self.key_value) if self.key_value is not None else ""
        return Heading(self.display_name, kind="key", summary=summary, copy_text=self.key_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {"has_conflict": self.has_conflict, **self._get_form_context()}
        key_value = self.key_value
        if key_value is not None:
            context |= {
                "key_values": list_key_values(
                    self.inspector, key_value, masked=not self.has_permission(VIEW_HISTORY)
                ),
                "head_buttons": self.make_buttons("head"),
                "snippets": self._get_snippets(key_value),
                **self._get_value_context(key_value),
            }
        return super().get_context_data(**context, **kwargs)

    def _get_snippets(self, key_value: KeyValue) -> Sequence[Snippet]:
        if not self.has_permission(VIEW_VALUE):
            return ()
        return self.inspector.snippets(self.stored, key_value.info.type)

    def make_buttons(self, area: PageArea) -> list[Action]:
        """Return the buttons of an area of the page that the user may use."""
        if self.is_form_open:  # Leaving the page would lose the input.
            return []
        return [self._make_button(action) for action in self._get_available_actions(area)]

    def _get_available_actions(self, area: PageArea) -> list[KeyAction[Any]]:
        actions = [
            action for action in KEY_ACTIONS if action.form_mode and action.control_area == area
        ]
        return [action for action in actions if action.is_available(self.key_context)]

    def _make_value_buttons(self) -> list[Action]:
        """Return the buttons of the value."""
        if self.reads_on_request and not self.is_read_requested and self.has_permission(VIEW_VALUE):
            return [
                Action(
                    READ_MODE,
                    _("Read value"),
                    self.key_link,
                    "primary",
                    method="post",
                    value=READ_MODE,
                )
            ]
        return self.make_buttons("value")

    def _make_button(self, action: KeyAction[Any]) -> Action:
        """Return the button that opens the form of an action.

        It sends a POST request if the value must be read on request.
        """
        by_post = self.key_link.post_id or (self.reads_on_request and action.reads_value)
        method = "post" if by_post else "get"
        state = list(self.page_params.items())
        return Action(
            action.form_mode,
            action.label,
            self.key_link,
            action.kind,
            method=method,
            value=action.form_mode,
            fields=state,
        )

    def make_element_buttons(self) -> list[Action]:
        return self.make_buttons("elements")

    def _get_value_context(self, key_value: KeyValue) -> dict[str, Any]:
        if not self.has_permission(VIEW_VALUE):
            return {"hidden_reason": self._get_hidden_reason()}
        if key_value.elements is not None:
            return self.get_elements_context(key_value, key_value.elements)
        if self.reads_on_request and not self.is_read_requested:
            return {"unread": True, "value_buttons": self._make_value_buttons()}
        content = key_value.content
        if content is not None:
            return {"value_panel": self._make_value_panel(key_value, content)}
        return (
            {"value_panel": ValuePanel(_("Value"), notes=[key_value.note])}
            if key_value.note
            else {}
        )

    def _make_value_panel(self, key_value: KeyValue, content: Content) -> ValuePanel:
        builder = ValuePanelBuilder(
            content, self.params.get("view", ""), self._make_view_link, self.inspector.can_page
        )
        text, added_text = builder.split_new_text()
        is_editing = (
            self.is_form_open
            and self.key_action is not None
            and self.key_action.form_area == "value"
        )
        not_editable_reason = (
            content.not_editable_reason
            if self.has_permission(EDIT) and content.not_editable_reason not in content.notes
            else ""
        )
        return ValuePanel(
            _("Current value") if is_editing else _("Value"),
            [] if is_editing else builder.view_links(),
            self._make_value_buttons(),
            [note for note in (key_value.note, *content.notes) if note],
            text,
            added_text,
            builder.collapsible_blocks(),
            builder.truncated_note(),
            []
            if is_editing
            else [*builder.more_links(), *self._make_decoded_download_links(key_value)],
            not_editable_reason,
        )

    def _make_decoded_download_links(self, key_value: KeyValue) -> list[Action]:
        """Return the link to download the decoded value, besides the one for its stored bytes."""
        labels = {"json": _("Download as JSON"), "text": _("Download as text")}
        formats = get_available_formats(self.checker, self.inspector, self.stored, key_value)
        return [
            self._make_download_link(f"download-{name}", name, labels[name]) for name in formats[1:]
        ]

    def _make_view_link(
        self, name: str, label: str, current: bool = False, at: str = "", **params: str
    ) -> Action:
        """Return a link that changes how the value is shown."""
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(params.items()))
        state = {"mode": "", "shown": "", **params}
        return Action(
            name, label, f"{self.current_url(**state)}{f'#{at}' if at else ''}", current=current
        )

    def _get_hidden_reason(self) -> str:
        if self.checker.is_protected_session(self.inspector, self.stored):
            return _("This is a session. Only superusers can see its value.")
        return str(self.inspector.unsupported_reason("can_get"))

    # Around the content.

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.cache_breadcrumbs(), Action("key", self.display_name, "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        delete = [Action("delete", _("Delete"), self.links.delete(alias, stored), "danger")]
        history = [Action("history", _("History"), self.links.history(alias, stored))]
        key_value = self.key_value
        formats = (
            get_available_formats(self.checker, self.inspector, self.stored, key_value)
            if key_value
            else []
        )
        return [
            *map(self._make_action_link, self._get_available_actions("bar")),
            *(self._make_download_link("download", name, _("Download")) for name in formats[:1]),
            *(delete if self.has_permission(DELETE) else []),
            *(history if self.has_permission(VIEW_HISTORY) else []),
        ]

    def _make_download_link(self, name: str, format: str, label: str) -> Action:
        return Action(name, label, self.links.download(self.inspector.alias, self.stored, format))

    def _make_action_link(self, action: KeyAction[Any]) -> Action:
        """Return the link of the action bar that opens the form of an action."""
        link = self.links.key(self.inspector.alias, self.stored, mode=action.form_mode)
        return Action(
            action.form_mode,
            action.label,
            link,
            action.kind,
            action is self.key_action,
            value=action.form_mode,
        )

    def current_url(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().current_url(**query)
        return str(self.key_link)

    def help(self) -> HelpPanel:
        return HelpPanel("key", self.inspector)

    # Changes.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action = ACTIONS_BY_SUBMIT_MODE.get(self.mode)
        response = self.perform_action(action) if action is not None else None
        if response is not None:
            return response
        if self.is_missing:
            return self.redirect_missing()
        if action is not None and not action.form_mode:
            self.show_form_errors_as_alerts()
        if self.skips_value and self.read_result.error is None:
            self.clear_result()
        return self.render_to_response(self.get_context_data())

    def perform_action(self, action: KeyAction[Any]) -> HttpResponse | None:
        """Perform the submitted action. Return None if the form must be shown again."""
        self.check_permission(action.permission, self.inspector, self.stored)
        self.skips_value = action.skips_value
        if action.is_target_missing(self.key_context):
            return self.handle_missing_target(action)
        self.submitted_form = form = action.form(self.key_context, self.request.POST)
        if not form.is_valid() or self.key_value is None:
            return None
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

    def handle_missing_target(self, action: KeyAction[Any]) -> HttpResponse | None:
        """Handle an action without a form, because its element is missing or can't be read."""
        if self.key_value is not None and not self.row_read_failed:
            return self.handle_failed_edit(
                action, forms.Form(), EditResult(EditStatus.ELEMENT_GONE)
            )
        if not self.is_missing:
            self.alerts.insert(0, Alert(_("Not saved."), "error"))
        return None

    def show_form_errors_as_alerts(self) -> None:
        """Show the errors of an action that has no form on the page as alerts."""
        errors = self.submitted_form.non_field_errors() if self.submitted_form is not None else ()
        self.alerts += [Alert(str(error), "error") for error in errors]
        self.submitted_form, self.has_conflict = None, False

    def get_confirmation(self, action: KeyAction[Any], form: forms.Form) -> Confirmation | None:
        """Return the confirmation that the action needs, if any."""
        if "confirmed" in self.request.POST:
            return None
        question = action.confirm(
            self.key_context, form, Action("cancel", _("Cancel"), self.page_link)
        )
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
            self.log_possible_change(call.error, flag, [stored], message, inspector)
            reason = error_message(self.inspector, call.error or Exception())
            text = _(
                "The change may not have been saved. Check the key before you try again. %(why)s"
            ) % {"why": reason}
            self.alerts.append(Alert(text, "error"))
            return None
        if result.status != EditStatus.DONE:
            return self.handle_failed_edit(action, form, result)
        log_entries.record_keys(self.request.user.pk, flag, inspector, [stored], message)
        self.add_message(action.success_message(context, form, result))
        if result.key_gone:
            return self.redirect(self.get_emptied_key_url(context))
        if not self.checker.is_allowed(VIEW_KEYS, inspector, stored):
            return self.redirect(self.key_link)
        return self.redirect(self.links.key(inspector.alias, stored, **self.page_params))

    def get_emptied_key_url(self, context: KeyContext) -> str:
        """Return the URL to open after the last element, and with it the key, was removed."""
        alias, name = self.inspector.alias, editable_name(self.inspector, self.stored)
        if name and self.has_permission(ADD):
            return self.links.add(alias, key=name, type=context.type)
        return self.links.keys(alias)

    def handle_failed_edit(
        self, action: KeyAction[Any], form: forms.Form, result: EditResult
    ) -> HttpResponse | None:
        """Show why nothing was saved. On a conflict, show the current value beside the input."""
        self.clear_result()
        if result.status == EditStatus.GONE:
            return self.redirect_missing()
        errors = action.field_errors(self.key_context, form, result)
        for name, error in errors.items():
            form.add_error(name, error)
        if not errors:
            opened = self.request.POST.get("opened", "")
            self.alerts.append(
                Alert(failure_message(result, opened, self.key_context.type), "error")
            )
        if self.key_value is not None and action.is_target_missing(self.key_context):
            self.submitted_form = None
        elif result.status == EditStatus.CHANGED and self.key_value is not None:
            data = self.request.POST.copy()
            data["expected"] = action.expected_after_conflict(self.key_context, result)
            self.current_element = result.current if self.element_id else None
            self.submitted_form = action.form(self.key_context, data)
            self.has_conflict = True
        return None

    # Forms.

    @property
    def is_form_open(self) -> bool:
        return self.submitted_form is not None or (
            self.key_value is not None and super().is_form_open
        )

    def _get_form_context(self) -> dict[str, Any]:
        action = self.key_action
        if action is None or not self.is_form_open or action.is_target_missing(self.key_context):
            return {}
        form = self.submitted_form or action.form(self.key_context)
        if not form.is_bound:
            form.visible_fields()[0].field.widget.attrs.setdefault("autofocus", True)
        return {f"{action.form_area}_form": self._make_form_panel(action, form)}

    def _make_form_panel(self, action: KeyAction[Any], form: forms.Form) -> FormPanel:
        hidden_fields = [("id", self.key_link.post_id)] if self.key_link.post_id else []
        hidden_fields += [("element", self.element_id)] if self.element_id else []
        back = Action(
            "cancel",
            action.keep_label if self.has_conflict else action.cancel_label,
            self.page_link,
        )
        return FormPanel(
            form,
            "overwrite" if self.has_conflict else action.submit_mode,
            action.overwrite_label if self.has_conflict else action.submit_label,
            back,
            action.title,
            [*hidden_fields, ("mode", action.submit_mode)],
            notes=action.notes(self.key_context),
            has_preview=action.has_preview,
            preview=self.preview_text,
            current_value=None
            if self.current_element is None
            else make_current_value_panel(self.current_element),
        )


def make_current_value_panel(content: Content) -> ValuePanel:
    """Return the panel with the current value of an element, to be shown beside the input."""
    label = str(content.label)
    return ValuePanel(_("Current value"), notes=[label], text=content.formatted.text)

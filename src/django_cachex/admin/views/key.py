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
    Topic,
    ValuePanel,
)
from django_cachex.admin.errors import explain
from django_cachex.admin.key_actions import ACTS, APPLYING, KeyAct, Place, Subject
from django_cachex.admin.key_actions.key import typed_name
from django_cachex.admin.keyhelp import key_help
from django_cachex.admin.messages import refusal
from django_cachex.admin.permissions import ADD, DELETE, EDIT, SEE_HISTORY, SEE_KEYS, SEE_VALUE
from django_cachex.admin.views.download import get_available_formats
from django_cachex.admin.views.key_base import READ_MODE, BaseKeyDetailView
from django_cachex.admin.views.panels import (
    ValuePanelBuilder,
    describe_key,
    list_key_values,
    summarize_entry,
)
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome, Result
from django_cachex.inspectors.types import CommandLine, Entry
from django_cachex.inspectors.values import Content


class KeyView(BaseKeyDetailView):
    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"

    submitted_form: forms.Form | None = None
    """The form of an act that did not go through."""

    has_conflict = False
    """Whether the key has changed under the form."""

    current_element: Content | None = None
    """What an element holds now that has changed under the form."""

    preview_text = ""
    """What the form would do, where that was asked."""

    # What is on the page.

    def heading(self) -> Heading:
        said = summarize_entry(self.entry) if self.entry is not None else ""
        return Heading(self.display_name, kind="key", summary=said, copy_text=self.key_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {"has_conflict": self.has_conflict, **self._get_form_context()}
        entry = self.entry
        if entry is not None:
            context |= {
                "key_values": list_key_values(
                    self.inspector, entry, masked=not self.has_permission(SEE_HISTORY)
                ),
                "head_buttons": self.make_buttons("head"),
                "snippets": self._get_command_lines(entry),
                **self._get_value_context(entry),
            }
        return super().get_context_data(**context, **kwargs)

    def _get_command_lines(self, entry: Entry) -> Sequence[CommandLine]:
        if not self.has_permission(SEE_VALUE):
            return ()
        return self.inspector.command_lines(self.stored, entry.description.type)

    def make_buttons(self, area: Place) -> list[Action]:
        """Return the controls of a spot on the page, within the person's permissions."""
        if self.is_form_open:  # Whoever left would lose what they have written.
            return []
        return [self._make_button(act) for act in self._get_available_actions(area)]

    def _get_available_actions(self, area: Place) -> list[KeyAct[Any]]:
        acts = [act for act in ACTS if act.opens and act.offered_in == area]
        return [act for act in acts if act.offered(self.key_context)]

    def _make_value_buttons(self) -> list[Action]:
        """Return what can be done to the value from here."""
        if self.reads_on_request and not self.is_read_requested and self.has_permission(SEE_VALUE):
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

    def _make_button(self, act: KeyAct[Any]) -> Action:
        """Return a control that opens an act's form; one that reads unsafely takes a POST."""
        by_post = self.key_link.post_id or (self.reads_on_request and act.reads_value)
        method = "post" if by_post else "get"
        state = list(self.page_params.items())
        return Action(
            act.opens,
            act.label,
            self.key_link,
            act.kind,
            method=method,
            value=act.opens,
            fields=state,
        )

    def make_element_buttons(self) -> list[Action]:
        return self.make_buttons("elements")

    def _get_value_context(self, entry: Entry) -> dict[str, Any]:
        if not self.has_permission(SEE_VALUE):
            return {"hidden_reason": self._get_hidden_reason()}
        if entry.elements is not None:
            return self.get_elements_context(entry, entry.elements)
        if self.reads_on_request and not self.is_read_requested:
            return {"unread": True, "value_buttons": self._make_value_buttons()}
        content = entry.content
        if content is not None:
            return {"value_panel": self._make_value_panel(entry, content)}
        return {"value_panel": ValuePanel(_("Value"), notes=[entry.note])} if entry.note else {}

    def _make_value_panel(self, entry: Entry, content: Content) -> ValuePanel:
        look = ValuePanelBuilder(
            content, self.params.get("view", ""), self._make_view_link, self.inspector.can_window
        )
        text, rest = look.split_new_text()
        in_form = (
            self.is_form_open and self.key_action is not None and self.key_action.place == "value"
        )
        why_not = (
            content.why_not
            if self.has_permission(EDIT) and content.why_not not in content.notes
            else ""
        )
        return ValuePanel(
            _("What it holds now") if in_form else _("Value"),
            [] if in_form else look.view_links(),
            self._make_value_buttons(),
            [note for note in (entry.note, *content.notes) if note],
            text,
            rest,
            look.collapsible_blocks(),
            look.truncated_note(),
            [] if in_form else [*look.more_links(), *self._make_decoded_download_links(entry)],
            why_not,
        )

    def _make_decoded_download_links(self, entry: Entry) -> list[Action]:
        """Return the link to the value as it was decoded, beside the one to its stored bytes."""
        labels = {"json": _("Download as JSON"), "text": _("Download as text")}
        rest = get_available_formats(self.checker, self.inspector, self.stored, entry)[1:]
        return [self._make_download_link(f"download-{form}", form, labels[form]) for form in rest]

    def _make_view_link(
        self, name: str, label: str, current: bool = False, at: str = "", **asked: str
    ) -> Action:
        """Return a control that shows the value in another way."""
        if self.key_link.post_id:
            return Action(name, label, self.key_link, current=current, fields=list(asked.items()))
        state = {"mode": "", "shown": "", **asked}
        return Action(
            name, label, f"{self.current_url(**state)}{f'#{at}' if at else ''}", current=current
        )

    def _get_hidden_reason(self) -> str:
        if self.checker.is_secret(self.inspector, self.stored):
            return _("This is a session: only superusers see what it holds.")
        return str(self.inspector.why_not("can_get"))

    # The frame.

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.cache_breadcrumbs(), Action("key", self.display_name, "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        delete = [Action("delete", _("Delete"), self.links.delete(alias, stored), "danger")]
        history = [Action("history", _("History"), self.links.history(alias, stored))]
        entry = self.entry
        forms = (
            get_available_formats(self.checker, self.inspector, self.stored, entry) if entry else []
        )
        return [
            *map(self._make_action_link, self._get_available_actions("bar")),
            *(self._make_download_link("download", form, _("Download")) for form in forms[:1]),
            *(delete if self.has_permission(DELETE) else []),
            *(history if self.has_permission(SEE_HISTORY) else []),
        ]

    def _make_download_link(self, name: str, form: str, label: str) -> Action:
        return Action(name, label, self.links.download(self.inspector.alias, self.stored, form))

    def _make_action_link(self, act: KeyAct[Any]) -> Action:
        """Return the link of the action bar that opens an act's form."""
        link = self.links.key(self.inspector.alias, self.stored, mode=act.opens)
        return Action(act.opens, act.label, link, act.kind, act is self.key_action, value=act.opens)

    def current_url(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().current_url(**query)
        return str(self.key_link)

    def help(self) -> Sequence[Topic]:
        return key_help(self.inspector)

    # Changes.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act = APPLYING.get(self.mode)
        done = self.perform_action(act) if act is not None else None
        if done is not None:
            return done
        if self.is_missing:
            return self.redirect_missing()
        if act is not None and not act.opens:
            self.show_form_errors_as_alerts()
        if self.in_brief and self.read_result.error is None:
            self.clear_result()
        return self.render_to_response(self.get_context_data())

    def perform_action(self, act: KeyAct[Any]) -> HttpResponse | None:
        """Do what was sent; None where this page must be shown again, with the form."""
        self.check_permission(act.act, self.inspector, self.stored)
        self.in_brief = act.in_brief
        if act.lacks(self.key_context):
            return self.handle_missing_target(act)
        self.submitted_form = form = act.form(self.key_context, self.request.POST)
        if not form.is_valid() or self.entry is None:
            return None
        if not act.suits(self.key_context):
            return self.handle_refusal(act, form, Outcome(Result.WRONG_TYPE))
        for need in act.needs(self.key_context, form):
            self.check_permission(*need)
        if act.previews and "preview" in self.request.POST:
            self.preview_text = act.preview(self.key_context, form)
            return None
        edit = act.edit(self.key_context, form)
        if isinstance(edit, Outcome):
            return self.handle_refusal(act, form, edit)
        if edit is None:
            self.add_message(_("Nothing to save: you changed nothing."), messages.INFO)
            return self.redirect(self.page_link)
        question = self.get_confirmation(act, form)
        return self.render_confirmation(question) if question else self.apply_edit(act, form, edit)

    def handle_missing_target(self, act: KeyAct[Any]) -> HttpResponse | None:
        """Say that what an act is about is not there, or that nobody knows: it has no form."""
        if self.entry is not None and not self.row_read_failed:
            return self.handle_refusal(act, forms.Form(), Outcome(Result.ELEMENT_GONE))
        if not self.is_missing:
            self.alerts.insert(0, Alert(_("Not saved."), "error"))
        return None

    def show_form_errors_as_alerts(self) -> None:
        """Say what is wrong with what was sent by an act that has no form to say it in."""
        problems = self.submitted_form.non_field_errors() if self.submitted_form is not None else ()
        self.alerts += [Alert(str(problem), "error") for problem in problems]
        self.submitted_form, self.has_conflict = None, False

    def get_confirmation(self, act: KeyAct[Any], form: forms.Form) -> Confirmation | None:
        """Return the question that has to be answered first, if there is one."""
        if "confirmed" in self.request.POST:
            return None
        question = act.confirm(
            self.key_context, form, Action("cancel", _("Cancel, keep it"), self.page_link)
        )
        if question is None:
            return None
        sent = [
            (name, value)
            for name, values in self.request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken"
        ]
        lost = act.overwrites(self.key_context, form)
        items = question.items if lost is None else self.describe_overwritten(*lost)
        return replace(question, hidden_fields=[*sent, ("confirmed", "1")], items=items)

    def describe_overwritten(self, inspector: Inspector, stored: bytes) -> list[str]:
        """Return what a key is that another is to take the place of, if it is there to be seen."""
        if not (inspector.can_list and self.checker.allowed(SEE_KEYS, inspector, stored)):
            return []
        answer = self.executor.ask(inspector, lambda: inspector.describe([stored]))
        return [describe_key(inspector, one) for one in answer.value or () if one.exists]

    def apply_edit(self, act: KeyAct[Any], form: forms.Form, edit: Edit) -> HttpResponse | None:
        """Apply an edit, put it on record, and say what became of it."""
        subject = self.key_context
        inspector, stored = act.after(subject, form)
        ask = self.executor.ask if inspector.asked_in_thread else self.executor.ask_here
        answer = ask(self.inspector, lambda: act.apply(subject, edit))
        outcome, flag = answer.value, act.recorded_as(form)
        said = partial(act.said, subject, form, outcome)
        if outcome is None:
            self.log_possible_change(answer.error, flag, [stored], said, inspector)
            why = explain(self.inspector, answer.error or Exception())
            text = _("Perhaps not saved: look at the key again. %(why)s") % {"why": why}
            self.alerts.append(Alert(text, "error"))
            return None
        if outcome.result != Result.DONE:
            return self.handle_refusal(act, form, outcome)
        log_entries.record_keys(self.request.user.pk, flag, inspector, [stored], said)
        self.add_message(act.report(subject, form, outcome))
        if outcome.key_gone:
            return self.redirect(self.get_emptied_key_url(subject))
        if not self.checker.allowed(SEE_KEYS, inspector, stored):
            return self.redirect(self.key_link)
        return self.redirect(self.links.key(inspector.alias, stored, **self.page_params))

    def get_emptied_key_url(self, subject: Subject) -> str:
        """Return where to go once the last element took the key with it: to add it again."""
        alias, name = self.inspector.alias, typed_name(self.inspector, self.stored)
        if name and self.has_permission(ADD):
            return self.links.add(alias, key=name, type=subject.type)
        return self.links.keys(alias)

    def handle_refusal(
        self, act: KeyAct[Any], form: forms.Form, outcome: Outcome
    ) -> HttpResponse | None:
        """Say why nothing was saved; on a conflict show both, and keep what was written."""
        self.clear_result()
        if outcome.result == Result.GONE:
            return self.redirect_missing()
        problems = act.refusal(self.key_context, form, outcome)
        for name, problem in problems.items():
            form.add_error(name, problem)
        if not problems:
            opened = self.request.POST.get("opened", "")
            self.alerts.append(Alert(refusal(outcome, opened, self.key_context.type), "error"))
        if self.entry is not None and act.lacks(self.key_context):
            self.submitted_form = None
        elif outcome.result == Result.CHANGED and self.entry is not None:
            data = self.request.POST.copy()
            data["expected"] = act.expected(self.key_context, outcome)
            self.current_element = outcome.theirs if self.element_id else None
            self.submitted_form = act.form(self.key_context, data)
            self.has_conflict = True
        return None

    # Forms.

    @property
    def is_form_open(self) -> bool:
        return self.submitted_form is not None or (self.entry is not None and super().is_form_open)

    def _get_form_context(self) -> dict[str, Any]:
        act = self.key_action
        if act is None or not self.is_form_open or act.lacks(self.key_context):
            return {}
        form = self.submitted_form or act.form(self.key_context)
        if not form.is_bound:
            form.visible_fields()[0].field.widget.attrs.setdefault("autofocus", True)
        return {f"{act.place}_form": self._make_form_panel(act, form)}

    def _make_form_panel(self, act: KeyAct[Any], form: forms.Form) -> FormPanel:
        carried = [("id", self.key_link.post_id)] if self.key_link.post_id else []
        carried += [("element", self.element_id)] if self.element_id else []
        back = Action("cancel", act.give_way if self.has_conflict else act.cancel, self.page_link)
        return FormPanel(
            form,
            "overwrite" if self.has_conflict else act.applies,
            act.insist if self.has_conflict else act.submit,
            back,
            act.title,
            [*carried, ("mode", act.applies)],
            notes=act.notes(self.key_context),
            has_preview=act.previews,
            preview=self.preview_text,
            current_value=None
            if self.current_element is None
            else make_current_value_panel(self.current_element),
        )


def make_current_value_panel(content: Content) -> ValuePanel:
    """Return what an element holds now, to stand beside what was written."""
    label = str(content.label)
    return ValuePanel(_("What it holds now"), notes=[label], text=content.formatted.text)

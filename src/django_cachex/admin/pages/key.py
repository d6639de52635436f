"""Key detail, changing: another value, another TTL, with what it expects to find."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from django_cachex.admin import audit, humane
from django_cachex.admin.access import EDIT, EXPIRE
from django_cachex.admin.failures import explain
from django_cachex.admin.forms import EditForm, ExpireForm
from django_cachex.admin.outcomes import refusal, ttl_message, value_message
from django_cachex.admin.pages.keyview import KeyView
from django_cachex.admin.parts import Action, FormBox, Notice
from django_cachex.inspectors.edits import Edit, Keep, Outcome, Result, SetTtl, SetValue
from django_cachex.inspectors.entries import Entry


class KeyPage(KeyView):
    form: forms.Form | None = None
    """A form that was sent and did not go through."""

    conflict = False
    """Whether the key has changed under the form."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        changes = {"save": self.save, "set-ttl": self.set_ttl}
        done = changes[self.mode]() if self.mode in changes else None
        if done is not None:
            return done
        if self.gone:
            return self.leave()
        return self.render_to_response(self.get_context_data())

    def save(self) -> HttpResponse | None:
        """Store the submitted value; None where the form must be shown again."""
        self.require(EDIT, self.inspector, self.stored)
        entry = self.entry
        self.form = form = self.edit_form(entry, self.request.POST)
        if not form.is_valid() or entry is None:
            return None
        if entry.content is None or not entry.content.editable:
            return self.refuse(Outcome(Result.WRONG_TYPE))
        if entry.expected and not form.cleaned_data["expected"]:
            return self.refuse(Outcome(Result.CHANGED))
        if not form.has_changed_value() and isinstance(form.ttl, Keep):
            self.say(_("Nothing to save: you changed nothing."), messages.INFO)
            return self.go(self.link)
        edit = SetValue(form.decoded, form.cleaned_data["expected"], form.ttl)
        return self.apply(edit, partial(value_message, form))

    def set_ttl(self) -> HttpResponse | None:
        """Change when the key expires; None where the form must be shown again."""
        self.require(EXPIRE, self.inspector, self.stored)
        self.form = form = ExpireForm(self.request.POST)
        if not form.is_valid() or isinstance(form.ttl, Keep):
            return None
        return self.apply(SetTtl(form.ttl), partial(ttl_message, form.ttl))

    def apply(self, edit: Edit, message: audit.Message) -> HttpResponse | None:
        """Apply an edit, put it on record, and say what became of it."""
        answer = self.asker.ask(self.inspector, lambda: self.inspector.apply(self.stored, edit))
        if answer.value is None:
            self.record_unanswered(answer, audit.CHANGE, [self.stored], message, self.inspector)
            why = explain(self.inspector, answer.error or Exception())
            text = _("Perhaps not saved: look at the key again. %(why)s") % {"why": why}
            self.notices.append(Notice(text, "error"))
            return None
        if answer.value.result != Result.DONE:
            return self.refuse(answer.value)
        user_id = self.request.user.pk
        audit.record_keys(user_id, audit.CHANGE, self.inspector, [self.stored], message)
        self.say(_("Saved. %(what)s") % {"what": message()})
        return self.go(self.link)

    def refuse(self, outcome: Outcome) -> HttpResponse | None:
        """Say why nothing was saved; on a conflict show both, and keep what was written."""
        self.forget_answer()
        if outcome.result == Result.GONE:
            return self.leave()
        opened = self.request.POST.get("opened", "")
        self.notices.append(Notice(refusal(outcome, opened), "error"))
        if outcome.result == Result.CHANGED and self.entry is not None:
            data = self.request.POST.copy()
            data["expected"] = self.entry.expected
            self.form = self.edit_form(self.entry, data)
            self.conflict = True
        return None

    # Forms.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(conflict=self.conflict, **self._form_context(), **kwargs)

    def _form_context(self) -> dict[str, Any]:
        entry = self.entry
        if isinstance(self.form, EditForm):
            return {"editing": self._edit_box(self.form)}
        if isinstance(self.form, ExpireForm):
            return {"expiring": self._expire_box(self.form, entry)}
        if self.mode == "edit" and self.may_edit():
            return {"editing": self._edit_box(self.edit_form(entry))}
        if self.mode == "expire" and entry is not None and self.can(EXPIRE):
            return {"expiring": self._expire_box(ExpireForm(), entry)}
        return {}

    def _edit_box(self, form: forms.Form) -> FormBox:
        submit = _("Save mine over it") if self.conflict else _("Save")
        cancel = _("Keep what it holds now") if self.conflict else _("Cancel")
        return self._box(form, "save", _("Edit value"), submit, cancel)

    def _expire_box(self, form: forms.Form, entry: Entry | None) -> FormBox:
        if entry is not None and entry.description.ttl is not None:
            now = _("Now: %(expires)s.") % {"expires": humane.expiry(entry.description.ttl)}
            form.fields["timeout"].help_text = now
        return self._box(form, "set-ttl", _("Change TTL"), _("Save TTL"), _("Cancel"))

    def _box(self, form: forms.Form, mode: str, title: str, submit: str, cancel: str) -> FormBox:
        carried = [("id", self.link.post_id)] if self.link.post_id else []
        back = Action(cancel, self.link)
        return FormBox(form, submit, back, title, [*carried, ("mode", mode)])

    def edit_form(self, entry: Entry | None, data: Any = None) -> EditForm:
        """Return the form for a value, filled so that sending it back changes nothing."""
        initial = {"opened": humane.clock()}
        if entry is not None:
            initial["expected"] = entry.expected
            if entry.content is not None:
                content = entry.content
                initial |= {"value": content.edit_text, "store_as": content.store_as}
        inspector = self.inspector
        return EditForm(
            data,
            initial=initial,
            can_expire=self.can(EXPIRE) or not inspector.can_keep_ttl,
            keeps_ttl=inspector.can_keep_ttl,
        )

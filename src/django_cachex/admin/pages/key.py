"""Key detail, changing: an act's form in its place, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from django_cachex.admin import audit
from django_cachex.admin.access import ADD, SEE_KEYS
from django_cachex.admin.failures import explain
from django_cachex.admin.keyacts import APPLYING, KeyAct, Subject
from django_cachex.admin.keyacts.names import typed_name
from django_cachex.admin.outcomes import refusal
from django_cachex.admin.pages.keyfacts import described
from django_cachex.admin.pages.keyview import KeyView
from django_cachex.admin.parts import Action, Confirm, FormBox, Notice, ValueBox
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome, Result
from django_cachex.inspectors.values import Content


class KeyPage(KeyView):
    sent: forms.Form | None = None
    """The form of an act that did not go through."""

    conflict = False
    """Whether the key has changed under the form."""

    theirs: Content | None = None
    """What an element holds now that has changed under the form."""

    preview = ""
    """What the form would do, where that was asked."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act = APPLYING.get(self.mode)
        done = self.perform(act) if act is not None else None
        if done is not None:
            return done
        if self.gone:
            return self.leave()
        if act is not None and not act.opens:
            self.tell_without_form()
        if self.in_brief and self.answer.error is None:
            self.forget_answer()
        return self.render_to_response(self.get_context_data())

    def perform(self, act: KeyAct[Any]) -> HttpResponse | None:
        """Do what was sent; None where this page must be shown again, with the form."""
        self.require(act.act, self.inspector, self.stored)
        self.in_brief = act.in_brief
        if act.lacks(self.subject):
            return self.not_found(act)
        self.sent = form = act.form(self.subject, self.request.POST)
        if not form.is_valid() or self.entry is None:
            return None
        if not act.suits(self.subject):
            return self.refuse(act, form, Outcome(Result.WRONG_TYPE))
        for need in act.needs(self.subject, form):
            self.require(*need)
        if act.previews and "preview" in self.request.POST:
            self.preview = act.preview(self.subject, form)
            return None
        edit = act.edit(self.subject, form)
        if isinstance(edit, Outcome):
            return self.refuse(act, form, edit)
        if edit is None:
            self.say(_("Nothing to save: you changed nothing."), messages.INFO)
            return self.go(self.part)
        question = self.unconfirmed(act, form)
        return self.confirm(question) if question else self.apply(act, form, edit)

    def not_found(self, act: KeyAct[Any]) -> HttpResponse | None:
        """Say that what an act is about is not there, or that nobody knows: it has no form."""
        if self.entry is not None and not self.row_unknown:
            return self.refuse(act, forms.Form(), Outcome(Result.ELEMENT_GONE))
        if not self.gone:
            self.notices.insert(0, Notice(_("Not saved."), "error"))
        return None

    def tell_without_form(self) -> None:
        """Say what is wrong with what was sent by an act that has no form to say it in."""
        problems = self.sent.non_field_errors() if self.sent is not None else ()
        self.notices += [Notice(str(problem), "error") for problem in problems]
        self.sent, self.conflict = None, False

    def unconfirmed(self, act: KeyAct[Any], form: forms.Form) -> Confirm | None:
        """Return the question that has to be answered first, if there is one."""
        if "confirmed" in self.request.POST:
            return None
        question = act.confirm(
            self.subject, form, Action("cancel", _("Cancel, keep it"), self.part)
        )
        if question is None:
            return None
        sent = [
            (name, value)
            for name, values in self.request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken"
        ]
        lost = act.overwrites(self.subject, form)
        items = question.items if lost is None else self.what_is_lost(*lost)
        return replace(question, hidden=[*sent, ("confirmed", "1")], items=items)

    def what_is_lost(self, inspector: Inspector, stored: bytes) -> list[str]:
        """Return what a key is that another is to take the place of, if it is there to be seen."""
        if not (inspector.can_list and self.gate.allowed(SEE_KEYS, inspector, stored)):
            return []
        answer = self.asker.ask(inspector, lambda: inspector.describe([stored]))
        return [described(inspector, one) for one in answer.value or () if one.exists]

    def apply(self, act: KeyAct[Any], form: forms.Form, edit: Edit) -> HttpResponse | None:
        """Apply an edit, put it on record, and say what became of it."""
        subject = self.subject
        inspector, stored = act.after(subject, form)
        ask = self.asker.ask if inspector.asked_in_thread else self.asker.ask_here
        answer = ask(self.inspector, lambda: act.apply(subject, edit))
        outcome, flag = answer.value, act.recorded_as(form)
        said = partial(act.said, subject, form, outcome)
        if outcome is None:
            self.record_in_doubt(answer.error, flag, [stored], said, inspector)
            why = explain(self.inspector, answer.error or Exception())
            text = _("Perhaps not saved: look at the key again. %(why)s") % {"why": why}
            self.notices.append(Notice(text, "error"))
            return None
        if outcome.result != Result.DONE:
            return self.refuse(act, form, outcome)
        audit.record_keys(self.request.user.pk, flag, inspector, [stored], said)
        self.say(act.report(subject, form, outcome))
        if outcome.key_gone:
            return self.go(self.emptied(subject))
        if not self.gate.allowed(SEE_KEYS, inspector, stored):
            return self.go(self.link)
        return self.go(self.links.key(inspector.alias, stored, **self.window_state))

    def emptied(self, subject: Subject) -> str:
        """Return where to go once the last element took the key with it: to add it again."""
        alias, name = self.inspector.alias, typed_name(self.inspector, self.stored)
        if name and self.can(ADD):
            return self.links.add(alias, key=name, type=subject.type)
        return self.links.keys(alias)

    def refuse(self, act: KeyAct[Any], form: forms.Form, outcome: Outcome) -> HttpResponse | None:
        """Say why nothing was saved; on a conflict show both, and keep what was written."""
        self.forget_answer()
        if outcome.result == Result.GONE:
            return self.leave()
        problems = act.refusal(self.subject, form, outcome)
        for name, problem in problems.items():
            form.add_error(name, problem)
        if not problems:
            opened = self.request.POST.get("opened", "")
            self.notices.append(Notice(refusal(outcome, opened, self.subject.type), "error"))
        if self.entry is not None and act.lacks(self.subject):
            self.sent = None
        elif outcome.result == Result.CHANGED and self.entry is not None:
            data = self.request.POST.copy()
            data["expected"] = act.expected(self.subject, outcome)
            self.theirs = outcome.theirs if self.element else None
            self.sent = act.form(self.subject, data)
            self.conflict = True
        return None

    # Forms.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {"conflict": self.conflict, **self._form_context(), **kwargs}
        return super().get_context_data(**context)

    @property
    def is_open(self) -> bool:
        return self.sent is not None or (self.entry is not None and super().is_open)

    def _form_context(self) -> dict[str, Any]:
        act = self.asked
        if act is None or not self.is_open or act.lacks(self.subject):
            return {}
        form = self.sent or act.form(self.subject)
        if not form.is_bound:
            form.visible_fields()[0].field.widget.attrs.setdefault("autofocus", True)
        return {f"{act.place}_box": self._box(act, form)}

    def _box(self, act: KeyAct[Any], form: forms.Form) -> FormBox:
        carried = [("id", self.link.post_id)] if self.link.post_id else []
        carried += [("element", self.element)] if self.element else []
        back = Action("cancel", act.give_way if self.conflict else act.cancel, self.part)
        return FormBox(
            form,
            "overwrite" if self.conflict else act.applies,
            act.insist if self.conflict else act.submit,
            back,
            act.title,
            [*carried, ("mode", act.applies)],
            notes=act.notes(self.subject),
            previews=act.previews,
            preview=self.preview,
            theirs=None if self.theirs is None else their_value(self.theirs),
        )


def their_value(content: Content) -> ValueBox:
    """Return what an element holds now, to stand beside what was written."""
    label = str(content.label)
    return ValueBox(_("What it holds now"), notes=[label], text=content.formatted.text)

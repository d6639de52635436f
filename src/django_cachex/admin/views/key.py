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
    Confirm,
    FormBox,
    Heading,
    Notice,
    ValueBox,
)
from django_cachex.admin.errors import explain
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.key_actions import ACTS, APPLYING, KeyAct, Place, Subject
from django_cachex.admin.key_actions.key import typed_name
from django_cachex.admin.messages import refusal
from django_cachex.admin.permissions import ADD, DELETE, EDIT, SEE_HISTORY, SEE_KEYS, SEE_VALUE
from django_cachex.admin.views.download import downloads
from django_cachex.admin.views.key_base import READ, KeyElements
from django_cachex.admin.views.panels import ValueView, described, key_facts, summary
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome, Result
from django_cachex.inspectors.types import CommandLine, Entry
from django_cachex.inspectors.values import Content


class KeyView(KeyElements):
    """What there is to see of one key; `KeyPage` adds what can be changed."""

    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"

    # What is on the page.

    def heading(self) -> Heading:
        said = summary(self.entry) if self.entry is not None else ""
        return Heading(self.said_name, kind="key", summary=said, copied=self.key_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {}
        entry = self.entry
        if entry is not None:
            context |= {
                "facts": key_facts(self.inspector, entry, masked=not self.can(SEE_HISTORY)),
                "head_offers": self.offers("head"),
                "command_lines": self._command_lines(entry),
                **self._value_context(entry),
            }
        return super().get_context_data(**context, **kwargs)

    def _command_lines(self, entry: Entry) -> Sequence[CommandLine]:
        if not self.can(SEE_VALUE):
            return ()
        return self.inspector.command_lines(self.stored, entry.description.type)

    def offers(self, spot: Place) -> list[Action]:
        """Return the controls of a spot on the page, within the person's permissions."""
        if self.is_open:  # Whoever left would lose what they have written.
            return []
        return [self._offer(act) for act in self._offered(spot)]

    def _offered(self, spot: Place) -> list[KeyAct[Any]]:
        acts = [act for act in ACTS if act.opens and act.offered_in == spot]
        return [act for act in acts if act.offered(self.subject)]

    def _value_offers(self) -> list[Action]:
        """Return what can be done to the value from here."""
        if self.unsafe and not self.reads and self.can(SEE_VALUE):
            return [Action(READ, _("Read value"), self.link, "primary", method="post", value=READ)]
        return self.offers("value")

    def _offer(self, act: KeyAct[Any]) -> Action:
        """Return a control that opens an act's form; one that reads unsafely takes a POST."""
        by_post = self.link.post_id or (self.unsafe and act.reads_value)
        method = "post" if by_post else "get"
        state = list(self.window_state.items())
        return Action(
            act.opens, act.label, self.link, act.kind, method=method, value=act.opens, fields=state
        )

    def element_offers(self) -> list[Action]:
        return self.offers("elements")

    def _value_context(self, entry: Entry) -> dict[str, Any]:
        if not self.can(SEE_VALUE):
            return {"hidden_value": self._why_hidden()}
        if entry.elements is not None:
            return self.collection_context(entry, entry.elements)
        if self.unsafe and not self.reads:
            return {"unread": True, "value_offers": self._value_offers()}
        content = entry.content
        if content is not None:
            return {"value": self._value_box(entry, content)}
        return {"value": ValueBox(_("Value"), notes=[entry.note])} if entry.note else {}

    def _value_box(self, entry: Entry, content: Content) -> ValueBox:
        look = ValueView(content, self.given.get("view", ""), self._look, self.inspector.can_window)
        text, rest = look.halves()
        in_form = self.is_open and self.asked is not None and self.asked.place == "value"
        why_not = content.why_not if self.can(EDIT) and content.why_not not in content.notes else ""
        return ValueBox(
            _("Current value") if in_form else _("Value"),
            [] if in_form else look.views(),
            self._value_offers(),
            [note for note in (entry.note, *content.notes) if note],
            text,
            rest,
            look.folds(),
            look.cut(),
            [] if in_form else [*look.more(), *self._decoded_download(entry)],
            why_not,
        )

    def _decoded_download(self, entry: Entry) -> list[Action]:
        """Return the link to the value as it was decoded, beside the one to its stored bytes."""
        labels = {"json": _("Download as JSON"), "text": _("Download as text")}
        rest = downloads(self.gate, self.inspector, self.stored, entry)[1:]
        return [self._download(f"download-{form}", form, labels[form]) for form in rest]

    def _look(
        self, name: str, label: str, current: bool = False, at: str = "", **asked: str
    ) -> Action:
        """Return a control that shows the value in another way."""
        if self.link.post_id:
            return Action(name, label, self.link, current=current, fields=list(asked.items()))
        state = {"mode": "", "shown": "", **asked}
        return Action(name, label, f"{self.here(**state)}{f'#{at}' if at else ''}", current=current)

    def _why_hidden(self) -> str:
        if self.gate.is_secret(self.inspector, self.stored):
            return _("This is a session. Only superusers can see its value.")
        return str(self.inspector.why_not("can_get"))

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action("key", self.said_name, "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        delete = [Action("delete", _("Delete"), self.links.delete(alias, stored), "danger")]
        history = [Action("history", _("History"), self.links.history(alias, stored))]
        entry = self.entry
        forms = downloads(self.gate, self.inspector, self.stored, entry) if entry else []
        return [
            *map(self._bar_link, self._offered("bar")),
            *(self._download("download", form, _("Download")) for form in forms[:1]),
            *(delete if self.can(DELETE) else []),
            *(history if self.can(SEE_HISTORY) else []),
        ]

    def _download(self, name: str, form: str, label: str) -> Action:
        return Action(name, label, self.links.download(self.inspector.alias, self.stored, form))

    def _bar_link(self, act: KeyAct[Any]) -> Action:
        """Return the link of the action bar that opens an act's form."""
        link = self.links.key(self.inspector.alias, self.stored, mode=act.opens)
        return Action(act.opens, act.label, link, act.kind, act is self.asked, value=act.opens)

    def here(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().here(**query)
        return str(self.link)

    def help(self) -> HelpPanel:
        return HelpPanel("key", self.inspector)


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
            self.say(_("Nothing to save: you didn't change anything."), messages.INFO)
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
            text = _(
                "The change may not have been saved. Check the key before you try again. %(why)s"
            ) % {"why": why}
            self.notices.append(Notice(text, "error"))
            return None
        if outcome.result != Result.DONE:
            return self.refuse(act, form, outcome)
        log_entries.record_keys(self.request.user.pk, flag, inspector, [stored], said)
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
    return ValueBox(_("Current value"), notes=[label], text=content.formatted.text)

"""Another value in place of one that no form can hold exactly: a deliberate act of its own."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.forms import EditForm
from django_cachex.admin.keyacts.base import Subject
from django_cachex.admin.keyacts.value import EditValue
from django_cachex.admin.outcomes import replaced_message
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors.edits import Edit, Outcome, Result, SetValue


class ReplaceValue(EditValue):
    opens, applies = "replace", "set-value"
    place = "head"
    kind = ""
    label = title = submit = gettext_lazy("Replace value")

    def suits(self, subject: Subject) -> bool:
        return subject.content is not None and not subject.content.editable

    def notes(self, subject: Subject) -> list[str]:
        reason = str(subject.content.why_not) if subject.content is not None else ""
        return [
            " ".join(
                [
                    _("What is stored cannot be edited."),
                    reason,
                    _("What you write here is stored in its place."),
                ]
            )
        ]

    def form(self, subject: Subject, data: Any = None) -> EditForm:
        form = super().form(subject, data)
        form.initial.update(value="", store_as="auto")
        return form

    def edit(self, subject: Subject, form: EditForm) -> Edit | Outcome | None:
        expected = form.cleaned_data["expected"]
        if subject.entry is not None and subject.entry.expected and not expected:
            return Outcome(Result.CHANGED)
        return SetValue(form.decoded, expected, form.ttl)

    def confirm(self, subject: Subject, form: EditForm, back: Action) -> Confirm | None:
        content = subject.content
        label = content.label if content is not None else ""
        return Confirm(
            question=_('Replace the value of "%(key)s"?')
            % {"key": humane.name(subject.inspector.name(subject.stored))},
            step=_("Replace value"),
            consequences=[
                _("What it holds now is gone for good: %(label)s.") % {"label": label},
                _("An application that expects a value of the same kind may fail to read it."),
            ],
            submit=_("Replace value"),
            back=back,
        )

    def said(self, subject: Subject, form: EditForm, outcome: Outcome | None) -> str:
        return replaced_message(form, outcome)

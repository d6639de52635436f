"""Editing the value of a key that holds a single one."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import EDIT, EXPIRE
from django_cachex.admin.forms import EditForm, NumberForm
from django_cachex.admin.keyacts.base import KeyAct, Place, Subject
from django_cachex.admin.outcomes import value_message
from django_cachex.inspectors.edits import Edit, Keep, Outcome, Result, SetValue


def is_number(subject: Subject) -> bool:
    return subject.content is not None and type(subject.content.value) in (int, float)


class EditValue(KeyAct[EditForm]):
    """Another value in place of one that a form can hold exactly."""

    opens, applies, act = "edit", "save", EDIT
    offered_in: ClassVar[Place] = "value"
    place: ClassVar[Place] = "value"
    reads_value = True
    kind = "primary"
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit value")

    def suits(self, subject: Subject) -> bool:
        return subject.content is not None and subject.content.editable

    def form(self, subject: Subject, data: Any = None) -> EditForm:
        """Return the form for a value, filled so that sending it back changes nothing."""
        initial = {"opened": humane.clock()}
        if subject.entry is not None:
            initial["expected"] = subject.entry.expected
        if subject.content is not None:
            content = subject.content
            initial |= {"value": content.edit_text, "store_as": content.store_as}
        keeps_ttl = subject.inspector.can_keep_ttl
        form_class = NumberForm if is_number(subject) else EditForm
        return form_class(
            data,
            initial=initial,
            can_expire=subject.may(EXPIRE) or not keeps_ttl,
            keeps_ttl=keeps_ttl,
        )

    def edit(self, subject: Subject, form: EditForm) -> Edit | Outcome | None:
        expected = form.cleaned_data["expected"]
        if subject.entry is not None and subject.entry.expected and not expected:
            return Outcome(Result.CHANGED)
        if not form.has_changed_value() and isinstance(form.ttl, Keep):
            return None
        return SetValue(form.decoded, expected, form.ttl)

    def said(self, subject: Subject, form: EditForm, outcome: Outcome | None) -> str:
        return value_message(form, outcome)

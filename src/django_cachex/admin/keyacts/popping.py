"""Taking elements out that nobody chose: the first, the last, any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.forms import FocusedForm
from django_cachex.admin.keyacts.base import Subject
from django_cachex.admin.keyacts.elements import ElementAct
from django_cachex.admin.keyacts.removing import left
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors.edits import End, Outcome
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import printable

MAX_POPPED = 1000
MAX_EXCERPT = 200


class CountForm(FocusedForm):
    """How many to take, and from where."""

    count = forms.IntegerField(
        label=gettext_lazy("How many"), initial=1, min_value=1, max_value=MAX_POPPED
    )

    def __init__(self, data: Any = None, *, ends: Sequence[tuple[End, Text]]) -> None:
        super().__init__(data)
        if len(ends) > 1:
            self.fields["end"] = forms.ChoiceField(label=_("Which"), choices=ends)


class PopAct(ElementAct[CountForm]):
    """Its confirmation is for more than one; one is shown once it is out."""

    label = gettext_lazy("Pop")
    title = gettext_lazy("Pop")
    submit = gettext_lazy("Pop")
    unit: ClassVar[Unit] = Unit.MEMBERS

    def confirm(self, subject: Subject, form: CountForm, back: Action) -> Confirm | None:
        count = form.cleaned_data["count"]
        if count == 1:
            return None
        what = {
            "elements": humane.elements(count, self.unit),
            "key": humane.name(subject.inspector.name(subject.stored)),
        }
        return Confirm(
            question=_('Pop %(elements)s from "%(key)s"?') % what,
            step=_("Pop"),
            consequences=[
                _("They are removed, and shown once. With the last of them the key is gone, too.")
            ],
            submit=_("Pop %(elements)s") % what,
            back=back,
        )

    def said(self, subject: Subject, form: CountForm, outcome: Outcome | None) -> str:
        count = form.cleaned_data["count"] if outcome is None else outcome.count or 0
        text = _("Popped %(elements)s.") % {"elements": humane.elements(count, self.unit)}
        return text + left(outcome)

    def report(self, subject: Subject, form: CountForm, outcome: Outcome) -> str:
        """Return what was taken out, for the person alone: the record has no values."""
        shown = "; ".join(excerpt(one.formatted.text) for one in outcome.removed[:10])
        return f"{self.said(subject, form, outcome)} {shown}"


def excerpt(text: str) -> str:
    line = printable(text.encode("utf-8", "surrogatepass"))
    return line if len(line) <= MAX_EXCERPT else f"{line[:MAX_EXCERPT]}…"

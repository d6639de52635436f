"""Actions on streams."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Action, Confirm
from django_cachex.admin.forms.base import FocusedForm, first_elements
from django_cachex.admin.key_actions.base import Subject
from django_cachex.admin.key_actions.elements import ElementAct, ElementForm
from django_cachex.admin.key_actions.lists import MOST, length_of, trimmed, trimming
from django_cachex.inspectors.edits import AddEntry, Edit, Outcome, TrimStream
from django_cachex.inspectors.info import Unit


class EntryForm(ElementForm):
    """The fields of an entry, a line for each."""

    def decode(self, data: dict[str, Any]) -> Any:
        return first_elements("stream", data["value"], data["store_as"])


class AppendEntry(ElementAct[EntryForm]):
    opens, applies, types = "add-entry", "store-entry", ("stream",)
    label = title = submit = gettext_lazy("Add entry")

    def form(self, subject: Subject, data: Any = None) -> EntryForm:
        return EntryForm(data, label=_("One field=value per line"))

    def edit(self, subject: Subject, form: EntryForm) -> Edit | Outcome | None:
        return AddEntry(form.decoded)

    def said(self, subject: Subject, form: EntryForm, outcome: Outcome | None) -> str:
        if outcome is None or not outcome.reason:
            return _("Entry added.")
        return _("Entry %(id)s added.") % {"id": outcome.reason}


class KeepForm(FocusedForm):
    keep = forms.IntegerField(
        label=gettext_lazy("Newest entries to keep"), min_value=0, max_value=MOST
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class Shorten(ElementAct[KeepForm]):
    opens, applies, types = "trim-stream", "cut-stream", ("stream",)
    label = gettext_lazy("Trim")
    title = gettext_lazy("Trim stream")
    submit = gettext_lazy("Trim")

    def form(self, subject: Subject, data: Any = None) -> KeepForm:
        initial = {"expected": length_of(subject), "opened": formatting.clock()}
        return KeepForm(data, initial=initial)

    def expected(self, subject: Subject, outcome: Outcome) -> str:
        return str(length_of(subject))

    def edit(self, subject: Subject, form: KeepForm) -> Edit | Outcome | None:
        data = form.cleaned_data
        if data["keep"] >= data["expected"]:
            return None
        return TrimStream(data["keep"], data["expected"])

    def confirm(self, subject: Subject, form: KeepForm, back: Action) -> Confirm | None:
        keep, length = form.cleaned_data["keep"], length_of(subject)
        return trimming(subject, max(0, length - keep), min(keep, length), back, Unit.ENTRIES)

    def said(self, subject: Subject, form: KeepForm, outcome: Outcome | None) -> str:
        return trimmed(outcome, Unit.ENTRIES)

"""Actions on streams."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Action, Confirmation
from django_cachex.admin.forms.base import FocusedForm, parse_lines
from django_cachex.admin.key_actions.base import KeyContext
from django_cachex.admin.key_actions.elements import ElementAction, ElementForm
from django_cachex.admin.key_actions.lists import (
    MAX_LENGTH,
    current_length,
    trim_confirmation,
    trim_message,
)
from django_cachex.inspectors.edits import AddEntry, Edit, EditResult, TrimStream
from django_cachex.inspectors.info import Unit


class EntryForm(ElementForm):
    """The fields of an entry, one `field=value` a line."""

    def parse_value(self, data: dict[str, Any]) -> Any:
        return parse_lines("stream", data["value"], data["store_as"])


class AppendEntryAction(ElementAction[EntryForm]):
    form_mode, submit_mode, types = "add-entry", "store-entry", ("stream",)
    label = title = submit_label = gettext_lazy("Add entry")

    def form(self, context: KeyContext, data: Any = None) -> EntryForm:
        return EntryForm(data, label=_("One field=value per line"))

    def edit(self, context: KeyContext, form: EntryForm) -> Edit | EditResult | None:
        return AddEntry(form.parsed_value)

    def log_message(self, context: KeyContext, form: EntryForm, result: EditResult | None) -> str:
        if result is None or not result.reason:
            return _("Entry added.")
        return _("Entry %(id)s added.") % {"id": result.reason}


class TrimStreamForm(FocusedForm):
    keep = forms.IntegerField(
        label=gettext_lazy("Newest entries to keep"), min_value=0, max_value=MAX_LENGTH
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MAX_LENGTH)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class TrimStreamAction(ElementAction[TrimStreamForm]):
    form_mode, submit_mode, types = "trim-stream", "cut-stream", ("stream",)
    label = gettext_lazy("Trim")
    title = gettext_lazy("Trim stream")
    submit_label = gettext_lazy("Trim")

    def form(self, context: KeyContext, data: Any = None) -> TrimStreamForm:
        initial = {"expected": current_length(context), "opened": formatting.format_current_time()}
        return TrimStreamForm(data, initial=initial)

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return str(current_length(context))

    def edit(self, context: KeyContext, form: TrimStreamForm) -> Edit | EditResult | None:
        data = form.cleaned_data
        if data["keep"] >= data["expected"]:
            return None
        return TrimStream(data["keep"], data["expected"])

    def confirm(
        self, context: KeyContext, form: TrimStreamForm, back: Action
    ) -> Confirmation | None:
        keep, length = form.cleaned_data["keep"], current_length(context)
        return trim_confirmation(
            context, max(0, length - keep), min(keep, length), back, Unit.ENTRIES
        )

    def log_message(
        self, context: KeyContext, form: TrimStreamForm, result: EditResult | None
    ) -> str:
        return trim_message(result, Unit.ENTRIES)

"""Actions on lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Action, Confirmation
from django_cachex.admin.forms.base import FocusedForm
from django_cachex.admin.key_actions.base import KeyContext
from django_cachex.admin.key_actions.elements import (
    CountForm,
    ElementAction,
    ElementForm,
    PopAction,
    RowAction,
    element_message,
    format_item_name,
    is_unchanged,
    key_gone_note,
    replace_notes,
    require_row,
    value_form,
)
from django_cachex.inspectors.edits import (
    Edit,
    EditResult,
    End,
    InsertItem,
    InsertPosition,
    PopElements,
    PushItems,
    SetElement,
    TrimList,
)
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.types import Element

PUSH_ENDS = [(End.LAST, gettext_lazy("at the tail")), (End.FIRST, gettext_lazy("at the head"))]
POP_ENDS = [(End.LAST, gettext_lazy("from the tail")), (End.FIRST, gettext_lazy("from the head"))]
INSERT_POSITIONS = [
    (InsertPosition.BEFORE, gettext_lazy("before this item")),
    (InsertPosition.AFTER, gettext_lazy("after this item")),
]


class NewItemForm(ElementForm):
    end = forms.ChoiceField(label=gettext_lazy("Where"), choices=PUSH_ENDS)


class AddItemAction(ElementAction[NewItemForm]):
    form_mode, submit_mode, types = "add-item", "push-item", ("list",)
    label = title = submit_label = gettext_lazy("Add item")

    def form(self, context: KeyContext, data: Any = None) -> NewItemForm:
        return NewItemForm(data, label=_("Item"))

    def edit(self, context: KeyContext, form: NewItemForm) -> Edit | EditResult | None:
        return PushItems((form.parsed_value,), End(form.cleaned_data["end"]))

    def log_message(self, context: KeyContext, form: NewItemForm, result: EditResult | None) -> str:
        at_head = form.cleaned_data["end"] == End.FIRST
        text = _("Item added at the head") if at_head else _("Item added at the tail")
        return element_message(text, result)


class InsertForm(ElementForm):
    place = forms.ChoiceField(label=gettext_lazy("Where"), choices=INSERT_POSITIONS)


class InsertItemAction(RowAction[InsertForm]):
    form_mode, submit_mode, types = "insert-item", "put-item", ("list",)
    label = gettext_lazy("Insert")
    title = submit_label = gettext_lazy("Insert item")

    def object_name(self, row: Element) -> str:
        return _("next to item %(index)s") % {"index": row.name}

    def form(self, context: KeyContext, data: Any = None) -> InsertForm:
        row = require_row(context)
        label = _("New item next to item %(index)s") % {"index": row.name}
        return InsertForm(data, initial={"expected": row.expected}, label=label)

    def edit(self, context: KeyContext, form: InsertForm) -> Edit | EditResult | None:
        place = InsertPosition(form.cleaned_data["place"])
        return InsertItem(context.element, form.cleaned_data["expected"], form.parsed_value, place)

    def log_message(self, context: KeyContext, form: InsertForm, result: EditResult | None) -> str:
        is_before = form.cleaned_data["place"] == InsertPosition.BEFORE
        text = (
            _("Item inserted before item %(n)s")
            if is_before
            else _("Item inserted after item %(n)s")
        )
        return element_message(text % {"n": require_row(context).name}, result)


class EditItemAction(RowAction[ElementForm]):
    form_mode, submit_mode, types = "edit-item", "set-item", ("list",)
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit item")

    def object_name(self, row: Element) -> str:
        return format_item_name(row)

    def form(self, context: KeyContext, data: Any = None) -> ElementForm:
        row = require_row(context)
        label = _("Item %(index)s") % {"index": row.name}
        return value_form(context, data, row.cells[-1], label)

    def notes(self, context: KeyContext) -> Sequence[Text]:
        return replace_notes(require_row(context).cells[-1])

    def edit(self, context: KeyContext, form: ElementForm) -> Edit | EditResult | None:
        if is_unchanged(form):
            return None
        return SetElement(context.element, form.cleaned_data["expected"], form.parsed_value, "list")

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        return element_message(
            _("Item %(index)s changed") % {"index": require_row(context).name}, result
        )


class PopItemsAction(PopAction):
    form_mode, submit_mode, types = "pop-items", "take-items", ("list",)
    unit = Unit.ITEMS

    def form(self, context: KeyContext, data: Any = None) -> CountForm:
        return CountForm(data, ends=POP_ENDS)

    def edit(self, context: KeyContext, form: CountForm) -> Edit | EditResult | None:
        return PopElements("list", End(form.cleaned_data["end"]), form.cleaned_data["count"])


MAX_LENGTH = 10**15
"""More than the number of elements in any list or stream."""


class TrimForm(FocusedForm):
    start = forms.IntegerField(
        label=gettext_lazy("First index to keep"),
        initial=0,
        min_value=-MAX_LENGTH,
        max_value=MAX_LENGTH,
    )
    stop = forms.IntegerField(
        label=gettext_lazy("Last index to keep"),
        initial=-1,
        min_value=-MAX_LENGTH,
        max_value=MAX_LENGTH,
        help_text=gettext_lazy("Negative numbers count from the tail: -1 is the last item."),
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MAX_LENGTH)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


def current_length(context: KeyContext) -> int:
    """Return the number of elements that the key had when it was read."""
    return (context.key_value.info.size or 0) if context.key_value is not None else 0


class TrimListAction(ElementAction[TrimForm]):
    form_mode, submit_mode, types = "trim-list", "cut-list", ("list",)
    label = gettext_lazy("Trim")
    title = gettext_lazy("Trim list")
    submit_label = gettext_lazy("Trim")

    def form(self, context: KeyContext, data: Any = None) -> TrimForm:
        initial = {"expected": current_length(context), "opened": formatting.format_current_time()}
        return TrimForm(data, initial=initial)

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return str(current_length(context))

    def edit(self, context: KeyContext, form: TrimForm) -> Edit | EditResult | None:
        data = form.cleaned_data
        return TrimList(data["start"], data["stop"], data["expected"])

    def confirm(self, context: KeyContext, form: TrimForm, back: Action) -> Confirmation | None:
        data, length = form.cleaned_data, current_length(context)
        kept = len(range(length)[kept_slice(data["start"], data["stop"], length)])
        return trim_confirmation(context, length - kept, kept, back, Unit.ITEMS)

    def log_message(self, context: KeyContext, form: TrimForm, result: EditResult | None) -> str:
        return trim_message(result, Unit.ITEMS)


def kept_slice(start: int, stop: int, length: int) -> slice:
    """Return the Python slice of the items that `LTRIM start stop` keeps."""
    first = start + length if start < 0 else start
    last = stop + length if stop < 0 else stop
    return slice(max(first, 0), max(last + 1, 0))


def trim_confirmation(
    context: KeyContext, count: int, kept: int, back: Action, unit: Unit
) -> Confirmation:
    """Return the confirmation to trim a list or stream."""
    counts = {
        "elements": formatting.format_count(count, unit),
        "kept": formatting.format_number(kept),
        "key": formatting.format_name(context.inspector.display_key(context.stored)),
    }
    consequences = [_("%(kept)s will be kept. This can't be undone.") % counts]
    if not kept and unit == Unit.ITEMS:
        consequences = [_("No elements will be left, so the key will be deleted too.")]
    return Confirmation(
        question=_('Remove %(elements)s from "%(key)s"?') % counts,
        breadcrumb=_("Trim"),
        consequences=consequences,
        button_text=_("Remove %(elements)s") % counts,
        cancel=back,
    )


def trim_message(result: EditResult | None, unit: Unit) -> str:
    if result is None or result.count is None:
        return _("Trimmed.")
    text = _("Trimmed: %(elements)s removed.") % {
        "elements": formatting.format_count(result.count, unit)
    }
    return text + key_gone_note(result)

"""Actions on lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Action, Confirm
from django_cachex.admin.forms.base import FocusedForm
from django_cachex.admin.key_actions.base import Subject
from django_cachex.admin.key_actions.elements import (
    CountForm,
    ElementAct,
    ElementForm,
    PopAct,
    RowAct,
    changed,
    left,
    nothing_written,
    row_of,
    value_form,
    why_replaced,
)
from django_cachex.inspectors.edits import (
    Edit,
    End,
    InsertItem,
    Outcome,
    Place,
    PopItems,
    PushItems,
    SetItem,
    TrimList,
)
from django_cachex.inspectors.info import Text, Unit

ENDS = [(End.LAST, gettext_lazy("at the tail")), (End.FIRST, gettext_lazy("at the head"))]
FROM = [(End.LAST, gettext_lazy("from the tail")), (End.FIRST, gettext_lazy("from the head"))]
PLACES = [
    (Place.BEFORE, gettext_lazy("before this item")),
    (Place.AFTER, gettext_lazy("after this item")),
]


class NewItemForm(ElementForm):
    end = forms.ChoiceField(label=gettext_lazy("Where"), choices=ENDS)


class AddItem(ElementAct[NewItemForm]):
    opens, applies, types = "add-item", "push-item", ("list",)
    label = title = submit = gettext_lazy("Add item")

    def form(self, subject: Subject, data: Any = None) -> NewItemForm:
        return NewItemForm(data, label=_("Item"))

    def edit(self, subject: Subject, form: NewItemForm) -> Edit | Outcome | None:
        return PushItems((form.decoded,), End(form.cleaned_data["end"]))

    def said(self, subject: Subject, form: NewItemForm, outcome: Outcome | None) -> str:
        at_head = form.cleaned_data["end"] == End.FIRST
        what = _("Item added at the head") if at_head else _("Item added at the tail")
        return changed(what, outcome)


class InsertForm(ElementForm):
    place = forms.ChoiceField(label=gettext_lazy("Where"), choices=PLACES)


class InsertBeside(RowAct[InsertForm]):
    opens, applies, types = "insert-item", "put-item", ("list",)
    label = gettext_lazy("Insert")
    title = submit = gettext_lazy("Insert item")

    def form(self, subject: Subject, data: Any = None) -> InsertForm:
        row = row_of(subject)
        label = _("New item next to item %(index)s") % {"index": row.name}
        return InsertForm(data, initial={"expected": row.expected}, label=label)

    def edit(self, subject: Subject, form: InsertForm) -> Edit | Outcome | None:
        place = Place(form.cleaned_data["place"])
        return InsertItem(subject.element, form.cleaned_data["expected"], form.decoded, place)

    def said(self, subject: Subject, form: InsertForm, outcome: Outcome | None) -> str:
        is_before = form.cleaned_data["place"] == Place.BEFORE
        what = (
            _("Item inserted before item %(n)s")
            if is_before
            else _("Item inserted after item %(n)s")
        )
        return changed(what % {"n": row_of(subject).name}, outcome)


class EditItem(RowAct[ElementForm]):
    opens, applies, types = "edit-item", "set-item", ("list",)
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit item")

    def form(self, subject: Subject, data: Any = None) -> ElementForm:
        row = row_of(subject)
        label = _("Item %(index)s") % {"index": row.name}
        return value_form(subject, data, row.cells[-1], label)

    def notes(self, subject: Subject) -> Sequence[Text]:
        return why_replaced(row_of(subject).cells[-1])

    def edit(self, subject: Subject, form: ElementForm) -> Edit | Outcome | None:
        if nothing_written(form):
            return None
        return SetItem(subject.element, form.cleaned_data["expected"], form.decoded)

    def said(self, subject: Subject, form: ElementForm, outcome: Outcome | None) -> str:
        return changed(_("Item %(index)s changed") % {"index": row_of(subject).name}, outcome)


class PopItem(PopAct):
    opens, applies, types = "pop-items", "take-items", ("list",)
    unit = Unit.ITEMS

    def form(self, subject: Subject, data: Any = None) -> CountForm:
        return CountForm(data, ends=FROM)

    def edit(self, subject: Subject, form: CountForm) -> Edit | Outcome | None:
        return PopItems(End(form.cleaned_data["end"]), form.cleaned_data["count"])


MOST = 10**15
"""Items that no list has."""


class TrimForm(FocusedForm):
    start = forms.IntegerField(
        label=gettext_lazy("First index to keep"), initial=0, min_value=-MOST, max_value=MOST
    )
    stop = forms.IntegerField(
        label=gettext_lazy("Last index to keep"),
        initial=-1,
        min_value=-MOST,
        max_value=MOST,
        help_text=gettext_lazy("Negative numbers count from the tail: -1 is the last item."),
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


def length_of(subject: Subject) -> int:
    """Return how many elements the key had when it was read."""
    return (subject.entry.description.size or 0) if subject.entry is not None else 0


class Trim(ElementAct[TrimForm]):
    opens, applies, types = "trim-list", "cut-list", ("list",)
    label = gettext_lazy("Trim")
    title = gettext_lazy("Trim list")
    submit = gettext_lazy("Trim")

    def form(self, subject: Subject, data: Any = None) -> TrimForm:
        initial = {"expected": length_of(subject), "opened": formatting.clock()}
        return TrimForm(data, initial=initial)

    def expected(self, subject: Subject, outcome: Outcome) -> str:
        return str(length_of(subject))

    def edit(self, subject: Subject, form: TrimForm) -> Edit | Outcome | None:
        data = form.cleaned_data
        return TrimList(data["start"], data["stop"], data["expected"])

    def confirm(self, subject: Subject, form: TrimForm, back: Action) -> Confirm | None:
        data, length = form.cleaned_data, length_of(subject)
        kept = len(range(length)[kept_slice(data["start"], data["stop"], length)])
        return trimming(subject, length - kept, kept, back, Unit.ITEMS)

    def said(self, subject: Subject, form: TrimForm, outcome: Outcome | None) -> str:
        return trimmed(outcome, Unit.ITEMS)


def kept_slice(start: int, stop: int, length: int) -> slice:
    """Return what `LTRIM` keeps as Python writes it."""
    first = start + length if start < 0 else start
    last = stop + length if stop < 0 else stop
    return slice(max(first, 0), max(last + 1, 0))


def trimming(subject: Subject, count: int, kept: int, back: Action, unit: Unit) -> Confirm:
    """Return the question before elements are cut off."""
    counts = {
        "elements": formatting.elements(count, unit),
        "kept": formatting.number(kept),
        "key": formatting.name(subject.inspector.name(subject.stored)),
    }
    consequences = [_("%(kept)s will be kept. This can't be undone.") % counts]
    if not kept and unit == Unit.ITEMS:
        consequences = [_("No elements will be left, so the key will be deleted too.")]
    return Confirm(
        question=_('Remove %(elements)s from "%(key)s"?') % counts,
        step=_("Trim"),
        consequences=consequences,
        submit=_("Remove %(elements)s") % counts,
        back=back,
    )


def trimmed(outcome: Outcome | None, unit: Unit) -> str:
    if outcome is None or outcome.count is None:
        return _("Trimmed.")
    text = _("Trimmed: %(elements)s removed.") % {
        "elements": formatting.elements(outcome.count, unit)
    }
    return text + left(outcome)

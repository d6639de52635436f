"""Actions on sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import FocusedForm, score_of
from django_cachex.admin.key_actions.base import Subject
from django_cachex.admin.key_actions.elements import (
    CountForm,
    ElementAct,
    ElementForm,
    PopAct,
    RowAct,
    changed,
    nothing_written,
    row_of,
    value_form,
    why_replaced,
)
from django_cachex.inspectors.edits import (
    AddMembers,
    Edit,
    EditResult,
    EditStatus,
    End,
    PopMembers,
    ReplaceMember,
    SetScore,
    ZAdd,
    ZAddCondition,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values import InvalidValue

ANY = [(End.RANDOM, gettext_lazy("any"))]
SCORED = [
    (End.FIRST, gettext_lazy("with the lowest score")),
    (End.LAST, gettext_lazy("with the highest score")),
    (End.RANDOM, gettext_lazy("any")),
]
CONDITIONS = [
    (ZAddCondition.ANY, gettext_lazy("always: add it, or set the score it has")),
    (ZAddCondition.NX, gettext_lazy("only if it is not there")),
    (ZAddCondition.XX, gettext_lazy("only if it is there")),
    (ZAddCondition.GT, gettext_lazy("add it, or raise the score it has")),
    (ZAddCondition.LT, gettext_lazy("add it, or lower the score it has")),
    (ZAddCondition.XX_GT, gettext_lazy("only if it is there, and only to a higher score")),
    (ZAddCondition.XX_LT, gettext_lazy("only if it is there, and only to a lower score")),
]


class ScoreField(forms.CharField):
    """A score as it is typed in code."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(
            attrs={"inputmode": "decimal", "size": 20, "autocomplete": "off", "dir": "ltr"}
        )
        super().__init__(label=gettext_lazy("Score"), widget=widget, **kwargs)

    def clean(self, value: Any) -> float:
        try:
            return score_of(super().clean(value))
        except InvalidValue as problem:
            raise ValidationError(str(problem)) from problem


class AddMember(ElementAct[ElementForm]):
    opens, applies, types = "add-member", "store-member", ("set",)
    label = title = submit = gettext_lazy("Add member")

    def form(self, subject: Subject, data: Any = None) -> ElementForm:
        return ElementForm(data, label=_("Member"))

    def edit(self, subject: Subject, form: ElementForm) -> Edit | EditResult | None:
        return AddMembers((form.decoded,))

    def refusal(
        self, subject: Subject, form: ElementForm, outcome: EditResult
    ) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: ElementForm, outcome: EditResult | None) -> str:
        return changed(_("Member added"), outcome)


def already_there(outcome: EditResult) -> Mapping[str, str]:
    """Return what to say beside a member that is there."""
    if outcome.status not in (EditStatus.EXISTS, EditStatus.UNCHANGED):
        return {}
    return {"value": _("This member is there already.")}


class ScoredForm(ElementForm):
    score = ScoreField()
    only = forms.ChoiceField(label=gettext_lazy("When"), choices=CONDITIONS, required=False)
    field_order = ("value", "store_as", "score", "only")


class AddScoredMember(ElementAct[ScoredForm]):
    opens, applies, types = "add-scored", "store-scored", ("zset",)
    label = title = submit = gettext_lazy("Add member")

    def form(self, subject: Subject, data: Any = None) -> ScoredForm:
        return ScoredForm(data, label=_("Member"))

    def edit(self, subject: Subject, form: ScoredForm) -> Edit | EditResult | None:
        pair = (form.decoded, form.cleaned_data["score"])
        return ZAdd((pair,), ZAddCondition(form.cleaned_data["only"]))

    def said(self, subject: Subject, form: ScoredForm, outcome: EditResult | None) -> str:
        what = _("Member stored with the score %(score)s") % {"score": form.cleaned_data["score"]}
        return changed(what, outcome)


class EditMember(RowAct[ElementForm]):
    opens, applies, types = "edit-member", "set-member", ("set", "zset")
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit member")

    def form(self, subject: Subject, data: Any = None) -> ElementForm:
        return value_form(subject, data, row_of(subject).cells[0], _("Member"))

    def notes(self, subject: Subject) -> Sequence[Text]:
        return why_replaced(row_of(subject).cells[0])

    def edit(self, subject: Subject, form: ElementForm) -> Edit | EditResult | None:
        if nothing_written(form):
            return None
        expected = form.cleaned_data["expected"]
        return ReplaceMember(subject.type, subject.element, expected, form.decoded)

    def refusal(
        self, subject: Subject, form: ElementForm, outcome: EditResult
    ) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: ElementForm, outcome: EditResult | None) -> str:
        return changed(_("Member changed"), outcome)


class ScoreForm(FocusedForm):
    score = ScoreField()
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class ChangeScore(RowAct[ScoreForm]):
    opens, applies, types = "edit-score", "set-score", ("zset",)
    label = gettext_lazy("Score")
    title = gettext_lazy("Change score")

    def form(self, subject: Subject, data: Any = None) -> ScoreForm:
        row = row_of(subject)
        score = row.cells[1].formatted.text
        initial = {"score": score, "expected": row.expected, "opened": formatting.clock()}
        return ScoreForm(data, initial=initial)

    def notes(self, subject: Subject) -> Sequence[Text]:
        return [_("Of the member %(member)s") % {"member": row_of(subject).name}]

    def edit(self, subject: Subject, form: ScoreForm) -> Edit | EditResult | None:
        data = form.cleaned_data
        return SetScore(subject.element, data["expected"], data["score"])

    def said(self, subject: Subject, form: ScoreForm, outcome: EditResult | None) -> str:
        score = {"score": form.cleaned_data["score"]}
        return changed(_("Score of a member set to %(score)s") % score, outcome)


class PopMember(PopAct):
    opens, applies, types = "pop-members", "take-members", ("set", "zset")

    def form(self, subject: Subject, data: Any = None) -> CountForm:
        return CountForm(data, ends=ANY if subject.type == "set" else SCORED)

    def edit(self, subject: Subject, form: CountForm) -> Edit | EditResult | None:
        end = End(form.cleaned_data.get("end", End.RANDOM))
        return PopMembers(subject.type, end, form.cleaned_data["count"])

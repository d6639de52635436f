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
    AddScored,
    Edit,
    End,
    Only,
    Outcome,
    PopMembers,
    RenameMember,
    Result,
    SetScore,
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
    (Only.ANY, gettext_lazy("always: add the member, or update its score")),
    (Only.NEW, gettext_lazy("only if the member doesn't exist")),
    (Only.THERE, gettext_lazy("only if the member exists")),
    (Only.GREATER, gettext_lazy("add the member, or raise its score")),
    (Only.LOWER, gettext_lazy("add the member, or lower its score")),
    (Only.THERE_GREATER, gettext_lazy("only if the member exists and the new score is higher")),
    (Only.THERE_LOWER, gettext_lazy("only if the member exists and the new score is lower")),
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

    def edit(self, subject: Subject, form: ElementForm) -> Edit | Outcome | None:
        return AddMembers((form.decoded,))

    def refusal(self, subject: Subject, form: ElementForm, outcome: Outcome) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: ElementForm, outcome: Outcome | None) -> str:
        return changed(_("Member added"), outcome)


def already_there(outcome: Outcome) -> Mapping[str, str]:
    """Return what to say beside a member that is there."""
    if outcome.result not in (Result.EXISTS, Result.UNCHANGED):
        return {}
    return {"value": _("This member already exists.")}


class ScoredForm(ElementForm):
    score = ScoreField()
    only = forms.ChoiceField(label=gettext_lazy("When"), choices=CONDITIONS, required=False)
    field_order = ("value", "store_as", "score", "only")


class AddScoredMember(ElementAct[ScoredForm]):
    opens, applies, types = "add-scored", "store-scored", ("zset",)
    label = title = submit = gettext_lazy("Add member")

    def form(self, subject: Subject, data: Any = None) -> ScoredForm:
        return ScoredForm(data, label=_("Member"))

    def edit(self, subject: Subject, form: ScoredForm) -> Edit | Outcome | None:
        pair = (form.decoded, form.cleaned_data["score"])
        return AddScored((pair,), Only(form.cleaned_data["only"]))

    def said(self, subject: Subject, form: ScoredForm, outcome: Outcome | None) -> str:
        what = _("Member stored with score %(score)s") % {"score": form.cleaned_data["score"]}
        return changed(what, outcome)


class EditMember(RowAct[ElementForm]):
    opens, applies, types = "edit-member", "set-member", ("set", "zset")
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit member")

    def form(self, subject: Subject, data: Any = None) -> ElementForm:
        return value_form(subject, data, row_of(subject).cells[0], _("Member"))

    def notes(self, subject: Subject) -> Sequence[Text]:
        return why_replaced(row_of(subject).cells[0])

    def edit(self, subject: Subject, form: ElementForm) -> Edit | Outcome | None:
        if nothing_written(form):
            return None
        expected = form.cleaned_data["expected"]
        return RenameMember(subject.type, subject.element, expected, form.decoded)

    def refusal(self, subject: Subject, form: ElementForm, outcome: Outcome) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: ElementForm, outcome: Outcome | None) -> str:
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
        return [_("Member: %(member)s") % {"member": row_of(subject).name}]

    def edit(self, subject: Subject, form: ScoreForm) -> Edit | Outcome | None:
        data = form.cleaned_data
        return SetScore(subject.element, data["expected"], data["score"])

    def said(self, subject: Subject, form: ScoreForm, outcome: Outcome | None) -> str:
        score = {"score": form.cleaned_data["score"]}
        return changed(_("Score of a member set to %(score)s") % score, outcome)


class PopMember(PopAct):
    opens, applies, types = "pop-members", "take-members", ("set", "zset")

    def form(self, subject: Subject, data: Any = None) -> CountForm:
        return CountForm(data, ends=ANY if subject.type == "set" else SCORED)

    def edit(self, subject: Subject, form: CountForm) -> Edit | Outcome | None:
        end = End(form.cleaned_data.get("end", End.RANDOM))
        return PopMembers(subject.type, end, form.cleaned_data["count"])

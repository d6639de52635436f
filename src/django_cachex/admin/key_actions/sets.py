"""Actions on sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import FocusedForm, parse_score
from django_cachex.admin.key_actions.base import KeyContext
from django_cachex.admin.key_actions.elements import (
    CountForm,
    ElementAction,
    ElementForm,
    PopAction,
    RowAction,
    element_message,
    is_unchanged,
    replace_notes,
    require_row,
    value_form,
)
from django_cachex.inspectors.edits import (
    AddMembers,
    Edit,
    EditResult,
    EditStatus,
    End,
    PopElements,
    SetElement,
    SetScore,
    ZAdd,
    ZAddCondition,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values import InvalidValue

SET_POP_CHOICES = [(End.RANDOM, gettext_lazy("any"))]
ZSET_POP_CHOICES = [
    (End.FIRST, gettext_lazy("those with the lowest score")),
    (End.LAST, gettext_lazy("those with the highest score")),
    (End.RANDOM, gettext_lazy("any")),
]
ZADD_CONDITIONS = [
    (ZAddCondition.ANY, gettext_lazy("Add the member or update its score")),
    (ZAddCondition.NX, gettext_lazy("Only add the member")),
    (ZAddCondition.XX, gettext_lazy("Only update its score")),
    (ZAddCondition.GT, gettext_lazy("Add the member or raise its score")),
    (ZAddCondition.LT, gettext_lazy("Add the member or lower its score")),
    (ZAddCondition.XX_GT, gettext_lazy("Only raise its score")),
    (ZAddCondition.XX_LT, gettext_lazy("Only lower its score")),
]


class ScoreField(forms.CharField):
    """A score: a number, inf or -inf."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(
            attrs={"inputmode": "decimal", "size": 20, "autocomplete": "off", "dir": "ltr"}
        )
        super().__init__(label=gettext_lazy("Score"), widget=widget, **kwargs)

    def clean(self, value: Any) -> float:
        try:
            return parse_score(super().clean(value))
        except InvalidValue as problem:
            raise ValidationError(str(problem)) from problem


class AddMemberAction(ElementAction[ElementForm]):
    form_mode, submit_mode, types = "add-member", "store-member", ("set",)
    label = title = submit_label = gettext_lazy("Add member")

    def form(self, context: KeyContext, data: Any = None) -> ElementForm:
        return ElementForm(data, label=_("Member"))

    def edit(self, context: KeyContext, form: ElementForm) -> Edit | EditResult | None:
        return AddMembers((form.parsed_value,))

    def field_errors(
        self, context: KeyContext, form: ElementForm, result: EditResult
    ) -> Mapping[str, str]:
        return member_exists_error(result)

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        return element_message(_("Member added"), result)


def member_exists_error(result: EditResult) -> Mapping[str, str]:
    """Return the form error for a member that exists."""
    if result.status not in (EditStatus.EXISTS, EditStatus.UNCHANGED):
        return {}
    return {"value": _("This member already exists.")}


class ScoredMemberForm(ElementForm):
    score = ScoreField()
    only = forms.ChoiceField(
        label=gettext_lazy("Condition"), choices=ZADD_CONDITIONS, required=False
    )
    field_order = ("value", "store_as", "score", "only")


class AddScoredMemberAction(ElementAction[ScoredMemberForm]):
    form_mode, submit_mode, types = "add-scored", "store-scored", ("zset",)
    label = title = submit_label = gettext_lazy("Add member")

    def form(self, context: KeyContext, data: Any = None) -> ScoredMemberForm:
        return ScoredMemberForm(data, label=_("Member"))

    def edit(self, context: KeyContext, form: ScoredMemberForm) -> Edit | EditResult | None:
        pair = (form.parsed_value, form.cleaned_data["score"])
        return ZAdd((pair,), ZAddCondition(form.cleaned_data["only"]))

    def log_message(
        self, context: KeyContext, form: ScoredMemberForm, result: EditResult | None
    ) -> str:
        text = _("Member stored with score %(score)s") % {"score": form.cleaned_data["score"]}
        return element_message(text, result)


class EditMemberAction(RowAction[ElementForm]):
    form_mode, submit_mode, types = "edit-member", "set-member", ("set", "zset")
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit member")

    def form(self, context: KeyContext, data: Any = None) -> ElementForm:
        return value_form(context, data, require_row(context).cells[0], _("Member"))

    def notes(self, context: KeyContext) -> Sequence[Text]:
        return replace_notes(require_row(context).cells[0])

    def edit(self, context: KeyContext, form: ElementForm) -> Edit | EditResult | None:
        if is_unchanged(form):
            return None
        expected = form.cleaned_data["expected"]
        return SetElement(context.element, expected, form.parsed_value, context.type)

    def field_errors(
        self, context: KeyContext, form: ElementForm, result: EditResult
    ) -> Mapping[str, str]:
        return member_exists_error(result)

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        return element_message(_("Member changed"), result)


class ScoreForm(FocusedForm):
    score = ScoreField()
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class ChangeScoreAction(RowAction[ScoreForm]):
    form_mode, submit_mode, types = "edit-score", "set-score", ("zset",)
    label = gettext_lazy("Score")
    title = gettext_lazy("Change score")

    def form(self, context: KeyContext, data: Any = None) -> ScoreForm:
        row = require_row(context)
        score = row.cells[1].formatted.text
        initial = {
            "score": score,
            "expected": row.expected,
            "opened": formatting.format_current_time(),
        }
        return ScoreForm(data, initial=initial)

    def notes(self, context: KeyContext) -> Sequence[Text]:
        return [_("Member: %(member)s") % {"member": require_row(context).name}]

    def edit(self, context: KeyContext, form: ScoreForm) -> Edit | EditResult | None:
        data = form.cleaned_data
        return SetScore(context.element, data["expected"], data["score"])

    def log_message(self, context: KeyContext, form: ScoreForm, result: EditResult | None) -> str:
        score = {"score": form.cleaned_data["score"]}
        return element_message(_("Score of a member set to %(score)s") % score, result)


class PopMembersAction(PopAction):
    form_mode, submit_mode, types = "pop-members", "take-members", ("set", "zset")

    def form(self, context: KeyContext, data: Any = None) -> CountForm:
        return CountForm(data, ends=SET_POP_CHOICES if context.type == "set" else ZSET_POP_CHOICES)

    def edit(self, context: KeyContext, form: CountForm) -> Edit | EditResult | None:
        end = End(form.cleaned_data.get("end", End.RANDOM))
        return PopElements(context.type, end, form.cleaned_data["count"])

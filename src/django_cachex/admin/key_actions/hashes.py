"""Actions on hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import AS_CODE, ExpireForm, FocusedForm
from django_cachex.admin.key_actions.base import Subject
from django_cachex.admin.key_actions.elements import (
    ElementAct,
    ElementForm,
    RowAct,
    changed,
    nothing_written,
    row_of,
    value_form,
    why_replaced,
)
from django_cachex.admin.messages import ttl_message
from django_cachex.inspectors.edits import (
    AddFields,
    Edit,
    Keep,
    Outcome,
    RenameField,
    Result,
    SetField,
    SetFieldTtl,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import encode_text, printable
from django_cachex.inspectors.types import Element

NAME_ATTRS = {**AS_CODE, "autocomplete": "off"}


class NameField(forms.CharField):
    """A name, which may be empty and keeps its spaces."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs=NAME_ATTRS)
        super().__init__(strip=False, required=False, widget=widget, **kwargs)


class NewFieldForm(ElementForm):
    field = NameField(label=gettext_lazy("Field"))
    field_order = ("field", "value", "store_as")


class AddField(ElementAct[NewFieldForm]):
    opens, applies, types = "add-field", "store-field", ("hash",)
    label = title = submit = gettext_lazy("Add field")

    def form(self, subject: Subject, data: Any = None) -> NewFieldForm:
        return NewFieldForm(data)

    def edit(self, subject: Subject, form: NewFieldForm) -> Edit | Outcome | None:
        return AddFields(((form.cleaned_data["field"], form.decoded),))

    def refusal(self, subject: Subject, form: NewFieldForm, outcome: Outcome) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: NewFieldForm, outcome: Outcome | None) -> str:
        what = _('Field "%(name)s" added') % {"name": said_name(form.cleaned_data["field"])}
        return changed(what, outcome)


def already_there(outcome: Outcome) -> Mapping[str, str]:
    """Return what to say beside the name of a field that is there."""
    if outcome.result != Result.EXISTS:
        return {}
    return {"field": _("This field already exists. Edit it, or choose another name.")}


def said_name(name: str) -> str:
    return printable(encode_text(name))


class EditField(RowAct[ElementForm]):
    opens, applies, types = "edit-field", "set-field", ("hash",)
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit field")

    def form(self, subject: Subject, data: Any = None) -> ElementForm:
        return value_form(subject, data, row_of(subject).cells[-1], row_of(subject).name)

    def notes(self, subject: Subject) -> Sequence[Text]:
        return why_replaced(row_of(subject).cells[-1])

    def edit(self, subject: Subject, form: ElementForm) -> Edit | Outcome | None:
        if nothing_written(form):
            return None
        return SetField(subject.element, form.cleaned_data["expected"], form.decoded)

    def said(self, subject: Subject, form: ElementForm, outcome: Outcome | None) -> str:
        what = changed(_('Field "%(name)s" changed') % {"name": row_of(subject).name}, outcome)
        return with_reason(what, outcome)


def with_reason(what: str, outcome: Outcome | None) -> str:
    """Return what was done, with what there is to know of the field's TTL."""
    return f"{what} {outcome.reason}".strip() if outcome is not None else what


class RenameFieldForm(FocusedForm):
    field = NameField(label=gettext_lazy("New name"))
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class RenameOneField(RowAct[RenameFieldForm]):
    opens, applies, types = "rename-field", "set-field-name", ("hash",)
    label = gettext_lazy("Rename")
    title = gettext_lazy("Rename field")
    submit = gettext_lazy("Rename")

    def form(self, subject: Subject, data: Any = None) -> RenameFieldForm:
        row = row_of(subject)
        initial = {"expected": row.expected, "opened": formatting.clock(), "field": row.name}
        return RenameFieldForm(data, initial=initial)

    def edit(self, subject: Subject, form: RenameFieldForm) -> Edit | Outcome | None:
        data = form.cleaned_data
        if data["field"] == row_of(subject).name:
            return None
        return RenameField(subject.element, data["expected"], data["field"])

    def refusal(
        self, subject: Subject, form: RenameFieldForm, outcome: Outcome
    ) -> Mapping[str, str]:
        return already_there(outcome)

    def said(self, subject: Subject, form: RenameFieldForm, outcome: Outcome | None) -> str:
        names = {"old": row_of(subject).name, "new": said_name(form.cleaned_data["field"])}
        return with_reason(_('Field "%(old)s" renamed to "%(new)s".') % names, outcome)


class FieldTtlForm(ExpireForm):
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, row: Element, data: Any = None) -> None:
        super().__init__(data, initial={"expected": row.expected, "opened": formatting.clock()})
        now = _("Now: %(expires)s.") % {"expires": formatting.expiry(row.ttl)}
        self.fields["timeout"].help_text = now


class ChangeFieldTtl(RowAct[FieldTtlForm]):
    """Only where the server lets fields expire."""

    opens, applies, types = "expire-field", "set-field-ttl", ("hash",)
    label = gettext_lazy("TTL")
    title = gettext_lazy("Change field TTL")

    def suits_row(self, row: Element) -> bool:
        return row.ttl is not None

    def form(self, subject: Subject, data: Any = None) -> FieldTtlForm:
        return FieldTtlForm(row_of(subject), data)

    def edit(self, subject: Subject, form: FieldTtlForm) -> Edit | Outcome | None:
        if isinstance(form.ttl, Keep):
            return None
        return SetFieldTtl(subject.element, form.ttl, form.cleaned_data["expected"])

    def said(self, subject: Subject, form: FieldTtlForm, outcome: Outcome | None) -> str:
        ttl = "" if isinstance(form.ttl, Keep) else ttl_message(form.ttl)
        name = {"name": row_of(subject).name, "ttl": ttl}
        return _('Field "%(name)s": %(ttl)s') % name

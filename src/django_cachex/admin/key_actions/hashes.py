"""Actions on hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import CODE_ATTRS, ExpireForm, FocusedForm
from django_cachex.admin.forms.ttl import current_ttl_text
from django_cachex.admin.key_actions.base import KeyContext
from django_cachex.admin.key_actions.elements import (
    ElementAction,
    ElementForm,
    RowAction,
    element_message,
    is_unchanged,
    replace_notes,
    require_row,
    value_form,
)
from django_cachex.admin.messages import ttl_message
from django_cachex.inspectors.edits import (
    AddFields,
    Edit,
    EditResult,
    EditStatus,
    ExpireField,
    KeepTTL,
    RenameField,
    SetElement,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text, encode_text
from django_cachex.inspectors.types import TTL_NONE, Element

NAME_ATTRS = {**CODE_ATTRS, "autocomplete": "off"}


class NameField(forms.CharField):
    """A field name, which may be empty and is not stripped."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs=NAME_ATTRS)
        super().__init__(strip=False, required=False, widget=widget, **kwargs)


class NewFieldForm(ElementForm):
    field = NameField(label=gettext_lazy("Field"))
    field_order = ("field", "value", "store_as")


class AddFieldAction(ElementAction[NewFieldForm]):
    form_mode, submit_mode, types = "add-field", "store-field", ("hash",)
    label = title = submit_label = gettext_lazy("Add field")

    def form(self, context: KeyContext, data: Any = None) -> NewFieldForm:
        return NewFieldForm(data)

    def edit(self, context: KeyContext, form: NewFieldForm) -> Edit | EditResult | None:
        return AddFields(((form.cleaned_data["field"], form.parsed_value),))

    def field_errors(
        self, context: KeyContext, form: NewFieldForm, result: EditResult
    ) -> Mapping[str, str]:
        return field_exists_error(result)

    def log_message(
        self, context: KeyContext, form: NewFieldForm, result: EditResult | None
    ) -> str:
        text = _('Field "%(name)s" added') % {
            "name": display_field_name(form.cleaned_data["field"])
        }
        return element_message(text, result)


def field_exists_error(result: EditResult) -> Mapping[str, str]:
    """Return the form error for a field name that exists."""
    if result.status != EditStatus.EXISTS:
        return {}
    return {"field": _("This field already exists. Edit it, or choose another name.")}


def display_field_name(name: str) -> str:
    return display_text(encode_text(name))


class EditFieldAction(RowAction[ElementForm]):
    form_mode, submit_mode, types = "edit-field", "set-field", ("hash",)
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit field")

    def form(self, context: KeyContext, data: Any = None) -> ElementForm:
        return value_form(context, data, require_row(context).cells[-1], require_row(context).name)

    def notes(self, context: KeyContext) -> Sequence[Text]:
        return replace_notes(require_row(context).cells[-1])

    def edit(self, context: KeyContext, form: ElementForm) -> Edit | EditResult | None:
        if is_unchanged(form):
            return None
        return SetElement(context.element, form.cleaned_data["expected"], form.parsed_value, "hash")

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        text = element_message(
            _('Field "%(name)s" changed') % {"name": require_row(context).name}, result
        )
        return append_reason(text, result)


def append_reason(text: str, result: EditResult | None) -> str:
    """Return a message with the reason of the result, such as a note about the field's TTL."""
    return f"{text} {result.reason}".strip() if result is not None else text


class RenameFieldForm(FocusedForm):
    field = NameField(label=gettext_lazy("New name"))
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)


class RenameFieldAction(RowAction[RenameFieldForm]):
    form_mode, submit_mode, types = "rename-field", "set-field-name", ("hash",)
    label = gettext_lazy("Rename")
    title = gettext_lazy("Rename field")
    submit_label = gettext_lazy("Rename")

    def form(self, context: KeyContext, data: Any = None) -> RenameFieldForm:
        row = require_row(context)
        initial = {
            "expected": row.expected,
            "opened": formatting.format_current_time(),
            "field": row.name,
        }
        return RenameFieldForm(data, initial=initial)

    def edit(self, context: KeyContext, form: RenameFieldForm) -> Edit | EditResult | None:
        data = form.cleaned_data
        if data["field"] == require_row(context).name:
            return None
        return RenameField(context.element, data["expected"], data["field"])

    def field_errors(
        self, context: KeyContext, form: RenameFieldForm, result: EditResult
    ) -> Mapping[str, str]:
        return field_exists_error(result)

    def log_message(
        self, context: KeyContext, form: RenameFieldForm, result: EditResult | None
    ) -> str:
        names = {
            "old": require_row(context).name,
            "new": display_field_name(form.cleaned_data["field"]),
        }
        return append_reason(_('Field "%(old)s" renamed to "%(new)s".') % names, result)


class FieldTtlForm(ExpireForm):
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, row: Element, data: Any = None) -> None:
        super().__init__(
            data, initial={"expected": row.expected, "opened": formatting.format_current_time()}
        )
        if row.ttl is not None:
            self.fields["timeout"].help_text = current_ttl_text(row.ttl)


class ChangeFieldTtlAction(RowAction[FieldTtlForm]):
    """Change the TTL of a field, if the server supports that."""

    form_mode, submit_mode, types = "expire-field", "set-field-ttl", ("hash",)
    label = gettext_lazy("TTL")
    title = gettext_lazy("Change field TTL")

    def applies_to_row(self, row: Element) -> bool:
        return row.ttl is not None

    def form(self, context: KeyContext, data: Any = None) -> FieldTtlForm:
        return FieldTtlForm(require_row(context), data)

    def edit(self, context: KeyContext, form: FieldTtlForm) -> Edit | EditResult | None:
        if isinstance(form.ttl, KeepTTL):
            return None
        return ExpireField(context.element, form.cleaned_data["expected"], form.ttl)

    def log_message(
        self, context: KeyContext, form: FieldTtlForm, result: EditResult | None
    ) -> str:
        ttl = "" if isinstance(form.ttl, KeepTTL) else ttl_message(form.ttl)
        if form.ttl == TTL_NONE:
            ttl = _("TTL removed. The field never expires.")
        name = {"name": require_row(context).name, "ttl": ttl}
        return _('Field "%(name)s": %(ttl)s') % name

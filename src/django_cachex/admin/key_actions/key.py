"""Actions on a whole key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirmation
from django_cachex.admin.forms.base import CODE_ATTRS, EditForm, FocusedForm, NumberForm
from django_cachex.admin.forms.ttl import TtlForm
from django_cachex.admin.key_actions.base import (
    KeyAction,
    KeyContext,
    PageArea,
    RequiredPermission,
    not_editable_note,
)
from django_cachex.admin.messages import ttl_message, value_changed_message, value_replaced_message
from django_cachex.admin.permissions import (
    COPY,
    COPY_OVER,
    COPY_TO,
    EDIT,
    EXPIRE,
    INCREASE,
    RENAME,
    visible_aliases,
)
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import (
    Copy,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExpireAt,
    ExtendTTL,
    Incr,
    KeepTTL,
    Rename,
    SetValue,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text, encode_text

KEY_NAME_ATTRS = {**CODE_ATTRS, "autocomplete": "off", "autofocus": ""}


class NameForm(FocusedForm):
    """A new name for a key, and whether to overwrite a key with that name."""

    name = forms.CharField(
        label=gettext_lazy("New name"), strip=False, widget=forms.TextInput(attrs=KEY_NAME_ATTRS)
    )
    overwrite = forms.BooleanField(
        label=gettext_lazy("Replace the key with this name if it exists"), required=False
    )

    def __init__(self, data: Any = None, *, name: str, can_overwrite: bool = True) -> None:
        super().__init__(data, initial={"name": name})
        if not can_overwrite:
            del self.fields["overwrite"]

    @property
    def overwrites(self) -> bool:
        return bool(self.cleaned_data.get("overwrite"))


N = TypeVar("N", bound=NameForm)


class CopyForm(NameForm):
    """A name for the copy, and the cache to copy to."""

    into = forms.ChoiceField(label=gettext_lazy("Cache"))

    field_order = ("into", "name", "overwrite")

    def __init__(
        self, data: Any = None, *, aliases: Sequence[str], name: str, can_overwrite: bool
    ) -> None:
        super().__init__(data, name=name, can_overwrite=can_overwrite)
        field = cast(forms.ChoiceField, self.fields["into"])
        field.choices = [(alias, alias) for alias in aliases]
        if len(aliases) == 1:
            field.initial, field.widget = aliases[0], forms.HiddenInput()


def editable_name(inspector: Inspector, stored: bytes) -> str:
    """Return the name of a key as it can be entered, or an empty text if it can't be."""
    name = inspector.display_key(stored).replace("\\\\", "\\")
    return name if inspector.make_key(name) == stored else ""


def display_name(name: str) -> str:
    """Return a name that was entered, for a message."""
    return formatting.format_name(display_text(encode_text(name)))


class NewNameAction(KeyAction[N]):
    """Base class of actions that give a key another name, which may overwrite a key."""

    skips_value = True
    success_text = "%(what)s"
    overwrite_button: Text

    def confirm(self, context: KeyContext, form: N, back: Action) -> Confirmation | None:
        """Return the confirmation to overwrite a key."""
        if not form.overwrites:
            return None
        inspector, _stored = self.result_key(context, form)
        names = {"name": display_name(form.cleaned_data["name"]), "alias": inspector.alias}
        return Confirmation(
            question=_('Replace "%(name)s" in "%(alias)s"?') % names,
            breadcrumb=_("Replace"),
            consequences=[
                _(
                    "If a key with this name exists, it will be lost, whatever its type. This "
                    "can't be undone. The key that replaces it keeps its own TTL."
                )
            ],
            button_text=str(self.overwrite_button),
            cancel=back,
        )

    def overwritten_key(self, context: KeyContext, form: N) -> tuple[Inspector, bytes] | None:
        return self.result_key(context, form) if form.overwrites else None

    def field_errors(self, context: KeyContext, form: N, result: EditResult) -> Mapping[str, str]:
        if result.status != EditStatus.EXISTS:
            return {}
        text = _("A key with this name already exists.")
        if "overwrite" in form.fields:
            text += " " + _('To replace it, select "Replace the key with this name if it exists".')
        return {"name": text}


class CopyKeyAction(NewNameAction[CopyForm]):
    """Copy a key, also to another cache."""

    form_mode, submit_mode, permission = "copy", "make-copy", COPY
    label = gettext_lazy("Copy to…")
    title = submit_label = gettext_lazy("Copy key")
    overwrite_button = gettext_lazy("Copy and replace")

    def applies_to(self, context: KeyContext) -> bool:
        return any(self._aliases(context))

    def form(self, context: KeyContext, data: Any = None) -> CopyForm:
        aliases = list(self._aliases(context))
        return CopyForm(
            data,
            aliases=aliases,
            name=editable_name(context.inspector, context.stored),
            can_overwrite=any(
                context.is_allowed_on(COPY_OVER, inspector_for(one)) for one in aliases
            ),
        )

    @staticmethod
    def _aliases(context: KeyContext) -> Iterator[str]:
        """Yield the caches that can hold a copy and that this user may add to, its own first."""
        own = context.inspector
        if context.is_allowed_on(COPY_TO, own):
            yield own.alias
        for alias in visible_aliases():
            other = inspector_for(alias) if alias != own.alias else None
            if other and own.copies_into(other) and context.is_allowed_on(COPY_TO, other):
                yield alias

    def notes(self, context: KeyContext) -> list[str]:
        return [_("The copy has the same value and expires at the same time.")]

    def required_permissions(
        self, context: KeyContext, form: CopyForm
    ) -> Iterable[RequiredPermission]:
        permission = COPY_OVER if form.overwrites else COPY_TO
        return [(permission, *self.result_key(context, form))]

    def edit(self, context: KeyContext, form: CopyForm) -> Edit | EditResult | None:
        into, to = self.result_key(context, form)
        if into is context.inspector:
            return None if to == context.stored else Copy(to, None, form.overwrites)
        return Copy(to, into, form.overwrites)

    def result_key(self, context: KeyContext, form: CopyForm) -> tuple[Inspector, bytes]:
        alias, name = form.cleaned_data["into"], form.cleaned_data["name"]
        own = context.inspector
        into = own if alias == own.alias else inspector_for(alias)
        return into, into.make_key(name)

    def log_message(self, context: KeyContext, form: CopyForm, result: EditResult | None) -> str:
        own = context.inspector
        names = {
            "old": formatting.name_or_placeholder(own.display_key(context.stored)),
            "alias": own.alias,
            "into": form.cleaned_data["into"],
            "new": display_name(form.cleaned_data["name"]),
        }
        if form.overwrites:
            text = _(
                'Copied from "%(old)s" in "%(alias)s" to "%(new)s" in "%(into)s", replacing '
                "any existing key."
            )
        else:
            text = _('Copied from "%(old)s" in "%(alias)s" to "%(new)s" in "%(into)s".')
        return text % names

    def log_flag_for(self, form: CopyForm) -> int:
        return log_entries.CHANGE if form.overwrites else log_entries.ADDITION


class RenameKeyAction(NewNameAction[NameForm]):
    form_mode, submit_mode, permission = "rename", "set-name", RENAME
    label = submit_label = gettext_lazy("Rename")
    title = gettext_lazy("Rename key")
    overwrite_button = gettext_lazy("Rename and replace")

    def form(self, context: KeyContext, data: Any = None) -> NameForm:
        return NameForm(data, name=editable_name(context.inspector, context.stored))

    def notes(self, context: KeyContext) -> list[str]:
        return [_("The value and the TTL don't change.")]

    def required_permissions(
        self, context: KeyContext, form: NameForm
    ) -> Iterable[RequiredPermission]:
        """Require permission for the new name too, which may be a session's."""
        return [(RENAME, context.inspector, self._to(context, form))]

    def edit(self, context: KeyContext, form: NameForm) -> Edit | EditResult | None:
        to = self._to(context, form)
        return None if to == context.stored else Rename(to, form.overwrites)

    def result_key(self, context: KeyContext, form: NameForm) -> tuple[Inspector, bytes]:
        return context.inspector, self._to(context, form)

    def log_message(self, context: KeyContext, form: NameForm, result: EditResult | None) -> str:
        names = {
            "old": context.key_name,
            "new": display_name(form.cleaned_data["name"]),
        }
        if form.overwrites:
            text = _('Renamed from "%(old)s" to "%(new)s", replacing any existing key.')
        else:
            text = _('Renamed from "%(old)s" to "%(new)s".')
        return text % names

    @staticmethod
    def _to(context: KeyContext, form: NameForm) -> bytes:
        return context.inspector.make_key(form.cleaned_data["name"])


class ChangeTtlAction(KeyAction[TtlForm]):
    form_mode, submit_mode, permission = "expire", "set-ttl", EXPIRE
    control_area, form_area = "head", "head"
    skips_value = True
    has_preview = True
    label = title = gettext_lazy("Change TTL")
    submit_label = gettext_lazy("Save TTL")

    def form(self, context: KeyContext, data: Any = None) -> TtlForm:
        ttl = context.key_value.info.ttl if context.key_value is not None else None
        return TtlForm(data, ttl=ttl, can_extend=context.inspector.can_extend)

    def edit(self, context: KeyContext, form: TtlForm) -> Edit | EditResult | None:
        return form.edit

    def preview(self, context: KeyContext, form: TtlForm) -> str:
        return form.preview()

    def log_message(self, context: KeyContext, form: TtlForm, result: EditResult | None) -> str:
        return f"{self.describe_edit(form)} {context.old_ttl_text}".strip()

    @staticmethod
    def describe_edit(form: TtlForm) -> str:
        """Return the new TTL, or by how much it was extended."""
        match form.edit:
            case Expire(ttl=ttl):
                return ttl_message(ttl)
            case ExpireAt(timestamp=moment):
                when = datetime.fromtimestamp(moment / 1000, UTC)
                return _("TTL set: the key expires %(moment)s.") % {
                    "moment": formatting.format_moment(when)
                }
            case ExtendTTL(by=by):
                return _("TTL extended by %(added)s.") % {"added": formatting.format_duration(by)}


def has_number_value(context: KeyContext) -> bool:
    return context.content is not None and type(context.content.value) in (int, float)


def append_old_ttl(text: str, context: KeyContext, form: EditForm) -> str:
    """Return a message with the TTL that the key had, if the form changes it."""
    if isinstance(form.ttl, KeepTTL):
        return text
    return f"{text} {context.old_ttl_text}".strip()


class EditValueAction(KeyAction[EditForm]):
    """Change a value that a form can represent exactly."""

    form_mode, submit_mode, permission = "edit", "save", EDIT
    control_area: PageArea = "value"
    form_area: PageArea = "value"
    reads_value = True
    kind = "primary"
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit value")

    def applies_to(self, context: KeyContext) -> bool:
        return context.content is not None and context.content.editable

    def form(self, context: KeyContext, data: Any = None) -> EditForm:
        """Return the form for a value; submitting it unchanged changes nothing."""
        initial = {"opened": formatting.format_current_time()}
        if context.key_value is not None:
            initial["expected"] = context.key_value.expected
        if context.content is not None:
            content = context.content
            initial |= {"value": content.edit_text, "store_as": content.store_as}
        keeps_ttl = context.inspector.can_keep_ttl
        form_class = NumberForm if has_number_value(context) else EditForm
        return form_class(
            data,
            initial=initial,
            can_expire=context.is_allowed(EXPIRE) or not keeps_ttl,
            keeps_ttl=keeps_ttl,
        )

    def edit(self, context: KeyContext, form: EditForm) -> Edit | EditResult | None:
        expected = form.cleaned_data["expected"]
        if context.key_value is not None and context.key_value.expected and not expected:
            return EditResult(EditStatus.CHANGED)
        if self.is_unchanged(form):
            return None
        return SetValue(form.parsed_value, expected, form.ttl)

    def is_unchanged(self, form: EditForm) -> bool:
        return not form.has_changed_value() and isinstance(form.ttl, KeepTTL)

    def log_message(self, context: KeyContext, form: EditForm, result: EditResult | None) -> str:
        differences = context.describe_change(context.content, form.parsed_value)
        text = value_changed_message(form, result, differences)
        return append_old_ttl(text, context, form)


INTEGER_PATTERN = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL_PATTERN = re.compile(
    r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})(e[+-]?[0-9]{1,3})?", re.I
)
INT64_LIMIT = 2**63
"""Servers store counters as 64-bit integers."""

NUMBER_ATTRS = {
    "inputmode": "decimal",
    "size": 20,
    "autocomplete": "off",
    "dir": "ltr",
    "autofocus": "",
}


class NumberField(forms.CharField):
    """A number in Python's notation; an integer if `integers_only` is set."""

    def __init__(self, *, integers_only: bool, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs=NUMBER_ATTRS), **kwargs)
        self.integers_only = integers_only

    def clean(self, value: Any) -> int | float:
        text = super().clean(value)
        details = {"given": text[:50]}
        if INTEGER_PATTERN.fullmatch(text):
            number: int | float = int(text)
        elif DECIMAL_PATTERN.fullmatch(text) and not self.integers_only:
            number = float(text)
        elif self.integers_only:
            problem = _(
                'Enter a whole number; use a negative number to decrease. You entered "%(given)s".'
            )
            raise ValidationError(problem % details)
        else:
            problem = _('Enter a number, such as 2.5 or -2.5. You entered "%(given)s".')
            raise ValidationError(problem % details)
        if not math.isfinite(number) or (
            self.integers_only and not -INT64_LIMIT <= number < INT64_LIMIT
        ):
            raise ValidationError(_("This number is too large for a counter."))
        return number


class IncreaseForm(FocusedForm):
    def __init__(self, data: Any = None, *, integers_only: bool) -> None:
        super().__init__(data)
        self.fields["by"] = NumberField(
            integers_only=integers_only,
            label=_("Increase by"),
            initial="1",
            help_text=_(
                "Use a negative number to decrease. It is added to the number that is stored "
                "when you submit."
            ),
        )


class IncreaseValueAction(KeyAction[IncreaseForm]):
    form_mode, submit_mode, permission = "increase", "add-number", INCREASE
    control_area, form_area = "value", "head"
    reads_value = True
    label = gettext_lazy("Increase by…")
    title = gettext_lazy("Increase the number")
    submit_label = gettext_lazy("Increase")

    def applies_to(self, context: KeyContext) -> bool:
        return has_number_value(context)

    def form(self, context: KeyContext, data: Any = None) -> IncreaseForm:
        content = context.content
        return IncreaseForm(data, integers_only=content is None or type(content.value) is int)

    def edit(self, context: KeyContext, form: IncreaseForm) -> Edit | EditResult | None:
        by = form.cleaned_data["by"]
        return Incr(by) if by else None

    def log_message(
        self, context: KeyContext, form: IncreaseForm, result: EditResult | None
    ) -> str:
        return _("Increased by %(by)s.") % {"by": form.cleaned_data["by"]}

    def success_message(self, context: KeyContext, form: IncreaseForm, result: EditResult) -> str:
        text = self.log_message(context, form, result)
        if result.number is None:
            return text
        now = _("The number is now %(number)s.") % {
            "number": formatting.format_exact(result.number)
        }
        return f"{text} {now}"


class ReplaceValueAction(EditValueAction):
    form_mode, submit_mode = "replace", "set-value"
    form_area = "head"
    kind = ""
    label = title = submit_label = gettext_lazy("Replace value")

    def applies_to(self, context: KeyContext) -> bool:
        return context.content is not None and not context.content.editable

    def notes(self, context: KeyContext) -> list[str]:
        return [not_editable_note(context.content)] if context.content is not None else []

    def form(self, context: KeyContext, data: Any = None) -> EditForm:
        form = super().form(context, data)
        form.initial.update(value="", store_as="auto")
        return form

    def is_unchanged(self, form: EditForm) -> bool:
        return False  # The form was empty, and an empty text is a value, too.

    def confirm(self, context: KeyContext, form: EditForm, back: Action) -> Confirmation | None:
        content = context.content
        label = content.label if content is not None else ""
        return Confirmation(
            question=_('Replace the value of "%(key)s"?') % {"key": context.key_name},
            breadcrumb=_("Replace value"),
            consequences=[
                _("The current value will be lost: %(label)s.") % {"label": label},
                _("Applications that expect the same kind of value may fail to read the new one."),
            ],
            button_text=_("Replace value"),
            cancel=back,
        )

    def log_message(self, context: KeyContext, form: EditForm, result: EditResult | None) -> str:
        text = value_replaced_message(form, result)
        return append_old_ttl(text, context, form)

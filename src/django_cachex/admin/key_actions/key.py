"""Actions on a whole key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirm
from django_cachex.admin.forms.base import AS_CODE, EditForm, FocusedForm, NumberForm
from django_cachex.admin.forms.ttl import TtlForm
from django_cachex.admin.key_actions.base import KeyAct, Need, Place, Subject
from django_cachex.admin.messages import replaced_message, ttl_message, value_message
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
    ExpireAt,
    ExtendTtl,
    Increase,
    Keep,
    Outcome,
    Rename,
    Result,
    SetTtl,
    SetValue,
)
from django_cachex.inspectors.keys import encode_text, printable

NAME_ATTRS = {**AS_CODE, "autocomplete": "off", "autofocus": ""}


class NameForm(FocusedForm):
    """Another name for a key, and whether a key of that name may be lost."""

    name = forms.CharField(
        label=gettext_lazy("New name"), strip=False, widget=forms.TextInput(attrs=NAME_ATTRS)
    )
    overwrite = forms.BooleanField(
        label=gettext_lazy("Overwrite the key with this name if it exists"), required=False
    )

    def __init__(self, data: Any = None, *, name: str, can_overwrite: bool = True) -> None:
        super().__init__(data, initial={"name": name})
        if not can_overwrite:
            del self.fields["overwrite"]

    @property
    def overwrites(self) -> bool:
        return bool(self.cleaned_data.get("overwrite"))


class CopyForm(NameForm):
    """Another name, in a cache that can hold the copy."""

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


def typed_name(inspector: Inspector, stored: bytes) -> str:
    """Return a key as a person could type it, or nothing where it cannot be typed."""
    name = inspector.name(stored).replace("\\\\", "\\")
    return name if inspector.locate(name) == stored else ""


def already_there(form: forms.Form) -> dict[str, str]:
    """Return what to say beside a name that another key has."""
    text = _("A key with this name already exists.")
    if "overwrite" in form.fields:
        text += " " + _('To overwrite it, select "Overwrite the key with this name if it exists".')
    return {"name": text}


def said_name(name: str) -> str:
    """Return a name that was typed, for a sentence."""
    return formatting.name(printable(encode_text(name)))


def overwriting(name: str, alias: str, submit: str, back: Action) -> Confirm:
    """Return the question before a key is lost to another that takes its name."""
    named = {"name": said_name(name), "alias": alias}
    return Confirm(
        question=_('Overwrite "%(name)s" in "%(alias)s"?') % named,
        step=_("Overwrite"),
        consequences=[
            _(
                "If a key with this name exists, it will be lost, whatever its type. This "
                "can't be undone. The key that replaces it keeps its own TTL."
            )
        ],
        submit=submit,
        back=back,
    )


class CopyKey(KeyAct[CopyForm]):
    opens, applies, act = "copy", "make-copy", COPY
    in_brief = True
    label = gettext_lazy("Copy key")
    title = gettext_lazy("Copy key")
    submit = gettext_lazy("Copy key")

    def suits(self, subject: Subject) -> bool:
        return any(self._aliases(subject))

    def form(self, subject: Subject, data: Any = None) -> CopyForm:
        aliases = list(self._aliases(subject))
        return CopyForm(
            data,
            aliases=aliases,
            name=typed_name(subject.inspector, subject.stored),
            can_overwrite=any(subject.allowed(COPY_OVER, inspector_for(one)) for one in aliases),
        )

    @staticmethod
    def _aliases(subject: Subject) -> Iterator[str]:
        """Yield the caches that can hold a copy and that this person may add to, its own first."""
        own = subject.inspector
        if subject.allowed(COPY_TO, own):
            yield own.alias
        for alias in visible_aliases():
            other = inspector_for(alias) if alias != own.alias else None
            if other and own.copies_into(other) and subject.allowed(COPY_TO, other):
                yield alias

    def notes(self, subject: Subject) -> list[str]:
        return [_("The copy has the same value and expires at the same time.")]

    def needs(self, subject: Subject, form: CopyForm) -> Iterable[Need]:
        act = COPY_OVER if form.overwrites else COPY_TO
        return [(act, *self.after(subject, form))]

    def edit(self, subject: Subject, form: CopyForm) -> Edit | Outcome | None:
        into, to = self.after(subject, form)
        if into is subject.inspector:
            return None if to == subject.stored else Copy(to, None, form.overwrites)
        return Copy(to, into, form.overwrites)

    def confirm(self, subject: Subject, form: CopyForm, back: Action) -> Confirm | None:
        if not form.overwrites:
            return None
        data = form.cleaned_data
        return overwriting(data["name"], data["into"], _("Copy and overwrite"), back)

    def overwrites(self, subject: Subject, form: CopyForm) -> tuple[Inspector, bytes] | None:
        return self.after(subject, form) if form.overwrites else None

    def refusal(self, subject: Subject, form: CopyForm, outcome: Outcome) -> Mapping[str, str]:
        return already_there(form) if outcome.result == Result.EXISTS else {}

    def after(self, subject: Subject, form: CopyForm) -> tuple[Inspector, bytes]:
        alias, name = form.cleaned_data["into"], form.cleaned_data["name"]
        own = subject.inspector
        into = own if alias == own.alias else inspector_for(alias)
        return into, into.locate(name)

    def said(self, subject: Subject, form: CopyForm, outcome: Outcome | None) -> str:
        own = subject.inspector
        names = {
            "old": own.name(subject.stored) or _("(empty name)"),
            "alias": own.alias,
            "into": form.cleaned_data["into"],
            "new": said_name(form.cleaned_data["name"]),
        }
        if form.overwrites:
            text = _(
                'Copied from "%(old)s" in "%(alias)s" to "%(new)s" in "%(into)s", replacing '
                "any existing key."
            )
        else:
            text = _('Copied from "%(old)s" in "%(alias)s" to "%(new)s" in "%(into)s".')
        return text % names

    def recorded_as(self, form: CopyForm) -> int:
        return log_entries.CHANGE if form.overwrites else log_entries.ADDITION

    def report(self, subject: Subject, form: CopyForm, outcome: Outcome) -> str:
        return self.said(subject, form, outcome)


class RenameKey(KeyAct[NameForm]):
    opens, applies, act = "rename", "set-name", RENAME
    in_brief = True
    label = gettext_lazy("Rename")
    title = gettext_lazy("Rename key")
    submit = gettext_lazy("Rename")

    def form(self, subject: Subject, data: Any = None) -> NameForm:
        return NameForm(data, name=typed_name(subject.inspector, subject.stored))

    def notes(self, subject: Subject) -> list[str]:
        return [_("The value and the TTL don't change.")]

    def needs(self, subject: Subject, form: NameForm) -> Iterable[Need]:
        """The new name must be open to this person too: a session's is not."""
        return [(RENAME, subject.inspector, self._to(subject, form))]

    def edit(self, subject: Subject, form: NameForm) -> Edit | Outcome | None:
        to = self._to(subject, form)
        return None if to == subject.stored else Rename(to, form.overwrites)

    def confirm(self, subject: Subject, form: NameForm, back: Action) -> Confirm | None:
        if not form.overwrites:
            return None
        name, alias = form.cleaned_data["name"], subject.inspector.alias
        return overwriting(name, alias, _("Rename and overwrite"), back)

    def overwrites(self, subject: Subject, form: NameForm) -> tuple[Inspector, bytes] | None:
        return self.after(subject, form) if form.overwrites else None

    def refusal(self, subject: Subject, form: NameForm, outcome: Outcome) -> Mapping[str, str]:
        return already_there(form) if outcome.result == Result.EXISTS else {}

    def after(self, subject: Subject, form: NameForm) -> tuple[Inspector, bytes]:
        return subject.inspector, self._to(subject, form)

    def said(self, subject: Subject, form: NameForm, outcome: Outcome | None) -> str:
        names = {
            "old": formatting.name(subject.inspector.name(subject.stored)),
            "new": said_name(form.cleaned_data["name"]),
        }
        if form.overwrites:
            text = _('Renamed from "%(old)s" to "%(new)s", replacing any existing key.')
        else:
            text = _('Renamed from "%(old)s" to "%(new)s".')
        return text % names

    def report(self, subject: Subject, form: NameForm, outcome: Outcome) -> str:
        return self.said(subject, form, outcome)

    @staticmethod
    def _to(subject: Subject, form: NameForm) -> bytes:
        return subject.inspector.locate(form.cleaned_data["name"])


class ChangeTtl(KeyAct[TtlForm]):
    opens, applies, act = "expire", "set-ttl", EXPIRE
    offered_in, place = "head", "head"
    in_brief = True
    previews = True
    label = title = gettext_lazy("Change TTL")
    submit = gettext_lazy("Save TTL")

    def form(self, subject: Subject, data: Any = None) -> TtlForm:
        ttl = subject.entry.description.ttl if subject.entry is not None else None
        return TtlForm(data, ttl=ttl, can_extend=subject.inspector.can_extend)

    def edit(self, subject: Subject, form: TtlForm) -> Edit | Outcome | None:
        return form.edit

    def preview(self, subject: Subject, form: TtlForm) -> str:
        return form.preview()

    def said(self, subject: Subject, form: TtlForm, outcome: Outcome | None) -> str:
        match form.edit:
            case SetTtl(ttl=ttl):
                return ttl_message(ttl)
            case ExpireAt(moment=moment):
                when = datetime.fromtimestamp(moment / 1000, UTC)
                return _("TTL set: the key expires at %(moment)s.") % {
                    "moment": formatting.moment(when)
                }
            case ExtendTtl(by=by):
                return _("TTL extended by %(added)s.") % {"added": formatting.duration(by)}


def is_number(subject: Subject) -> bool:
    return subject.content is not None and type(subject.content.value) in (int, float)


class EditValue(KeyAct[EditForm]):
    """Another value in place of one that a form can hold exactly."""

    opens, applies, act = "edit", "save", EDIT
    offered_in: ClassVar[Place] = "value"
    place: ClassVar[Place] = "value"
    reads_value = True
    kind = "primary"
    label = gettext_lazy("Edit")
    title = gettext_lazy("Edit value")

    def suits(self, subject: Subject) -> bool:
        return subject.content is not None and subject.content.editable

    def form(self, subject: Subject, data: Any = None) -> EditForm:
        """Return the form for a value, filled so that sending it back changes nothing."""
        initial = {"opened": formatting.clock()}
        if subject.entry is not None:
            initial["expected"] = subject.entry.expected
        if subject.content is not None:
            content = subject.content
            initial |= {"value": content.edit_text, "store_as": content.store_as}
        keeps_ttl = subject.inspector.can_keep_ttl
        form_class = NumberForm if is_number(subject) else EditForm
        return form_class(
            data,
            initial=initial,
            can_expire=subject.may(EXPIRE) or not keeps_ttl,
            keeps_ttl=keeps_ttl,
        )

    def edit(self, subject: Subject, form: EditForm) -> Edit | Outcome | None:
        expected = form.cleaned_data["expected"]
        if subject.entry is not None and subject.entry.expected and not expected:
            return Outcome(Result.CHANGED)
        if not form.has_changed_value() and isinstance(form.ttl, Keep):
            return None
        return SetValue(form.decoded, expected, form.ttl)

    def said(self, subject: Subject, form: EditForm, outcome: Outcome | None) -> str:
        return value_message(form, outcome)


WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL = re.compile(
    r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})(e[+-]?[0-9]{1,3})?", re.I
)
MOST = 2**63
"""What servers count to."""

ATTRS = {"inputmode": "decimal", "size": 20, "autocomplete": "off", "dir": "ltr", "autofocus": ""}


class NumberField(forms.CharField):
    """A number as it is typed in code; a whole one where nothing else counts."""

    def __init__(self, *, whole: bool, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs=ATTRS), **kwargs)
        self.whole = whole

    def clean(self, value: Any) -> int | float:
        text = super().clean(value)
        given = {"given": text[:50]}
        if WHOLE.fullmatch(text):
            number: int | float = int(text)
        elif DECIMAL.fullmatch(text) and not self.whole:
            number = float(text)
        elif self.whole:
            problem = _(
                'Enter a whole number; use a negative number to decrease. You entered "%(given)s".'
            )
            raise ValidationError(problem % given)
        else:
            problem = _('Enter a number, such as 2.5 or -2.5. You entered "%(given)s".')
            raise ValidationError(problem % given)
        if not math.isfinite(number) or (self.whole and not -MOST <= number < MOST):
            raise ValidationError(_("This number is too large for a counter."))
        return number


class IncreaseForm(FocusedForm):
    def __init__(self, data: Any = None, *, whole: bool) -> None:
        super().__init__(data)
        self.fields["by"] = NumberField(
            whole=whole,
            label=_("Increase by"),
            initial="1",
            help_text=_(
                "Use a negative number to decrease. It is added to the number that is stored "
                "when you submit."
            ),
        )


class IncreaseValue(KeyAct[IncreaseForm]):
    opens, applies, act = "increase", "add-number", INCREASE
    offered_in, place = "value", "head"
    reads_value = True
    label = gettext_lazy("Increase by…")
    title = gettext_lazy("Increase the number")
    submit = gettext_lazy("Increase")

    def suits(self, subject: Subject) -> bool:
        return is_number(subject)

    def form(self, subject: Subject, data: Any = None) -> IncreaseForm:
        content = subject.content
        return IncreaseForm(data, whole=content is None or type(content.value) is int)

    def edit(self, subject: Subject, form: IncreaseForm) -> Edit | Outcome | None:
        by = form.cleaned_data["by"]
        return Increase(by) if by else None

    def said(self, subject: Subject, form: IncreaseForm, outcome: Outcome | None) -> str:
        return _("Increased by %(by)s.") % {"by": form.cleaned_data["by"]}

    def report(self, subject: Subject, form: IncreaseForm, outcome: Outcome) -> str:
        text = self.said(subject, form, outcome)
        if outcome.number is None:
            return text
        now = _("The number is now %(number)s.") % {"number": formatting.exact(outcome.number)}
        return f"{text} {now}"


class ReplaceValue(EditValue):
    opens, applies = "replace", "set-value"
    place = "head"
    kind = ""
    label = title = submit = gettext_lazy("Replace value")

    def suits(self, subject: Subject) -> bool:
        return subject.content is not None and not subject.content.editable

    def notes(self, subject: Subject) -> list[str]:
        reason = str(subject.content.why_not) if subject.content is not None else ""
        return [
            " ".join(
                [
                    _("The stored value can't be edited."),
                    reason,
                    _("What you enter here replaces it."),
                ]
            )
        ]

    def form(self, subject: Subject, data: Any = None) -> EditForm:
        form = super().form(subject, data)
        form.initial.update(value="", store_as="auto")
        return form

    def edit(self, subject: Subject, form: EditForm) -> Edit | Outcome | None:
        expected = form.cleaned_data["expected"]
        if subject.entry is not None and subject.entry.expected and not expected:
            return Outcome(Result.CHANGED)
        return SetValue(form.decoded, expected, form.ttl)

    def confirm(self, subject: Subject, form: EditForm, back: Action) -> Confirm | None:
        content = subject.content
        label = content.label if content is not None else ""
        return Confirm(
            question=_('Replace the value of "%(key)s"?')
            % {"key": formatting.name(subject.inspector.name(subject.stored))},
            step=_("Replace value"),
            consequences=[
                _("The current value will be lost: %(label)s.") % {"label": label},
                _("Applications that expect the same kind of value may fail to read the new one."),
            ],
            submit=_("Replace value"),
            back=back,
        )

    def said(self, subject: Subject, form: EditForm, outcome: Outcome | None) -> str:
        return replaced_message(form, outcome)

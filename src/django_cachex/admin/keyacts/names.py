"""Forms that give a key another name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.forms import AS_CODE, FocusedForm
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.keys import encode_text, printable

NAME_ATTRS = {**AS_CODE, "autocomplete": "off", "autofocus": ""}


class NameForm(FocusedForm):
    """Another name for a key, and whether a key of that name may be lost."""

    name = forms.CharField(
        label=gettext_lazy("New name"), strip=False, widget=forms.TextInput(attrs=NAME_ATTRS)
    )
    overwrite = forms.BooleanField(
        label=gettext_lazy("Overwrite the key of that name, if there is one"), required=False
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
    text = _("There is such a key already.")
    if "overwrite" in form.fields:
        text += " " + _('To lose it, tick "Overwrite the key of that name".')
    return {"name": text}


def said_name(name: str) -> str:
    """Return a name that was typed, for a sentence."""
    return humane.name(printable(encode_text(name)))


def overwriting(name: str, alias: str, submit: str, back: Action) -> Confirm:
    """Return the question before a key is lost to another that takes its name."""
    named = {"name": said_name(name), "alias": alias}
    return Confirm(
        question=_('Overwrite "%(name)s" in "%(alias)s"?') % named,
        step=_("Overwrite"),
        consequences=[
            _(
                "If there is a key of that name, what it holds, of whatever type, is gone for "
                "good. The key that takes its place brings its own TTL."
            )
        ],
        submit=submit,
        back=back,
    )

"""Giving a key another name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import RENAME
from django_cachex.admin.keyacts.base import KeyAct, Need, Subject
from django_cachex.admin.keyacts.names import (
    NameForm,
    already_there,
    overwriting,
    said_name,
    typed_name,
)
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome, Rename, Result


class RenameKey(KeyAct[NameForm]):
    opens, applies, act = "rename", "set-name", RENAME
    in_brief = True
    label = gettext_lazy("Rename")
    title = gettext_lazy("Rename key")
    submit = gettext_lazy("Rename")

    def form(self, subject: Subject, data: Any = None) -> NameForm:
        return NameForm(data, name=typed_name(subject.inspector, subject.stored))

    def notes(self, subject: Subject) -> list[str]:
        return [_("What it holds and its TTL stay as they are.")]

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
            "old": humane.name(subject.inspector.name(subject.stored)),
            "new": said_name(form.cleaned_data["name"]),
        }
        if form.overwrites:
            text = _('Renamed from "%(old)s" to "%(new)s", in place of whatever was there.')
        else:
            text = _('Renamed from "%(old)s" to "%(new)s".')
        return text % names

    def report(self, subject: Subject, form: NameForm, outcome: Outcome) -> str:
        return self.said(subject, form, outcome)

    @staticmethod
    def _to(subject: Subject, form: NameForm) -> bytes:
        return subject.inspector.locate(form.cleaned_data["name"])

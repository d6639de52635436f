"""Copying a key to another name, or into another cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import audit
from django_cachex.admin.access import COPY, COPY_OVER, COPY_TO, visible_aliases
from django_cachex.admin.keyacts.base import KeyAct, Need, Subject
from django_cachex.admin.keyacts.names import (
    CopyForm,
    already_there,
    overwriting,
    said_name,
    typed_name,
)
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import Copy, Edit, Outcome, Result


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
        return [_("The copy holds the same and expires at the same time.")]

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
                'Copied from "%(old)s" of "%(alias)s" to "%(new)s" of "%(into)s", in place of '
                "whatever was there."
            )
        else:
            text = _('Copied from "%(old)s" of "%(alias)s" to "%(new)s" of "%(into)s".')
        return text % names

    def recorded_as(self, form: CopyForm) -> int:
        return audit.CHANGE if form.overwrites else audit.ADDITION

    def report(self, subject: Subject, form: CopyForm, outcome: Outcome) -> str:
        return self.said(subject, form, outcome)

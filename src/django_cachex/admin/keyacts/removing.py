"""Removing elements: one at once, several after a question."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import audit, humane
from django_cachex.admin.keyacts.base import Subject
from django_cachex.admin.keyacts.elements import ElementAct
from django_cachex.admin.parts import Action, Confirm
from django_cachex.inspectors.edits import Chosen, Edit, Outcome, RemoveElements
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.types import Element

UNITS = {"list": Unit.ITEMS, "set": Unit.MEMBERS, "zset": Unit.MEMBERS, "hash": Unit.FIELDS}

MAX_REMOVED = 1000
MAX_NAMES_SHOWN = 200


class ChosenForm(forms.Form):
    """The rows that were ticked, or the one whose button was pressed."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["selected"] = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        sent: Any = self.data
        rows = [sent["row"]] if "row" in sent else sent.getlist("selected")
        if not rows:
            raise forms.ValidationError(_("Select what to remove first."))
        if len(rows) > MAX_REMOVED:
            raise forms.ValidationError(_("Select %(most)d rows at most.") % {"most": MAX_REMOVED})
        parts = [row.partition(" ") for row in dict.fromkeys(rows)]
        self.chosen = tuple(Chosen(element, expected) for element, _space, expected in parts)
        return data


class RemoveRows(ElementAct[ChosenForm]):
    applies = "remove-elements"
    types = ("list", "set", "zset", "hash", "stream")
    flag = audit.CHANGE
    label = gettext_lazy("Remove")
    give_way = gettext_lazy("Keep them")

    def form(self, subject: Subject, data: Any = None) -> ChosenForm:
        return ChosenForm(data)

    def edit(self, subject: Subject, form: ChosenForm) -> Edit | Outcome | None:
        return RemoveElements(subject.type, form.chosen)

    def confirm(self, subject: Subject, form: ChosenForm, back: Action) -> Confirm | None:
        count = len(form.chosen)
        if count == 1:
            return None
        what = {
            "elements": humane.elements(count, UNITS.get(subject.type, Unit.ENTRIES)),
            "key": humane.name(subject.inspector.name(subject.stored)),
        }
        consequences = [_("What they hold is gone for good. The TTL stays as it is.")]
        size = subject.entry.description.size if subject.entry is not None else None
        if size == count and subject.type != "stream":
            consequences.append(_("Nothing is left then: the key itself is gone, too."))
        return Confirm(
            question=_('Remove %(elements)s from "%(key)s"?') % what,
            step=_("Remove"),
            consequences=consequences,
            submit=_("Remove %(elements)s") % what,
            back=back,
            items=names_of(subject, form.chosen),
        )

    def said(self, subject: Subject, form: ChosenForm, outcome: Outcome | None) -> str:
        asked = len(form.chosen)
        count = asked if outcome is None or outcome.count is None else outcome.count
        text = removed(subject, count, form.chosen)
        if count < asked:
            text += " " + ngettext(
                "%(count)d was already gone.", "%(count)d were already gone.", asked - count
            ) % {"count": asked - count}
        return text + left(outcome)

    def report(self, subject: Subject, form: ChosenForm, outcome: Outcome) -> str:
        return self.said(subject, form, outcome)


def names_of(subject: Subject, chosen: tuple[Chosen, ...]) -> list[str]:
    """Return what the rows are that are still there: those of a list with what they hold."""
    rows = [subject.row_of(one.element) for one in chosen]
    return [called(row, subject.type) for row in rows if row is not None]


def called(row: Element, type: str) -> str:
    name = row.name or _("(empty name)")
    if type != "list":
        return name
    return f"{name}: {printable(row.cells[-1].formatted.text.encode()[:MAX_NAMES_SHOWN])}"


def removed(subject: Subject, count: int, chosen: tuple[Chosen, ...]) -> str:
    """Return what was removed: the one by its name, where that is no value; else how many."""
    row = subject.row_of(chosen[0].element) if len(chosen) == 1 else None
    if row is not None and subject.type == "hash":
        return _('Field "%(name)s" removed.') % {"name": row.name}
    if row is not None and subject.type == "list":
        return _("Item %(name)s removed.") % {"name": row.name}
    if len(chosen) == 1 and subject.type == "stream":
        return _("Entry %(name)s removed.") % {"name": chosen[0].element}
    unit = UNITS.get(subject.type, Unit.ENTRIES)
    return _("%(elements)s removed.") % {"elements": humane.elements(count, unit)}


def left(outcome: Outcome | None) -> str:
    """Return that the key went with its last element, if it did."""
    if outcome is None or not outcome.key_gone:
        return ""
    return " " + _("Nothing was left: the key is gone.")

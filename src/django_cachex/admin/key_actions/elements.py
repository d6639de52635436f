"""What actions on elements have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirm
from django_cachex.admin.forms.base import EditForm, FocusedForm
from django_cachex.admin.key_actions.base import F, KeyAct, Place, Subject
from django_cachex.admin.messages import trace_of
from django_cachex.admin.permissions import EDIT_ELEMENTS
from django_cachex.inspectors.edits import Chosen, Edit, End, Outcome, RemoveElements
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.types import Element
from django_cachex.inspectors.values import Content

MOST_ROWS = 20


class ElementForm(EditForm):
    """A value for an element: an edit's form without a TTL, which elements do not have."""

    def __init__(
        self, data: Any = None, *, initial: Mapping[str, Any] | None = None, label: str = ""
    ) -> None:
        filled = {"opened": formatting.clock(), **(initial or {})}
        super().__init__(data, initial=filled, can_expire=False, keeps_ttl=True)
        field = self.fields["value"]
        if label:
            field.label = label
        lines = str(filled.get("value", "")).count("\n") + 1
        field.widget.attrs["rows"] = min(max(2, lines), MOST_ROWS)


class ElementAct(KeyAct[F]):
    """Something done to a collection; its form stands above the elements."""

    act = EDIT_ELEMENTS
    offered_in: ClassVar[Place] = "elements"
    place: ClassVar[Place] = "elements"
    cancel = gettext_lazy("Cancel")
    give_way = gettext_lazy("Keep the current version")

    types: ClassVar[tuple[str, ...]] = ()
    """The types of keys that it is for."""

    def suits(self, subject: Subject) -> bool:
        return subject.type in self.types

    def expected(self, subject: Subject, outcome: Outcome) -> str:
        return outcome.expected


class RowAct(ElementAct[F]):
    """Something done to one element; its form takes the place of its row."""

    offered_in = "row"
    place = "row"

    def suits(self, subject: Subject) -> bool:
        return super().suits(subject) and subject.row is not None and self.suits_row(subject.row)

    def lacks(self, subject: Subject) -> bool:
        return subject.row is None

    def suits_row(self, row: Element) -> bool:
        return True


def row_of(subject: Subject) -> Element:
    """Return the row that an act is about, which `suits` has made sure of."""
    if subject.row is None:
        raise LookupError(subject.element)
    return subject.row


def value_form(subject: Subject, data: Any, content: Content, label: str) -> ElementForm:
    """Return the form of an element's value: filled, or empty where no form can hold it."""
    initial: dict[str, Any] = {"expected": row_of(subject).expected}
    if content.editable:
        initial |= {"value": content.edit_text, "store_as": content.store_as}
    return ElementForm(data, initial=initial, label=label)


def why_replaced(content: Content) -> list[Text]:
    """Return what to know of an element that no form can hold: it would be replaced."""
    if content.editable:
        return []
    return [
        " ".join(
            [
                _("The stored value can't be edited."),
                str(content.why_not),
                _("What you enter here replaces it."),
            ]
        )
    ]


def changed(what: str, outcome: Outcome | None) -> str:
    """Return what was done to an element, with the lengths and fingerprints that are known."""
    trace = trace_of(outcome)
    return f"{what} ({trace})." if trace else f"{what}."


def nothing_written(form: forms.Form) -> bool:
    """Return whether a form was sent as it was shown; where it was shown empty, without a value."""
    if not isinstance(form, EditForm):
        return False
    if "value" not in form.initial:
        return not form.cleaned_data["value"]
    return not form.has_changed_value()


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
            raise forms.ValidationError(_("First select the rows to remove."))
        if len(rows) > MAX_REMOVED:
            raise forms.ValidationError(_("Select at most %(most)d rows.") % {"most": MAX_REMOVED})
        parts = [row.partition(" ") for row in dict.fromkeys(rows)]
        self.chosen = tuple(Chosen(element, expected) for element, _space, expected in parts)
        return data


class RemoveRows(ElementAct[ChosenForm]):
    applies = "remove-elements"
    types = ("list", "set", "zset", "hash", "stream")
    flag = log_entries.CHANGE
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
            "elements": formatting.elements(count, UNITS.get(subject.type, Unit.ENTRIES)),
            "key": formatting.name(subject.inspector.name(subject.stored)),
        }
        consequences = [_("This can't be undone. The TTL of the key doesn't change.")]
        size = subject.entry.description.size if subject.entry is not None else None
        if size == count and subject.type != "stream":
            consequences.append(_("No elements will be left, so the key will be deleted too."))
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
    return _("%(elements)s removed.") % {"elements": formatting.elements(count, unit)}


def left(outcome: Outcome | None) -> str:
    """Return that the key went with its last element, if it did."""
    if outcome is None or not outcome.key_gone:
        return ""
    return " " + _("No elements were left, so the key was deleted.")


MAX_POPPED = 1000
MAX_EXCERPT = 200


class CountForm(FocusedForm):
    """How many to take, and from where."""

    count = forms.IntegerField(
        label=gettext_lazy("How many"), initial=1, min_value=1, max_value=MAX_POPPED
    )

    def __init__(self, data: Any = None, *, ends: Sequence[tuple[End, Text]]) -> None:
        super().__init__(data)
        if len(ends) > 1:
            self.fields["end"] = forms.ChoiceField(label=_("Which"), choices=ends)


class PopAct(ElementAct[CountForm]):
    """Its confirmation is for more than one; one is shown once it is out."""

    label = gettext_lazy("Pop")
    title = gettext_lazy("Pop")
    submit = gettext_lazy("Pop")
    unit: ClassVar[Unit] = Unit.MEMBERS

    def confirm(self, subject: Subject, form: CountForm, back: Action) -> Confirm | None:
        count = form.cleaned_data["count"]
        if count == 1:
            return None
        what = {
            "elements": formatting.elements(count, self.unit),
            "key": formatting.name(subject.inspector.name(subject.stored)),
        }
        return Confirm(
            question=_('Pop %(elements)s from "%(key)s"?') % what,
            step=_("Pop"),
            consequences=[
                _(
                    "Popped elements are removed and shown to you once. If no elements are left, "
                    "the key is deleted."
                )
            ],
            submit=_("Pop %(elements)s") % what,
            back=back,
        )

    def said(self, subject: Subject, form: CountForm, outcome: Outcome | None) -> str:
        count = form.cleaned_data["count"] if outcome is None else outcome.count or 0
        text = _("Popped %(elements)s.") % {"elements": formatting.elements(count, self.unit)}
        return text + left(outcome)

    def report(self, subject: Subject, form: CountForm, outcome: Outcome) -> str:
        """Return what was taken out, for the person alone: the record has no values."""
        shown = "; ".join(excerpt(one.formatted.text) for one in outcome.removed[:10])
        return f"{self.said(subject, form, outcome)} {shown}"


def excerpt(text: str) -> str:
    line = printable(text.encode("utf-8", "surrogatepass"))
    return line if len(line) <= MAX_EXCERPT else f"{line[:MAX_EXCERPT]}…"

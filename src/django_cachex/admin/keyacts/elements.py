"""What acts on the elements of a key have in common: their types, their rows, their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import EDIT_ELEMENTS
from django_cachex.admin.forms import EditForm
from django_cachex.admin.keyacts.base import F, KeyAct, Place, Subject
from django_cachex.admin.outcomes import trace_of
from django_cachex.inspectors.edits import Outcome
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import Element
from django_cachex.inspectors.values import Content

MOST_ROWS = 20


class ElementForm(EditForm):
    """A value for an element: an edit's form without a TTL, which elements do not have."""

    def __init__(
        self, data: Any = None, *, initial: Mapping[str, Any] | None = None, label: str = ""
    ) -> None:
        filled = {"opened": humane.clock(), **(initial or {})}
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
    give_way = gettext_lazy("Keep what is there now")

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
                _("What is stored cannot be edited."),
                str(content.why_not),
                _("What you write here is stored in its place."),
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

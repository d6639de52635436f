"""Something that can be done to a key from its page: its form, its edit, and its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import log_entries
from django_cachex.admin.components import Action, Confirm
from django_cachex.admin.permissions import Act
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import Element, Entry
from django_cachex.inspectors.values import Content

Place = Literal["bar", "head", "value", "elements", "row"]
"""A spot on the page: its action bar, the facts about the key, the value, the elements, a row."""

Need = tuple[Act, Inspector, bytes]
"""An act that must be allowed on a key."""


F = TypeVar("F", bound=forms.Form)


@dataclass(frozen=True)
class Subject:
    """What an act is about: a key as it was read, or one of its elements, for one person."""

    inspector: Inspector
    stored: bytes
    entry: Entry | None
    may: Callable[[Act], bool]
    """Whether the gate allows an act on this key."""

    allowed: Callable[[Act, Inspector], bool]
    """Whether it allows an act on a cache."""

    element: str = ""
    """The id of a row, where the act is about one."""

    row: Element | None = None
    """That row, as it was read in full; None where it is not there."""

    def row_of(self, element: str) -> Element | None:
        """Return the row with an id, where the page that was read has it."""
        elements = self.entry.elements if self.entry is not None else None
        rows = elements.rows if elements is not None else ()
        return next((row for row in rows if row.id == element), None)

    @property
    def content(self) -> Content | None:
        return self.entry.content if self.entry is not None else None

    @property
    def type(self) -> str:
        """The key's type as `TYPE` names it, or nothing where that is not known."""
        return (self.entry.description.type or "") if self.entry is not None else ""


class KeyAct(Generic[F]):
    """One kind of change. The page offers it, opens its form, applies it and says what happened.

    Its form is a Django form; hidden fields carry what the person saw. Acts hold no state.
    """

    opens: ClassVar[str] = ""
    """The `mode` that shows its form; empty where it has none of its own."""

    applies: ClassVar[str] = ""
    """The `mode` of a POST that applies it."""

    act: ClassVar[Act]
    """What it takes, for the gate."""

    offered_in: ClassVar[Place] = "bar"
    """Where the control stands that opens it."""

    place: ClassVar[Place] = "head"
    """Where its form stands."""

    reads_value: ClassVar[bool] = False
    """Whether its form is filled from the value: no link reads what may run something."""

    in_brief: ClassVar[bool] = False
    """Whether it is applied without a look at the value."""

    previews: ClassVar[bool] = False
    """Whether a valid form can say in words what it would do: `preview`."""

    flag: ClassVar[int] = log_entries.CHANGE
    """What Django's `LogEntry` calls it: see `recorded_as`."""

    kind: ClassVar[str] = ""
    """`primary`, `danger`, or empty: how its control looks."""

    label: ClassVar[Text] = ""
    """What its control says."""

    title: ClassVar[Text] = ""
    """What stands above its form."""

    submit: ClassVar[Text] = gettext_lazy("Save")
    insist: ClassVar[Text] = gettext_lazy("Save my version")
    """What the button says once the person has seen what somebody else did meanwhile."""

    cancel: ClassVar[Text] = gettext_lazy("Cancel")
    give_way: ClassVar[Text] = gettext_lazy("Keep the current version")
    """What Cancel says then."""

    def suits(self, subject: Subject) -> bool:
        """Return whether it can be done to this key, permissions aside."""
        return True

    def offered(self, subject: Subject) -> bool:
        """Return whether this person can do it to this key."""
        return subject.may(self.act) and self.suits(subject)

    def lacks(self, subject: Subject) -> bool:
        """Return whether what it is about is not there any more: it has no form then."""
        return False

    def form(self, subject: Subject, data: Any = None) -> F:
        """Return its form: for this subject, or with what was sent."""
        raise NotImplementedError(f"{type(self).__qualname__}.form")

    def notes(self, subject: Subject) -> Sequence[Text]:
        """Return what to know before filling in the form."""
        return ()

    def preview(self, subject: Subject, form: F) -> str:
        """Return in words what a valid form would do."""
        raise NotImplementedError(f"{type(self).__qualname__}.preview")

    def needs(self, subject: Subject, form: F) -> Iterable[Need]:
        """Return what must be allowed besides, once the form is known."""
        return ()

    def edit(self, subject: Subject, form: F) -> Edit | Outcome | None:
        """Return the edit of a valid form, what has already become of it, or None for nothing."""
        raise NotImplementedError(f"{type(self).__qualname__}.edit")

    def confirm(self, subject: Subject, form: F, back: Action) -> Confirm | None:
        """Return the question to ask before a valid form is applied, or None."""
        return None

    def overwrites(self, subject: Subject, form: F) -> tuple[Inspector, bytes] | None:
        """Return the other key that a valid form may take the place of, or None."""
        return None

    def apply(self, subject: Subject, edit: Edit) -> Outcome:
        """Apply its edit; whatever the cache raises may be raised."""
        return subject.inspector.apply(subject.stored, edit)

    def said(self, subject: Subject, form: F, outcome: Outcome | None) -> str:
        """Return what was done, for the person and for the record, without values.

        `outcome` is None where the cache did not say what became of it.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.said")

    def recorded_as(self, form: F) -> int:
        """Return what Django's `LogEntry` calls it: an addition, or a change."""
        return self.flag

    def report(self, subject: Subject, form: F, outcome: Outcome) -> str:
        """Return what the next page says."""
        return _("Saved. %(what)s") % {"what": self.said(subject, form, outcome)}

    def refusal(self, subject: Subject, form: F, outcome: Outcome) -> Mapping[str, str]:
        """Return what to say beside fields of the form where it was refused; usually nothing."""
        return {}

    def after(self, subject: Subject, form: F) -> tuple[Inspector, bytes]:
        """Return the key that it is recorded under, and whose page comes next."""
        return subject.inspector, subject.stored

    def expected(self, subject: Subject, outcome: Outcome) -> str:
        """Return what the form expects to find after a conflict, so that sending it insists."""
        return subject.entry.expected if subject.entry is not None else ""

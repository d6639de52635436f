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
from django_cachex.admin.permissions import Permission
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, Outcome
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import Element, Entry
from django_cachex.inspectors.values import Content

PageArea = Literal["bar", "head", "value", "elements", "row"]
"""A spot on the page: its action bar, the facts about the key, the value, the elements, a row."""

RequiredPermission = tuple[Permission, Inspector, bytes]
"""An act that must be allowed on a key."""


F = TypeVar("F", bound=forms.Form)


@dataclass(frozen=True)
class KeyContext:
    """What an act is about: a key as it was read, or one of its elements, for one person."""

    inspector: Inspector
    stored: bytes
    entry: Entry | None
    is_allowed: Callable[[Permission], bool]
    """Whether the gate allows an act on this key."""

    is_allowed_on: Callable[[Permission, Inspector], bool]
    """Whether it allows an act on a cache."""

    element: str = ""
    """The id of a row, where the act is about one."""

    row: Element | None = None
    """That row, as it was read in full; None where it is not there."""

    def find_row(self, element: str) -> Element | None:
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


class KeyAction(Generic[F]):
    """One kind of change. The page offers it, opens its form, applies it and says what happened.

    Its form is a Django form; hidden fields carry what the person saw. Acts hold no state.
    """

    form_mode: ClassVar[str] = ""
    """The `mode` that shows its form; empty where it has none of its own."""

    submit_mode: ClassVar[str] = ""
    """The `mode` of a POST that applies it."""

    permission: ClassVar[Permission]
    """What it takes, for the gate."""

    control_area: ClassVar[PageArea] = "bar"
    """Where the control stands that opens it."""

    form_area: ClassVar[PageArea] = "head"
    """Where its form stands."""

    reads_value: ClassVar[bool] = False
    """Whether its form is filled from the value: no link reads what may run something."""

    skips_value: ClassVar[bool] = False
    """Whether it is applied without a look at the value."""

    has_preview: ClassVar[bool] = False
    """Whether a valid form can say in words what it would do: `preview`."""

    log_flag: ClassVar[int] = log_entries.CHANGE
    """What Django's `LogEntry` calls it: see `recorded_as`."""

    kind: ClassVar[str] = ""
    """`primary`, `danger`, or empty: how its control looks."""

    label: ClassVar[Text] = ""
    """What its control says."""

    title: ClassVar[Text] = ""
    """What stands above its form."""

    submit_label: ClassVar[Text] = gettext_lazy("Save")
    overwrite_label: ClassVar[Text] = gettext_lazy("Save mine over it")
    """What the button says once the person has seen what somebody else did meanwhile."""

    cancel_label: ClassVar[Text] = gettext_lazy("Cancel")
    keep_label: ClassVar[Text] = gettext_lazy("Keep what it holds now")
    """What Cancel says then."""

    def applies_to(self, context: KeyContext) -> bool:
        """Return whether it can be done to this key, permissions aside."""
        return True

    def is_available(self, context: KeyContext) -> bool:
        """Return whether this person can do it to this key."""
        return context.is_allowed(self.permission) and self.applies_to(context)

    def is_target_missing(self, context: KeyContext) -> bool:
        """Return whether what it is about is not there any more: it has no form then."""
        return False

    def form(self, context: KeyContext, data: Any = None) -> F:
        """Return its form: for this context, or with what was sent."""
        raise NotImplementedError(f"{type(self).__qualname__}.form")

    def notes(self, context: KeyContext) -> Sequence[Text]:
        """Return what to know before filling in the form."""
        return ()

    def preview(self, context: KeyContext, form: F) -> str:
        """Return in words what a valid form would do."""
        raise NotImplementedError(f"{type(self).__qualname__}.preview")

    def required_permissions(self, context: KeyContext, form: F) -> Iterable[RequiredPermission]:
        """Return what must be allowed besides, once the form is known."""
        return ()

    def edit(self, context: KeyContext, form: F) -> Edit | Outcome | None:
        """Return the edit of a valid form, what has already become of it, or None for nothing."""
        raise NotImplementedError(f"{type(self).__qualname__}.edit")

    def confirm(self, context: KeyContext, form: F, back: Action) -> Confirm | None:
        """Return the question to ask before a valid form is applied, or None."""
        return None

    def overwritten_key(self, context: KeyContext, form: F) -> tuple[Inspector, bytes] | None:
        """Return the other key that a valid form may take the place of, or None."""
        return None

    def apply(self, context: KeyContext, edit: Edit) -> Outcome:
        """Apply its edit; whatever the cache raises may be raised."""
        return context.inspector.apply(context.stored, edit)

    def log_message(self, context: KeyContext, form: F, outcome: Outcome | None) -> str:
        """Return what was done, for the person and for the record, without values.

        `outcome` is None where the cache did not say what became of it.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.said")

    def log_flag_for(self, form: F) -> int:
        """Return what Django's `LogEntry` calls it: an addition, or a change."""
        return self.log_flag

    def success_message(self, context: KeyContext, form: F, outcome: Outcome) -> str:
        """Return what the next page says."""
        return _("Saved. %(what)s") % {"what": self.log_message(context, form, outcome)}

    def field_errors(self, context: KeyContext, form: F, outcome: Outcome) -> Mapping[str, str]:
        """Return what to say beside fields of the form where it was refused; usually nothing."""
        return {}

    def result_key(self, context: KeyContext, form: F) -> tuple[Inspector, bytes]:
        """Return the key that it is recorded under, and whose page comes next."""
        return context.inspector, context.stored

    def expected_after_conflict(self, context: KeyContext, outcome: Outcome) -> str:
        """Return what the form expects to find after a conflict, so that sending it insists."""
        return context.entry.expected if context.entry is not None else ""

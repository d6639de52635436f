"""The base class of actions on a key: form, edit and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirmation, FormPanel
from django_cachex.admin.differences import describe_differences, describe_old_ttl
from django_cachex.admin.links import LinkTarget
from django_cachex.admin.messages import SAVE_FAILED, FailureTexts
from django_cachex.admin.permissions import Permission
from django_cachex.admin.sessions import session_keys
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import Edit, EditResult, ElementEdit, Incr, SetValue
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import Element, KeyValue, Replies
from django_cachex.inspectors.values import Content

PageArea = Literal["bar", "head", "value", "elements", "row"]
"""An area of the key page: the action bar, the key's properties, the value, the elements, a row."""

RequiredPermission = tuple[Permission, Inspector, bytes]
"""An operation that must be allowed on a key."""


F = TypeVar("F", bound=forms.Form)


@dataclass(frozen=True)
class KeyContext:
    """What an action works on: a key as it was read, or one of its elements, for one user."""

    inspector: Inspector
    stored: bytes
    key_value: KeyValue | None
    is_allowed: Callable[[Permission], bool]
    """Returns whether an operation is allowed on this key."""

    is_allowed_on: Callable[[Permission, Inspector], bool]
    """Returns whether an operation is allowed on a cache."""

    element: str = ""
    """The id of a row, if the action works on one."""

    row: Element | None = None
    """The row as it was read in full, or None if it does not exist."""

    def find_row(self, element: str) -> Element | None:
        """Return the row with an id, or None if it is not on the page of elements that was read."""
        elements = self.key_value.elements if self.key_value is not None else None
        rows = elements.rows if elements is not None else ()
        return next((row for row in rows if row.id == element), None)

    @property
    def element_row(self) -> Element:
        """The row; actions on a row are applied only if it exists."""
        if self.row is None:
            raise LookupError(self.element)
        return self.row

    @property
    def length(self) -> int:
        """The number of elements that the key had when it was read."""
        return (self.key_value.info.size or 0) if self.key_value is not None else 0

    @property
    def replies(self) -> Replies:
        """The replies when the element or value was read, so that an edit need not read again."""
        read = self.row or self.key_value
        return read.replies if read is not None else {}

    @property
    def key_name(self) -> str:
        """The name of the key, for messages."""
        return formatting.format_name(self.inspector.display_key(self.stored))

    @property
    def content(self) -> Content | None:
        return self.key_value.content if self.key_value is not None else None

    def describe_change(self, old: Content | None, new: Any) -> str:
        """Return how a new value differs from an old one, for the log; nothing for sessions.

        The value was read in this request, and the edit is only made if it is still the same.
        """
        sessions = session_keys()
        is_session = sessions is not None and sessions.contains(self.inspector, self.stored)
        if old is None or not old.editable or is_session:
            return ""
        return describe_differences(old.value, new)

    @property
    def old_ttl_text(self) -> str:
        """The TTL that the key had when it was read, in words; empty if it is not known."""
        return describe_old_ttl(self.key_value.info.ttl) if self.key_value is not None else ""

    @property
    def type(self) -> str:
        """The key's type as `TYPE` names it, or an empty text if it is not known."""
        return (self.key_value.info.type or "") if self.key_value is not None else ""


def not_editable_note(content: Content) -> str:
    """Return a note that a value will be replaced, because it can't be edited exactly."""
    return " ".join(
        [
            _("The stored value can't be edited."),
            str(content.not_editable_reason),
            _("What you enter here replaces it."),
        ]
    )


class KeyAction(Generic[F]):
    """A kind of change to a key, with its form, its edit and its messages.

    The form is a Django form whose hidden fields hold what the user saw. Actions have no state.
    Arguments of the constructor set attributes, as those of Django's `View` do.
    """

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)

    form_mode: str = ""
    """The `mode` parameter that shows the form; empty if the action has no form of its own."""

    submit_mode: str = ""
    """The `mode` parameter of a POST that applies the action."""

    permission: Permission
    """What the action requires."""

    types: tuple[str, ...] = ()
    """The types of keys that the action is for, as `TYPE` names them; empty for any."""

    control_area: PageArea = "bar"
    """The area of the control that opens the form."""

    form_area: PageArea = "head"
    """The area of the form."""

    reads_value: bool = False
    """Whether the form shows the value. If reading it may run code, the form is opened by POST."""

    skips_value: bool = False
    """Whether the action is applied without reading the value, or with its element alone."""

    has_preview: bool = False
    """Whether `preview` can describe the effect of a valid form."""

    log_flag: int = log_entries.CHANGE
    """The action flag of the `LogEntry`; see `log_flag_for`."""

    kind: str = ""
    """The look of the control: `primary`, `danger`, or empty."""

    label: Text = ""
    """The label of the control."""

    title: Text = ""
    """The title of the form."""

    success_text: Text = gettext_lazy("Saved. %(what)s")
    """The message for the next page, with the log message as `what`."""

    failure_texts: FailureTexts = SAVE_FAILED
    """What the page says if the cache does not answer."""

    submit_label: Text = gettext_lazy("Save")
    overwrite_label: Text = gettext_lazy("Save my version")
    """The label of the submit button after a conflict."""

    cancel_label: Text = gettext_lazy("Cancel")
    keep_label: Text = gettext_lazy("Keep the current version")
    """The label of Cancel after a conflict."""

    def applies_to(self, context: KeyContext) -> bool:
        """Return whether the action can be applied to this key, regardless of permissions."""
        return not self.types or context.type in self.types

    def is_available(self, context: KeyContext) -> bool:
        """Return whether this user can apply the action to this key."""
        return context.is_allowed(self.permission) and self.applies_to(context)

    def is_target_missing(self, context: KeyContext) -> bool:
        """Return whether the row that the action works on does not exist, or was not read."""
        return False

    def form(self, context: KeyContext, data: Any = None) -> F:
        """Return the form, bound to `data` if it is given."""
        raise NotImplementedError(f"{type(self).__qualname__}.form")

    def form_title(self, context: KeyContext) -> Text:
        return self.title

    def notes(self, context: KeyContext) -> Sequence[Text]:
        """Return notes that are shown above the form."""
        return ()

    def make_panel(
        self, context: KeyContext, form: F, cancel: LinkTarget, has_conflict: bool
    ) -> FormPanel:
        """Return the form with its texts and buttons.

        Args:
            cancel: where the button that cancels leads.
            has_conflict: whether the key was changed after the form was opened.
        """
        return FormPanel(
            form,
            "overwrite" if has_conflict else self.submit_mode,
            self.overwrite_label if has_conflict else self.submit_label,
            Action("cancel", self.keep_label if has_conflict else self.cancel_label, cancel),
            self.form_title(context),
            notes=self.notes(context),
            has_preview=self.has_preview,
            kind=self.kind,
        )

    def preview(self, context: KeyContext, form: F) -> str:
        """Return in words what a valid form would change."""
        raise NotImplementedError(f"{type(self).__qualname__}.preview")

    def required_permissions(self, context: KeyContext, form: F) -> Iterable[RequiredPermission]:
        """Return what a valid form requires in addition to `permission`."""
        return ()

    def edit(self, context: KeyContext, form: F) -> Edit | EditResult | None:
        """Return the edit that a valid form describes.

        Return an `EditResult` if the edit can't be applied, and None if there is nothing to do.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.edit")

    def confirm(self, context: KeyContext, form: F, back: Action) -> Confirmation | None:
        """Return the confirmation that a valid form needs, or None."""
        return None

    def overwritten_key(self, context: KeyContext, form: F) -> tuple[Inspector, bytes] | None:
        """Return the other key that a valid form may overwrite, or None."""
        return None

    def apply(self, context: KeyContext, edit: Edit) -> EditResult:
        """Apply the edit. Errors of the cache are not caught."""
        if isinstance(edit, SetValue | Incr | ElementEdit):
            edit = replace(edit, replies=context.replies)
        return context.inspector.apply(context.stored, edit)

    def log_message(self, context: KeyContext, form: F, result: EditResult | None) -> str:
        """Return what was changed, without values, for the log and the page.

        `result` is None if it is unknown, because the cache did not answer.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.log_message")

    def log_flag_for(self, form: F) -> int:
        """Return the action flag of the `LogEntry` for a valid form."""
        return self.log_flag

    def success_message(self, context: KeyContext, form: F, result: EditResult) -> str:
        """Return the message for the next page."""
        return str(self.success_text) % {"what": self.log_message(context, form, result)}

    def field_errors(self, context: KeyContext, form: F, result: EditResult) -> Mapping[str, str]:
        """Return error messages by form field for an edit that was refused."""
        return {}

    def result_key(self, context: KeyContext, form: F) -> tuple[Inspector, bytes]:
        """Return the cache and key of the log entry and of the next page."""
        return context.inspector, context.stored

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        """Return the `expected` value with which the form overwrites the key after a conflict."""
        return context.key_value.expected if context.key_value is not None else ""

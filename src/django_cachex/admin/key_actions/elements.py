"""Base classes and functions for actions on elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirmation
from django_cachex.admin.forms.base import EditForm, FocusedForm
from django_cachex.admin.key_actions.base import F, KeyAction, KeyContext, PageArea
from django_cachex.admin.messages import digest_text
from django_cachex.admin.permissions import EDIT_ELEMENTS
from django_cachex.inspectors.edits import Edit, EditResult, ElementRef, End, RemoveElements
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.types import Element
from django_cachex.inspectors.values import Content

MAX_TEXTAREA_ROWS = 20


class ElementForm(EditForm):
    """The value of an element: `EditForm` without a TTL."""

    def __init__(
        self, data: Any = None, *, initial: Mapping[str, Any] | None = None, label: str = ""
    ) -> None:
        filled = {"opened": formatting.format_current_time(), **(initial or {})}
        super().__init__(data, initial=filled, can_expire=False, keeps_ttl=True)
        field = self.fields["value"]
        if label:
            field.label = label
        line_count = str(filled.get("value", "")).count("\n") + 1
        field.widget.attrs["rows"] = min(max(2, line_count), MAX_TEXTAREA_ROWS)


class ElementAction(KeyAction[F]):
    """An action on a collection; its form is above the elements."""

    permission = EDIT_ELEMENTS
    control_area: ClassVar[PageArea] = "elements"
    form_area: ClassVar[PageArea] = "elements"
    cancel_label = gettext_lazy("Cancel")
    keep_label = gettext_lazy("Keep the current version")

    types: ClassVar[tuple[str, ...]] = ()
    """The types of keys that the action is for."""

    def applies_to(self, context: KeyContext) -> bool:
        return context.type in self.types

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return result.expected


class RowAction(ElementAction[F]):
    """An action on one element; its form replaces the row."""

    control_area = "row"
    form_area = "row"
    skips_value = True

    def applies_to(self, context: KeyContext) -> bool:
        return (
            super().applies_to(context)
            and context.row is not None
            and self.applies_to_row(context.row)
        )

    def is_target_missing(self, context: KeyContext) -> bool:
        return context.row is None

    def applies_to_row(self, row: Element) -> bool:
        return True

    def object_name(self, row: Element) -> str:
        """Return what follows the label of the row's link for screen readers."""
        return format_element_name(row)


def format_element_name(row: Element) -> str:
    """Return the name of an element for screen readers."""
    return row.name or _("(empty name)")


def format_item_name(row: Element) -> str:
    """Return the name of a list's item for screen readers."""
    return _("item %(index)s") % {"index": row.name}


def require_row(context: KeyContext) -> Element:
    """Return the row that an action works on; `applies_to` checks that it exists."""
    if context.row is None:
        raise LookupError(context.element)
    return context.row


def value_form(context: KeyContext, data: Any, content: Content, label: str) -> ElementForm:
    """Return the form of an element's value; it is empty if the value can't be edited exactly."""
    initial: dict[str, Any] = {"expected": require_row(context).expected}
    if content.editable:
        initial |= {"value": content.edit_text, "store_as": content.store_as}
    return ElementForm(data, initial=initial, label=label)


def replace_notes(content: Content) -> list[Text]:
    """Return a note that an element will be replaced, if its value can't be edited exactly."""
    if content.editable:
        return []
    return [
        " ".join(
            [
                _("The stored value can't be edited."),
                str(content.not_editable_reason),
                _("What you enter here replaces it."),
            ]
        )
    ]


def element_message(text: str, result: EditResult | None) -> str:
    """Return what was done to an element, with sizes and fingerprints if they are known."""
    digest = digest_text(result)
    return f"{text} ({digest})." if digest else f"{text}."


def is_unchanged(form: forms.Form) -> bool:
    """Return whether a form was submitted unchanged, or without a value if it was empty."""
    if not isinstance(form, EditForm):
        return False
    if "value" not in form.initial:
        return not form.cleaned_data["value"]
    return not form.has_changed_value()


ELEMENT_UNITS = {"list": Unit.ITEMS, "set": Unit.MEMBERS, "zset": Unit.MEMBERS, "hash": Unit.FIELDS}

MAX_REMOVED = 1000
MAX_NAMES_SHOWN = 200


class SelectionForm(forms.Form):
    """The rows that were selected, or the one whose button was pressed."""

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
        self.chosen = tuple(ElementRef(element, expected) for element, _space, expected in parts)
        return data


class RemoveElementsAction(ElementAction[SelectionForm]):
    submit_mode = "remove-elements"
    types = ("list", "set", "zset", "hash", "stream")
    log_flag = log_entries.CHANGE
    label = gettext_lazy("Remove")
    keep_label = gettext_lazy("Keep them")

    def form(self, context: KeyContext, data: Any = None) -> SelectionForm:
        return SelectionForm(data)

    def edit(self, context: KeyContext, form: SelectionForm) -> Edit | EditResult | None:
        return RemoveElements(context.type, form.chosen)

    def confirm(
        self, context: KeyContext, form: SelectionForm, back: Action
    ) -> Confirmation | None:
        count = len(form.chosen)
        if count == 1:
            return None
        details = {
            "elements": formatting.format_count(
                count, ELEMENT_UNITS.get(context.type, Unit.ENTRIES)
            ),
            "key": formatting.format_name(context.inspector.display_key(context.stored)),
        }
        consequences = [_("This can't be undone. The TTL of the key doesn't change.")]
        size = context.key_value.info.size if context.key_value is not None else None
        if size == count and context.type != "stream":
            consequences.append(_("No elements will be left, so the key will be deleted too."))
        return Confirmation(
            question=_('Remove %(elements)s from "%(key)s"?') % details,
            breadcrumb=_("Remove"),
            consequences=consequences,
            button_text=_("Remove %(elements)s") % details,
            cancel=back,
            items=row_labels(context, form.chosen),
        )

    def log_message(
        self, context: KeyContext, form: SelectionForm, result: EditResult | None
    ) -> str:
        requested = len(form.chosen)
        count = requested if result is None or result.count is None else result.count
        text = removed_message(context, count, form.chosen)
        if count < requested:
            text += " " + ngettext(
                "%(count)d was already gone.", "%(count)d were already gone.", requested - count
            ) % {"count": requested - count}
        return text + key_gone_note(result)

    def success_message(self, context: KeyContext, form: SelectionForm, result: EditResult) -> str:
        return self.log_message(context, form, result)


def row_labels(context: KeyContext, chosen: tuple[ElementRef, ...]) -> list[str]:
    """Return labels for the chosen rows that still exist."""
    rows = [context.find_row(one.element) for one in chosen]
    return [row_label(row, context.type) for row in rows if row is not None]


def row_label(row: Element, type: str) -> str:
    """Return the name of a row; for a list, its index and the beginning of its value."""
    name = row.name or _("(empty name)")
    if type != "list":
        return name
    return f"{name}: {display_text(row.cells[-1].formatted.text.encode()[:MAX_NAMES_SHOWN])}"


def removed_message(context: KeyContext, count: int, chosen: tuple[ElementRef, ...]) -> str:
    """Return what was removed: a single field, item or entry by its name, else the number."""
    row = context.find_row(chosen[0].element) if len(chosen) == 1 else None
    if row is not None and context.type == "hash":
        return _('Field "%(name)s" removed.') % {"name": row.name}
    if row is not None and context.type == "list":
        return _("Item %(name)s removed.") % {"name": row.name}
    if len(chosen) == 1 and context.type == "stream":
        return _("Entry %(name)s removed.") % {"name": chosen[0].element}
    unit = ELEMENT_UNITS.get(context.type, Unit.ENTRIES)
    return _("%(elements)s removed.") % {"elements": formatting.format_count(count, unit)}


def key_gone_note(result: EditResult | None) -> str:
    """Return a note if the key was deleted with its last element."""
    if result is None or not result.key_gone:
        return ""
    return " " + _("No elements were left, so the key was deleted.")


MAX_POPPED = 1000
MAX_EXCERPT = 200


class CountForm(FocusedForm):
    """The number of elements to pop, and from which end."""

    count = forms.IntegerField(
        label=gettext_lazy("How many"), initial=1, min_value=1, max_value=MAX_POPPED
    )

    def __init__(self, data: Any = None, *, ends: Sequence[tuple[End, Text]]) -> None:
        super().__init__(data)
        if len(ends) > 1:
            self.fields["end"] = forms.ChoiceField(label=_("Take"), choices=ends)


class PopAction(ElementAction[CountForm]):
    """Pop elements; more than one requires a confirmation."""

    label = gettext_lazy("Pop")
    title = gettext_lazy("Pop")
    submit_label = gettext_lazy("Pop")
    unit: ClassVar[Unit] = Unit.MEMBERS

    def confirm(self, context: KeyContext, form: CountForm, back: Action) -> Confirmation | None:
        count = form.cleaned_data["count"]
        if count == 1:
            return None
        details = {
            "elements": formatting.format_count(count, self.unit),
            "key": formatting.format_name(context.inspector.display_key(context.stored)),
        }
        return Confirmation(
            question=_('Pop %(elements)s from "%(key)s"?') % details,
            breadcrumb=_("Pop"),
            consequences=[
                _(
                    "Popped elements are removed and shown to you once. If no elements are left, "
                    "the key is deleted."
                )
            ],
            button_text=_("Pop %(elements)s") % details,
            cancel=back,
        )

    def log_message(self, context: KeyContext, form: CountForm, result: EditResult | None) -> str:
        count = form.cleaned_data["count"] if result is None else result.count or 0
        text = _("Popped %(elements)s.") % {"elements": formatting.format_count(count, self.unit)}
        return text + key_gone_note(result)

    def success_message(self, context: KeyContext, form: CountForm, result: EditResult) -> str:
        """Return the popped values for the user; the log message has no values."""
        shown = "; ".join(excerpt(one.formatted.text) for one in result.removed[:10])
        return f"{self.log_message(context, form, result)} {shown}"


def excerpt(text: str) -> str:
    text = display_text(text.encode("utf-8", "surrogatepass"))
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}…"

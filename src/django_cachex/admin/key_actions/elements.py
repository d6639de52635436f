"""Actions on the elements of a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import Action, Confirmation
from django_cachex.admin.differences import describe_old_ttl, join_names, join_positions
from django_cachex.admin.forms.elements import (
    POP_ENDS,
    CountForm,
    ElementForm,
    EntryForm,
    FieldTtlForm,
    InsertForm,
    NewFieldForm,
    NewItemForm,
    RenameFieldForm,
    ScoredMemberForm,
    ScoreForm,
    SelectionForm,
    TrimListForm,
    TrimStreamForm,
)
from django_cachex.admin.key_actions.base import F, KeyAction, KeyContext, not_editable_note
from django_cachex.admin.messages import REMOVAL_FAILED, digest_text, ttl_message
from django_cachex.admin.permissions import EDIT_ELEMENTS
from django_cachex.inspectors.edits import (
    AddEntry,
    AddFields,
    AddMembers,
    Edit,
    EditResult,
    EditStatus,
    ElementRef,
    End,
    ExpireField,
    InsertItem,
    InsertPosition,
    KeepTTL,
    PopElements,
    PushItems,
    RemoveElements,
    RenameField,
    SetElement,
    SetScore,
    ZAdd,
    ZAddCondition,
)
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import display_text, encode_text
from django_cachex.inspectors.types import TTL_NONE, Element
from django_cachex.inspectors.values import Content

MAX_EXCERPT = 200

UNITS = {"list": Unit.ITEMS, "set": Unit.MEMBERS, "zset": Unit.MEMBERS, "hash": Unit.FIELDS}


class ElementAction(KeyAction[F]):
    """An action on a collection; its form is above the elements."""

    permission = EDIT_ELEMENTS
    control_area = "elements"
    form_area = "elements"


class RowAction(KeyAction[F]):
    """An action on one element; its form replaces the row."""

    permission = EDIT_ELEMENTS
    control_area = "row"
    form_area = "row"
    skips_value = True
    form_class: type[F]

    object_label: Text = "%(name)s"
    """What follows the label of the row's link for screen readers, with a name or an index."""

    def applies_to(self, context: KeyContext) -> bool:
        return (
            super().applies_to(context)
            and context.row is not None
            and self.applies_to_row(context.row)
        )

    def is_target_missing(self, context: KeyContext) -> bool:
        return context.row is None

    def form(self, context: KeyContext, data: Any = None) -> F:
        """Return the form; without the row, what was entered is still kept."""
        current = self.describe_row(context.row) if context.row is not None else {}
        return self.form_class(data, **current)

    def describe_row(self, row: Element) -> dict[str, Any]:
        """Return the arguments of the form that describe the row."""
        raise NotImplementedError(f"{type(self).__qualname__}.describe_row")

    def applies_to_row(self, row: Element) -> bool:
        return True

    def link_params(self, row: Element) -> dict[str, str]:
        """Return the parameters of the URL that opens the form of a row."""
        return {"element": row.id}

    def object_name(self, row: Element) -> str:
        """Return what follows the label of the row's link for screen readers."""
        return str(self.object_label) % {"name": format_element_name(row), "index": row.name}

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return result.expected


def format_element_name(row: Element) -> str:
    """Return the name of an element for screen readers."""
    return formatting.name_or_placeholder(row.name)


def element_message(text: str, result: EditResult | None) -> str:
    """Return what was done to an element, with sizes and fingerprints if they are known."""
    digest = digest_text(result)
    return f"{text} ({digest})." if digest else f"{text}."


def append_reason(text: str, result: EditResult | None) -> str:
    """Return a message with the reason of the result, such as a note about the field's TTL."""
    return f"{text} {result.reason}".strip() if result is not None else text


def key_gone_note(result: EditResult | None) -> str:
    """Return a note if the key was deleted with its last element."""
    if result is None or not result.key_gone:
        return ""
    return " " + _("No elements were left, so the key was deleted.")


def field_exists_error(result: EditResult) -> Mapping[str, str]:
    """Return the form error for a field name that exists."""
    if result.status != EditStatus.EXISTS:
        return {}
    return {"field": _("This field already exists. Edit it, or choose another name.")}


def member_exists_error(result: EditResult) -> Mapping[str, str]:
    """Return the form error for a member that exists."""
    if result.status not in (EditStatus.EXISTS, EditStatus.UNCHANGED):
        return {}
    return {"value": _("This member already exists.")}


def display_field_name(name: str) -> str:
    return display_text(encode_text(name))


# Adding elements.


class AddFieldAction(ElementAction[NewFieldForm]):
    form_mode, submit_mode, types = "add-field", "store-field", ("hash",)
    label = title = submit_label = gettext_lazy("Add field")

    def form(self, context: KeyContext, data: Any = None) -> NewFieldForm:
        return NewFieldForm(data)

    def edit(self, context: KeyContext, form: NewFieldForm) -> Edit:
        return AddFields(((form.cleaned_data["field"], form.parsed_value),))

    def field_errors(
        self, context: KeyContext, form: NewFieldForm, result: EditResult
    ) -> Mapping[str, str]:
        return field_exists_error(result)

    def log_message(
        self, context: KeyContext, form: NewFieldForm, result: EditResult | None
    ) -> str:
        name = display_field_name(form.cleaned_data["field"])
        return element_message(_('Field "%(name)s" added') % {"name": name}, result)


class AddItemAction(ElementAction[NewItemForm]):
    form_mode, submit_mode, types = "add-item", "push-item", ("list",)
    label = title = submit_label = gettext_lazy("Add item")

    def form(self, context: KeyContext, data: Any = None) -> NewItemForm:
        return NewItemForm(data, label=_("Item"))

    def edit(self, context: KeyContext, form: NewItemForm) -> Edit:
        return PushItems((form.parsed_value,), End(form.cleaned_data["end"]))

    def log_message(self, context: KeyContext, form: NewItemForm, result: EditResult | None) -> str:
        at_head = form.cleaned_data["end"] == End.FIRST
        text = _("Item added at the head") if at_head else _("Item added at the tail")
        return element_message(text, result)


class AddMemberAction(ElementAction[ElementForm]):
    form_mode, submit_mode, types = "add-member", "store-member", ("set",)
    label = title = submit_label = gettext_lazy("Add member")

    def form(self, context: KeyContext, data: Any = None) -> ElementForm:
        return ElementForm(data, label=_("Member"))

    def edit(self, context: KeyContext, form: ElementForm) -> Edit:
        return AddMembers((form.parsed_value,))

    def field_errors(
        self, context: KeyContext, form: ElementForm, result: EditResult
    ) -> Mapping[str, str]:
        return member_exists_error(result)

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        return element_message(_("Member added"), result)


class AddScoredMemberAction(ElementAction[ScoredMemberForm]):
    form_mode, submit_mode, types = "add-scored", "store-scored", ("zset",)
    label = title = submit_label = gettext_lazy("Add member")

    def form(self, context: KeyContext, data: Any = None) -> ScoredMemberForm:
        return ScoredMemberForm(data, label=_("Member"))

    def edit(self, context: KeyContext, form: ScoredMemberForm) -> Edit:
        pair = (form.parsed_value, form.cleaned_data["score"])
        return ZAdd((pair,), ZAddCondition(form.cleaned_data["only"]))

    def log_message(
        self, context: KeyContext, form: ScoredMemberForm, result: EditResult | None
    ) -> str:
        text = _("Member stored with score %(score)s") % {"score": form.cleaned_data["score"]}
        return element_message(text, result)


class AppendEntryAction(ElementAction[EntryForm]):
    form_mode, submit_mode, types = "add-entry", "store-entry", ("stream",)
    label = title = submit_label = gettext_lazy("Add entry")

    def form(self, context: KeyContext, data: Any = None) -> EntryForm:
        return EntryForm(data, label=_("One field=value per line"))

    def edit(self, context: KeyContext, form: EntryForm) -> Edit:
        return AddEntry(form.parsed_value)

    def log_message(self, context: KeyContext, form: EntryForm, result: EditResult | None) -> str:
        if result is None or not result.reason:
            return _("Entry added.")
        return _("Entry %(id)s added.") % {"id": result.reason}


# Changing one element.


class EditElementAction(RowAction[ElementForm]):
    """Change an item, the value of a field, or a member."""

    label = gettext_lazy("Edit")
    form_class = ElementForm
    value_label: Text
    done: Text
    """What was done, for the log and the page."""

    def value(self, row: Element) -> Content:
        """Return the cell to edit: a member, or the value of an item or field."""
        return row.cells[-1 if self.types[0] in ("list", "hash") else 0]

    def describe_row(self, row: Element) -> dict[str, Any]:
        """Return the arguments of the form, which is empty if the value can't be edited exactly."""
        value = self.value(row)
        initial: dict[str, Any] = {"expected": row.expected}
        if value.editable:
            initial |= {"value": value.edit_text, "store_as": value.store_as}
        label = str(self.value_label) % {"name": row.name, "index": row.name}
        return {"initial": initial, "label": label}

    def notes(self, context: KeyContext) -> Sequence[Text]:
        if context.row is None or self.value(context.row).editable:
            return []
        return [not_editable_note(self.value(context.row))]

    def edit(self, context: KeyContext, form: ElementForm) -> Edit | None:
        if form.is_unchanged():
            return None
        expected = form.cleaned_data["expected"]
        return SetElement(context.element, expected, form.parsed_value, context.type)

    def field_errors(
        self, context: KeyContext, form: ElementForm, result: EditResult
    ) -> Mapping[str, str]:
        return member_exists_error(result)

    def log_message(self, context: KeyContext, form: ElementForm, result: EditResult | None) -> str:
        name = context.element_row.name
        text = str(self.done) % {"name": name, "index": name}
        differences = context.describe_change(self.value(context.element_row), form.parsed_value)
        if differences:
            text = _("%(change)s: %(differences)s") % {"change": text, "differences": differences}
        return append_reason(element_message(text, result), result)


class RenameFieldAction(RowAction[RenameFieldForm]):
    form_mode, submit_mode, types = "rename-field", "set-field-name", ("hash",)
    label = submit_label = gettext_lazy("Rename")
    title = gettext_lazy("Rename field")
    form_class = RenameFieldForm

    def describe_row(self, row: Element) -> dict[str, Any]:
        return {"expected": row.expected, "field": row.name}

    def edit(self, context: KeyContext, form: RenameFieldForm) -> Edit | None:
        data = form.cleaned_data
        if data["field"] == context.element_row.name:
            return None
        return RenameField(context.element, data["expected"], data["field"])

    def field_errors(
        self, context: KeyContext, form: RenameFieldForm, result: EditResult
    ) -> Mapping[str, str]:
        return field_exists_error(result)

    def log_message(
        self, context: KeyContext, form: RenameFieldForm, result: EditResult | None
    ) -> str:
        names = {
            "old": context.element_row.name,
            "new": display_field_name(form.cleaned_data["field"]),
        }
        return append_reason(_('Field "%(old)s" renamed to "%(new)s".') % names, result)


class ChangeFieldTtlAction(RowAction[FieldTtlForm]):
    """Change the TTL of a field, if the server supports that."""

    form_mode, submit_mode, types = "expire-field", "set-field-ttl", ("hash",)
    label = gettext_lazy("TTL")
    title = gettext_lazy("Change field TTL")
    form_class = FieldTtlForm

    def applies_to_row(self, row: Element) -> bool:
        return row.ttl is not None

    def describe_row(self, row: Element) -> dict[str, Any]:
        return {"row": row}

    def edit(self, context: KeyContext, form: FieldTtlForm) -> Edit | None:
        if isinstance(form.ttl, KeepTTL):
            return None
        return ExpireField(context.element, form.cleaned_data["expected"], form.ttl)

    def log_message(
        self, context: KeyContext, form: FieldTtlForm, result: EditResult | None
    ) -> str:
        ttl = "" if isinstance(form.ttl, KeepTTL) else ttl_message(form.ttl)
        if form.ttl == TTL_NONE:
            ttl = _("TTL removed. The field never expires.")
        row = context.element_row
        text = _('Field "%(name)s": %(ttl)s') % {"name": row.name, "ttl": ttl}
        return f"{text} {describe_old_ttl(row.ttl)}".strip()


class InsertItemAction(RowAction[InsertForm]):
    form_mode, submit_mode, types = "insert-item", "put-item", ("list",)
    label = gettext_lazy("Insert")
    title = submit_label = gettext_lazy("Insert item")
    object_label = gettext_lazy("next to item %(index)s")
    form_class = InsertForm

    def describe_row(self, row: Element) -> dict[str, Any]:
        label = _("New item next to item %(index)s") % {"index": row.name}
        return {"initial": {"expected": row.expected}, "label": label}

    def edit(self, context: KeyContext, form: InsertForm) -> Edit:
        place = InsertPosition(form.cleaned_data["place"])
        return InsertItem(context.element, form.cleaned_data["expected"], form.parsed_value, place)

    def log_message(self, context: KeyContext, form: InsertForm, result: EditResult | None) -> str:
        text = _("Item inserted after item %(n)s")
        if form.cleaned_data["place"] == InsertPosition.BEFORE:
            text = _("Item inserted before item %(n)s")
        return element_message(text % {"n": context.element_row.name}, result)


class ChangeScoreAction(RowAction[ScoreForm]):
    form_mode, submit_mode, types = "edit-score", "set-score", ("zset",)
    label = gettext_lazy("Score")
    title = gettext_lazy("Change score")
    form_class = ScoreForm

    def describe_row(self, row: Element) -> dict[str, Any]:
        return {"expected": row.expected, "score": row.cells[1].formatted.text}

    def notes(self, context: KeyContext) -> Sequence[Text]:
        row = context.row
        return [_("Member: %(member)s") % {"member": row.name}] if row is not None else []

    def edit(self, context: KeyContext, form: ScoreForm) -> Edit:
        data = form.cleaned_data
        return SetScore(context.element, data["expected"], data["score"])

    def log_message(self, context: KeyContext, form: ScoreForm, result: EditResult | None) -> str:
        old = context.element_row.cells[1].formatted.text
        scores = {"score": form.cleaned_data["score"], "old": old}
        text = _("Score of a member changed from %(old)s to %(score)s") % scores
        return element_message(text, result)


# Removing elements.


class RemoveElementsAction(ElementAction[SelectionForm]):
    submit_mode = "remove-elements"
    types = ("list", "set", "zset", "hash", "stream")
    failure_texts = REMOVAL_FAILED
    label = gettext_lazy("Remove")
    keep_label = gettext_lazy("Keep them")
    success_text = "%(what)s"

    def form(self, context: KeyContext, data: Any = None) -> SelectionForm:
        return SelectionForm(data)

    def edit(self, context: KeyContext, form: SelectionForm) -> Edit:
        return RemoveElements(context.type, form.chosen)

    def confirm(self, context: KeyContext, form: SelectionForm, back: Action) -> Confirmation:
        count = len(form.chosen)
        unit = UNITS.get(context.type, Unit.ENTRIES)
        details = {
            "elements": formatting.format_count(count, unit),
            "key": context.key_name,
        }
        consequences = [_("This can't be undone. The TTL of the key doesn't change.")]
        if context.length == count and context.type != "stream":
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


def row_labels(context: KeyContext, chosen: tuple[ElementRef, ...]) -> list[str]:
    """Return labels for the chosen rows that still exist."""
    rows = [context.find_row(one.element) for one in chosen]
    return [row_label(row, context.type) for row in rows if row is not None]


def row_label(row: Element, type: str) -> str:
    """Return the name of a row; for a list, its index and the beginning of its value."""
    name = format_element_name(row)
    if type != "list":
        return name
    return f"{name}: {excerpt(row.cells[-1].formatted.text)}"


def removed_message(context: KeyContext, count: int, chosen: tuple[ElementRef, ...]) -> str:
    """Return what was removed: a single field, item or entry by its name, else the number."""
    row = context.find_row(chosen[0].element) if len(chosen) == 1 else None
    if row is not None and context.type == "hash":
        return _('Field "%(name)s" removed.') % {"name": row.name}
    if row is not None and context.type == "list":
        return _("Item %(name)s removed.") % {"name": row.name}
    if len(chosen) == 1 and context.type == "stream":
        return _("Entry %(name)s removed.") % {"name": chosen[0].element}
    unit = UNITS.get(context.type, Unit.ENTRIES)
    elements = formatting.format_count(count, unit)
    names = removed_names(context, chosen) if count == len(chosen) else ""
    if names:
        return _("%(elements)s removed: %(names)s.") % {"elements": elements, "names": names}
    return _("%(elements)s removed.") % {"elements": elements}


def removed_names(context: KeyContext, chosen: tuple[ElementRef, ...]) -> str:
    """Return the names of fields, or the positions or ids of elements. Members are values."""
    if context.type == "stream":
        return join_positions([one.element for one in chosen])
    rows = [context.find_row(one.element) for one in chosen]
    names = [row.name for row in rows if row is not None]
    if context.type == "hash":
        return join_names(names)
    return join_positions(names) if context.type == "list" else ""


class PopAction(ElementAction[CountForm]):
    """Pop elements; more than one requires a confirmation."""

    label = title = submit_label = gettext_lazy("Pop")
    failure_texts = REMOVAL_FAILED
    unit: Unit

    def form(self, context: KeyContext, data: Any = None) -> CountForm:
        type = context.type if context.type in self.types else self.types[-1]
        return CountForm(data, ends=POP_ENDS[type])

    def edit(self, context: KeyContext, form: CountForm) -> Edit:
        end = End(form.cleaned_data.get("end", End.RANDOM))
        return PopElements(context.type, end, form.cleaned_data["count"])

    def confirm(self, context: KeyContext, form: CountForm, back: Action) -> Confirmation | None:
        count = form.cleaned_data["count"]
        if count == 1:
            return None
        details = {
            "elements": formatting.format_count(count, self.unit),
            "key": context.key_name,
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
        elements = formatting.format_count(count, self.unit)
        ends: Mapping[Any, Text] = dict(POP_ENDS[context.type]) if context.type in POP_ENDS else {}
        end = ends.get(form.cleaned_data.get("end"))
        text = _("Popped %(elements)s.") % {"elements": elements}
        if end:
            text = _("Popped %(elements)s (%(end)s).") % {"elements": elements, "end": end}
        return text + key_gone_note(result)

    def success_message(self, context: KeyContext, form: CountForm, result: EditResult) -> str:
        """Return the popped values for the user; the log message has no values."""
        shown = "; ".join(excerpt(one.formatted.text) for one in result.removed[:10])
        return f"{self.log_message(context, form, result)} {shown}"


def excerpt(text: str) -> str:
    text = display_text(text.encode("utf-8", "surrogatepass"))
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}…"


class TrimAction(ElementAction[TrimListForm | TrimStreamForm]):
    """Remove the elements at the ends of a list, or the oldest entries of a stream."""

    label = submit_label = gettext_lazy("Trim")
    failure_texts = REMOVAL_FAILED
    unit: Unit
    form_class: type[TrimListForm | TrimStreamForm]

    def form(self, context: KeyContext, data: Any = None) -> TrimListForm | TrimStreamForm:
        return self.form_class(data, expected=context.length)

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return str(context.length)

    def edit(self, context: KeyContext, form: TrimListForm | TrimStreamForm) -> Edit | None:
        return form.edit

    def confirm(
        self, context: KeyContext, form: TrimListForm | TrimStreamForm, back: Action
    ) -> Confirmation:
        kept = form.count_kept(context.length)
        details = {
            "elements": formatting.format_count(context.length - kept, self.unit),
            "kept": formatting.format_number(kept),
            "key": context.key_name,
        }
        consequences = [_("%(kept)s will be kept. This can't be undone.") % details]
        if not kept and self.unit == Unit.ITEMS:
            consequences = [_("No elements will be left, so the key will be deleted too.")]
        return Confirmation(
            question=_('Remove %(elements)s from "%(key)s"?') % details,
            breadcrumb=_("Trim"),
            consequences=consequences,
            button_text=_("Remove %(elements)s") % details,
            cancel=back,
        )

    def log_message(
        self,
        context: KeyContext,
        form: TrimListForm | TrimStreamForm,
        result: EditResult | None,
    ) -> str:
        if result is None or result.count is None:
            return _("Trimmed.")
        elements = formatting.format_count(result.count, self.unit)
        text = _("Trimmed: %(elements)s removed.") % {"elements": elements}
        return text + key_gone_note(result)

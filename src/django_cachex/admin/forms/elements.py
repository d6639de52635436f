"""Forms for the elements of a key: for searching and for changing them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import (
    CODE_ATTRS,
    DURATION_EXAMPLES,
    EditForm,
    ExpireForm,
    FocusedForm,
    parse_lines,
    parse_score,
)
from django_cachex.admin.forms.ttl import current_ttl_text
from django_cachex.inspectors.edits import (
    ElementRef,
    End,
    InsertPosition,
    TrimList,
    TrimStream,
    ZAddCondition,
)
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.query import ElementPage, Order
from django_cachex.inspectors.types import Element
from django_cachex.inspectors.values import InvalidValue

COUNT_PATTERN = re.compile(r"[1-9][0-9]{0,8}")

STATE_PARAMS: Final = ("at", "order", "find", "low", "high", "sort", "groups")
"""The query parameters that select which elements are shown."""

NO_FORM: Final = dict.fromkeys(("mode", "element", "expected", "row"), "")
"""The query parameters that open the form of a row, or move the focus to it, left out."""

SCORED_TYPE, INDEXED_TYPE, TIMED_TYPE = "zset", "list", "stream"

ORDERS: Final[Mapping[str, Sequence[tuple[str, Text]]]] = {
    "list": [
        (Order.FIRST, gettext_lazy("From the head")),
        (Order.LAST, gettext_lazy("From the tail")),
    ],
    "zset": [
        (Order.FIRST, gettext_lazy("Lowest first")),
        (Order.LAST, gettext_lazy("Highest first")),
    ],
    "stream": [
        (Order.FIRST, gettext_lazy("Oldest first")),
        (Order.LAST, gettext_lazy("Newest first")),
    ],
}


class ScoreField(forms.CharField):
    """A number, inf or -inf, or None if the field is empty."""

    def clean(self, value: Any) -> float | None:
        text = super().clean(value)
        try:
            return parse_score(text) if text else None
        except InvalidValue as problem:
            raise ValidationError(str(problem)) from problem


class StreamPositionField(forms.CharField):
    """A stream id, or a date and time, which is converted to the time part of an id."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        moment = parse_moment(text)
        return text if moment is None else str(int(moment.timestamp() * 1000))


def parse_moment(text: str) -> datetime | None:
    """Return the date and time in a text, in the project's time zone, or None if it has none."""
    try:
        moment = parse_datetime(text) if ":" in text else parse_datetime(f"{text} 00:00")
    except ValueError as problem:
        raise ValidationError(_("This date and time doesn't exist.")) from problem
    if moment is None:
        return None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def text_input(**attrs: str) -> forms.TextInput:
    params = {"autocomplete": "off", **CODE_ATTRS, **attrs}
    return forms.TextInput(attrs=params)


class ElementSearchForm(forms.Form):
    """A search in a collection; its fields depend on the type."""

    def __init__(self, type: str, data: Any = None) -> None:
        super().__init__(data, auto_id="cx-find-%s")
        self.fields.update(search_fields(type))


def search_fields(type: str) -> dict[str, forms.Field]:
    """Return the search fields for a type."""
    if type == INDEXED_TYPE:
        label = _("Go to index")
        return {"at": forms.CharField(label=label, required=False, widget=text_input(size="10"))}
    if type == TIMED_TYPE:
        hint = text_input(size="24", placeholder=_("ID, or 2026-01-31 14:00"))
        label = _("From (%(zone)s)") % {"zone": formatting.current_zone_name()}
        return {"at": StreamPositionField(label=label, required=False, widget=hint)}
    label = _("Find field") if type == "hash" else _("Find member")
    hint = text_input(placeholder=_("any part, * as a wildcard"))
    fields: dict[str, forms.Field] = {
        "find": forms.CharField(label=label, required=False, strip=False, widget=hint)
    }
    if type == SCORED_TYPE:
        bound = {"size": "8", "inputmode": "decimal"}
        fields["low"] = ScoreField(
            label=_("Scores from"), required=False, widget=text_input(**bound)
        )
        fields["high"] = ScoreField(label=_("to"), required=False, widget=text_input(**bound))
    return fields


def page_from_query(params: Mapping[str, str]) -> ElementPage:
    """Return the elements page that a query string asks for; invalid parameters are ignored."""
    count = params.get("shown", "")
    return ElementPage(
        at=parse_position(params.get("at", "")),
        order=Order.LAST if params.get("order") == Order.LAST else Order.FIRST,
        match=params.get("find", ""),
        lowest=parse_score_bound(params.get("low", "")),
        highest=parse_score_bound(params.get("high", "")),
        count=int(count) if COUNT_PATTERN.fullmatch(count) else None,
    )


def parse_position(text: str) -> str:
    """Return a position as inspectors expect it; a date and time becomes a stream id."""
    try:
        return StreamPositionField(required=False).clean(text)
    except ValidationError:
        return text


def parse_score_bound(text: str) -> float | None:
    try:
        return ScoreField(required=False).clean(text)
    except ValidationError:
        return None


# Changes.

MAX_TEXTAREA_ROWS: Final = 20
MAX_REMOVED: Final = 1000
MAX_POPPED: Final = 1000
MAX_LENGTH: Final = 10**15
"""More than the number of elements in any list or stream."""

PUSH_ENDS = [(End.LAST, gettext_lazy("at the tail")), (End.FIRST, gettext_lazy("at the head"))]
INSERT_POSITIONS = [
    (InsertPosition.BEFORE, gettext_lazy("before this item")),
    (InsertPosition.AFTER, gettext_lazy("after this item")),
]
POP_ENDS: Final[Mapping[str, Sequence[tuple[End, Text]]]] = {
    "list": [
        (End.LAST, gettext_lazy("from the tail")),
        (End.FIRST, gettext_lazy("from the head")),
    ],
    "set": [(End.RANDOM, gettext_lazy("any"))],
    "zset": [
        (End.FIRST, gettext_lazy("those with the lowest score")),
        (End.LAST, gettext_lazy("those with the highest score")),
        (End.RANDOM, gettext_lazy("any")),
    ],
}
ZADD_CONDITIONS = [
    (ZAddCondition.ANY, gettext_lazy("Add the member or update its score")),
    (ZAddCondition.NX, gettext_lazy("Only add the member")),
    (ZAddCondition.XX, gettext_lazy("Only update its score")),
    (ZAddCondition.GT, gettext_lazy("Add the member or raise its score")),
    (ZAddCondition.LT, gettext_lazy("Add the member or lower its score")),
    (ZAddCondition.XX_GT, gettext_lazy("Only raise its score")),
    (ZAddCondition.XX_LT, gettext_lazy("Only lower its score")),
]


class NameField(forms.CharField):
    """A field name, which may be empty and is not stripped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, required=False, widget=text_input(), **kwargs)


def score_field() -> ScoreField:
    widget = forms.TextInput(
        attrs={"inputmode": "decimal", "size": 20, "autocomplete": "off", "dir": "ltr"}
    )
    return ScoreField(label=gettext_lazy("Score"), widget=widget)


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

    def is_unchanged(self) -> bool:
        """Return whether the form was submitted unchanged, or without a value if it was empty."""
        if "value" not in self.initial:
            return not self.cleaned_data["value"]
        return not self.has_changed_value()


class NewFieldForm(ElementForm):
    field = NameField(label=gettext_lazy("Field"))
    field_order = ("field", "value", "store_as")


class NewItemForm(ElementForm):
    end = forms.ChoiceField(label=gettext_lazy("Where"), choices=PUSH_ENDS)


class InsertForm(ElementForm):
    place = forms.ChoiceField(label=gettext_lazy("Where"), choices=INSERT_POSITIONS)


class ScoredMemberForm(ElementForm):
    score = score_field()
    only = forms.ChoiceField(
        label=gettext_lazy("Condition"), choices=ZADD_CONDITIONS, required=False
    )
    field_order = ("value", "store_as", "score", "only")


class EntryForm(ElementForm):
    """The fields of an entry, one `field=value` a line."""

    def parse_value(self, data: dict[str, Any]) -> Any:
        return parse_lines("stream", data["value"], data["store_as"])


class ChangeForm(FocusedForm):
    """A change to what the user saw; the hidden fields hold its fingerprint and the time."""

    expected: forms.Field = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, **initial: Any) -> None:
        super().__init__(data, initial={"opened": formatting.format_current_time(), **initial})


class RenameFieldForm(ChangeForm):
    field = NameField(label=gettext_lazy("New name"))
    field_order = ("field",)


class ScoreForm(ChangeForm):
    score = score_field()
    field_order = ("score",)


class FieldTtlForm(ChangeForm, ExpireForm):
    def __init__(self, data: Any = None, *, row: Element | None = None) -> None:
        super().__init__(data, expected=row.expected if row is not None else "")
        if row is not None and row.ttl is not None:
            self.fields["timeout"].help_text = f"{current_ttl_text(row.ttl)} {DURATION_EXAMPLES}"


def length_field() -> forms.IntegerField:
    """Return the hidden field with the length that the user saw."""
    return forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MAX_LENGTH)


class IndexField(forms.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-MAX_LENGTH, max_value=MAX_LENGTH, **kwargs)


class TrimListForm(ChangeForm):
    start = IndexField(label=gettext_lazy("First index to keep"), initial=0)
    stop = IndexField(
        label=gettext_lazy("Last index to keep"),
        initial=-1,
        help_text=gettext_lazy("Negative numbers count from the tail: -1 is the last item."),
    )
    expected = length_field()
    field_order = ("start", "stop")

    @property
    def edit(self) -> TrimList:
        """The edit that a valid form describes."""
        data = self.cleaned_data
        return TrimList(data["start"], data["stop"], data["expected"])

    def count_kept(self, length: int) -> int:
        """Return how many items of a list of this length are kept, as `LTRIM` counts."""
        start, stop = self.cleaned_data["start"], self.cleaned_data["stop"]
        first = start + length if start < 0 else start
        last = stop + length if stop < 0 else stop
        return len(range(length)[max(first, 0) : max(last + 1, 0)])


class TrimStreamForm(ChangeForm):
    keep = forms.IntegerField(
        label=gettext_lazy("Newest entries to keep"), min_value=0, max_value=MAX_LENGTH
    )
    expected = length_field()
    field_order = ("keep",)

    @property
    def edit(self) -> TrimStream | None:
        """The edit that a valid form describes, or None if all entries are kept."""
        keep, length = self.cleaned_data["keep"], self.cleaned_data["expected"]
        return TrimStream(keep, length) if keep < length else None

    def count_kept(self, length: int) -> int:
        """Return how many entries of a stream of this length are kept."""
        return min(int(self.cleaned_data["keep"]), length)


class CountForm(FocusedForm):
    """The number of elements to pop, and from which end."""

    count = forms.IntegerField(
        label=gettext_lazy("How many"), initial=1, min_value=1, max_value=MAX_POPPED
    )

    def __init__(self, data: Any = None, *, ends: Sequence[tuple[End, Text]]) -> None:
        super().__init__(data)
        if len(ends) > 1:
            self.fields["end"] = forms.ChoiceField(label=_("Take"), choices=ends)


def selection_value(row: Element) -> str:
    """Return what the checkbox of a row sends to a `SelectionForm`."""
    return f"{row.id} {row.expected}"


class SelectionForm(forms.Form):
    """The rows that were selected."""

    selected = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        sent: Any = self.data
        rows = sent.getlist("selected")
        if not rows:
            raise forms.ValidationError(_("First select the rows to remove."))
        if len(rows) > MAX_REMOVED:
            raise forms.ValidationError(_("Select at most %(most)d rows.") % {"most": MAX_REMOVED})
        parts = [row.partition(" ") for row in dict.fromkeys(rows)]
        self.chosen = tuple(ElementRef(element, expected) for element, _space, expected in parts)
        return data

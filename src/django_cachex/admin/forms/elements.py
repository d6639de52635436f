"""Forms for the elements of a key."""

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

from django_cachex.admin.forms.base import CODE_ATTRS, parse_score
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.query import ElementPage, Order
from django_cachex.inspectors.values import InvalidValue

COUNT_PATTERN = re.compile(r"[1-9][0-9]{0,8}")

STATE_PARAMS: Final = ("at", "order", "find", "low", "high", "sort", "groups")
"""The query parameters that select which elements are shown."""

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


class ScoreBoundField(forms.CharField):
    """A bound of a range of scores, or None if empty."""

    def clean(self, value: Any) -> float | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_score(text)
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
        return {"at": StreamPositionField(label=_("From"), required=False, widget=hint)}
    label = _("Find field") if type == "hash" else _("Find member")
    hint = text_input(placeholder=_("any part, * as a wildcard"))
    fields: dict[str, forms.Field] = {
        "find": forms.CharField(label=label, required=False, strip=False, widget=hint)
    }
    if type == SCORED_TYPE:
        bound = {"size": "8", "inputmode": "decimal"}
        fields["low"] = ScoreBoundField(
            label=_("Scores from"), required=False, widget=text_input(**bound)
        )
        fields["high"] = ScoreBoundField(label=_("to"), required=False, widget=text_input(**bound))
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
        return ScoreBoundField(required=False).clean(text)
    except ValidationError:
        return None

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

from django_cachex.admin.forms.base import AS_CODE, score_of
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.query import Order, Window
from django_cachex.inspectors.values import InvalidValue

COUNT = re.compile(r"[1-9][0-9]{0,8}")

STATE: Final = ("at", "order", "find", "low", "high", "sort", "groups")
"""What an address says of the part that is shown."""

SCORED, INDEXED, NAMED, TIMED = "zset", "list", ("hash", "set"), "stream"

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
    """A bound of a range of scores; None where it was left empty."""

    def clean(self, value: Any) -> float | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return score_of(text)
        except InvalidValue as problem:
            raise ValidationError(str(problem)) from problem


class MomentField(forms.CharField):
    """An id of a stream, or a moment, as the beginning of an id."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        moment = moment_in(text)
        return text if moment is None else str(int(moment.timestamp() * 1000))


def moment_in(text: str) -> datetime | None:
    """Return the moment that a text is, in the project's time zone, if it is one."""
    try:
        moment = parse_datetime(text) if ":" in text else parse_datetime(f"{text} 00:00")
    except ValueError as problem:
        raise ValidationError(_("This date and time doesn't exist.")) from problem
    if moment is None:
        return None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def text_input(**attrs: str) -> forms.TextInput:
    given = {"autocomplete": "off", **AS_CODE, **attrs}
    return forms.TextInput(attrs=given)


class FindForm(forms.Form):
    """What to look for in a collection, for its type."""

    def __init__(self, type: str, data: Any = None) -> None:
        super().__init__(data, auto_id="cx-find-%s")
        self.fields.update(fields_for(type))


def fields_for(type: str) -> dict[str, forms.Field]:
    """Return the fields by which elements of a type are found."""
    if type == INDEXED:
        label = _("Go to index")
        return {"at": forms.CharField(label=label, required=False, widget=text_input(size="10"))}
    if type == TIMED:
        hint = text_input(size="24", placeholder=_("ID, or 2026-01-31 14:00"))
        return {"at": MomentField(label=_("From"), required=False, widget=hint)}
    label = _("Find field") if type == "hash" else _("Find member")
    hint = text_input(placeholder=_("any part, * as a wildcard"))
    fields: dict[str, forms.Field] = {
        "find": forms.CharField(label=label, required=False, strip=False, widget=hint)
    }
    if type == SCORED:
        bound = {"size": "8", "inputmode": "decimal"}
        fields["low"] = ScoreField(
            label=_("Scores from"), required=False, widget=text_input(**bound)
        )
        fields["high"] = ScoreField(label=_("to"), required=False, widget=text_input(**bound))
    return fields


def window_of(given: Mapping[str, str]) -> Window:
    """Return the window that a request asks for; what makes no sense is left out."""
    count = given.get("shown", "")
    return Window(
        at=place_in(given.get("at", "")),
        order=Order.LAST if given.get("order") == Order.LAST else Order.FIRST,
        match=given.get("find", ""),
        lowest=score_in(given.get("low", "")),
        highest=score_in(given.get("high", "")),
        count=int(count) if COUNT.fullmatch(count) else None,
    )


def place_in(text: str) -> str:
    """Return a place as inspectors take it: a moment is the beginning of an id."""
    try:
        return MomentField(required=False).clean(text)
    except ValidationError:
        return text


def score_in(text: str) -> float | None:
    try:
        return ScoreField(required=False).clean(text)
    except ValidationError:
        return None

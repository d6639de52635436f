"""Forms for keys and their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.durations import (
    SECOND,
    AmbiguousDuration,
    InvalidDuration,
    parse_duration,
)
from django_cachex.inspectors.edits import KEEP, KeepTTL
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import InvalidValue, StoreAs, normalize_newlines, parse_value

MAX_LINES: Final = 10_000
"""The most lines of text in one form."""

ElementKey = Callable[[Any], Any]
"""Returns what must be unique among the elements of a collection."""


class InvalidLine(InvalidValue):
    """A line of text is not an element of the type."""


def parse_lines(type: str, text: str, store_as: StoreAs) -> tuple[Any, ...]:
    """Return the elements in a text of one element a line.

    They are items, members, (member, score) pairs or (field, value) pairs, depending on the type.

    Raises:
        InvalidLine: the error names the line, counted from 1.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        raise InvalidLine(_("Enter at least one line. A key of this type can't be empty."))
    if len(lines) > MAX_LINES:
        raise InvalidLine(_("Enter at most %(most)d lines.") % {"most": MAX_LINES})
    parse = LINE_PARSERS[type]
    elements = [parse_line(parse, number, line, store_as) for number, line in enumerate(lines, 1)]
    if type in UNIQUE_BY:
        check_unique([UNIQUE_BY[type](element) for element in elements])
    return tuple(elements)


def parse_line(
    parse: Callable[[str, StoreAs], Any], number: int, line: str, store_as: StoreAs
) -> Any:
    """Return the element in a line; errors name the line's number."""
    try:
        if not line:
            raise InvalidLine(
                _('the line is empty. To store an empty text, set Store as to JSON and enter "".')
            )
        return parse(line, store_as)
    except InvalidValue as problem:
        text = _("Line %(number)d: %(problem)s") % {"number": number, "problem": problem}
        raise InvalidLine(text) from problem


def check_unique(names: Sequence[Any]) -> None:
    """Raise InvalidLine for a name that occurs twice, as the later would replace the earlier."""
    first_numbers: dict[Any, int] = {}
    for number, name in enumerate(names, 1):
        if name in first_numbers:
            values = {"number": number, "first": first_numbers[name]}
            raise InvalidLine(_("Line %(number)d repeats line %(first)d.") % values)
        first_numbers[name] = number


def parse_item(line: str, store_as: StoreAs) -> Any:
    return parse_value(line, store_as)


def parse_member(line: str, store_as: StoreAs) -> tuple[Any, float]:
    """Return the member and the score in a line such as `2.5 user:1`."""
    score, space, member = line.partition(" ")
    if not space:
        raise InvalidLine(_("enter a score, a space and the member, such as 2.5 user:1."))
    return parse_value(member, store_as), parse_score(score)


def parse_score(text: str) -> float:
    """Return the score in a text: a number, inf or -inf."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise InvalidLine(
            _('"%(given)s" isn\'t a score. Enter a number such as 2.5, inf or -inf.')
            % {"given": text[:50]}
        )
    return number


def parse_field(line: str, store_as: StoreAs) -> tuple[str, Any]:
    """Return the field and the value in a line such as `plan=pro`."""
    name, equals, value = line.partition("=")
    if not equals:
        raise InvalidLine(_("enter the field, an equals sign and the value, such as plan=pro."))
    return name, parse_value(value, store_as)


def element_identity(element: Any) -> Any:
    """Return a key that is equal for equal elements only: `1`, `True` and `1.0` differ."""
    return type(element).__name__, repr(element)


LINE_PARSERS: Final[dict[str, Callable[[str, StoreAs], Any]]] = {
    "list": parse_item,
    "set": parse_item,
    "zset": parse_member,
    "hash": parse_field,
    "stream": parse_field,
}

UNIQUE_BY: Final[dict[str, ElementKey]] = {
    "set": element_identity,
    "zset": lambda pair: element_identity(pair[0]),
    "hash": lambda pair: pair[0],
}
"""What must be unique in a collection, for the types that have such a rule."""


MAX_TIMEOUT_SECONDS = 10_000_000_000
"""Some three centuries, which every store can represent."""

CODE_ATTRS = {"class": "cx-code", "spellcheck": "false", "dir": "ltr"}
"""Attributes of fields for keys and values, which are left-to-right in every language."""

DURATION_ATTRS = {"size": 20, "dir": "auto", "autocomplete": "off", "autocapitalize": "none"}
"""Attributes of fields for durations, whose words may be in the language of the user."""

STORE_AS_CHOICES = [
    ("auto", gettext_lazy("Automatic")),
    ("text", gettext_lazy("Text")),
    ("json", gettext_lazy("JSON")),
    ("integer", gettext_lazy("Integer")),
]

VALUE_FORMATS = {
    "string": gettext_lazy("one value: text, or a JSON object or array"),
    "list": gettext_lazy("one item per line; the order is kept"),
    "set": gettext_lazy("one member per line"),
    "zset": gettext_lazy("one score, a space and the member per line"),
    "hash": gettext_lazy("one field=value per line"),
    "stream": gettext_lazy("the first entry, one field=value per line"),
}
"""The types that can be added, with how to write their values."""

VALUE_EXAMPLES = {
    "string": '{"name": "Ana", "plan": "pro"}',
    "list": "first\nsecond",
    "set": "red\ngreen",
    "zset": "2.5 user:1\n10 user:2",
    "hash": "name=Ana\nplan=pro",
    "stream": "order=5\nstate=paid",
}
"""An example of a value of each type, shown while the field is empty."""


class DurationField(forms.CharField):
    """A duration as people write it. The cleaned value is in milliseconds, or None if empty."""

    default_error_messages = {
        "invalid": gettext_lazy(
            "Enter a duration, such as 90 (seconds), 1h 30m, 2 days or PT1H30M%(otherwise)s. "
            'You entered "%(given)s".'
        ),
        "ambiguous": gettext_lazy(
            '"%(given)s" could be hours and minutes or minutes and seconds. Enter it with units, '
            "such as 1h 30m or 1m 30s."
        ),
        "zero": gettext_lazy('Enter at least 1 second. You entered "%(given)s".'),
        "long": gettext_lazy(
            'Enter at most %(longest)s seconds. You entered "%(given)s". If the key shouldn\'t '
            "expire, choose Never expires."
        ),
    }

    def __init__(self, *, otherwise: str | Promise = "", **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs=DURATION_ATTRS), **kwargs)
        self.alternative = otherwise

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return self.to_milliseconds(text) if text else None

    def to_milliseconds(self, text: str, given: str = "") -> int:
        """Return a duration in milliseconds; raise ValidationError if it is not allowed.

        Args:
            text: the duration.
            given: what was entered, if that is more than the duration.
        """
        details = {"given": (given or text)[:50], "otherwise": self.alternative}
        try:
            duration = parse_duration(text)
        except AmbiguousDuration as error:
            raise ValidationError(self.error_messages["ambiguous"], "ambiguous", details) from error
        except InvalidDuration as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", details) from error
        if duration < SECOND:
            raise ValidationError(self.error_messages["zero"], "zero", details)
        if duration > MAX_TIMEOUT_SECONDS * SECOND:
            details["longest"] = formatting.format_number(MAX_TIMEOUT_SECONDS)
            raise ValidationError(self.error_messages["long"], "long", details)
        return duration


DURATION_EXAMPLES = gettext_lazy("For example 90 (seconds), 1h 30m or 2 days.")
"""The help text of a duration."""

ZERO_TIMEOUT_OF_KEY = gettext_lazy(
    'Enter at least 1 second. You entered "%(given)s". To delete the key, select Delete.'
)
"""The error for a timeout of 0 if the key already exists."""


class FocusedForm(forms.Form):
    """A form that moves the focus to the first field with an error."""

    def full_clean(self) -> None:
        super().full_clean()
        self.focus_first_error()

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        self.focus_first_error()

    def focus_first_error(self) -> None:
        invalid = [name for name in self.fields if name in self.errors]
        if invalid:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)
            self.fields[invalid[0]].widget.attrs["autofocus"] = True


class ExpireForm(FocusedForm):
    """When a key expires: after a duration, or never."""

    timeout = DurationField(label=gettext_lazy("Timeout"), help_text=DURATION_EXAMPLES)
    never = forms.BooleanField(label=gettext_lazy("Never expires"), required=False)

    alternative: str | Promise = gettext_lazy(", or choose Never expires")
    requires_timeout = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timeout" in self.fields:
            cast(DurationField, self.fields["timeout"]).alternative = self.alternative

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        timeout, never = data.get("timeout"), data.get("never")
        if timeout is not None and never:
            self.add_error("timeout", _("Enter a timeout or choose Never expires, not both."))
        elif (
            timeout is None and not never and self.requires_timeout and "timeout" not in self.errors
        ):
            self.add_error("timeout", _("Enter a timeout, or choose Never expires."))
        return data

    @property
    def ttl(self) -> int | KeepTTL:
        """The TTL in milliseconds, `TTL_NONE`, or `KEEP` if both fields are empty."""
        if self.cleaned_data.get("never"):
            return TTL_NONE
        timeout: int | None = self.cleaned_data.get("timeout")
        return KEEP if timeout is None else timeout


class ValueForm(ExpireForm):
    """A value, how to store it, and when it expires."""

    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, **CODE_ATTRS}),
    )
    store_as = forms.ChoiceField(
        label=gettext_lazy("Store as"),
        choices=STORE_AS_CHOICES,
        help_text=gettext_lazy(
            "Automatic: text that starts with { or [ is parsed as JSON. Any other text is "
            "stored as is."
        ),
    )

    field_order: tuple[str, ...] = (
        "key",
        "type",
        "value",
        "store_as",
        "timeout",
        "never",
        "replace",
    )

    def clean_value(self) -> str:
        # Browsers send line breaks as CR LF.
        return normalize_newlines(self.cleaned_data["value"])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "value" in data and "store_as" in data:
            try:
                self.parsed_value = self.parse_value(data)
            except InvalidValue as problem:
                self.add_error("value", str(problem))
        return data

    def parse_value(self, data: dict[str, Any]) -> Any:
        """Return the value that was entered; raise InvalidValue if it is not valid."""
        return parse_value(data["value"], data["store_as"])


class AddForm(ValueForm):
    """A new key."""

    key = forms.CharField(
        label=gettext_lazy("Key Name"),
        strip=False,
        widget=forms.TextInput(attrs={**CODE_ATTRS, "autocomplete": "off", "autofocus": ""}),
    )
    type = forms.ChoiceField(label=gettext_lazy("Type"))
    replace = forms.BooleanField(label=gettext_lazy("Replace the key if it exists"), required=False)

    def __init__(
        self,
        *args: Any,
        default_ttl: int,
        can_replace: bool,
        types: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.requires_timeout = default_ttl != TTL_NONE and default_ttl <= 0
        default = {"default": default_ttl_text(default_ttl)}
        if self.requires_timeout:
            help_text = _(
                "With this cache's default timeout (%(default)s), the key would expire at once. "
                "Enter a timeout, or choose Never expires."
            )
            self.alternative = ExpireForm.alternative
        else:
            help_text = _("Leave empty to use this cache's default timeout (%(default)s).")
            self.alternative = (
                _(", or leave empty for this cache's default (%(default)s)") % default
            )
        super().__init__(*args, **kwargs)
        self.default_ttl = default_ttl
        self.fields["timeout"].help_text = f"{DURATION_EXAMPLES} {help_text % default}"
        if not can_replace:
            del self.fields["replace"]
        self._set_type_choices(types)

    def _set_type_choices(self, types: Sequence[str]) -> None:
        field = cast(forms.ChoiceField, self.fields["type"])
        offered = dict.fromkeys(("string", *types))
        field.choices = [(type, type) for type in offered if type in VALUE_FORMATS]
        field.required = False
        if len(field.choices) == 1:
            del self.fields["type"]
        self._describe_formats([type for type, _label in field.choices])

    def _describe_formats(self, types: Sequence[str]) -> None:
        """Show how to write the value of each type; a script leaves the selected one only."""
        value = self.fields["value"]
        value.help_text = format_html_join(
            "",
            '<span class="cx-format" data-type="{}" data-example="{}"><b>{}</b>: {}</span>',
            [(type, VALUE_EXAMPLES[type], type, VALUE_FORMATS[type]) for type in types],
        )
        selected = self["type"].value() if "type" in self.fields else ""
        value.widget.attrs["placeholder"] = VALUE_EXAMPLES.get(selected, VALUE_EXAMPLES["string"])

    def preview(self) -> str:
        """Return in words when the key will expire if it is added now, or an empty text."""
        if {"timeout", "never"} & self.errors.keys():
            return ""
        ttl = self.ttl if self.is_bound else KEEP
        ttl = self.default_ttl if isinstance(ttl, KeepTTL) else ttl
        return formatting.format_expiry(ttl) if ttl == TTL_NONE or ttl > 0 else ""

    def parse_value(self, data: dict[str, Any]) -> Any:
        if self.selected_type == "string":
            return super().parse_value(data)
        return parse_lines(self.selected_type, data["value"], data["store_as"])

    @property
    def selected_type(self) -> str:
        """The type to add, as `TYPE` names it. Types other than a string have elements."""
        return self.cleaned_data.get("type") or "string"


class EditForm(ValueForm):
    """A new value for a key, stored only if the key still holds what the user saw."""

    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    alternative: str | Promise = gettext_lazy(", or leave empty to keep the current TTL")
    requires_timeout = False

    def __init__(self, *args: Any, can_expire: bool, keeps_ttl: bool, **kwargs: Any) -> None:
        self.requires_timeout = not keeps_ttl
        if not keeps_ttl:
            self.alternative = ExpireForm.alternative
        super().__init__(*args, **kwargs)
        if not can_expire:
            del self.fields["timeout"], self.fields["never"]
            return
        self.fields["timeout"].error_messages["zero"] = ZERO_TIMEOUT_OF_KEY
        help_text = _("Leave empty to keep the current TTL.")
        if not keeps_ttl:
            help_text = _("This backend can't keep the current TTL when you save. Enter a new one.")
        self.fields["timeout"].help_text = f"{DURATION_EXAMPLES} {help_text}"

    def has_changed_value(self) -> bool:
        """Return whether the value, or how to store it, differs from the initial one."""
        before = (self.initial.get("value", ""), self.initial.get("store_as"))
        return (self.cleaned_data["value"], self.cleaned_data["store_as"]) != before


class NumberForm(EditForm):
    """A new number for a key, which by default is stored as before."""

    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        strip=False,
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "size": 30, "autocomplete": "off", "dir": "ltr"}
        ),
    )


def default_ttl_text(default_ttl: int) -> str:
    """Return a cache's default timeout in words."""
    if default_ttl == TTL_NONE:
        return _("never expires")
    if default_ttl <= 0:
        return _("%(seconds)s s") % {"seconds": formatting.format_number(default_ttl / 1000)}
    return formatting.format_duration(default_ttl)

"""Forms for keys and their values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.inspectors.edits import KEEP, Keep
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import InvalidValue, StoreAs, encode, from_form

MOST: Final = 10_000
"""Lines of one form."""

Read = Callable[[str], Any]


class InvalidLine(InvalidValue):
    """A line that is no element of the type."""


def first_elements(type: str, text: str, store_as: StoreAs) -> tuple[Any, ...]:
    """Return what a text's lines say: items, members, (member, score)s or (field, value)s.

    Raises `InvalidLine`, which names the line, from 1.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines:
        raise InvalidLine(_("Enter at least one line. A key of this type can't be empty."))
    if len(lines) > MOST:
        raise InvalidLine(_("Enter at most %(most)d lines.") % {"most": MOST})
    read = READERS[type]
    elements = [numbered(read, number, line, store_as) for number, line in enumerate(lines, 1)]
    if type in ELEMENT_NAMES:
        refuse_repeated([ELEMENT_NAMES[type](element) for element in elements])
    return tuple(elements)


def numbered(read: Callable[[str, StoreAs], Any], number: int, line: str, store_as: StoreAs) -> Any:
    """Return a line's element; what is wrong with it is said with its number."""
    try:
        if not line:
            raise InvalidLine(
                _('the line is empty. To store an empty text, set Store as to JSON and enter "".')
            )
        return read(line, store_as)
    except InvalidValue as problem:
        text = _("Line %(number)d: %(problem)s") % {"number": number, "problem": problem}
        raise InvalidLine(text) from problem


def refuse_repeated(names: Sequence[Any]) -> None:
    """Raise `InvalidLine` for a name that occurs twice: the later would replace the earlier."""
    seen: dict[Any, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            values = {"number": number, "first": seen[name]}
            raise InvalidLine(_("Line %(number)d repeats line %(first)d.") % values)
        seen[name] = number


def item(line: str, store_as: StoreAs) -> Any:
    return encode(line, store_as)


def scored(line: str, store_as: StoreAs) -> tuple[Any, float]:
    """Return the member and the score of a line such as `2.5 user:1`."""
    score, space, member = line.partition(" ")
    if not space:
        raise InvalidLine(_("enter a score, a space and the member, such as 2.5 user:1."))
    return encode(member, store_as), score_of(score)


def score_of(text: str) -> float:
    """Return a score as it is typed in code: a number, inf or -inf."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise InvalidLine(
            _('"%(given)s" is not a score. Enter a number such as 2.5, inf or -inf.')
            % {"given": text[:50]}
        )
    return number


def field(line: str, store_as: StoreAs) -> tuple[str, Any]:
    """Return the field and the value of a line such as `plan=pro`."""
    name, equals, value = line.partition("=")
    if not equals:
        raise InvalidLine(_("enter the field, an equals sign and the value, such as plan=pro."))
    return name, encode(value, store_as)


def identity(element: Any) -> Any:
    """Return what tells elements apart: `1`, `True` and `1.0` are three."""
    return type(element).__name__, repr(element)


READERS: Final[dict[str, Callable[[str, StoreAs], Any]]] = {
    "list": item,
    "set": item,
    "zset": scored,
    "hash": field,
    "stream": field,
}

ELEMENT_NAMES: Final[dict[str, Read]] = {
    "set": identity,
    "zset": lambda pair: identity(pair[0]),
    "hash": lambda pair: pair[0],
}
"""What may occur once only in a type, if it may."""


LONGEST_TIMEOUT = 10_000_000_000
"""Seconds: some three centuries, within what every store can hold."""

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")

AS_CODE = {"class": "cx-code", "spellcheck": "false", "dir": "ltr"}
"""Attributes of fields for names and values: they run from left to right in every language."""

STORE_AS = [
    ("auto", gettext_lazy("Automatic")),
    ("text", gettext_lazy("Text")),
    ("json", gettext_lazy("JSON")),
    ("integer", gettext_lazy("Integer")),
]

LINES = {
    "string": gettext_lazy("string: one value"),
    "list": gettext_lazy("list: one item per line"),
    "set": gettext_lazy("set: one member per line"),
    "zset": gettext_lazy("zset: one score and member per line, such as 2.5 user:1"),
    "hash": gettext_lazy("hash: one field=value per line"),
    "stream": gettext_lazy("stream: the first entry, one field=value per line"),
}
"""The types that can be added, with how their elements are typed."""


class TimeoutField(forms.CharField):
    """Whole seconds, as milliseconds; None where it was left empty."""

    default_error_messages = {
        "invalid": gettext_lazy(
            'Enter a whole number of seconds%(otherwise)s. You entered "%(given)s".'
        ),
        "zero": gettext_lazy(
            'The timeout must be at least 1 second. You entered "%(given)s". To remove the '
            "key, delete it instead."
        ),
        "long": gettext_lazy(
            'The timeout can be at most %(longest)s seconds. You entered "%(given)s". If the '
            "key should not expire, choose Never expires."
        ),
    }

    def __init__(self, *, otherwise: str | Promise = "", **kwargs: Any) -> None:
        kwargs.setdefault(
            "widget", forms.TextInput(attrs={"inputmode": "numeric", "size": 14, "dir": "ltr"})
        )
        super().__init__(required=False, **kwargs)
        self.otherwise = otherwise

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        details = {"given": text[:50], "otherwise": self.otherwise}
        if not WHOLE_NUMBER.fullmatch(text):
            raise ValidationError(self.error_messages["invalid"], "invalid", details)
        seconds = int(text)
        if seconds < 1:
            raise ValidationError(self.error_messages["zero"], "zero", details)
        if seconds > LONGEST_TIMEOUT:
            details["longest"] = formatting.number(LONGEST_TIMEOUT)
            raise ValidationError(self.error_messages["long"], "long", details)
        return seconds * 1000


class FocusedForm(forms.Form):
    """A form that takes the person to the first field that needs a look."""

    def full_clean(self) -> None:
        super().full_clean()
        self.focus_first_error()

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        self.focus_first_error()

    def focus_first_error(self) -> None:
        wrong = [name for name in self.fields if name in self.errors]
        if wrong:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)
            self.fields[wrong[0]].widget.attrs["autofocus"] = True


class ExpireForm(FocusedForm):
    """When a key expires: in so many seconds, or never."""

    timeout = TimeoutField(label=gettext_lazy("Timeout in seconds"))
    never = forms.BooleanField(label=gettext_lazy("Never expires"), required=False)

    otherwise: str | Promise = gettext_lazy(", or choose Never expires")
    needs_timeout = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timeout" in self.fields:
            cast(TimeoutField, self.fields["timeout"]).otherwise = self.otherwise

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        timeout, never = data.get("timeout"), data.get("never")
        if timeout is not None and never:
            self.add_error("timeout", _("Enter a timeout or choose Never expires, not both."))
        elif timeout is None and not never and self.needs_timeout and "timeout" not in self.errors:
            self.add_error(
                "timeout", _("Enter a whole number of seconds, or choose Never expires.")
            )
        return data

    @property
    def ttl(self) -> int | Keep:
        """Milliseconds, NEVER, or KEEP where the person said nothing."""
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
        widget=forms.Textarea(attrs={"rows": 12, **AS_CODE}),
    )
    store_as = forms.ChoiceField(
        label=gettext_lazy("Store as"),
        choices=STORE_AS,
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
        # Browsers send every line end as CR LF.
        return from_form(self.cleaned_data["value"])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "value" in data and "store_as" in data:
            try:
                self.decoded = self.decode(data)
            except InvalidValue as problem:
                self.add_error("value", str(problem))
        return data

    def decode(self, data: dict[str, Any]) -> Any:
        """Return the value that was typed; raise InvalidValue where it is none."""
        return encode(data["value"], data["store_as"])


class AddForm(ValueForm):
    """A new key."""

    key = forms.CharField(
        label=gettext_lazy("Key Name"),
        strip=False,
        widget=forms.TextInput(attrs={**AS_CODE, "autocomplete": "off", "autofocus": ""}),
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
        self.needs_timeout = default_ttl != TTL_NONE and default_ttl <= 0
        default = {"default": default_text(default_ttl)}
        if self.needs_timeout:
            help_text = _(
                "This cache's default timeout (%(default)s) would store nothing. Enter a timeout."
            )
            self.otherwise = ExpireForm.otherwise
        else:
            help_text = _("If empty: this cache's default (%(default)s).")
            self.otherwise = _(", or leave empty for this cache's default (%(default)s)") % default
        super().__init__(*args, **kwargs)
        self.fields["timeout"].help_text = help_text % default
        if not can_replace:
            del self.fields["replace"]
        self._offer_types(types)

    def _offer_types(self, types: Sequence[str]) -> None:
        field = cast(forms.ChoiceField, self.fields["type"])
        offered = dict.fromkeys(("string", *types))
        field.choices = [(type, LINES[type]) for type in offered if type in LINES]
        field.required = False
        if len(field.choices) == 1:
            del self.fields["type"]

    def decode(self, data: dict[str, Any]) -> Any:
        if self.chosen_type == "string":
            return super().decode(data)
        return first_elements(self.chosen_type, data["value"], data["store_as"])

    @property
    def chosen_type(self) -> str:
        """The type to add, as `TYPE` names it; other types than a string have elements."""
        return self.cleaned_data.get("type") or "string"


class EditForm(ValueForm):
    """Another value for a key, as long as it is still what the person saw."""

    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    otherwise: str | Promise = gettext_lazy(", or leave empty to keep the current TTL")
    needs_timeout = False

    def __init__(self, *args: Any, can_expire: bool, keeps_ttl: bool, **kwargs: Any) -> None:
        self.needs_timeout = not keeps_ttl
        if not keeps_ttl:
            self.otherwise = ExpireForm.otherwise
        super().__init__(*args, **kwargs)
        if not can_expire:
            del self.fields["timeout"], self.fields["never"]
        elif keeps_ttl:
            self.fields["timeout"].help_text = _("If empty, the TTL doesn't change.")
        else:
            self.fields["timeout"].help_text = _(
                "This backend can't keep the current timeout when you save. Enter a new one."
            )

    def has_changed_value(self) -> bool:
        """Whether the value, or how to store it, differs from what the form was filled with."""
        before = (self.initial.get("value", ""), self.initial.get("store_as"))
        return (self.cleaned_data["value"], self.cleaned_data["store_as"]) != before


class NumberForm(EditForm):
    """Another number for a key: it stays one as long as it is stored as what it was."""

    value = forms.CharField(
        label=gettext_lazy("Value"),
        required=False,
        strip=False,
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "size": 30, "autocomplete": "off", "dir": "ltr"}
        ),
    )


def default_text(default_ttl: int) -> str:
    """Return a cache's default timeout in seconds and words."""
    if default_ttl == TTL_NONE:
        return _("never expires")
    return _("%(seconds)s s") % {"seconds": formatting.number(default_ttl / 1000)}

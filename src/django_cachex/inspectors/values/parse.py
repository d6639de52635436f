"""Parse the text of a form into a value, and fill a form with the text of a value."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.display import UNPRINTABLE_RANGE
from django_cachex.inspectors.values.tree import (
    DecodeLimits,
    Reference,
    Tree,
    Truncated,
    TruncationReason,
    UnresolvedObject,
    max_int_digits,
)

StoreAs = Literal["auto", "text", "json", "integer"]
"""How to parse the text. "auto" means JSON if it starts with `{` or `[`, otherwise text."""

JSON_WHITESPACE = " \t\r\n"
TYPED_INTEGER = re.compile(r"[+-]?[0-9]+")
MAX_JSON_DEPTH = DecodeLimits().depth

JSON_ERROR_HINTS = {
    "Expecting value": _(
        "expected a value: text in double quotes, a number, true, false, null, { or ["
    ),
    "Expecting property name": _("expected a key in double quotes"),
    "Expecting ':' delimiter": _("expected a colon after the key"),
    "Expecting ',' delimiter": _("expected a comma or a closing bracket"),
    "Illegal trailing comma": _("a comma isn't allowed before a closing bracket"),
    "Unterminated string": _("the text that starts here has no closing double quote"),
    "Invalid control character": _(
        "within quotes, write line breaks, tabs and control characters as \\n, \\t and so on"
    ),
    "Invalid \\": _(
        'a backslash must be followed by one of \\ / " b f n r t, or by u and four '
        "hexadecimal digits"
    ),
    "Extra data": _("nothing is allowed after the value"),
}


class InvalidValue(ValueError):
    """The text can't be parsed as requested. `str()` returns a sentence for the form."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.args[0])


def normalize_newlines(text: str) -> str:
    """Convert the line endings of a text area from CR LF to LF."""
    return text.replace("\r\n", "\n")


def parse_value(text: str, store_as: StoreAs = "auto") -> Any:
    """Parse user input into the value to store with the alias's serializer.

    Text is unchanged, including spaces. JSON is stricter than `json.loads`: NaN, infinity and
    duplicate keys are refused.

    Raises:
        InvalidValue: the text is invalid.
        ValueError: `store_as` is unknown.
    """
    if store_as not in get_args(StoreAs):
        raise ValueError(f"store_as is {store_as!r}; allowed are {', '.join(get_args(StoreAs))}")
    reject_surrogates(text)
    if store_as == "auto":
        store_as = "json" if text.lstrip(JSON_WHITESPACE).startswith(("{", "[")) else "text"
    return VALUE_PARSERS[store_as](text)


def parse_integer(text: str) -> int:
    digits = text.strip()
    if not TYPED_INTEGER.fullmatch(digits):
        raise InvalidValue(_("Enter a whole number: digits only, with or without a sign."))
    return parse_bounded_integer(digits)


def parse_bounded_integer(digits: str) -> int:
    max_digits = max_int_digits()
    if len(digits.lstrip("+-")) > max_digits:
        raise InvalidValue(
            format_lazy(_("A number can have at most {count} digits."), count=f"{max_digits:,}")
        )
    return int(digits)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text."""
    try:
        value = JSON_DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidValue(explain_json_error(error)) from error
    except RecursionError as error:
        raise too_deep_error() from error
    check_nesting(value)
    return value


def explain_json_error(error: json.JSONDecodeError) -> Text:
    """Return where JSON text is invalid and what is expected there."""
    expected = (hint for message, hint in JSON_ERROR_HINTS.items() if error.msg.startswith(message))
    return format_lazy(
        _("This is not JSON. Line {line}, column {column}: {expected}."),
        line=error.lineno,
        column=error.colno,
        expected=next(expected, error.msg),
    )


def check_nesting(value: Any) -> None:
    """Refuse values that are nested too deeply, and lone surrogates at any depth."""
    level = [value]
    for _depth in range(MAX_JSON_DEPTH):
        level = [part for container in level for part in get_children(container)]
    for part in level:
        if type(part) in (dict, list):
            raise too_deep_error()
        get_children(part)


def get_children(value: Any) -> list[Any]:
    """Return the items of a container. Refuses text with lone surrogates."""
    match value:
        case str():
            reject_surrogates(value)
            return []
        case dict():
            return [*value.keys(), *value.values()]
        case list():
            return value
        case _:
            return []


def too_deep_error() -> InvalidValue:
    return InvalidValue(
        format_lazy(_("This is nested more than {count} levels deep."), count=MAX_JSON_DEPTH)
    )


def reject_surrogates(text: str) -> None:
    if has_surrogates(text):
        raise InvalidValue(
            _("The text contains half of a surrogate pair, which isn't a character.")
        )


def has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


# Hooks of the JSON decoder.


def reject_constant(name: str) -> None:
    raise InvalidValue(format_lazy(_("{name} is not JSON."), name=name))


def parse_finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidValue(format_lazy(_("The number {digits} is too large."), digits=digits[:50]))
    return number


def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        (key, _count), *_rest = Counter(key for key, _value in pairs).most_common(1)
        raise InvalidValue(
            format_lazy(_("The key {key} occurs twice in one object."), key=json.dumps(key[:50]))
        )
    return result


JSON_DECODER = json.JSONDecoder(
    object_pairs_hook=make_object,
    parse_constant=reject_constant,
    parse_float=parse_finite_float,
    parse_int=parse_bounded_integer,
)

VALUE_PARSERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "json": parse_json,
    "integer": parse_integer,
}


# Whether a value can be edited as JSON without changing.

TRUNCATED_REASONS: dict[TruncationReason, Text] = {
    TruncationReason.RECURSIVE: _("It contains itself, which JSON can't represent."),
    TruncationReason.DEPTH: _("It is nested too deeply to be shown completely."),
    TruncationReason.NODES: _("It has too many parts to be shown completely."),
    TruncationReason.SIZE: _("It is too large to be shown completely."),
    TruncationReason.DAMAGE: _("It can't be read."),
}

TOO_MANY_DIGITS = _("It contains a number with too many digits to be shown.")
SURROGATES = _("It contains half of a surrogate pair, which can't be sent in a form.")


def json_unsafe_reason(tree: Tree) -> Text:
    """Return a sentence about the first part of a tree that JSON can't represent, or ""."""
    match tree:
        case None | int():
            return ""
        case str():
            return SURROGATES if not tree.isascii() and has_surrogates(tree) else ""
        case float():
            text = _("It contains NaN or infinity, which JSON can't represent.")
            return "" if math.isfinite(tree) else text
        case list():
            reasons = map(json_unsafe_reason, tree)
            return next((reason for reason in reasons if reason), "")
        case dict():
            return dict_reason(tree)
        case _:
            return unsupported_type_reason(tree)


def dict_reason(tree: dict[Tree, Tree]) -> Text:
    for key, value in tree.items():
        if type(key) is Truncated:
            return unsupported_type_reason(key)
        if type(key) is not str:
            return _("It contains a dict with a key that isn't text, which JSON can't represent.")
        if not key.isascii() and has_surrogates(key):
            return SURROGATES
        if reason := json_unsafe_reason(value):
            return reason
    return ""


def unsupported_type_reason(tree: Tree) -> Text:
    match tree:
        case Truncated(reason=reason):
            return TRUNCATED_REASONS[reason]
        case UnresolvedObject(name="builtins.int"):
            return TOO_MANY_DIGITS
        case UnresolvedObject(name=name):
            pattern = _("It contains an object of type {name}, which JSON can't represent.")
        case Reference(name=name):
            pattern = _("It contains a reference to {name}, which JSON can't represent.")
        case _:
            name = type(tree).__name__
            pattern = _("It contains a value of type {name}, which JSON can't represent.")
    return format_lazy(pattern, name=name)


# The initial data of a form.

MAX_FORM_TEXT_BYTES = 500_000
"""Maximum size of the initial text of a form in bytes.

Django refuses requests of more than 2.5 MB, and percent-encoding triples the size.
"""

# Characters that browsers change or that Django's form fields refuse.
BROWSER_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# `json.dumps` escapes control characters below U+0020 itself.
JSON_UNPRINTABLE = re.compile(f"(?![\x00-\x1f])[{UNPRINTABLE_RANGE}]")


@dataclass(frozen=True, slots=True)
class EditInitial:
    """The initial data of a form for editing a value, or why it can't be edited."""

    not_editable_reason: Text = ""
    text: str = ""
    store_as: StoreAs = "text"


def format_json(tree: Tree, indent: int | None = 2) -> str:
    """Format a value of JSON types as JSON, with unprintable characters escaped."""
    written = json.dumps(tree, ensure_ascii=False, indent=indent)
    return JSON_UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def edit_initial(tree: Tree) -> EditInitial:
    """Return the initial data for a value of JSON types."""
    initial = initial_for(tree)
    size = len(initial.text.encode())
    if size <= MAX_FORM_TEXT_BYTES:
        return initial
    return EditInitial(
        format_lazy(
            _(
                "It is too large to edit: it has {size} bytes of text, and at most {largest} are "
                "allowed."
            ),
            size=f"{size:,}",
            largest=f"{MAX_FORM_TEXT_BYTES:,}",
        )
    )


def initial_for(tree: Tree) -> EditInitial:
    if type(tree) is int:
        return EditInitial(text=str(tree), store_as="integer")
    if type(tree) is str and not BROWSER_UNSAFE.search(tree):
        return EditInitial(text=tree, store_as="text")
    return EditInitial(text=format_json(tree), store_as="json")

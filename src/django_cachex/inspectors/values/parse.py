"""Parse the text of a form into a value."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.display import INVISIBLE
from django_cachex.inspectors.values.json_safe import why_not_json
from django_cachex.inspectors.values.nodes import Tree
from django_cachex.inspectors.values.pickle_machine import Bounds, most_digits

StoreAs = Literal["auto", "text", "json", "integer"]
"""What a typed text is to become. "auto": JSON if it begins with `{` or `[`, else text."""

JSON_SPACE = " \t\r\n"
INTEGER = re.compile(r"[+-]?[0-9]+")
DEPTH = Bounds().depth

EXPECTED = {
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
    """What was typed cannot be stored as asked; `str()` is a sentence for the form."""

    def __init__(self, reason: str | Promise) -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return str(self.args[0])


def from_form(text: str) -> str:
    """Return what stood in a text area, of which browsers send line ends as CR LF."""
    return text.replace("\r\n", "\n")


def encode(text: str, store_as: StoreAs = "auto") -> Any:
    """Return the value that a person typed, to be stored through the alias's serializer.

    Text is taken as it is, spaces included. JSON is stricter than `json.loads`: NaN, infinity and
    a key that occurs twice are refused. Raise InvalidValue, or ValueError for another `store_as`.
    """
    if store_as not in get_args(StoreAs):
        raise ValueError(f"store_as is {store_as!r}; allowed are {', '.join(get_args(StoreAs))}")
    refuse_surrogates(text)
    if store_as == "auto":
        store_as = "json" if text.lstrip(JSON_SPACE).startswith(("{", "[")) else "text"
    return READERS[store_as](text)


def integer(text: str) -> int:
    digits = text.strip()
    if not INTEGER.fullmatch(digits):
        raise InvalidValue(_("Enter a whole number: digits only, with or without a sign."))
    return bounded_integer(digits)


def bounded_integer(digits: str) -> int:
    most = most_digits()
    if len(digits.lstrip("+-")) > most:
        raise InvalidValue(
            format_lazy(_("A number can have at most {count} digits."), count=f"{most:,}")
        )
    return int(digits)


def parsed(text: str) -> Any:
    """Return the value that JSON text says."""
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidValue(explained(error)) from error
    except RecursionError as error:
        raise too_deep() from error
    check_parts(value)
    return value


def explained(error: json.JSONDecodeError) -> str | Promise:
    """Return where JSON text is malformed and what should stand there."""
    expected = (words for message, words in EXPECTED.items() if error.msg.startswith(message))
    return format_lazy(
        _("This is not JSON. Line {line}, column {column}: {expected}."),
        line=error.lineno,
        column=error.colno,
        expected=next(expected, error.msg),
    )


def check_parts(value: Any) -> None:
    """Refuse values nested too deeply and texts with half a surrogate pair, at any depth."""
    level = [value]
    for _depth in range(DEPTH):
        level = [part for container in level for part in parts(container)]
    for part in level:
        if type(part) in (dict, list):
            raise too_deep()
        parts(part)


def parts(value: Any) -> list[Any]:
    """Return what a container contains; refuse a text with half a surrogate pair."""
    match value:
        case str():
            refuse_surrogates(value)
            return []
        case dict():
            return [*value.keys(), *value.values()]
        case list():
            return value
        case _:
            return []


def too_deep() -> InvalidValue:
    return InvalidValue(
        format_lazy(_("This is nested more than {count} levels deep."), count=DEPTH)
    )


def refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            _("The text contains half of a surrogate pair, which isn't a character.")
        ) from error


# What the JSON decoder asks about the parts it meets.


def refuse_constant(name: str) -> None:
    raise InvalidValue(format_lazy(_("{name} is not JSON."), name=name))


def finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidValue(format_lazy(_("The number {digits} is too large."), digits=digits[:50]))
    return number


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, _count), *_rest = Counter(key for key, _value in pairs).most_common(1)
        raise InvalidValue(
            format_lazy(_("The key {key} occurs twice in one object."), key=json.dumps(key[:50]))
        )
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=without_duplicates,
    parse_constant=refuse_constant,
    parse_float=finite,
    parse_int=bounded_integer,
)

READERS: dict[str, Callable[[str], Any]] = {"text": str, "json": parsed, "integer": integer}


LARGEST = 500_000
"""Bytes of text that a form is filled with: Django refuses requests of 2.5 MB, and a character
may be sent as three times its bytes."""

# Characters that do not come back from a browser as they went, or that Django's fields refuse.
ALTERED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# JSON escapes the control characters below the space by itself.
TO_ESCAPE = re.compile(f"(?![\x00-\x1f])[{INVISIBLE}]")


@dataclass(frozen=True, slots=True)
class Editing:
    """Whether and how a value can be edited."""

    why_not: str | Promise = ""
    text: str = ""
    store_as: StoreAs = "text"


def json_text(tree: Tree, indent: int | None = 2) -> str:
    """Return a value of exactly JSON's types as JSON in which every character shows."""
    written = json.dumps(tree, ensure_ascii=False, indent=indent)
    return TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def editing(tree: Tree) -> Editing:
    """Return how to edit a value that the alias's serializer can store again."""
    reason = why_not_json(tree)
    if reason:
        return Editing(reason)
    filled = prefilled(tree)
    size = len(filled.text.encode())
    if size <= LARGEST:
        return filled
    return Editing(
        format_lazy(
            _(
                "It is too large to edit: it has {size} bytes of text, and at most {largest} are "
                "allowed."
            ),
            size=f"{size:,}",
            largest=f"{LARGEST:,}",
        )
    )


def prefilled(tree: Tree) -> Editing:
    if type(tree) is int:
        return Editing(text=str(tree), store_as="integer")
    if type(tree) is str and not ALTERED.search(tree):
        return Editing(text=tree, store_as="text")
    return Editing(text=json_text(tree), store_as="json")

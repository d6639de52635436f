"""The first elements of a new key, as they are typed: one line for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.values import InvalidValue, StoreAs, encode

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
        raise InvalidLine(_("Enter at least one line: a key of this type holds something."))
    if len(lines) > MOST:
        raise InvalidLine(_("Enter %(most)d lines at most.") % {"most": MOST})
    read = READERS[type]
    elements = [numbered(read, number, line, store_as) for number, line in enumerate(lines, 1)]
    if type in ELEMENT_NAMES:
        refuse_repeated([ELEMENT_NAMES[type](element) for element in elements])
    return tuple(elements)


def numbered(read: Callable[[str, StoreAs], Any], number: int, line: str, store_as: StoreAs) -> Any:
    """Return a line's element; what is wrong with it is said with its number."""
    try:
        if not line:
            raise InvalidLine(_('it is empty. For an empty text, store as JSON and write "".'))
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
        raise InvalidLine(_("write a score, a space, and the member, such as 2.5 user:1."))
    return encode(member, store_as), score_of(score)


def score_of(text: str) -> float:
    """Return a score as it is typed in code: a number, inf or -inf."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise InvalidLine(
            _('"%(given)s" is no score: enter a number such as 2.5, inf or -inf.')
            % {"given": text[:50]}
        )
    return number


def field(line: str, store_as: StoreAs) -> tuple[str, Any]:
    """Return the field and the value of a line such as `plan=pro`."""
    name, equals, value = line.partition("=")
    if not equals:
        raise InvalidLine(_("write the field, an equals sign, and the value, such as plan=pro."))
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

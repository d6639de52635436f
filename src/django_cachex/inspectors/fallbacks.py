"""Increment and copy values of any cache."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import AddValue, Copy, Increase, Outcome, Result, SetValue
from django_cachex.inspectors.values import Content
from django_cachex.inspectors.values.pickle_machine import most_digits

ATTEMPTS: Final = 20


def added(content: Content | None, by: int | float) -> int | float | None:
    """Return the number that a value becomes, or None where it is none or would change its type."""
    value: Any = None if content is None or not content.editable else content.value
    if type(value) is int and isinstance(by, int):
        return value + by if abs(value + by) < 10 ** most_digits() else None
    return value + by if type(value) is float else None


def why_not_added(content: Content | None) -> str:
    """Return why a value cannot be added to."""
    if content is not None and type(content.value) is int:
        if abs(content.value) >= 10 ** (most_digits() - 1):
            return _("The result may have too many digits to be shown.")
        return _("An integer can only be increased by a whole number.")
    return _("Only numbers can be increased.")


def increase(inspector: Inspector, stored: bytes, edit: Increase) -> Outcome:
    """Set the sum, again and again until nobody has set another number meanwhile."""
    for _attempt in range(ATTEMPTS):
        entry = inspector.read(stored)
        if entry is None:
            return Outcome(Result.GONE)
        number = added(entry.content, edit.by)
        if number is None:
            return Outcome(Result.WRONG_TYPE, why_not_added(entry.content))
        outcome = inspector.apply(stored, SetValue(number, entry.expected))
        if outcome.result != Result.CHANGED:
            return Outcome(outcome.result, outcome.reason, outcome.old, outcome.new, number=number)
    return Outcome(Result.CHANGED)


def copy_value(source: Inspector, stored: bytes, edit: Copy) -> Outcome:
    """Store a string's value through another alias's serializer, with the TTL that is left."""
    target = edit.into or source
    entry = source.read(stored)
    if entry is None:
        return Outcome(Result.GONE)
    ttl = entry.description.ttl
    if ttl is None:
        return Outcome.refused(_("The TTL of the key is unknown."))
    if entry.content is None:
        return Outcome.refused(
            _(
                "The other cache stores values differently, so only single values can be copied "
                "to it."
            )
        )
    if not entry.content.editable:
        reason = _("The other cache stores values differently. %(why_not)s")
        return Outcome.refused(reason % {"why_not": entry.content.why_not})
    return target.apply(edit.to, AddValue(entry.content.value, ttl, edit.overwrite))

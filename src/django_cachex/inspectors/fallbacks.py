"""Increment and copy values with the basic operations of an inspector."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import AddValue, Copy, EditResult, EditStatus, Incr, SetValue
from django_cachex.inspectors.values import Content
from django_cachex.inspectors.values.tree import max_int_digits

MAX_INCR_ATTEMPTS: Final = 20


def incremented_value(content: Content | None, by: int | float) -> int | float | None:
    """Return the new number, or None if the value isn't a number or its type would change."""
    value: Any = None if content is None or not content.editable else content.value
    if type(value) is int and isinstance(by, int):
        return value + by if abs(value + by) < 10 ** max_int_digits() else None
    return value + by if type(value) is float else None


def not_incrementable_reason(content: Content | None) -> str:
    """Return why a value can't be incremented."""
    if content is not None and type(content.value) is int:
        if abs(content.value) >= 10 ** (max_int_digits() - 1):
            return _("The result may have too many digits to be shown.")
        return _("An integer can only be increased by a whole number.")
    return _("Only numbers can be increased.")


def incr_value(inspector: Inspector, stored: bytes, edit: Incr) -> EditResult:
    """Read, add and set, and retry if the value changed in the meantime."""
    for _attempt in range(MAX_INCR_ATTEMPTS):
        key_value = inspector.read(stored)
        if key_value is None:
            return EditResult(EditStatus.GONE)
        number = incremented_value(key_value.content, edit.by)
        if number is None:
            return EditResult(EditStatus.WRONG_TYPE, not_incrementable_reason(key_value.content))
        result = inspector.apply(stored, SetValue(number, key_value.expected))
        if result.status != EditStatus.CHANGED:
            return EditResult(result.status, result.reason, result.old, result.new, number=number)
    return EditResult(EditStatus.CHANGED)


def copy_value(source: Inspector, stored: bytes, edit: Copy) -> EditResult:
    """Store a string's value with the serializer of another alias, with the remaining TTL."""
    target = edit.into or source
    key_value = source.read(stored)
    if key_value is None:
        return EditResult(EditStatus.GONE)
    ttl = key_value.info.ttl
    if ttl is None:
        return EditResult.refusal(_("The TTL of the key is unknown."))
    if key_value.content is None:
        return EditResult.refusal(
            _(
                "The other cache stores values differently, so only single values can be copied "
                "to it."
            )
        )
    if not key_value.content.editable:
        reason = _("The other cache stores values differently. %(why_not)s")
        return EditResult.refusal(reason % {"why_not": key_value.content.not_editable_reason})
    return target.apply(edit.to, AddValue(key_value.content.value, ttl, edit.overwrite))

"""Check whether a value can be edited as JSON without changing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.nodes import (
    Reference,
    Tree,
    Truncated,
    TruncationReason,
    UnresolvedObject,
)

TRUNCATED_REASONS: dict[TruncationReason, Text] = {
    TruncationReason.RECURSIVE: _("It contains itself, which JSON can't represent."),
    TruncationReason.DEPTH: _("It is nested too deeply to be shown completely."),
    TruncationReason.NODES: _("It has too many parts to be shown completely."),
    TruncationReason.SIZE: _("It is too large to be shown completely."),
    TruncationReason.DAMAGE: _("It can't be read."),
}


TOO_MANY_DIGITS = _("It contains a number with too many digits to be shown.")


def json_unsafe_reason(tree: Tree) -> Text:
    """Return a sentence about the first part of a tree that JSON can't represent, or ""."""
    check = REASON_CHECKS.get(type(tree))
    return check(tree) if check else unsupported_type(tree)


def unsupported_type(tree: Tree) -> Text:
    match tree:
        case Truncated(reason=reason):
            return TRUNCATED_REASONS[reason]
        case UnresolvedObject(name="builtins.int"):
            return TOO_MANY_DIGITS
        case UnresolvedObject(name=name):
            return format_lazy(
                _("It contains an object of type {name}, which JSON can't represent."), name=name
            )
        case Reference(name=name):
            return format_lazy(
                _("It contains a reference to {name}, which JSON can't represent."), name=name
            )
        case _:
            return format_lazy(
                _("It contains a value of type {name}, which JSON can't represent."),
                name=type(tree).__name__,
            )


def always_safe(tree: Tree) -> Text:
    return ""


def number_reason(tree: float) -> Text:
    return (
        "" if math.isfinite(tree) else _("It contains NaN or infinity, which JSON can't represent.")
    )


def text_reason(tree: str) -> Text:
    try:
        tree.encode()
    except UnicodeEncodeError:
        return _("It contains half of a surrogate pair, which can't be sent in a form.")
    return ""


def list_reason(tree: list[Tree]) -> Text:
    reasons = map(json_unsafe_reason, tree)
    return next((reason for reason in reasons if reason), "")


def dict_reason(tree: dict[Tree, Tree]) -> Text:
    for key, value in tree.items():
        reason = key_reason(key) or json_unsafe_reason(value)
        if reason:
            return reason
    return ""


def key_reason(key: Tree) -> Text:
    if type(key) is str:
        return text_reason(key)
    if type(key) is Truncated:
        return unsupported_type(key)
    return _("It contains a dict with a key that isn't text, which JSON can't represent.")


REASON_CHECKS: dict[type, Callable[[Any], Text]] = {
    type(None): always_safe,
    bool: always_safe,
    int: always_safe,
    float: number_reason,
    str: text_reason,
    list: list_reason,
    dict: dict_reason,
}

"""Whether a value survives being edited as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.values.nodes import Cut, Opaque, Reason, Reference, Tree

Text = str | Promise

CUT: dict[Reason, Text] = {
    Reason.RECURSIVE: _("It contains itself, which JSON can't represent."),
    Reason.DEPTH: _("It is nested too deeply to be shown completely."),
    Reason.NODES: _("It has too many parts to be shown completely."),
    Reason.SIZE: _("It is too large to be shown completely."),
    Reason.DAMAGE: _("It can't be read."),
}


TOO_MANY_DIGITS = _("It contains a number with too many digits to be shown.")


def why_not_json(tree: Tree) -> Text:
    """Return a sentence naming the first thing in a tree that JSON does not have, or ""."""
    check = CHECKS.get(type(tree))
    return check(tree) if check else lacks(tree)


def lacks(tree: Tree) -> Text:
    match tree:
        case Cut(reason=reason):
            return CUT[reason]
        case Opaque(name="builtins.int"):
            return TOO_MANY_DIGITS
        case Opaque(name=name) | Reference(name=name):
            return format_lazy(_("It contains {name}, which JSON can't represent."), name=name)
        case _:
            return format_lazy(
                _("It contains a value of type {name}, which JSON can't represent."),
                name=type(tree).__name__,
            )


def exact(tree: Tree) -> Text:
    return ""


def number(tree: float) -> Text:
    return (
        "" if math.isfinite(tree) else _("It contains NaN or infinity, which JSON can't represent.")
    )


def text(tree: str) -> Text:
    try:
        tree.encode()
    except UnicodeEncodeError:
        return _("It contains half of a surrogate pair, which can't be sent in a form.")
    return ""


def items(tree: list[Tree]) -> Text:
    reasons = map(why_not_json, tree)
    return next((reason for reason in reasons if reason), "")


def mapping(tree: dict[Tree, Tree]) -> Text:
    for key, value in tree.items():
        reason = why_not_key(key) or why_not_json(value)
        if reason:
            return reason
    return ""


def why_not_key(key: Tree) -> Text:
    if type(key) is str:
        return text(key)
    if type(key) is Cut:
        return lacks(key)
    return _("It contains a dict with a key that isn't text, which JSON can't represent.")


CHECKS: dict[type, Callable[[Any], Text]] = {
    type(None): exact,
    bool: exact,
    int: exact,
    float: number,
    str: text,
    list: items,
    dict: mapping,
}

"""What an edit changed, in words for the log that do not reveal a value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import formatting
from django_cachex.admin.messages import describe_value_type
from django_cachex.admin.sessions import mask_pattern
from django_cachex.inspectors.types import TTL_NONE

MAX_NAMES: Final = 5
"""The most names in a text; the others are counted."""

MAX_NAME_LENGTH: Final = 40
"""The length of a name, in characters. Longer ones are truncated."""


def join_names(names: Sequence[str]) -> str:
    """Return the first names of fields, in quotes, and the number of the others."""
    shown = [f'"{Truncator(mask_pattern(name)).chars(MAX_NAME_LENGTH)}"' for name in names]
    return _join(shown)


def join_positions(positions: Sequence[int | str]) -> str:
    """Return the first positions or ids, and the number of the others."""
    return _join([str(position) for position in positions])


def _join(texts: Sequence[str]) -> str:
    text, others = ", ".join(texts[:MAX_NAMES]), len(texts) - MAX_NAMES
    if others <= 0:
        return text
    more = ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", others)
    return more % {"names": text, "count": formatting.format_number(others)}


def describe_differences(old: Any, new: Any) -> str:
    """Return how two values of JSON's types differ, without values.

    The names of an object's fields and the positions in an array count as its structure, and not
    as values.
    """
    if type(old) is not type(new):
        types = {"old": describe_value_type(old), "new": describe_value_type(new)}
        return _("%(old)s became %(new)s") % types
    if type(old) is dict:
        return "; ".join(_describe_fields(old, new))
    if type(old) is list:
        return "; ".join(_describe_items(old, new))
    return ""


def _describe_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = [name for name in old if name in new and is_different(old[name], new[name])]
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    patterns = [
        (changed, ngettext("field %(names)s changed", "fields %(names)s changed", len(changed))),
        (added, ngettext("field %(names)s added", "fields %(names)s added", len(added))),
        (removed, ngettext("field %(names)s removed", "fields %(names)s removed", len(removed))),
    ]
    return [text % {"names": join_names(names)} for names, text in patterns if names]


def _describe_items(old: Sequence[Any], new: Sequence[Any]) -> list[str]:
    if len(old) != len(new):
        counts = {
            "old": formatting.format_number(len(old)),
            "new": formatting.format_number(len(new)),
        }
        return [_("number of items changed from %(old)s to %(new)s") % counts]
    pairs = enumerate(zip(old, new, strict=True))
    changed = [index for index, (before, after) in pairs if is_different(before, after)]
    if not changed:
        return []
    text = ngettext("item %(names)s changed", "items %(names)s changed", len(changed))
    return [text % {"names": join_positions(changed)}]


def is_different(old: Any, new: Any) -> bool:
    """Return whether two values of JSON's types differ, as `True` and `1` do."""
    return json.dumps(old) != json.dumps(new)


def describe_old_ttl(ttl: int | None) -> str:
    """Return the TTL that a key or field had; empty if it is unknown."""
    if ttl == TTL_NONE:
        return _("Before, it never expired.")
    if ttl is None or ttl < 0:
        return ""
    return _("Before, it expired in %(span)s.") % {"span": formatting.format_duration(ttl)}

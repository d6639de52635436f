"""What a key is, in words: type, length, expiry, elements."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.parts import Cell, FactLine
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.types import TTL_NONE, Description, Entry
from django_cachex.inspectors.values import Content

OTHER = re.compile(r"|[+-]?[0-9.]+(e[+-]?[0-9]+)?|true|false|null|[\[{].*", re.DOTALL | re.I)
"""Texts that look like something else."""


def summary(entry: Entry) -> str:
    """Return in a few words what a key holds."""
    one = entry.description
    if entry.content is not None:
        return str(entry.content.label)
    if one.size is not None and one.unit != Unit.BYTES:
        return humane.elements(one.size, one.unit)
    return ""


def described(inspector: Inspector, one: Description) -> str:
    """Return on one line what a key is: its name, type, length and expiry."""
    facts = [one.type or ""]
    if one.size is not None:
        is_bytes = one.unit == Unit.BYTES
        facts.append(humane.size(one.size) if is_bytes else humane.elements(one.size, one.unit))
    if one.ttl == TTL_NONE:
        facts.append(_("never expires"))
    elif one.ttl is not None:
        facts.append(_("expires %(when)s") % {"when": humane.expiry(one.ttl)})
    name = humane.name(inspector.name(one.key))
    return f"{name}: {', '.join(fact for fact in facts if fact)}"


def key_facts(inspector: Inspector, entry: Entry, masked: bool) -> list[FactLine]:
    """Return type, length, memory, TTL, cache and, unless it is a secret, the stored key."""
    one = entry.description
    lines = [FactLine(_("Cache"), inspector.alias)]
    if one.type:
        lines.append(FactLine(_("Type"), one.type))
    if one.size is not None:
        lines.append(size_line(one))
    if one.memory is not None:
        lines.append(bytes_line(_("Memory"), one.memory))
    lines += ttl_lines(one.ttl)
    if not masked:
        lines.append(FactLine(_("Stored key"), printable(one.key), "code"))
    if entry.content is not None and inspector.serializer_name:
        lines.append(FactLine(_("Serializer"), inspector.serializer_name, "code"))
    return lines


def bytes_line(label: Text, count: int) -> FactLine:
    """Return a number of bytes, its exact figure at hand."""
    text, exact = humane.size_with_exact(count)
    return FactLine(label, text, exact=exact)


def size_line(one: Description) -> FactLine:
    """Return the length of a key with what it counts."""
    count = one.size or 0
    if one.unit == Unit.BYTES:
        return bytes_line(_("Length"), count)
    return FactLine(_("Length"), humane.elements(count, one.unit))


def ttl_lines(ttl: int | None) -> list[FactLine]:
    """Return a TTL in words, in seconds and as a moment."""
    if ttl is None:
        return []
    if ttl == TTL_NONE:
        return [FactLine(_("TTL"), _("never expires"))]
    details = _("%(seconds)s s, until %(moment)s") % {
        "seconds": humane.number(ttl / 1000, 1 if ttl < 10_000 else 0),
        "moment": humane.moment(humane.expires_at(ttl)),
    }
    return [FactLine(_("TTL"), humane.duration(ttl), expires=ttl, note=details)]


def looks_otherwise(content: Content) -> bool:
    """Return whether a text is one that a number, JSON or nothing would look like."""
    value = content.value
    if type(value) is not str or not content.editable:  # Names are what they look like.
        return False
    return value != value.strip() or OTHER.fullmatch(value) is not None


def element_cell(content: Content) -> Cell:
    """Return one element, cut at the limit, with what it is where that is not plain text."""
    longest = limits().element_chars
    text = content.formatted.text
    cut_off = len(text) > longest or content.formatted.truncated
    is_plain = content.kind in ("text", "integer", "empty") and not looks_otherwise(content)
    lines = [] if is_plain else [content.label]
    return Cell(
        f"{text[:longest]}…" if cut_off else text or _("(empty)"), kind="value", lines=lines
    )

"""What a key is, in words: type, length, expiry, elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.parts import Cell, FactLine, Header, Row, Table
from django_cachex.inspectors.content import Content, Excerpt
from django_cachex.inspectors.entries import NEVER, Description, Elements, Entry
from django_cachex.inspectors.facts import Text, Unit
from django_cachex.inspectors.limits import limits


def summary(entry: Entry) -> Sequence[str]:
    """Return a line about the key: type, what it holds, how much, until when."""
    one, parts = entry.description, []
    if one.type:
        parts.append(one.type)
    if entry.content is not None:
        parts.append(str(entry.content.label))
        stored = humane.size(entry.content.stored_size)
        parts.append(_("%(size)s stored") % {"size": stored})
    elif one.size is not None and one.unit != Unit.BYTES:
        parts.append(humane.elements(one.size, one.unit))
    if one.ttl is not None:
        never = one.ttl == NEVER
        parts.append(
            _("never expires")
            if never
            else _("expires %(when)s") % {"when": humane.expiry(one.ttl)}
        )
    return parts


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
    if ttl == NEVER:
        return [FactLine(_("TTL"), _("never expires"))]
    seconds = humane.number(ttl / 1000, 1 if ttl < 10_000 else 0)
    return [
        FactLine(_("TTL"), humane.duration(ttl), expires=ttl),
        FactLine(_("TTL in seconds"), seconds),
        FactLine(_("Expires at"), humane.moment(humane.expires_at(ttl))),
    ]


def elements_table(elements: Elements) -> dict[str, Any]:
    """Return the first elements of a collection as a table, and how many there are."""
    headers = [Header(text) for text in elements.columns]
    rows = [Row([element_cell(content) for content in row]) for row in elements.rows]
    shown, total = len(rows), elements.total
    text = _("All %(total)s shown") if shown >= total else _("First %(shown)s of %(total)s shown")
    return {
        "table": Table(headers, rows, caption=_("Elements")),
        "progress": text % {"shown": humane.number(shown), "total": humane.number(total)},
    }


def element_cell(content: Content) -> Cell:
    """Return one element, cut at the limit, with what it is where that is not plain text."""
    longest = limits().element_chars
    text = content.formatted.text
    cut_off = len(text) > longest or content.formatted.truncated
    lines = [] if content.kind in ("text", "integer", "empty") else [content.label]
    return Cell(
        f"{text[:longest]}…" if cut_off else text or _("(empty)"), kind="value", lines=lines
    )


def cut(content: Content, view: str) -> str:
    """Return how much of a value is shown in a view, where it is not all."""
    excerpt: Excerpt = getattr(content, view)
    if not excerpt.truncated:
        return ""
    counts = {"shown": humane.number(excerpt.shown), "total": humane.number(excerpt.total)}
    if view == "formatted" and content.kind != "large":
        return _("First %(shown)s of %(total)s characters shown.") % counts
    return _("First %(shown)s of %(total)s bytes shown.") % counts

"""Display objects that live in this process."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from django_cachex.conf import limits
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage
from django_cachex.inspectors.values import Content, Excerpt
from django_cachex.inspectors.values.decode import described, formatted
from django_cachex.inspectors.values.display import beginning
from django_cachex.inspectors.values.nodes import Bag, Node, Opaque, Tree
from django_cachex.inspectors.values.parse import editing
from django_cachex.inspectors.values.pickle import Walk
from django_cachex.inspectors.values.pickle_machine import Bounds

PLAIN: Final = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, bytearray),
        *(date, datetime, time, timedelta, timezone, Decimal, UUID),
    )
)
"""Types whose values, of exactly that type, run nobody's code when they are written."""

ZONES: Final = frozenset((type(None), timezone, ZoneInfo))

NOT_ASKED: Final = Excerpt("", 0, 0)


class LiveWalk(Walk):
    """A walk through objects; of those of other classes only the class's name comes out."""

    def visit(self, node: Node) -> Tree:
        if type(node) in (set, frozenset):
            node = Bag(list(node), frozen=type(node) is frozenset)
        return super().visit(node)

    def leaf(self, node: Node) -> Tree:
        if type(node) in PLAIN and type(zone_of(node)) in ZONES:
            return super().leaf(node)
        cls = type(node)
        return Opaque(f"{cls.__module__}.{cls.__qualname__}")


def zone_of(node: Node) -> tzinfo | None:
    """Return the time zone of a time, which may be anybody's."""
    return node.tzinfo if type(node) in (datetime, time) else None


def content_of(value: object, window: ElementPage = FIRST_PAGE) -> Content:
    """Return what a value is. Its stored bytes are not known: they are none here, of size 0."""
    limit = limits()
    preview = window.max_bytes(limit)
    if isinstance(value, str | bytes) and type(value) in PLAIN and len(value) > limit.decode_bytes:
        return large(value, preview)
    tree = LiveWalk(Bounds(size=limit.decode_bytes)).visit(value)
    kind, label = described(tree)
    form = editing(tree)
    return Content(
        kind=kind,
        label=label,
        stored_size=0,
        formatted=beginning(formatted(tree), preview),
        text=NOT_ASKED,
        hex=NOT_ASKED,
        notes=(),
        why_not=form.why_not,
        edit_text=form.text,
        store_as=form.store_as,
        value=tree,
    )


def large(value: str | bytes, preview: int) -> Content:
    """Return the beginning of a text or of bytes too large to be gone through."""
    window = value[:preview]
    text = window if isinstance(window, str) else window.decode("utf-8", "backslashreplace")
    shown = Excerpt(beginning(text, preview).text, len(window), len(value))
    reason = _("It is too large to be edited here.")
    is_text = isinstance(value, str)
    return Content(
        kind="text" if is_text else "large",
        label=_("text") if is_text else _("bytes"),
        stored_size=0,
        formatted=shown,
        text=NOT_ASKED,
        hex=NOT_ASKED,
        notes=(),
        why_not=reason,
        edit_text="",
        store_as="text",
        value=None,
    )

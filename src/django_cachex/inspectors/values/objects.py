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
from django_cachex.inspectors.values import Content, Preview
from django_cachex.inspectors.values.decode import format_tree, kind_and_label
from django_cachex.inspectors.values.display import preview_text
from django_cachex.inspectors.values.nodes import Node, SetNode, Tree, UnresolvedObject
from django_cachex.inspectors.values.parse import edit_initial
from django_cachex.inspectors.values.pickle import TreeBuilder
from django_cachex.inspectors.values.pickle_machine import DecodeLimits

PLAIN_TYPES: Final = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, bytearray),
        *(date, datetime, time, timedelta, timezone, Decimal, UUID),
    )
)
"""Types whose values, of exactly that type, run nobody's code when they are written."""

ZONE_TYPES: Final = frozenset((type(None), timezone, ZoneInfo))

NO_PREVIEW: Final = Preview("", 0, 0)


class ObjectTreeBuilder(TreeBuilder):
    """A walk through objects; of those of other classes only the class's name comes out."""

    def visit(self, node: Node) -> Tree:
        if type(node) in (set, frozenset):
            node = SetNode(list(node), frozen=type(node) is frozenset)
        return super().visit(node)

    def build_leaf(self, node: Node) -> Tree:
        if type(node) in PLAIN_TYPES and type(get_tzinfo(node)) in ZONE_TYPES:
            return super().build_leaf(node)
        cls = type(node)
        return UnresolvedObject(f"{cls.__module__}.{cls.__qualname__}")


def get_tzinfo(node: Node) -> tzinfo | None:
    """Return the time zone of a time, which may be anybody's."""
    return node.tzinfo if type(node) in (datetime, time) else None


def describe_object(value: object, page: ElementPage = FIRST_PAGE) -> Content:
    """Return what a value is. Its stored bytes are not known: they are none here, of size 0."""
    limit = limits()
    preview = page.max_bytes(limit)
    if (
        isinstance(value, str | bytes)
        and type(value) in PLAIN_TYPES
        and len(value) > limit.decode_bytes
    ):
        return describe_large_object(value, preview)
    tree = ObjectTreeBuilder(DecodeLimits(size=limit.decode_bytes)).visit(value)
    kind, label = kind_and_label(tree)
    form = edit_initial(tree)
    return Content(
        kind=kind,
        label=label,
        stored_size=0,
        formatted=preview_text(format_tree(tree), preview),
        text=NO_PREVIEW,
        hex=NO_PREVIEW,
        notes=(),
        not_editable_reason=form.not_editable_reason,
        edit_text=form.text,
        store_as=form.store_as,
        value=tree,
    )


def describe_large_object(value: str | bytes, preview: int) -> Content:
    """Return the beginning of a text or of bytes too large to be gone through."""
    page = value[:preview]
    text = page if isinstance(page, str) else page.decode("utf-8", "backslashreplace")
    shown = Preview(preview_text(text, preview).text, len(page), len(value))
    reason = _("It is too large to be edited here.")
    is_text = isinstance(value, str)
    return Content(
        kind="text" if is_text else "large",
        label=_("text") if is_text else _("bytes"),
        stored_size=0,
        formatted=shown,
        text=NO_PREVIEW,
        hex=NO_PREVIEW,
        notes=(),
        not_editable_reason=reason,
        edit_text="",
        store_as="text",
        value=None,
    )

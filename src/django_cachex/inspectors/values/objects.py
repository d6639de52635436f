"""Display objects of the current process."""

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
"""Types whose values can be formatted without running third-party code (subclasses excluded)."""

ZONE_TYPES: Final = frozenset((type(None), timezone, ZoneInfo))

NO_PREVIEW: Final = Preview("", 0, 0)


class ObjectTreeBuilder(TreeBuilder):
    """Build a tree from objects. Objects of unknown classes are replaced by their class names."""

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
    """Return the time zone of a time. It can be of any class."""
    return node.tzinfo if type(node) in (datetime, time) else None


def describe_object(value: object, page: ElementPage = FIRST_PAGE) -> Content:
    """Return the content of a value. Its stored bytes are unknown: empty, with the size 0."""
    allowed = limits()
    preview = page.max_bytes(allowed)
    if (
        isinstance(value, str | bytes)
        and type(value) in PLAIN_TYPES
        and len(value) > allowed.decode_bytes
    ):
        return describe_large_object(value, preview)
    tree = ObjectTreeBuilder(DecodeLimits(size=allowed.decode_bytes)).visit(value)
    kind, label = kind_and_label(tree)
    initial = edit_initial(tree)
    return Content(
        kind=kind,
        label=label,
        stored_size=0,
        formatted=preview_text(format_tree(tree), preview),
        text=NO_PREVIEW,
        hex=NO_PREVIEW,
        notes=(),
        not_editable_reason=initial.not_editable_reason,
        edit_text=initial.text,
        store_as=initial.store_as,
        value=tree,
    )


def describe_large_object(value: str | bytes, preview: int) -> Content:
    """Return the start of text or bytes that are too large to process."""
    start = value[:preview]
    text = start if isinstance(start, str) else start.decode("utf-8", "backslashreplace")
    formatted = Preview(preview_text(text, preview).text, len(start), len(value))
    reason = _("It is too large to be edited here.")
    is_text = isinstance(value, str)
    return Content(
        kind="text" if is_text else "large",
        label=_("text") if is_text else _("bytes"),
        stored_size=0,
        formatted=formatted,
        text=NO_PREVIEW,
        hex=NO_PREVIEW,
        notes=(),
        not_editable_reason=reason,
        edit_text="",
        store_as="text",
        value=None,
    )

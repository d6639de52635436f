"""Template filters of the components."""

from __future__ import annotations

import re

from django import template
from django.forms import BoundField
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

BREAK_POSITIONS = re.compile(r"(?<=[.:/@?])(?=[^\W\d])")


@register.filter
def add_class(field: BoundField, classes: str) -> SafeString:
    """Render a form field with extra CSS classes on its widget."""
    own = field.field.widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{own} {classes}".strip()})


@register.filter
def add_line_breaks(text: object) -> SafeString:
    """Insert `<wbr>` after the punctuation of a path or URL, so that narrow columns can break it.

    The text is still copied unchanged.
    """
    pieces = BREAK_POSITIONS.split(str(text))
    return mark_safe("<wbr>".join(conditional_escape(piece) for piece in pieces))

"""What a form is filled with so that saving it untouched changes nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.content.excerpt import INVISIBLE
from django_cachex.inspectors.content.typed import StoreAs
from django_cachex.inspectors.pickles import Tree, why_not_json

LARGEST = 500_000
"""Bytes of text that a form is filled with: Django refuses requests of 2.5 MB, and a character
may be sent as three times its bytes."""

# Characters that do not come back from a browser as they went, or that Django's fields refuse.
ALTERED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# JSON escapes the control characters below the space by itself.
TO_ESCAPE = re.compile(f"(?![\x00-\x1f])[{INVISIBLE}]")


@dataclass(frozen=True, slots=True)
class Editing:
    """Whether and how a value can be edited."""

    why_not: str | Promise = ""
    text: str = ""
    store_as: StoreAs = "text"


def json_text(tree: Tree, indent: int | None = 2) -> str:
    """Return a value of exactly JSON's types as JSON in which every character shows."""
    written = json.dumps(tree, ensure_ascii=False, indent=indent)
    return TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def editing(tree: Tree) -> Editing:
    """Return how to edit a value that the alias's serializer can store again."""
    reason = why_not_json(tree)
    if reason:
        return Editing(reason)
    filled = prefilled(tree)
    size = len(filled.text.encode())
    if size <= LARGEST:
        return filled
    return Editing(
        format_lazy(
            _("It is too large for a form: {size} bytes of text, at most {largest}."),
            size=f"{size:,}",
            largest=f"{LARGEST:,}",
        )
    )


def prefilled(tree: Tree) -> Editing:
    if type(tree) is int:
        return Editing(text=str(tree), store_as="integer")
    if type(tree) is str and not ALTERED.search(tree):
        return Editing(text=tree, store_as="text")
    return Editing(text=json_text(tree), store_as="json")

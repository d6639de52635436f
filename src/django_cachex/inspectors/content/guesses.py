"""What bytes look like that nobody here knows how to read: shown so, never edited as that."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NoBase64
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.content.editing import json_text
from django_cachex.inspectors.pickles import Bounds, bounded, why_not_json

Text = str | Promise

JSON_BEGINS = re.compile(rb"[ \t\r\n]*[{\[]")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}[\r\n]*")

PHP_SCALAR = re.compile(
    rb"(?:i:-?[0-9]{1,20}|b:[01]|d:(?:-?[0-9.]+(?:E[+-]?[0-9]+)?|-?INF|NAN)|N);"
)
PHP_TEXT = re.compile(rb's:([0-9]{1,10}):"')
PHP_NESTED = re.compile(rb'(?:a:[0-9]{1,10}:\{|[OC]:[0-9]{1,4}:"[\w\\]+":[0-9]{1,10}:\{)')

JAVA = b"\xac\xed\x00\x05"
HYPERLOGLOG = b"HYLL"


def named(raw: bytes) -> Text:
    """Return the name of a format that is recognised by how it begins and ends, or ""."""
    if raw.startswith(JAVA):
        return _("serialized Java")
    if raw.startswith(HYPERLOGLOG):
        return _("HyperLogLog")
    return _("serialized PHP") if is_php(raw) else ""


def is_php(raw: bytes) -> bool:
    """Return whether these are what PHP's `serialize` writes."""
    if found := PHP_TEXT.match(raw):
        return len(raw) == found.end() + int(found[1]) + 2 and raw.endswith(b'";')
    if PHP_NESTED.match(raw):
        return raw.endswith(b"}")
    return PHP_SCALAR.fullmatch(raw) is not None


def as_plain_json(raw: bytes) -> tuple[Text, str] | None:
    """Return a label and JSON indented where bytes are an object or an array, or base64 of one."""
    if shown := indented(raw):
        return _("JSON"), shown
    if not BASE64.fullmatch(raw):
        return None
    try:
        shown = indented(b64decode(raw))
    except NoBase64:
        return None
    return (_("base64 of JSON"), shown) if shown else None


def indented(raw: bytes) -> str:
    """Return JSON indented, or "" for what is none, or would not be shown whole and exact."""
    if not JSON_BEGINS.match(raw):
        return ""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=without_duplicates)
    except (ValueError, RecursionError):
        return ""
    tree, _nodes = bounded(value, Bounds())
    return "" if why_not_json(tree) else json_text(tree)


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError where a key occurs twice, and one would not show."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A key occurs twice.")
    return found

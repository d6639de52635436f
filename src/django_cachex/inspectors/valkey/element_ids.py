"""IDs of elements for URLs and forms, whatever bytes the names consist of."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.query import InvalidPosition
from django_cachex.inspectors.values import fingerprint

MAX_NAME_SIZE: Final = 512
"""Longest name in bytes that an ID contains: links with longer names would make pages huge."""

NAME_PREFIX, POSITION_PREFIX = "=", "@"

LONG_NAME = re.compile(r"@([0-9]{1,20})\.([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True)
class LongName:
    """An element whose name is too long for a link: it is found by its position and fingerprint."""

    position: int
    """The cursor of the scan batch that contained it, or its rank in a sorted set."""

    fingerprint: str

    def find_in(self, names: list[bytes]) -> bytes | None:
        """Return the name with this fingerprint, or None."""
        return next((name for name in names if fingerprint(name) == self.fingerprint), None)


def make_id(name: bytes, position: int) -> str:
    """Return the ID of an element that was seen at a position."""
    if len(name) > MAX_NAME_SIZE:
        return f"{POSITION_PREFIX}{position}.{fingerprint(name)}"
    return NAME_PREFIX + urlsafe_b64encode(name).decode().rstrip("=")


def parse_id(element: str) -> bytes | LongName:
    """Return the name in an ID, or a `LongName` to look up; raise `InvalidPosition` for others."""
    if match := LONG_NAME.fullmatch(element):
        return LongName(int(match[1]), match[2])
    text = element.removeprefix(NAME_PREFIX)
    if text != element and text.isascii():
        try:
            return urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            pass
    raise no_such_element()


def parse_index(element: str) -> int:
    """Return the list index in an element ID."""
    if element.isascii() and element.isdecimal() and len(element) < 20:
        return int(element)
    raise no_such_element()


ENTRY_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?", re.ASCII)


def parse_entry_id(element: str) -> str:
    """Return the stream entry ID in an element ID."""
    if ENTRY_ID.fullmatch(element):
        return element
    raise no_such_element()


def no_such_element() -> InvalidPosition:
    return InvalidPosition(_("There is no element with this name."))

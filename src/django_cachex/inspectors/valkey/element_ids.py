"""Names of elements that fit into links and forms, whatever bytes they are."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.query import InvalidWindow
from django_cachex.inspectors.values import fingerprint

LONGEST: Final = 512
"""Bytes of a name that are spelled out: a page of longer ones would be megabytes of links."""

SPELLED, PLACED = "=", "@"

PLACE = re.compile(r"@([0-9]{1,20})\.([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True)
class Placed:
    """An element whose name is too long for a link, to be looked for where it was seen."""

    place: int
    """The cursor of the batch that it was in, or its rank."""

    fingerprint: str

    def among(self, names: list[bytes]) -> bytes | None:
        """Return the name that is meant, or None if it is not among these."""
        return next((name for name in names if fingerprint(name) == self.fingerprint), None)


def spell(name: bytes, place: int) -> str:
    """Return the id of an element that was seen at a place."""
    if len(name) > LONGEST:
        return f"{PLACED}{place}.{fingerprint(name)}"
    return SPELLED + urlsafe_b64encode(name).decode().rstrip("=")


def read_id(element: str) -> bytes | Placed:
    """Return the name that an id spells out, or where to look for it."""
    if found := PLACE.fullmatch(element):
        return Placed(int(found[1]), found[2])
    text = element.removeprefix(SPELLED)
    if text != element and text.isascii():
        try:
            return urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            pass
    raise no_such_element()


def read_index(element: str) -> int:
    """Return the index of an item of a list."""
    if element.isascii() and element.isdecimal() and len(element) < 20:
        return int(element)
    raise no_such_element()


ENTRY_ID = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?", re.ASCII)


def read_entry_id(element: str) -> str:
    """Return the id of an entry of a stream."""
    if ENTRY_ID.fullmatch(element):
        return element
    raise no_such_element()


def no_such_element() -> InvalidWindow:
    return InvalidWindow(_("There is no element with this name."))

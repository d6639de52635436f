"""Pages of streams, from an id or a moment on, oldest or newest first."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from django_cachex.commands import Operation
from django_cachex.inspectors.valkey.names import ENTRY_ID
from django_cachex.inspectors.valkey.reading.page import Asked, Page, Row, ask
from django_cachex.inspectors.windows import InvalidWindow

BEFORE: Final = "<"
"""What a place begins with whose page ends before an id."""


def read_entries(asked: Asked) -> Operation[Page]:
    """Return the page that begins at an id, or the one that ends before it."""
    at = read_place(asked.window.at)
    if at.startswith(BEFORE):
        page = yield from backwards(asked, at.removeprefix(BEFORE))
        if page.rows:
            return page
        at = ""
    name, start, end = ("XREVRANGE", "+", "-") if asked.is_reversed else ("XRANGE", "-", "+")
    [found] = yield [ask(name, asked.key, at or start, end, "COUNT", asked.count + 1)]
    rows = [entry(*one) for one in found]
    following = rows[asked.count].id if len(rows) > asked.count else None
    first = rows[0].id if rows else at
    return Page(
        rows[: asked.count],
        next=following,
        previous=f"{BEFORE}{first}" if at else None,
        start=None if at else 0,
    )


def read_entry(asked: Asked) -> Operation[Page]:
    """Return the one entry that is at an id, or the next."""
    at = read_place(asked.window.at).removeprefix(BEFORE)
    name, start, end = ("XREVRANGE", "+", "-") if asked.is_reversed else ("XRANGE", "-", "+")
    [found] = yield [ask(name, asked.key, at or start, end, "COUNT", 1)]
    rows = [entry(*one) for one in found]
    place = following(rows[0].id, asked.is_reversed) if rows else None
    return Page(rows, next=place, start=None if at else 0)


def following(place: str, is_reversed: bool) -> str | None:
    """Return the id that is next to another, whether there is such an entry or not."""
    milliseconds, sequence = map(int, place.split("-"))
    if not is_reversed:
        return f"{milliseconds}-{sequence + 1}"
    if sequence:
        return f"{milliseconds}-{sequence - 1}"
    return f"{milliseconds - 1}-{2**64 - 1}" if milliseconds else None


def backwards(asked: Asked, place: str) -> Operation[Page]:
    """Return the page before an id, found from its end."""
    name, end = ("XRANGE", "+") if asked.is_reversed else ("XREVRANGE", "-")
    [found] = yield [ask(name, asked.key, f"({place}", end, "COUNT", asked.count + 1)]
    rows = [entry(*one) for one in found[: asked.count]][::-1]
    more = len(found) > asked.count
    return Page(
        rows,
        next=place,
        previous=f"{BEFORE}{rows[0].id}" if more else None,
        start=None if more else 0,
    )


def entry(name: bytes, flat: list[bytes] | None) -> Row:
    flat = flat or []
    return Row(name.decode(), name, (name, *flat[1::2]), fields=tuple(flat[::2]))


def read_place(at: str) -> str:
    """Return an id, whole or its milliseconds, perhaps with `BEFORE`."""
    if at and not ENTRY_ID.fullmatch(at.removeprefix(BEFORE)):
        text = _('Enter an id like 1700000000000-0, or a moment. You entered "%(at)s".')
        raise InvalidWindow(text % {"at": at[:50]})
    return at

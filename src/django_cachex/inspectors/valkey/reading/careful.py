"""Elements one after the other, where those of a page are too large to be fetched together.

Only of the fields of a hash does a server tell the length beforehand. Of all others an answer
says it, before it is read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from django.utils.translation import ngettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Operation, ReplyTooLarge
from django_cachex.inspectors.content import human_size
from django_cachex.inspectors.facts import Text
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.valkey.reading.lists import position_of
from django_cachex.inspectors.valkey.reading.page import Asked, Page, Row, read_position
from django_cachex.inspectors.valkey.reading.streams import following
from django_cachex.inspectors.windows import InvalidWindow

ReadPage = Callable[[Asked], Operation[Page]]

PLACE: Final = re.compile(
    rb"(?:\*2\r\n\$[0-9]+\r\n[0-9]+\r\n\$[0-9]+\r\n[0-9]+\r\n(?=\*))?"  # The time before it.
    rb"(?:\*[0-9]+\r\n)+\$[0-9]+\r\n([0-9]+(?:-[0-9]+)?)\r\n"
)
"""The cursor, or the id of an entry, with which an answer begins."""


@dataclass
class Gathered:
    """The elements of a page as they come together."""

    rows: list[Row] = field(default_factory=list)
    examined: int | None = None
    start: int | None = None
    skipped: int = 0
    most: int = 0
    """Bytes of an answer that was read to its end."""

    @property
    def looked_at(self) -> int:
        return len(self.rows) + self.skipped

    def take(self, page: Page) -> None:
        if not self.looked_at:
            self.start = page.start
        self.rows += page.rows
        if page.examined is not None:
            self.examined = (self.examined or 0) + page.examined

    def note(self) -> Text:
        """Return why not all elements are here."""
        return ngettext_lazy(
            "%(count)s element here is left out: what is larger than %(most)s is not fetched.",
            "%(count)s elements here are left out: what is larger than %(most)s is not fetched.",
            "count",
        ) % {"count": self.skipped, "most": human_size(self.most)}


def gather(client: Client, read_page: ReadPage, type: str, asked: Asked) -> tuple[Page, Text]:
    """Return a page without what is too large, and a sentence that says so."""
    found, at = Gathered(), asked.window.at
    deadline = time.monotonic() + limits().scan_budget
    going_on = True
    while going_on:
        one = replace(asked, window=asked.window.moved(at), count=1, batch=1)
        try:
            page = client.run(read_page(one))
            found.take(page)
            place = page.next
        except ReplyTooLarge as error:
            found.skipped, found.most = found.skipped + 1, error.most
            place = beyond(type, one, error.head)
        except InvalidWindow:
            if not found.looked_at:
                raise
            place = None
        at = place or ""
        is_over = found.looked_at >= asked.count or time.monotonic() >= deadline
        going_on = bool(at) and not is_over
    gathered = Page(found.rows, next=at or None, examined=found.examined, start=found.start)
    return gathered, found.note() if found.skipped else ""


def beyond(type: str, asked: Asked, head: bytes) -> str | None:
    """Return the place after an element that was not fetched, told from how the answer began."""
    if type == "list" or (type == "zset" and not asked.window.match.strip("*")):
        return after_position(type, asked)
    found = PLACE.match(head)
    if found is None or found[1] == b"0":
        return None
    place = found[1].decode()
    return following(place, asked.is_reversed) if type == "stream" else place


def after_position(type: str, asked: Asked) -> str | None:
    if type == "list":
        index = position_of(asked)
        index += -1 if asked.is_reversed else 1
        return str(index) if 0 <= index < asked.total else None
    rank = read_position(asked.window.at)
    rank += asked.total + 1 if rank < 0 else 1
    return str(rank) if rank < asked.total else None

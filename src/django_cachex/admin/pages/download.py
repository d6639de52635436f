"""Downloading what a key holds: its stored bytes, its value as JSON, or the store's own form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.access import DOWNLOAD, DOWNLOAD_JSON, DUMP, SEE_VALUE, Act, Gate
from django_cachex.admin.failures import explain
from django_cachex.admin.pages.base import KeyedPage
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.content import Content
from django_cachex.inspectors.content.editing import json_text
from django_cachex.inspectors.entries import Entry
from django_cachex.inspectors.pickles import why_not_json

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 100

FORMS: dict[str, tuple[Act, str]] = {
    "stored": (DOWNLOAD, "bin"),
    "json": (DOWNLOAD_JSON, "json"),
    "dump": (DUMP, "dump"),
}
"""What can be had, what it takes, and how a file of it is called."""


def downloads(gate: Gate, inspector: Inspector, stored: bytes, entry: Entry) -> list[str]:
    """Return in which forms a key can be had, the one for its type first."""
    is_string = entry.content is not None
    possible = {
        "stored": is_string and inspector.can_download,
        "dump": not is_string and inspector.can_dump,
        "json": is_json(entry.content),
    }
    return [
        form
        for form, can in possible.items()
        if can and gate.allowed(FORMS[form][0], inspector, stored)
    ]


def is_json(content: Content | None) -> bool:
    """Return whether a value was decoded, and JSON can say it."""
    if content is None or content.kind not in ("json", "integer", "text"):
        return False
    return not why_not_json(content.value)


def file_name(name: str, ending: str) -> str:
    """Return a name that every file system takes, after the key."""
    plain = UNSAFE.sub("_", name).strip("._")[:LONGEST_NAME]
    return f"{plain or 'key'}.{ending}"


class DownloadPage(KeyedPage):
    """A file, or the way back to the key with a message."""

    act = SEE_VALUE
    title = gettext_lazy("Download")

    @property
    def form(self) -> str:
        form = self.request.GET.get("as", "")
        return form if form in FORMS else "stored"

    def pass_gate(self) -> None:
        super().pass_gate()
        self.require(FORMS[self.form][0], self.inspector, self.stored)

    def get(  # type: ignore[override]  # A stream is no HttpResponse.
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return self.post(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        ask = {"stored": self._stored, "json": self._json, "dump": self._dump}[self.form]
        answer = self.asker.ask(self.inspector, ask)
        if answer.error is not None:
            self.say(explain(self.inspector, answer.error), messages.ERROR)
            return self.go(self.links.key(self.inspector.alias, self.stored))
        if answer.value is None:
            return self.leave()
        return self.file(answer.value)

    def file(self, pieces: Iterator[bytes]) -> StreamingHttpResponse:
        name = file_name(self.inspector.name(self.stored), FORMS[self.form][1])
        response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
        response["Content-Disposition"] = content_disposition_header(True, name)
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        return response

    def _stored(self) -> Iterator[bytes] | None:
        """Return the pieces of a string; the first is asked for here, so that errors are told."""
        pieces = self.inspector.chunks(self.stored)
        first = next(pieces, None)
        return None if first is None else chain([first], pieces)

    def _dump(self) -> Iterator[bytes] | None:
        dumped = self.inspector.dump(self.stored)
        return None if dumped is None else iter([dumped])

    def _json(self) -> Iterator[bytes] | None:
        entry = self.inspector.read(self.stored)
        if entry is None:
            return None
        if not is_json(entry.content):
            raise ValueError(_("This value cannot be said in JSON."))
        assert entry.content is not None
        return iter([json_text(entry.content.value).encode()])

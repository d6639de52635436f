"""Downloading what a key holds: its stored bytes, its value as JSON, or the store's own form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.errors import explain
from django_cachex.admin.permissions import DOWNLOAD, DOWNLOAD_DECODED, DUMP, SEE_VALUE, Act, Gate
from django_cachex.admin.views.base import KeyedPage
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.types import Changed, Entry, TooLarge
from django_cachex.inspectors.values import Content
from django_cachex.inspectors.values.json_safe import why_not_json
from django_cachex.inspectors.values.parse import json_text

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST_NAME = 100

FORMS: dict[str, tuple[Act, str]] = {
    "stored": (DOWNLOAD, "bin"),
    "json": (DOWNLOAD_DECODED, "json"),
    "text": (DOWNLOAD_DECODED, "txt"),
    "dump": (DUMP, "dump"),
}
"""What can be had, what it takes, and how a file of it is called."""


def downloads(gate: Gate, inspector: Inspector, stored: bytes, entry: Entry) -> list[str]:
    """Return in which forms a key can be had, the store's own first."""
    if entry.content is None:
        forms = ["dump"] if inspector.can_dump else []
    else:
        forms = ["stored"] if inspector.can_download else []
        forms += decoded_forms(entry.content)
    return [form for form in forms if gate.allowed(FORMS[form][0], inspector, stored)]


def decoded_forms(content: Content) -> list[str]:
    """Return in which form a value can be had as it was decoded, if in any."""
    if content.kind == "json" and isinstance(content.value, list | dict):
        return [] if why_not_json(content.value) else ["json"]
    return ["text"] if content.kind == "text" and isinstance(content.value, str) else []


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
        ask = {"stored": self._stored, "dump": self._dump}.get(self.form, self._decoded)
        answer = self.asker.ask(self.inspector, ask)
        if answer.error is not None:
            self.say(self._problem(answer.error), messages.ERROR)
            return self.go(self.links.key(self.inspector.alias, self.stored))
        if answer.value is None:
            return self.leave()
        return self.file(answer.value)

    def _problem(self, error: Exception) -> str:
        if isinstance(error, Changed):
            return _("Not downloaded: the value changed during the download. Try again.")
        if isinstance(error, TooLarge | NotSo):
            return _("Not downloaded. %(reason)s") % {"reason": error}
        return explain(self.inspector, error)

    def file(self, pieces: Iterator[bytes]) -> StreamingHttpResponse:
        name = file_name(self.inspector.name(self.stored), FORMS[self.form][1])
        is_async = isinstance(self.request, ASGIRequest)
        response = StreamingHttpResponse(
            awaited(pieces) if is_async else pieces, content_type="application/octet-stream"
        )
        response["Content-Disposition"] = content_disposition_header(True, name)
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        return response

    def _stored(self) -> Iterator[bytes] | None:
        """Return the pieces of a string; the first is asked for here, so that errors are told."""
        pieces = self.inspector.chunks(self.stored)
        first = next(pieces, None)
        if first is not None:
            return chain([first], pieces)
        [one] = self.inspector.describe([self.stored], ("ttl",))
        return iter([b""]) if one.exists else None

    def _dump(self) -> Iterator[bytes] | None:
        dumped = self.inspector.dump(self.stored)
        return None if dumped is None else iter([dumped])

    def _decoded(self) -> Iterator[bytes] | None:
        entry = self.inspector.read(self.stored)
        if entry is None:
            return None
        content = entry.content
        if content is None or self.form not in decoded_forms(content):
            raise NotSo(_("The current value can't be downloaded in this format."))
        text = content.value if self.form == "text" else json_text(content.value)
        return iter([text.encode(errors="backslashreplace")])


async def awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces as an asynchronous server takes them, one at a time."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece


class NotSo(ValueError):
    """A form in which a key cannot be had."""

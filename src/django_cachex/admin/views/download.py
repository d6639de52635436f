"""Download the value of a key: its stored bytes, its decoded value, or its dump."""

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

from django_cachex.admin.messages import error_message
from django_cachex.admin.permissions import (
    DOWNLOAD,
    DOWNLOAD_DECODED,
    DUMP,
    VIEW_VALUE,
    Permission,
    PermissionChecker,
)
from django_cachex.admin.views.base import BaseKeyView
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.types import KeyChanged, KeyTooLarge, KeyValue
from django_cachex.inspectors.values import Content
from django_cachex.inspectors.values.parse import format_json, json_unsafe_reason

UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")
MAX_FILE_NAME = 100

DOWNLOAD_FORMATS: dict[str, tuple[Permission, str]] = {
    "stored": (DOWNLOAD, "bin"),
    "json": (DOWNLOAD_DECODED, "json"),
    "text": (DOWNLOAD_DECODED, "txt"),
    "dump": (DUMP, "dump"),
}
"""The permission and the file extension of each format."""


def get_available_formats(
    checker: PermissionChecker, inspector: Inspector, stored: bytes, key_value: KeyValue
) -> list[str]:
    """Return the formats that a user may download a key in. The stored bytes or dump come first."""
    if key_value.content is None:
        formats = ["dump"] if inspector.can_dump else []
    else:
        formats = ["stored"] if inspector.can_download else []
        formats += get_decoded_formats(key_value.content)
    return [
        format
        for format in formats
        if checker.is_allowed(DOWNLOAD_FORMATS[format][0], inspector, stored)
    ]


def get_decoded_formats(content: Content) -> list[str]:
    """Return the format for the decoded value, as a list of at most one."""
    if content.kind == "json" and isinstance(content.value, list | dict):
        return [] if json_unsafe_reason(content.value) else ["json"]
    return ["text"] if content.kind == "text" and isinstance(content.value, str) else []


def make_file_name(name: str, extension: str) -> str:
    """Return a file name for a key that is valid on every file system."""
    plain = UNSAFE_CHARACTERS.sub("_", name).strip("._")[:MAX_FILE_NAME]
    return f"{plain or 'key'}.{extension}"


class DownloadView(BaseKeyView):
    """Sends a file, or redirects to the key with a message."""

    permission = VIEW_VALUE
    title = gettext_lazy("Download")

    @property
    def requested_format(self) -> str:
        format = self.request.GET.get("as", "")
        return format if format in DOWNLOAD_FORMATS else "stored"

    def check_access(self) -> None:
        super().check_access()
        self.check_permission(
            DOWNLOAD_FORMATS[self.requested_format][0], self.inspector, self.stored
        )

    def get(  # type: ignore[override]  # StreamingHttpResponse is not an HttpResponse.
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return self.post(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        readers = {"stored": self._read_stored, "dump": self._read_dump}
        read = readers.get(self.requested_format, self._read_decoded)
        result = self.executor.run(self.inspector, read)
        if result.error is not None:
            self.add_message(self._format_error(result.error), messages.ERROR)
            return self.redirect(self.links.key(self.inspector.alias, self.stored))
        if result.value is None:
            return self.redirect_missing()
        return self.make_response(result.value)

    def _format_error(self, error: Exception) -> str:
        if isinstance(error, KeyChanged):
            return _("Not downloaded: the value changed during the download. Try again.")
        if isinstance(error, KeyTooLarge | FormatNotAvailable):
            return _("Not downloaded. %(reason)s") % {"reason": error}
        return error_message(self.inspector, error)

    def make_response(self, chunks: Iterator[bytes]) -> StreamingHttpResponse:
        name = make_file_name(
            self.inspector.display_key(self.stored), DOWNLOAD_FORMATS[self.requested_format][1]
        )
        is_async = isinstance(self.request, ASGIRequest)
        response = StreamingHttpResponse(
            iterate_async(chunks) if is_async else chunks, content_type="application/octet-stream"
        )
        response["Content-Disposition"] = content_disposition_header(True, name)
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        return response

    def _read_stored(self) -> Iterator[bytes] | None:
        """Return the chunks of a string. The first is read now, so that errors can be shown."""
        chunks = self.inspector.iter_chunks(self.stored)
        first = next(chunks, None)
        if first is not None:
            return chain([first], chunks)
        [description] = self.inspector.describe([self.stored], ("ttl",))
        return iter([b""]) if description.exists else None

    def _read_dump(self) -> Iterator[bytes] | None:
        dumped = self.inspector.dump(self.stored)
        return None if dumped is None else iter([dumped])

    def _read_decoded(self) -> Iterator[bytes] | None:
        key_value = self.inspector.read(self.stored)
        if key_value is None:
            return None
        content = key_value.content
        if content is None or self.requested_format not in get_decoded_formats(content):
            raise FormatNotAvailable(_("The current value can't be downloaded in this format."))
        text = content.value if self.requested_format == "text" else format_json(content.value)
        return iter([text.encode(errors="backslashreplace")])


async def iterate_async(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks of a file for an asynchronous server."""
    following = sync_to_async(lambda: next(chunks, None))
    while (chunk := await following()) is not None:
        yield chunk


class FormatNotAvailable(ValueError):
    """The value can't be downloaded in the requested format."""

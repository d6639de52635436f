"""Responses that Django's cache middleware stored, read without creating any object.

They are pickles. What is read here is the tree that describes how they would be created.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Final

from django.http import response as django_responses
from django.utils import timezone

from django_cachex.conf import limits
from django_cachex.inspectors.masking import MASK, SECRET_NAME
from django_cachex.inspectors.values.formats import decompress
from django_cachex.inspectors.values.tree import Tree, UnresolvedObject

DJANGO_RESPONSES: Final = "django.http.response."

SECRET_HEADERS: Final = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization"})

TEXT_TYPE: Final = re.compile(r"text/.*|.*[/+](?:json|xml|javascript)|application/x-www-form.*")
"""Content types whose bodies are text."""

CHARSETS: Final = frozenset(
    {
        *("utf-8", "us-ascii", "ascii", "utf-16", "windows-1252", "windows-1251", "koi8-r"),
        *(f"iso-8859-{number}" for number in range(1, 17)),
        *("shift_jis", "euc-jp", "euc-kr", "gb18030", "gbk", "big5"),
    }
)
"""The charsets that bodies are decoded from. Others are read as UTF-8."""

CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([\w.-]+)", re.IGNORECASE)
MAX_TYPE_LENGTH: Final = 1000

MAX_TITLE_LENGTH: Final = 200
TITLE: Final = re.compile(r"<title\b[^>]{0,500}>", re.IGNORECASE)
TITLE_END: Final = "</title"

MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,10})(?:$|[\s,])")


@dataclass(frozen=True)
class CachedResponse:
    """A cached response."""

    status: int
    headers: Sequence[tuple[str, str]]
    """The names and values of the headers, those with secrets masked."""

    content: bytes | None
    """The body as it is stored. None if it couldn't be read."""

    charset: str = ""
    """The charset of the response, if it isn't that of its content type."""

    @classmethod
    def from_tree(cls, tree: Tree) -> CachedResponse | None:
        """Return the response that a value describes, or None if it is something else."""
        match tree:
            case UnresolvedObject(
                name=str() as name,
                states=(
                    {
                        "headers": UnresolvedObject(
                            name="django.http.response.ResponseHeaders",
                            states=({"_store": dict() as store},),
                        ),
                        "_container": list() as chunks,
                        **state,
                    },
                ),
            ):
                headers = [*_iter_headers(store), *_iter_cookies(state.get("cookies"))]
                charset = state.get("_charset")
                return cls(
                    _get_status(name, state),
                    headers,
                    b"".join(chunks) if all(type(one) is bytes for one in chunks) else None,
                    charset if isinstance(charset, str) else "",
                )
            case _:
                return None

    def get_header(self, name: str) -> str:
        """Return the value of a header, or an empty string."""
        found = (value for header, value in self.headers if header.lower() == name.lower())
        return next(found, "")

    @property
    def content_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.get_header("Content-Type").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        """How the body is compressed, such as `gzip`; empty if it is not."""
        return self.get_header("Content-Encoding").strip().lower()

    def decompress(self) -> tuple[bytes | None, bool]:
        """Return the body without its compression, and whether that is all of it.

        The body is None if it can't be decompressed, and short if it would exceed the limit.
        """
        if self.content is None or not self.encoding:
            return self.content, self.content is not None
        if self.encoding not in ("gzip", "x-gzip", "deflate"):
            return None, False
        result = decompress(self.content, limits().decode_bytes)
        return (None, False) if result is None else (result.data, result.complete)

    def decode(self, body: bytes) -> str | None:
        """Return the text of a body, or None if its content type isn't a text."""
        if not TEXT_TYPE.fullmatch(self.content_type):
            return None
        match = CHARSET.search(self.get_header("Content-Type")[:MAX_TYPE_LENGTH])
        charset = (self.charset or (match[1] if match else "utf-8")).lower()
        return body.decode(charset if charset in CHARSETS else "utf-8", "backslashreplace")

    def get_age(self) -> int | None:
        """Return how many seconds ago the response was stored, or None if it doesn't say so.

        This is what Django sends in the header Age: see `FetchFromCacheMiddleware`.
        """
        max_age = MAX_AGE.search(self.get_header("Cache-Control"))
        try:
            expires = parsedate_to_datetime(self.get_header("Expires"))
        except (ValueError, OverflowError):
            return None
        if max_age is None or expires.tzinfo is None:
            return None
        remaining = (expires - timezone.now()).total_seconds()
        age = round(int(max_age[1]) - remaining)
        return age if age >= 0 else None


def find_title(text: str) -> str:
    """Return the title of an HTML document on one line, or an empty string."""
    start = TITLE.search(text)
    end = text.lower().find(TITLE_END, start.end()) if start is not None else -1
    if start is None or end < 0:
        return ""
    return " ".join(unescape(text[start.end() : end][: 4 * MAX_TITLE_LENGTH]).split())[
        :MAX_TITLE_LENGTH
    ]


def parse_header_names(tree: Tree) -> list[str] | None:
    """Return the names of the headers in a list that Django stored, or None for another value.

    Django stores the names that they have in `request.META`: `HTTP_ACCEPT_LANGUAGE`.
    """
    if type(tree) is not list or not all(type(name) is str for name in tree):
        return None
    return [name.removeprefix("HTTP_").replace("_", "-").title() for name in tree]


def _get_status(class_name: str, state: Mapping[Any, Any]) -> int:
    """Return the status code: that of the class, unless the response has its own."""
    own = state.get("status_code")
    if type(own) is int:
        return own
    name = class_name.removeprefix(DJANGO_RESPONSES)
    cls = getattr(django_responses, name, None) if name != class_name else None
    status = getattr(cls, "status_code", 200)
    return status if type(status) is int else 200


def _iter_headers(store: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers that a `CaseInsensitiveMapping` holds: name in lower case to pair."""
    for pair in store.values():
        match pair:
            case (str() as name, str() as value):
                yield name, MASK if _is_secret(name) else value


def _iter_cookies(cookies: Tree) -> Iterator[tuple[str, str]]:
    """Yield the headers of the cookies that a response sets, without their values."""
    if isinstance(cookies, UnresolvedObject):
        for name, _morsel in cookies.pairs:
            if type(name) is str:
                yield "Set-Cookie", f"{name}={MASK}"


def _is_secret(name: str) -> bool:
    return name.lower() in SECRET_HEADERS or SECRET_NAME.fullmatch(name) is not None

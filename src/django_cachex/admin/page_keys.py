"""The keys of Django's cached pages: what they say, and the keys of a URL.

`django.middleware.cache` stores each variant of a page under a key of its own, with a hash of the
URL in it. The names of the headers that the page varies on are stored under another key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.cache import get_cache_key
from django.utils.encoding import repercent_broken_unicode

from django_cachex.inspectors.query import Pattern

COMMON_START: Final = "views.decorators.cache.cache_"
"""What the keys of pages and of their header lists begin with."""

MD5: Final = "[0-9a-f]{32}"

PAGE_KEY = re.compile(
    rf"views\.decorators\.cache\.cache_page\.(?P<prefix>.*)\.(?P<method>[A-Z]+)"
    rf"\.(?P<url_hash>{MD5})\.(?P<headers_hash>{MD5})(?:\.(?P<ending>.*))?",
    re.DOTALL,
)
HEADERS_KEY = re.compile(
    rf"views\.decorators\.cache\.cache_header\.(?P<prefix>.*)"
    rf"\.(?P<url_hash>{MD5})(?:\.(?P<ending>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class PageKey:
    """What the key of a cached page says, or the key of its header list."""

    prefix: str
    """`CACHE_MIDDLEWARE_KEY_PREFIX` or the `key_prefix` of `cache_page`."""

    url_hash: str
    """The MD5 hash of the absolute URL."""

    method: str = ""
    """`GET` or `HEAD`; empty for a header list."""

    headers_hash: str = ""
    """The MD5 hash of the values of the headers; empty for a header list."""

    language: str = ""
    """Empty without `USE_I18N`."""

    time_zone: str = ""
    """Empty without `USE_TZ`."""

    @property
    def is_header_list(self) -> bool:
        return not self.method

    @property
    def group(self) -> tuple[str, str, str, str]:
        """What a page has in common with its header list."""
        return self.prefix, self.url_hash, self.language, self.time_zone

    @property
    def header_list_name(self) -> str:
        """The key of the header list that the page varies on."""
        ending = [text for text in (self.language, self.time_zone) if text]
        return ".".join([f"{COMMON_START}header", self.prefix, self.url_hash, *ending])

    @property
    def pages_pattern(self) -> str:
        """The pattern of the keys of all pages of this URL, whatever their ending."""
        return f"{COMMON_START}page.{self.prefix}.*.{self.url_hash}.*"

    def names_without_headers(self, headers: Sequence[str]) -> list[str]:
        """Return the keys of the pages for requests without any of the headers in a list."""
        ending = [text for text in (self.language, self.time_zone) if text]
        start, hashes = f"{COMMON_START}page.{self.prefix}", hash_no_headers(headers)
        return [
            ".".join([start, method, self.url_hash, hashes, *ending]) for method in ("GET", "HEAD")
        ]

    @classmethod
    def parse(cls, key: str) -> PageKey | None:
        """Return what a key says, or None if it is no page's.

        Args:
            key: the key of the application, without the prefix and version of the cache.
        """
        match = PAGE_KEY.fullmatch(key) or HEADERS_KEY.fullmatch(key)
        if match is None:
            return None
        parts = match.groupdict()
        language, time_zone = _split_ending(parts.pop("ending") or "")
        return cls(**parts, language=language, time_zone=time_zone)


def _split_ending(ending: str) -> tuple[str, str]:
    """Return the language and the time zone at the end of a key, which depend on the settings."""
    if not settings.USE_I18N:
        return "", ending
    language, _dot, time_zone = ending.partition(".")
    return language, time_zone


@dataclass(frozen=True)
class PageAddress:
    """A URL under which a page may be cached."""

    scheme: str
    host: str
    """The host, with a port if it is not the scheme's own."""

    path: str
    """The path and the query string as in a URL, percent-encoded."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def url_hash(self) -> str:
        """The hash in the keys of this URL.

        Raises:
            DisallowedHost: the host isn't in `ALLOWED_HOSTS`.
        """
        [key, _page_key] = make_page_keys(self)
        parsed = PageKey.parse(key)
        if parsed is None:
            raise ValueError(f"{key!r} is not the key of a header list")
        return parsed.url_hash


@lru_cache(maxsize=1)  # The addresses of a page, one for each host and scheme, come one by one.
def decode_path(path: str) -> str:
    """Return the path of a request for a percent-encoded path, as in `WSGIRequest`."""
    return repercent_broken_unicode(unquote_to_bytes(path)).decode()


class PageRequest(HttpRequest):
    """A request for a page, from which Django computes keys. It is not answered."""

    def __init__(self, address: PageAddress, language: str = "") -> None:
        super().__init__()
        path, _question_mark, query = address.path.partition("?")
        self.method = "GET"
        self.path = self.path_info = decode_path(path)
        self.META = {"HTTP_HOST": address.host, "QUERY_STRING": query}
        self._url_scheme = address.scheme
        if language:
            self.LANGUAGE_CODE = language

    def _get_scheme(self) -> str:
        return self._url_scheme


class KnownHeaders(BaseCache):
    """Takes the place of the cache in Django's functions, which then read none."""

    def __init__(self, headers: Sequence[str]) -> None:
        super().__init__({})
        self.headers = headers
        self.key = ""
        """The key of the header list that was asked for."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> list[str]:
        self.key = key
        return list(self.headers)


def make_page_keys(
    address: PageAddress,
    prefix: str = "",
    method: str = "GET",
    headers: Sequence[str] = (),
    language: str = "",
    time_zone: str = "",
) -> tuple[str, str]:
    """Return the keys of the header list and of a page, for a request without those headers.

    Args:
        address: the URL of the page.
        prefix: `CACHE_MIDDLEWARE_KEY_PREFIX` or the `key_prefix` of `cache_page`.
        method: `GET` or `HEAD`.
        headers: the header list, as Django stores it: `HTTP_COOKIE`.
        language: the language of the request; the active one if it is empty.
        time_zone: the time zone of the request; the current one if it is empty.

    Raises:
        DisallowedHost: the host isn't in `ALLOWED_HOSTS`.
    """
    known = KnownHeaders(headers)
    in_time_zone: AbstractContextManager[object] = nullcontext()
    if time_zone:
        in_time_zone = timezone.override(time_zone)
    with in_time_zone:
        page_key = get_cache_key(PageRequest(address, language), prefix, method, known)
    return known.key, str(page_key)


class HeaderlessRequest(PageRequest):
    """A request without headers to any host, for which Django need not allow it."""

    def get_host(self) -> str:
        return "localhost"


def hash_no_headers(headers: Sequence[str]) -> str:
    """Return the hash in the keys of pages for requests without any of these headers."""
    request = HeaderlessRequest(PageAddress("http", "localhost", "/"))
    page = PageKey.parse(str(get_cache_key(request, "", "GET", KnownHeaders(headers))))
    if page is None:
        raise ValueError("Django's key of a page has another form")
    return page.headers_hash


MAX_HASHES_IN_GLOB: Final = 8
"""A glob for more hashes would match most pages, so that it is not worth its cost."""


@dataclass(frozen=True)
class PageKeyPattern(Pattern):
    """Matches the keys of the cached pages of some URLs, and of their header lists."""

    text: str = f"{COMMON_START}*"
    url_hashes: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, url_hashes: Iterable[str]) -> PageKeyPattern:
        return cls(url_hashes=frozenset(url_hashes))

    @property
    def glob_is_exact(self) -> bool:
        return False

    @property
    def scans_whole_name(self) -> bool:
        return True

    def glob(self) -> bytes:
        """Return a glob whose digits are those that a hash has at each place.

        So one search is enough for the addresses of a page, whatever their number.
        """
        start = COMMON_START.encode()
        if not 0 < len(self.url_hashes) <= MAX_HASHES_IN_GLOB:
            return start + b"*"
        digits = (frozenset(at) for at in zip(*self.url_hashes, strict=True))
        return start + b"*" + "".join(map(_glob_class, digits)).encode() + b"*"

    def matches(self, key: str | bytes) -> bool:
        text = key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else key
        parsed = PageKey.parse(text)
        return parsed is not None and parsed.url_hash in self.url_hashes


def _glob_class(characters: Iterable[str]) -> str:
    text = "".join(sorted(characters))
    return text if len(text) == 1 else f"[{text}]"

"""The keys of cached pages: read, and computed as Django computes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.utils import timezone
from django.utils.cache import learn_cache_key, patch_vary_headers
from hypothesis import HealthCheck, given
from hypothesis import settings as search
from hypothesis import strategies as st

from django_cachex.admin.page_keys import PageAddress, PageKey, PageKeyPattern, make_page_keys
from django_cachex.commands.scan import escape_pattern
from tests import cached_site

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
HEADERS = ("Cookie", "Accept-Language", "X-Plan", "Accept-Encoding")


class Recorder:
    """A cache that keeps what Django stores of a page: the list of its headers."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}

    def set(self, key: str, value: Any, timeout: Any = None) -> None:
        self.stored[key] = value


@search(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    segments=st.lists(TEXTS, max_size=3),
    query=st.dictionaries(TEXTS, TEXTS, max_size=2),
    scheme=st.sampled_from(["http", "https"]),
    host=st.sampled_from(["shop.example", "localhost:8000", "[::1]:8080"]),
    prefix=st.sampled_from(["", "site", "shop.v2", "é *"]),
    method=st.sampled_from(["GET", "HEAD"]),
    vary=st.lists(st.sampled_from(HEADERS), max_size=3, unique=True),
    language=st.sampled_from(["en", "de", "pt-br"]),
    time_zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires"]),
    use_i18n=st.booleans(),
    use_tz=st.booleans(),
)
def test_keys_are_those_that_django_computes(
    segments: list[str],
    query: dict[str, str],
    scheme: str,
    host: str,
    prefix: str,
    method: str,
    vary: list[str],
    language: str,
    time_zone: str,
    use_i18n: bool,
    use_tz: bool,
) -> None:
    path = "/" + "/".join(quote(one, safe="") for one in segments)
    with (
        override_settings(ALLOWED_HOSTS=["*"], USE_I18N=use_i18n, USE_TZ=use_tz),
        timezone.override(ZoneInfo(time_zone)),
    ):
        request = RequestFactory().request(
            **{
                "REQUEST_METHOD": method,
                "wsgi.url_scheme": scheme,
                "HTTP_HOST": host,
                "PATH_INFO": unquote_to_bytes(path).decode("latin1"),
                "QUERY_STRING": urlencode(query),
            }
        )
        request.LANGUAGE_CODE = language  # As LocaleMiddleware does.
        request.META.pop("HTTP_COOKIE", None)  # The factory sends it, and strangers do not.
        response, recorder = HttpResponse(), Recorder()
        patch_vary_headers(response, vary)
        expected = learn_cache_key(request, response, 60, prefix, recorder)
        [(headers_key, headers)] = recorder.stored.items()
    address = PageAddress(scheme, host, f"{path}?{urlencode(query)}")
    with override_settings(ALLOWED_HOSTS=["*"], USE_I18N=use_i18n, USE_TZ=use_tz):
        keys = make_page_keys(address, prefix, method, headers, language, time_zone)
        assert keys == (headers_key, expected)
        page = PageKey.parse(expected)
        assert page is not None
        assert (page.prefix, page.method, page.url_hash) == (prefix, method, address.url_hash)
        assert page.language == (language if use_i18n else "")
        assert page.time_zone == (time_zone if use_tz else "")
        header_list = PageKey.parse(headers_key)
        assert header_list is not None
        assert header_list.is_header_list
        assert header_list.group == page.group


@pytest.mark.parametrize(
    "key",
    [
        "views.decorators.cache.cache_page.x.GET.abc.def",
        "views.decorators.cache.cache_page",
        "template.cache.card.0123456789abcdef0123456789abcdef",
        "",
    ],
)
def test_other_keys_are_no_pages(key: str) -> None:
    assert PageKey.parse(key) is None


def test_one_pattern_finds_the_pages_of_several_urls() -> None:
    hosts = ("shop.example", "www.shop.example")
    addresses = [
        PageAddress(scheme, host, "/lamp/") for scheme in ("http", "https") for host in hosts
    ]
    pattern = PageKeyPattern.of(one.url_hash for one in addresses)
    for address in addresses:
        assert all(map(pattern.matches, make_page_keys(address, "site", language="en")))
    assert not any(map(pattern.matches, make_page_keys(PageAddress("https", hosts[0], "/lamp/?a"))))
    assert pattern.glob().startswith(escape_pattern(b"views.decorators.cache.cache_"))


def test_the_site_stores_pages_under_these_keys(settings: Any) -> None:
    cached_site.serve(settings, "default")
    caches["default"].clear()
    first = cached_site.visit("/shop/lamp/5/?a=1&b=%C3%A9", "de", "Asia/Tokyo")
    assert cached_site.visit("/shop/lamp/5/?a=1&b=%C3%A9", "de", "Asia/Tokyo") == first
    address = PageAddress("http", "testserver", "/shop/lamp/5/?a=1&b=%C3%A9")
    headers_key, page_key = make_page_keys(address, language="de", time_zone="Asia/Tokyo")
    assert caches["default"].get(headers_key) == []
    assert first.encode() == caches["default"].get(page_key).content

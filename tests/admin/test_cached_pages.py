"""The key page of a cached response shows it, and what it varies on; nothing of it is run."""

from __future__ import annotations

import gzip
import re
import time
import zlib
from collections.abc import Callable
from html import unescape
from http import HTTPStatus
from typing import Any

import pytest
import valkey
from django.core.cache import caches
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    JsonResponse,
)
from django.template import engines
from django.template.response import TemplateResponse
from django.utils.cache import get_cache_key, learn_cache_key, patch_response_headers
from django.utils.http import http_date

from tests import cached_site
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import FILES, BrowserOf, Configure, stored_key
from tests.admin.page import Page
from tests.admin.steps import listed

NAME = f"views.decorators.cache.cache_page.x.GET.{'a' * 32}.{'b' * 32}.en.UTC"


def fact(page: Page, label: str) -> str:
    """Return the value with a label, or an empty text."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", page.html, re.DOTALL)
    found = {name: " ".join(re.sub(r"<[^>]*>", "", html).split()) for name, html in pairs}
    return unescape(found.get(label, ""))


def test_a_cached_response_is_shown_with_the_headers_it_varies_on(
    admin: Browser, listing: str, settings: Any
) -> None:
    cached_site.serve(settings, listing)
    body = cached_site.visit("/shop/prices/", "de", headers={"x-plan": "pro"})
    cached_site.visit("/shop/prices/", "de", headers={"x-plan": "free"})
    [first, _second] = listed(admin.open(addresses.keys(listing, kind="page")))
    page = admin.open(addresses.key(listing, stored_key(listing, first)))
    assert fact(page, "Status").startswith("200")
    assert fact(page, "Content type").startswith("text/html")
    assert fact(page, "Title").startswith("Prices")
    assert fact(page, "Headers").startswith("X-Plan")
    assert "max-age=600" in " ".join(page.column("Value"))
    assert body.partition("render")[0] in page.text
    headers = admin.click(page, "page-headers")
    assert fact(headers, "Headers").startswith("X-Plan")
    assert not headers.has_action("cached-page")  # A visitor's browser sends the headers.
    assert set(listed(admin.click(headers, "all-variants"))) == {first, _second}


def test_the_list_of_headers_leads_to_the_responses_without_a_scan(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    cached_site.serve(settings, "valkey")
    cached_site.visit("/shop/prices/")
    [name] = listed(admin.open(addresses.keys("valkey", kind="page-headers")))
    raw.config_resetstat()
    headers = admin.open(addresses.key("valkey", stored_key("valkey", name)))
    assert "cmdstat_scan" not in raw.info("commandstats")
    page = admin.click(headers, "cached-page")
    assert fact(page, "Title").startswith("Prices")
    assert admin.click(page, "page-headers").url == headers.url
    server_cache.delete(name)
    gone = admin.open(page.url)
    assert not gone.has_action("page-headers")
    assert "The header list is gone" in gone.text


Open = Callable[[HttpResponse], Page]


@pytest.fixture
def open_response(admin: Browser, server_cache: Any) -> Open:
    """Return a function that stores a response, and opens its key."""

    def store(response: HttpResponse) -> Page:
        server_cache.set(NAME, response)
        return admin.open(addresses.key("valkey", stored_key("valkey", NAME)))

    return store


def test_every_kind_of_response_is_read(open_response: Open) -> None:
    page = open_response(JsonResponse({"price": 7}, status=201))
    assert fact(page, "Status").startswith("201")
    assert '{"price": 7}' in page.text
    template = engines["django"].from_string("<TITLE lang=en>A &amp;\n B</TITLE>")
    response = TemplateResponse(HttpRequest(), template).render()
    assert fact(open_response(response), "Title").startswith("A & B")
    assert fact(open_response(HttpResponseNotModified()), "Status").startswith("304")
    image = open_response(HttpResponse(b"\x89PNG", content_type="image/png"))
    assert not image.has_action("view-body")
    latin = HttpResponse("Größe".encode("latin-1"), content_type="text/plain; charset=ISO-8859-1")
    assert "Größe" in open_response(latin).text
    odd = open_response(
        HttpResponse("Größe".encode(), content_type="text/plain; charset=unicode_escape")
    )
    assert "Größe" in odd.text


def test_compressed_bodies_are_decompressed_up_to_the_limit(open_response: Open) -> None:
    def compressed(data: bytes, encoding: str) -> HttpResponse:
        return HttpResponse(data, headers={"Content-Encoding": encoding})

    for data, encoding in ((gzip.compress, "gzip"), (zlib.compress, "deflate")):
        page = open_response(compressed(data(b"<title>Small</title>"), encoding))
        assert fact(page, "Title").startswith("Small")
        assert fact(page, "Decompressed").startswith("20 B")
    bomb = open_response(compressed(gzip.compress(b"a" * 30_000_000), "gzip"))
    assert "longer than what is shown" in bomb.text
    assert len(bomb.html) < 200_000
    for data, encoding in (
        (b"junk", "gzip"),
        (gzip.compress(b"a" * 99)[:-30], "gzip"),
        (b"", "br"),
    ):
        page = open_response(compressed(data, encoding))
        assert page.status == HTTPStatus.OK


def test_secrets_in_headers_are_masked(open_response: Open) -> None:
    response = HttpResponse("x", headers={"X-Api-Key": "hunter2", "X-Plain": "shown"})
    response.set_cookie("sessionid", "opensesame")
    page = open_response(response)
    table = dict(zip(page.column("Header"), page.column("Value"), strict=True))
    assert table["Set-Cookie"] == "sessionid=•••"
    assert table["X-Plain"] == "shown"
    assert "hunter2" not in page.text
    assert "opensesame" not in page.text


def test_the_age_is_what_django_sends(open_response: Open) -> None:
    response = HttpResponse("x")
    patch_response_headers(response, 600)
    response["Expires"] = http_date(time.time() + 300)
    assert fact(open_response(response), "Stored").startswith(("5 min ago", "4 min 5", "5 min 1 s"))
    assert fact(open_response(HttpResponse("x")), "Stored") == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Expires", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"),
        ("Content-Type", f"text/html; charset*{'9' * 5000}=x"),
        ("Content-Type", "text/html; charset=\ud800"),
    ],
)
def test_headers_that_make_no_sense_leave_the_page(
    open_response: Open, name: str, value: str
) -> None:
    response = HttpResponse("sound")
    response.headers._store[name.lower()] = (name, value)  # type: ignore[attr-defined]
    page = open_response(response)
    assert page.status == HTTPStatus.OK
    assert "sound" in page.text


def test_long_bodies_are_cut_and_escaped(admin: Browser, open_response: Open) -> None:
    page = open_response(HttpResponse("<script>alert(1)</script>" + "a" * 20_000))
    assert "<script>alert" not in page.html
    assert len(page.html) < 60_000
    assert "a" * 6_000 not in page.html
    assert "a" * 14_000 in admin.click(page, "load-more").html


class ShopResponse(HttpResponse):
    status_code = 404


def test_responses_are_read_whose_class_is_gone(
    admin: Browser, server_cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_cache.set(NAME, ShopResponse("<title>Gone</title>", status=410))
    monkeypatch.delattr(f"{__name__}.ShopResponse")
    page = admin.open(addresses.key("valkey", stored_key("valkey", NAME)))
    assert fact(page, "Status") == "410"
    assert fact(page, "Title") == "Gone"


@pytest.mark.parametrize("name", [NAME, NAME.replace("page.x.GET", "header.x"), "plain"])
def test_other_values_under_such_names_are_shown_as_they_are(
    admin: Browser, server_cache: Any, name: str
) -> None:
    for value in (None, 1, ["HTTP_A", 1], {"headers": {}}, b"x", object):
        server_cache.set(name, value)
        page = admin.open(addresses.key("valkey", stored_key("valkey", name)))
        assert page.status == HTTPStatus.OK
        assert "cx-cards" not in page.html


def test_files_have_no_names_to_link(admin: Browser, configure: Configure, tmp_path: Any) -> None:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path)})
    request = HttpRequest()
    request.META["HTTP_HOST"] = "testserver"
    response = HttpResponse("<title>File</title>")
    learn_cache_key(request, response, 60, "x", caches["files"])
    caches["files"].set(get_cache_key(request, "x", "GET", caches["files"]), response)
    pages = [
        admin.open(link.url)
        for link in admin.open(addresses.keys("files")).links
        if link.data_action == "open"
    ]
    assert sorted("Cached response" in page.text for page in pages) == [False, True]
    assert not any(page.has_action("page-headers") for page in pages)


def test_whoever_may_not_read_values_sees_none_of_it(
    browser_of: BrowserOf, server_cache: Any
) -> None:
    server_cache.set(NAME, HttpResponse("<title>Hidden</title>"))
    address = addresses.key("valkey", stored_key("valkey", NAME))
    assert "Hidden" in browser_of("view_key").open(address).text
    assert browser_of("view_cache").open(address).status == HTTPStatus.FORBIDDEN
